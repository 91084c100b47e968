"""
What was seen, or why it could not be: facts without an opinion.

A probe writes observations; only :mod:`sealgate.policy.evaluate` judges them.
"Could not look" is a value with a reason and never counts as protected.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Vantage(StrEnum):
    """From where a thing can be seen at all."""

    OUTSIDE = "outside"  # a probe over the network
    HOST = "host"  # running configuration, file modes, key store
    PERSON = "person"  # confirmed by somebody, with name, date and end


class Fact(StrEnum):
    """Everything that can be observed. The comment gives the value's type."""

    # The endpoint (a host name and port that a site, or a target, is reached at).
    REACHABLE = "reachable"  # bool: something accepted the connection and spoke
    # Where remedies come from; no verdict rests on it.
    SERVER = "server.software"  # str: as in policy/servers.py, "" when it is not known
    TLS_VERSIONS = "tls.versions"  # tuple[str]: offered, of "SSLv3" "TLSv1" … "TLSv1.3"
    TLS_CIPHERS = "tls.ciphers"  # tuple[str]: every suite accepted (IANA; weak groups said)
    TLS_GROUP = "tls.group"  # str: negotiated when all groups are offered
    TLS_HYBRID_OFFERED = "tls.hybrid-offered"  # bool: X25519MLKEM768 alone is accepted
    TLS_CLASSICAL_ACCEPTED = "tls.classical-accepted"  # bool: a client without it comes in
    # "none" "requested" "any" "required"; "named": required of who names the host in the handshake
    TLS_CLIENT_CERTIFICATE = "tls.client-certificate"
    CERTIFICATE_CHAIN_VALID = "certificate.chain-valid"  # bool: to a trusted root
    CERTIFICATE_CHAIN_FAULT = "certificate.chain-fault"  # str: what clients stumble over, or ""
    CERTIFICATE_NAME_MATCHES = "certificate.name-matches"  # bool
    CERTIFICATE_NOT_BEFORE = "certificate.not-before"  # float: seconds since the epoch
    CERTIFICATE_NOT_AFTER = "certificate.not-after"  # float: seconds since the epoch
    CERTIFICATE_KEY = "certificate.key"  # str: "ECDSA-256", "RSA-2048", "Ed25519"
    CERTIFICATE_SIGNATURE = "certificate.signature"  # str: hash name, "sha256"
    CERTIFICATE_OPERATOR = "certificate.operator"  # str: organisation in the subject, or ""
    CERTIFICATE_PUBLIC = "certificate.public"  # bool: from a publicly trusted authority
    CERTIFICATE_UPKEEP = "certificate.upkeep"  # str: what is wrong with its renewal, or ""
    # SSH: the lists of the server's first packet, without signals such as "ext-info-s".
    SSH_PROTOCOL = "ssh.protocol"  # str: "2.0", "1.99" (speaks version 1 too), "1.5"
    SSH_KEX = "ssh.kex"  # tuple[str]: every key exchange offered; weak groups said
    SSH_CIPHERS = "ssh.ciphers"  # tuple[str]: every cipher offered, both directions
    SSH_MACS = "ssh.macs"  # tuple[str]: every MAC offered, both directions
    SSH_HOST_KEY_ALGORITHMS = "ssh.host-key-algorithms"  # tuple[str]: signatures offered
    SSH_HOST_KEYS = "ssh.host-keys"  # tuple[str]: every key, as in certificate.key
    SSH_STRICT_KEX = "ssh.strict-kex"  # bool: strict key exchange is offered
    SSH_AUTH_METHODS = "ssh.auth-methods"  # tuple[str]: "publickey", "password", "none", …
    # FTP. Facts of its TLS and its certificate are those above.
    FTP_TLS = "ftp.tls"  # "explicit" | "implicit" | "none": how TLS begins, if at all
    FTP_PLAIN_LOGIN = "ftp.plain-login"  # "refused" (USER too, before any PASS) | "accepted"
    FTP_INJECTION = "ftp.injection"  # bool: what came in clear behind AUTH TLS was executed
    FTP_PROT_CLEAR = "ftp.prot-clear-accepted"  # bool: data may travel outside TLS
    FTP_CCC = "ftp.ccc-accepted"  # bool: commands may go back to clear text
    FTP_DATA_SESSION_REUSE = "ftp.data-session-reuse"  # bool: required of a data connection
    # A drop or a tunnel.
    SESSION_RUNG = "session.rung"  # int: the least live connection that opens it
    UPLOADS_STRICTER = "drop.stricter-uploads"  # tuple[str]: files above the drop's class
    # HTTP, per endpoint or per route.
    HTTP_STATUS = "http.status"  # int: answer of a plain GET over TLS
    HSTS_SECONDS = "http.hsts-seconds"  # int: max-age, 0 when the header is absent
    PLAIN_GET = "http.plain-get"  # "refused" (no listener) | "redirect" | "denied" | "served"
    PLAIN_POST = "http.plain-post"  # "refused" (no listener) | "redirect" | "denied" | "served"
    PLAIN_PAGES = "http.plain-pages"  # tuple[str]: what http serves, where that is known
    PLAIN_FORMS = "http.plain-forms"  # tuple[str]: what forms ask for that http serves
    PLAIN_SIGNATURE = "http.plain-signature"  # "valid", or what is wrong with the signature
    COOKIES_INSECURE = "http.cookies-insecure"  # tuple[str]: names set without Secure
    COOKIES_SCRIPTABLE = "http.cookies-scriptable"  # tuple[str]: session names w/o HttpOnly
    MIXED_CONTENT = "http.mixed-content"  # tuple[str]: http:// subresources (origin and path)
    FORMS_PLAIN = "http.forms-plain"  # tuple[str]: forms for such, or personal data, to http://
    FORMS_SENSITIVE = "http.forms-sensitive"  # tuple[str]: what they ask for: "password", …
    FORMS_GET = "http.forms-get"  # tuple[str]: sensitive forms sent in the URL
    CARD_ELSEWHERE = "http.card-elsewhere"  # tuple[str]: other hosts that get a card, or show it
    # A page on which people pay, and whom the payment goes to.
    PAGE_STORABLE = "http.storable"  # tuple[str]: pages without Cache-Control: no-store
    SCRIPT_POLICY = "http.script-policy"  # "enforced" | "reported" | "none": by CSP
    SCRIPTS = "http.scripts"  # tuple[str]: what runs there, each with its digest
    SCRIPTS_UNAPPROVED = "http.scripts-unapproved"  # tuple[str]: nobody approved them
    SCRIPTS_CHANGED = "http.scripts-changed"  # tuple[str]: not what somebody approved
    SCRIPTS_UNPINNED = "http.scripts-unpinned"  # tuple[str]: foreign, without integrity
    EGRESS_VERIFIED = "egress.verified"  # bool: the way out verifies, and leads nowhere else
    EGRESS_REFUSED = "egress.refused"  # tuple[str]: declared hosts that would be refused
    UNCONFIRMED = "person.unconfirmed"  # tuple[str]: what nobody confirmed, or too long ago
    # The lock of a backend route.
    LOCK_STATUS_ANONYMOUS = "lock.status-anonymous"  # int: GET without any credential, see below
    LOCK_VARIANTS_OPEN = "lock.variants-open"  # tuple[str]: spellings that were answered 2xx/3xx
    ACCESS_RUNG = "access.rung"  # int: what is enforced before content is shown
    # The host.
    UPSTREAM_EXPOSED = "upstream.exposed"  # tuple[str]: public addresses where it answers
    UPSTREAM_PROTECTED = "upstream.protected"  # bool: loopback, unix socket, or verified TLS
    LEFTOVERS_SERVED = "http.leftovers-served"  # tuple[str]: dot files, backups, dumps, logs
    FILES_IN_WEB_ROOT = "files.in-web-root"  # tuple[str]: dumps, backups, .git, .env
    # Stores.
    AT_REST_RUNG = "at-rest.rung"  # int: what is known of the store
    KINDS_NEVER_STORED = "data.kinds-never-stored"  # tuple[str]: CVV, clear-text passwords found


# In place of a status: no request is taken from whoever has no certificate of theirs.
HANDSHAKE_REFUSED = 0

# What is true of one page or one lock is not true of its neighbours: these facts of a
# site do not hold for its routes. All others of a parent do.
OWN_FACTS = frozenset(
    [
        Fact.HTTP_STATUS,
        Fact.PLAIN_PAGES,
        Fact.PLAIN_FORMS,
        Fact.PLAIN_SIGNATURE,
        Fact.COOKIES_INSECURE,
        Fact.COOKIES_SCRIPTABLE,
        Fact.MIXED_CONTENT,
        Fact.FORMS_PLAIN,
        Fact.FORMS_SENSITIVE,
        Fact.FORMS_GET,
        Fact.CARD_ELSEWHERE,
        Fact.LOCK_STATUS_ANONYMOUS,
        Fact.LOCK_VARIANTS_OPEN,
        Fact.ACCESS_RUNG,
        Fact.SESSION_RUNG,
        Fact.UPLOADS_STRICTER,
        Fact.PAGE_STORABLE,
        Fact.SCRIPT_POLICY,
        Fact.SCRIPTS,
        Fact.SCRIPTS_UNAPPROVED,
        Fact.SCRIPTS_CHANGED,
        Fact.SCRIPTS_UNPINNED,
    ]
)

FactValue = str | int | float | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Observation:
    """
    One fact about one asset (by id), with where it was seen from and by what.

    *door* says which of several it is true of (an address, a certificate), "" where there is one.
    """

    asset: str
    fact: Fact
    value: FactValue
    vantage: Vantage
    seen_by: str
    door: str = ""


@dataclass(frozen=True, slots=True)
class NotObserved:
    """One fact about one asset that could not be seen, and why."""

    asset: str
    fact: Fact
    reason: str
    vantage: Vantage
    door: str = ""


Sighting = Observation | NotObserved

"""
Secrets that carry their own mark: issuer prefixes, armour lines, hash formats, JWTs.

Each issuer's format is as it documents it, or as it publishes it for secret scanners.
"""

from __future__ import annotations

import base64
import binascii
import json
import re

from sealgate.detect.anchor import CONFIRMED, EDGE, LIKELY, Anchor, Confirm, Found, kinds
from sealgate.detect.catalogue import Kind

# prefix, what follows it. A prefix is matched with an edge before it.
_TOKENS: tuple[tuple[str, str, str], ...] = (
    ("aws-key", "(?:AKIA|ASIA|ABIA|ACCA)", "[A-Z0-9]{16}"),
    ("github", "gh[pousr]_", "[A-Za-z0-9]{36,251}"),
    ("github-fine", "github_pat_", "[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    ("gitlab", "gl(?:pat|dt|rt|cbt|ptt|ft|soat)-", "[A-Za-z0-9_.-]{20,64}"),
    ("slack", "xox[abeprs]-", "[A-Za-z0-9-]{10,250}"),
    ("slack-app", "xapp-", "[0-9]-[A-Z0-9]{8,16}-[0-9]{8,16}-[a-z0-9]{32,80}"),
    ("slack-hook", "hooks\\.slack\\.com/services/", "T[A-Z0-9]{7,12}/B[A-Z0-9]{7,12}/[A-Za-z0-9]{20,28}"),
    ("stripe", "[sr]k_(?:live|test)_", "[A-Za-z0-9]{16,128}"),
    ("stripe-hook", "whsec_", "[A-Za-z0-9+/=]{32,64}"),
    ("google-api", "AIza", "[A-Za-z0-9_-]{35}"),
    ("google-oauth", "GOCSPX-", "[A-Za-z0-9_-]{28}"),
    ("google-access", "ya29\\.", "[A-Za-z0-9_-]{20,400}"),
    ("openai", "sk-(?:proj-|svcacct-|admin-|ant-)", "[A-Za-z0-9_-]{32,200}"),
    ("openai-old", "sk-[A-Za-z0-9]{4}", "[A-Za-z0-9]{16}T3BlbkFJ[A-Za-z0-9]{20}|[A-Za-z0-9]{44}"),
    ("sendgrid", "SG\\.", "[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}"),
    ("npm", "npm_", "[A-Za-z0-9]{36}"),
    ("pypi", "pypi-AgE", "[A-Za-z0-9_-]{50,400}"),
    ("digitalocean", "do[oprt]_v1_", "[a-f0-9]{64}"),
    ("shopify", "shp(?:at|ca|pa|ss)_", "[a-fA-F0-9]{32}"),
    ("square", "sq0(?:atp|csp|idp)-", "[A-Za-z0-9_-]{22,43}"),
    ("huggingface", "hf_", "[A-Za-z]{34}"),
    ("databricks", "dapi", "[a-f0-9]{32}"),
    ("vault", "hv[sbr]\\.", "[A-Za-z0-9_-]{24,200}"),
    ("telegram", "[0-9]{8,10}:AA", "[A-Za-z0-9_-]{33}"),
    ("mailgun", "key-", "[a-f0-9]{32}"),
    ("twilio", "SK", "[a-f0-9]{32}"),
    ("facebook", "EAACEdEose0cBA", "[A-Za-z0-9]{20,400}"),
    ("linear", "lin_api_", "[A-Za-z0-9]{40}"),
    ("azure-account", "AccountKey=", "[A-Za-z0-9+/]{86}=="),
    ("sentry", "sntry[su]_", "[A-Za-z0-9+/=_-]{40,200}"),
    ("grafana", "gl(?:c|sa)_", "[A-Za-z0-9_+/=-]{32,400}"),
    ("dockerhub", "dckr_pat_", "[A-Za-z0-9_-]{27}"),
    ("terraform", "[A-Za-z0-9]{14}\\.atlasv1\\.", "[A-Za-z0-9_=-]{60,70}"),
    ("basic-or-bearer", "[Aa]uthorization[\"']?: ?[\"']?(?:Basic|Bearer|basic|bearer|Token|token) ", "[A-Za-z0-9+/=._~-]{8,500}"),
)  # fmt: skip
_WIDEST_PREFIX = 64


def _token(prefix: str, tail: str) -> Confirm:
    whole = re.compile(f"({prefix})(?:{tail})(?![A-Za-z0-9])".encode("ascii"))
    # Where the prefix is only a header's name, the value alone is the token.
    header = "uthorization" in prefix or prefix.endswith("=")

    def confirm(text: bytes, end: int, low: int, high: int) -> Found | None:
        """Confirm the length and alphabet that the issuer documents behind its prefix."""
        for start in range(end - 1, max(low, end - _WIDEST_PREFIX) - 1, -1):
            found = whole.match(text, start, high)
            if found is not None and found.end(1) == end and not _inside(text, start, low):
                value = found.end(1) if header else start
                if text[value : value + 3] == b"eyJ" and text[value : found.end()].count(b".") >= 2:  # noqa: PLR2004 - the JWT detector's
                    return None
                return value, found.end(), Kind.ACCESS_TOKEN, CONFIRMED
        return None

    return confirm


def _inside(text: bytes, start: int, low: int) -> bool:
    return start > low and text[start - 1 : start].isalnum()


_JWT = re.compile(
    rb"eyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{2,8000}(?:\.[A-Za-z0-9_-]{0,8000}){1,3}"
)


def jwt(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm that the first part decodes to a JSON object with an algorithm (RFC 7515, 4.1.1)."""
    del low
    start = end - 8
    found = _JWT.match(text, start, high)
    if found is None:
        return None
    head = found.group().split(b".", 1)[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(head + b"=" * (-len(head) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not isinstance(header, dict) or "alg" not in header:
        return None
    return start, found.end(), Kind.JWT, CONFIRMED


_PEM = re.compile(rb"-----BEGIN ((?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?)-----")
_CONTENT = re.compile(rb"[A-Za-z0-9+/=]{16}")
# Headers of an encrypted or PGP key (RFC 1421, 4.6; RFC 9580, 6.2) fit in here.
_HEADERS = 480


def pem(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm an armour line with base64 content behind it; the match spans to its end line."""
    start = text.rfind(b"-----BEGIN", low, end)
    found = _PEM.match(text, start, high) if start >= 0 else None
    if found is None or found.end() != end:
        return None
    closing = b"-----END " + found[1] + b"-----"
    stop = text.find(closing, end, high)
    if _CONTENT.search(text, end, min(high, end + _HEADERS) if stop < 0 else stop) is None:
        return None
    return start, (stop + len(closing) if stop >= 0 else high), Kind.PRIVATE_KEY, CONFIRMED


_AGE_KEY = re.compile(rb"AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]{50,2000}")


def age_key(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm an age identity (Bech32 behind its prefix)."""
    start = text.rfind(b"AGE-SECRET-KEY-", low, end)
    found = _AGE_KEY.match(text, start, high) if start >= 0 else None
    return None if found is None else (start, found.end(), Kind.PRIVATE_KEY, CONFIRMED)


# What each stored-password scheme writes. crypt(5), PHC string format, passlib, Django,
# werkzeug, phpass, RFC 2307.
_B64 = rb"[A-Za-z0-9./]"
HASH_FORMATS = re.compile(
    rb"\$2[abxy]?\$[0-9]{2}\$" + _B64 + rb"{53}"
    rb"|\$argon2(?:id|i|d)\$v=[0-9]+\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]{8,}\$[A-Za-z0-9+/]{16,}"
    rb"|\$1\$" + _B64 + rb"{0,8}\$" + _B64 + rb"{22}"
    rb"|\$apr1\$" + _B64 + rb"{0,8}\$" + _B64 + rb"{22}"
    rb"|\$5\$(?:rounds=[0-9]+\$)?" + _B64 + rb"{0,16}\$" + _B64 + rb"{43}"
    rb"|\$6\$(?:rounds=[0-9]+\$)?" + _B64 + rb"{0,16}\$" + _B64 + rb"{86}"
    rb"|\$(?:y|gy|7)\$" + _B64 + rb"{2,12}\$" + _B64 + rb"{1,86}\$" + _B64 + rb"{43}"
    rb"|\$[PH]\$" + _B64 + rb"{31}"
    rb"|\$S\$" + _B64 + rb"{52}"
    rb"|\$wp\$2y\$[0-9]{2}\$" + _B64 + rb"{53}"
    rb"|\$scrypt\$[a-z0-9=,]+\$[A-Za-z0-9+/=.]{8,}\$[A-Za-z0-9+/=.]{16,}"
    rb"|\$pbkdf2(?:-sha(?:1|256|512))?\$[0-9]+\$[A-Za-z0-9+/=.]{8,}\$[A-Za-z0-9+/=.]{16,}"
    rb"|\{(?:SSHA(?:256|512)?|SHA(?:256|512)?|MD5|SMD5|CRYPT)\}[A-Za-z0-9+/=$.]{13,128}"
    rb"|pbkdf2_sha(?:1|256)\$[0-9]+\$[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]{20,}"
    rb"|(?:bcrypt_sha256\$|bcrypt)\$\$2[aby]\$[0-9]{2}\$" + _B64 + rb"{53}"
    rb"|argon2\$argon2(?:id|i|d)\$v=[0-9]+\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]{8,}\$[A-Za-z0-9+/]{16,}"
    rb"|pbkdf2:sha(?:1|256|512)(?::[0-9]+)?\$[A-Za-z0-9]+\$[a-f0-9]{40,128}"
    rb"|scrypt:[0-9]+:[0-9]+:[0-9]+\$[A-Za-z0-9]+\$[a-f0-9]{64,128}"
    rb"|scrypt\$[0-9]+\$[A-Za-z0-9+/=]+\$[0-9]+\$[0-9]+\$[A-Za-z0-9+/=]{40,}"
    rb"|(?:sha1|md5)\$[A-Za-z0-9]{1,32}\$[a-f0-9]{32,40}"
    # MySQL and MariaDB (also caching_sha2), Windows, PostgreSQL, SQL Server.
    rb"|\*[0-9A-Fa-f]{40}|\$A\$[0-9]{3}\$[^\n]{20}[A-Za-z0-9./]{43}"
    rb"|\$NT\$[0-9A-Fa-f]{32}|\$3\$\$[0-9A-Fa-f]{32}"
    rb"|SCRAM-SHA-(?:1|256|512)\$[0-9]{1,10}:[A-Za-z0-9+/=]{8,100}\$[A-Za-z0-9+/=]{20,100}:[A-Za-z0-9+/=]{20,100}"
    rb"|md5[0-9a-f]{32}|0x0100[0-9A-Fa-f]{48}(?:[0-9A-Fa-f]{40})?|0x0200[0-9A-Fa-f]{136}"
)  # fmt: skip


def password_hash(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm prefix, parameters and length of a stored-password format."""
    for start in range(max(low, end - 16), end):
        found = HASH_FORMATS.match(text, start, high)
        if found is not None and found.end() > end and not _inside(text, start, low):
            return start, found.end(), Kind.PASSWORD_HASH, CONFIRMED
    return None


def database_hash(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm what a database stores of a password, whole and with nothing glued to it."""
    for start in range(end - 16, end - 8):
        found = HASH_FORMATS.match(text, start, high) if start >= low else None
        if (
            found is not None
            and found.end() > end
            and not text[found.end() : found.end() + 1].isalnum()
        ):
            return start, found.end(), Kind.PASSWORD_HASH, CONFIRMED
    return None


_NTLM = re.compile(
    rb":[0-9]{1,10}:(?P<hash>(?:[0-9A-Fa-f]{32}|NO PASSWORD\*{1,24}|\*{0,32}):(?P<nt>[0-9A-Fa-f]{32})):::\Z"
)
_NTLM_WIDTH = 112


def ntlm(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm a line of pwdump: ``user:500:LM hash:NT hash:::``; the anchor ends behind it."""
    del high
    found = _NTLM.search(text[max(low, end - _NTLM_WIDTH) : end])
    if found is None:
        return None
    stop = end - len(b":::")
    return stop - len(found["hash"]), stop, Kind.PASSWORD_HASH, CONFIRMED


_NTLM_ANSWER = re.compile(
    rb"::[0-9A-Za-z._-]{0,32}:(?:[0-9A-Fa-f]{16}:[0-9A-Fa-f]{32}:[0-9A-Fa-f]{8,1024}"
    rb"|[0-9A-Fa-f]{48}:[0-9A-Fa-f]{48}:[0-9A-Fa-f]{16})(?![0-9A-Za-z])"
)
_NTLM_PAIR = re.compile(rb"[Aa]{2}[Dd]3[Bb]435[Bb]51404[Ee]{2}[Aa]{2}[Dd]3[Bb]435[Bb]51404[Ee]{2}:[0-9A-Fa-f]{32}(?![0-9A-Za-z])")  # fmt: skip


def ntlm_answer(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm what a server was answered: ``user::host:challenge:hash:rest``, as crackers take it."""
    start = text.rfind(b"::", max(low, end - 56), end)
    found = _NTLM_ANSWER.match(text, start, high) if start >= 0 else None
    return None if found is None else (start, found.end(), Kind.PASSWORD_HASH, CONFIRMED)


def ntlm_pair(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm an NT hash behind the LM hash of nothing, which Windows writes where there is none."""
    del low
    start = end - 33
    found = _NTLM_PAIR.match(text, start, high)
    return None if found is None else (start, found.end(), Kind.PASSWORD_HASH, CONFIRMED)


_DIGEST = re.compile(
    rb"[0-9A-Fa-f]{32}(?:[0-9A-Fa-f]{8}|[0-9A-Fa-f]{24}|[0-9A-Fa-f]{32}|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{96})?(?![0-9A-Za-z])"
)


def named_digest(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm a bare digest behind a name that says it is a password's; the anchor ends on eight digits."""
    del low
    start = end - 8
    found = _DIGEST.match(text, start, high)
    return None if found is None else (start, found.end(), Kind.PASSWORD_HASH, CONFIRMED)


# RFC 7517, 4.1 and RFC 7518, 6: what of a JSON Web Key is private. The key is one object.
_JWK_TYPE = re.compile(rb"kty[\\\"']{0,3}[ \t]{0,4}[:=][ \t]{0,4}[\\\"']{0,3}(RSA|EC|OKP|AKP|oct)(?![0-9A-Za-z])")  # fmt: skip
_JWK_PRIVATE = re.compile(
    rb"(?<![0-9A-Za-z_])(?:d|priv)[\\\"']{0,3}[ \t]{0,4}[:=][ \t]{0,4}[\\\"']{0,3}[A-Za-z0-9_-]{20}"
)
_JWK_SHARED = re.compile(
    rb"(?<![0-9A-Za-z_])k[\\\"']{0,3}[ \t]{0,4}[:=][ \t]{0,4}[\\\"']{0,3}[A-Za-z0-9_-]{16}"
)


def jwk(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm a private JSON Web Key by its type, with a private part behind it, or the other way round."""
    del low
    start = end - len(b"kty") if text[end - 3 : end] == b"kty" else end - 16
    close = text.find(b"}", end, high)
    stop = close if close >= 0 else high
    kind = _JWK_TYPE.search(text, start, stop)
    if kind is None:
        return None
    if text[start:end] != b"kty":  # Its private part came first.
        return (start, stop, Kind.PRIVATE_KEY, CONFIRMED) if kind[1] != b"oct" else None
    if kind.start() != start:
        return None
    private = (_JWK_SHARED if kind[1] == b"oct" else _JWK_PRIVATE).search(text, kind.end(), stop)
    return None if private is None else (start, stop, Kind.PRIVATE_KEY, CONFIRMED)


_KEY_LINES = 240  # the first line of a key in them, whatever parts it from what says it is one


def key_lines(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm base64 behind the line of PuTTY or SSH.COM that says a private key follows."""
    start = max(low, text.rfind(b"Private-Lines", low, end), text.rfind(b"BEGIN SSH2", low, end))
    content = _CONTENT.search(text, end, min(high, end + _KEY_LINES))
    if content is None:
        return None
    closing = max(text.find(b"Private-MAC", end, high), text.find(b"END SSH2", end, high))
    return start, closing if closing >= 0 else high, Kind.PRIVATE_KEY, CONFIRMED


_TAGGED_KEY = re.compile(rb"<D>[A-Za-z0-9+/=\s]{40,1400}</D>")


def tagged_key(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm the private exponent of an RSA key in XML, as .NET writes it."""
    start = text.rfind(b"<D>", low, end)
    found = _TAGGED_KEY.match(text, start, high) if start >= 0 else None
    return None if found is None else (start, found.end(), Kind.PRIVATE_KEY, CONFIRMED)


def tunnel_key(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm the private key of a WireGuard interface: 32 bytes in base64, behind its name."""
    del low, high
    if text[end : end + 1].isalnum():
        return None
    return end - 44, end, Kind.PRIVATE_KEY, CONFIRMED


_USERINFO = re.compile(rb"[a-z][a-z0-9+.-]{1,15}://([^\s:/@\"'<>]{0,64}):([^\s/@\"'<>]{1,64})@")
_REFERENCE = re.compile(
    rb"[${<%\[*]|\{\{|xxx|password\Z|passwd\Z|pass\Z|pwd\Z|secret\Z|user\Z", re.IGNORECASE
)


def url_password(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm ``scheme://user:password@host`` (RFC 3986, 3.2.1), unless it is a reference."""
    start = text.rfind(b"://", low, end)
    while start > low and text[start - 1 : start].isalnum():
        start -= 1
    found = _USERINFO.match(text, start, high) if start >= 0 else None
    if found is None or _REFERENCE.match(found[2]):
        return None
    return found.start(2), found.end(2), Kind.PASSWORD, LIKELY


ANCHORS = (
    *(
        Anchor(
            f"token-{name}",
            EDGE + prefix + ("[a-f0-9]" if name in {"twilio", "mailgun"} else ""),
            kinds(Kind.ACCESS_TOKEN),
            _token(
                prefix + ("[a-f0-9]" if name in {"twilio", "mailgun"} else ""),
                tail.replace("{32}", "{31}") if name in {"twilio", "mailgun"} else tail,
            ),
            before=80,
            after=560,
        )
        for name, prefix, tail in _TOKENS
    ),
    Anchor("jwt", f"{EDGE}eyJ[A-Za-z0-9_-]{{5}}", kinds(Kind.JWT), jwt, before=16, after=8192),
    Anchor(
        "private-key",
        "PRIVATE KEY(?: BLOCK)?-----",
        kinds(Kind.PRIVATE_KEY),
        pem,
        before=64,
        after=8192,
    ),
    Anchor(
        "age-key",
        "AGE-SECRET-KEY-(?:PQ-)?1",
        kinds(Kind.PRIVATE_KEY),
        age_key,
        before=32,
        after=2100,
    ),
    Anchor(
        "password-hash",
        "\\$(?:2[abxy]?|argon2id?|argon2d|[1356]|apr1|y|gy|7|[PHSA]|NT|wp\\$2y|scrypt|pbkdf2(?:-sha[0-9]{1,3})?)\\$"
        "|\\{(?:SSHA|SHA|SMD5|MD5|CRYPT)(?:256|512)?\\}"
        "|pbkdf2_sha(?:1|256)\\$|pbkdf2:sha|scrypt:[0-9]|scrypt\\$[0-9]|argon2\\$argon2|(?:sha1|md5)\\$[A-Za-z0-9]{1,32}\\$",
        kinds(Kind.PASSWORD_HASH),
        password_hash,
        before=64,
        after=256,
    ),
    Anchor(
        "password-hash-database",
        "[^0-9A-Za-z*]\\*[0-9A-Fa-f]{8}|SCRAM-SHA-(?:1|256|512)\\$[0-9]|[^0-9A-Za-z]md5[0-9a-f]{8}|[^0-9A-Za-z]0x0[12]00[0-9A-Fa-f]{8}",
        kinds(Kind.PASSWORD_HASH),
        database_hash,
        before=32,
        after=400,
    ),
    Anchor(
        "password-hash-ntlm",
        "[0-9A-Fa-f]:::",
        kinds(Kind.PASSWORD_HASH),
        ntlm,
        before=_NTLM_WIDTH,
        after=4,
    ),
    Anchor(
        "password-hash-ntlm-answer",
        "::[0-9A-Za-z._-]{0,32}:[0-9A-Fa-f]{16}",
        kinds(Kind.PASSWORD_HASH),
        ntlm_answer,
        before=64,
        after=1200,
    ),
    Anchor(
        "password-hash-ntlm-pair",
        "aad3b435b51404eeaad3b435b51404ee:",
        kinds(Kind.PASSWORD_HASH),
        ntlm_pair,
        before=40,
        after=40,
        caseless=True,
    ),
    Anchor(
        "password-hash-named",
        "(?:ntlm(?:v[12])?|nt[_-]?hash|lm[_-]?hash|pass(?:word|wd)?[_-]?hash|hash(?:ed)?[_-]?pass(?:word|wd)?|pwd[_-]?hash"
        "|pass(?:word|wd)?[_-]?(?:md5|sha1|sha256|sha512|digest)|(?:samba)?(?:nt|lm)[_-]?password|authentication_string|unicodepwd)"
        "(?:[ _-]?hash(?:es)?)?[^0-9A-Za-z\\n]{1,6}[0-9a-f]{8}",
        kinds(Kind.PASSWORD_HASH),
        named_digest,
        before=16,
        after=128,
        caseless=True,
    ),
    Anchor("jwk", "[^0-9A-Za-z_]kty", kinds(Kind.PRIVATE_KEY), jwk, before=16, after=8192),
    Anchor(
        "jwk-private",
        "[\"']d\\\\?[\"'][ ]{0,2}:[ ]{0,2}\\\\?[\"'][A-Za-z0-9_-]{16}",
        kinds(Kind.PRIVATE_KEY),
        jwk,
        before=32,
        after=8192,
    ),
    Anchor(
        "key-lines",
        "Private-Lines: ?[0-9]|BEGIN SSH2 ENCRYPTED PRIVATE KEY ",
        kinds(Kind.PRIVATE_KEY),
        key_lines,
        before=48,
        after=8192,
    ),
    Anchor(
        "key-in-xml",
        "<D>[A-Za-z0-9+/]{40}",
        kinds(Kind.PRIVATE_KEY),
        tagged_key,
        before=48,
        after=1500,
    ),
    Anchor(
        "tunnel-key",
        "PrivateKey[\"' ]{0,2}[=:][\"' ]{0,2}[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=",
        kinds(Kind.PRIVATE_KEY),
        tunnel_key,
        before=64,
        after=4,
    ),
    Anchor(
        "url-password",
        "://[^\\s:/@\"'<>]{0,40}:[^\\s/@\"'<>]{1,40}@",
        kinds(Kind.PASSWORD),
        url_password,
        before=112,
        after=8,
    ),
)

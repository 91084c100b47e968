"""
Tells how each system comes to trust the local server authority, and how to undo it.

The same text makes ``docs/howto/trust-the-local-ca.md``.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from sealgate.app.keys import local_authority
from sealgate.errors import SourceError, UsageError
from sealgate.protocols.table import servers_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealgate.policy.inventory import Inventory


@dataclass(frozen=True, slots=True)
class Guide:
    """
    One system: what to type so that it trusts the authority, and to undo that.

    *note* is what a person must know or click.
    """

    system: str
    commands: tuple[str, ...]
    undo: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Trust:
    """
    The server authority (*path* of its certificate), and a guide for each system.

    *fingerprint* is the SHA-256 of the DER, colons between the bytes, as tools show it.
    *domains* are what it can vouch for. *warning* tells that it is about to be replaced.
    """

    path: str
    fingerprint: str
    ends: dt.datetime
    domains: tuple[str, ...]
    guides: tuple[Guide, ...]
    warning: str = ""


def new_authority_remarks(inventory: Inventory, now: float) -> tuple[str, ...]:
    """
    Return what serving or reloading *inventory* will do to the local CA, where it takes its place.

    Nothing is made. One that cannot be read is told by whoever needs it.
    """
    domains = sorted({domain for names in local_sites(inventory).values() for domain in names})
    if not domains:
        return ()
    try:
        found = local_authority(inventory).find_server(domains, now)
    except SourceError:
        return ()
    if found is None or not found.reason:
        return ()
    said = (
        f"the local CA will be replaced by serve and reload, because {found.reason}: machines that "
        "trust it will refuse every site until they trust the new one (sealgate trust); a "
        "certificate of your own under [site.tls] for the new site leaves the CA as it is"
    )
    return (said,)


def local_sites(inventory: Inventory) -> Mapping[str, tuple[str, ...]]:
    """
    Return the sites (name to domains) whose certificates the local authority issues.

    The name of a file server, whose certificate is that of ``[tls]``, counts as one of them.
    """
    local = {
        site.name: site.domains for site in inventory.sites if (site.tls or inventory.tls).is_local
    }
    for kind in servers_of(inventory):
        name = kind.certified(inventory)
        known = any(name in site.domains and site.tls is None for site in inventory.sites)
        if name and not known and inventory.tls.is_local:
            local[name] = (name,)
    return local


def trust(inventory: Inventory, now: float) -> Trust:
    """
    Return how to trust the server authority of *inventory*; it is made where missing.

    One that is there is not replaced here, since a gateway may be serving with it.

    Raises:
        UsageError: no site uses the local authority.
        ConfigError: a domain or the operator's details do not fit in a certificate.
        SourceError: the authority cannot be read or written.
    """
    domains = sorted({domain for names in local_sites(inventory).values() for domain in names})
    if not domains:
        raise UsageError(
            "no site uses the local CA, so there is nothing to trust",
            hint='certificate = "local-ca" in [tls] makes it issue the certificates',
        )
    local = local_authority(inventory)
    authority = local.find_server(domains, now) or local.server(domains, now)
    warning = ""
    if authority.reason:
        warning = (
            f"this CA is replaced at the next start or reload, because {authority.reason}: "
            "wait for that, then trust the new one"
        )
    digits = authority.fingerprint.upper()
    return Trust(
        path=authority.path,
        fingerprint=":".join(digits[at : at + 2] for at in range(0, len(digits), 2)),
        ends=dt.datetime.fromtimestamp(authority.not_after, tz=dt.UTC),
        domains=tuple(domains),
        guides=guides(authority.path, domains[0]),
        warning=warning,
    )


def guides(path: str, domain: str) -> tuple[Guide, ...]:
    """Return the guide of each system for the authority in the file *path*."""
    file = quote(path)
    name = Path(path).name
    debian = "/usr/local/share/ca-certificates/sealgate.crt"
    fedora = "/etc/pki/ca-trust/source/anchors/sealgate.pem"
    keychain = "/Library/Keychains/System.keychain"
    nss = '"sql:$HOME/.pki/nssdb"'
    java = "-storepass changeit -alias sealgate"
    host = f"[{domain}]" if ":" in domain else domain.replace("*", "www")
    return (
        Guide(
            "Debian and Ubuntu",
            (f"sudo cp {file} {debian}", "sudo update-ca-certificates"),
            (f"sudo rm {debian}", "sudo update-ca-certificates --fresh"),
            "curl, wget, Git, Python's ssl and most other programs use this store. Browsers do "
            "not: see Firefox and Chrome below.",
        ),
        Guide(
            "Fedora and RHEL",
            (f"sudo cp {file} {fedora}", "sudo update-ca-trust"),
            (f"sudo rm {fedora}", "sudo update-ca-trust"),
            "Firefox from the distribution uses this store too.",
        ),
        Guide(
            "macOS",
            (f"sudo security add-trusted-cert -d -r trustRoot -p ssl -k {keychain} {file}",),
            (f"sudo security remove-trusted-cert -d {file}",),
            "Copy the file to the Mac first. Safari, Chrome and curl use this store.",
        ),
        Guide(
            "Windows",
            (f"certutil -addstore -f Root {name}",),
            ('certutil -delstore Root "Sealgate server CA"',),
            "Copy the file to the machine first, and type this in a terminal that runs as "
            "administrator. Edge, Chrome and Firefox use this store.",
        ),
        Guide(
            "Firefox on Linux",
            (),
            (),
            "Open about:preferences#privacy, Certificates, View Certificates, Authorities, "
            f'Import, choose {name}, and tick only "Trust this CA to identify websites". To undo '
            'it, choose "Sealgate server CA" in the same list, then Delete or Distrust.',
        ),
        Guide(
            "Chrome and Chromium on Linux",
            (
                "sudo apt install libnss3-tools",
                'mkdir -p "$HOME/.pki/nssdb"',
                f"certutil -d {nss} -L || certutil -d {nss} -N --empty-password",
                f'certutil -d {nss} -A -t C,, -n "Sealgate server CA" -i {file}',
            ),
            (f'certutil -d {nss} -D -n "Sealgate server CA"',),
            "Close the browser first.",
        ),
        Guide(
            "curl, for one call",
            (f"curl --cacert {file} https://{host}/",),
            (),
            "Nothing is changed on the system.",
        ),
        Guide(
            "Java",
            (f"sudo keytool -importcert -noprompt -cacerts {java} -file {file}",),
            (f"sudo keytool -delete -cacerts {java}",),
            "Needs Java 9 or newer. Where Java comes from Debian, its store already follows the "
            "system's.",
        ),
    )


def render_text(told: Trust) -> str:
    """Return *told* for a terminal."""
    lines = [
        f"local CA      {told.path}",
        f"SHA-256       {told.fingerprint}",
        f"ends          {told.ends:%Y-%m-%d}",
        f"vouches for   {', '.join(told.domains)} and their subdomains, nothing else",
        "",
        "Compare the fingerprint on each machine before you trust the file there:",
        f"  openssl x509 -in {quote(told.path)} -noout -fingerprint -sha256",
    ]
    if told.warning:
        lines[:0] = [f"Note: {told.warning}.", ""]
    for guide in told.guides:
        lines += ["", guide.system]
        lines += [f"  {command}" for command in guide.commands]
        if guide.note:
            lines.append(f"  {guide.note}")
        if guide.undo:
            lines.append("  To undo it:")
            lines += [f"  {command}" for command in guide.undo]
    return "\n".join(lines) + "\n"


def render_page() -> str:
    """Return the page ``docs/howto/trust-the-local-ca.md``."""
    lines = [
        "# Trust the local CA",
        "",
        'With `certificate = "local-ca"`, Sealgate issues the certificates of your sites itself. A',
        "browser shows a warning until its machine trusts the CA. `sealgate trust` prints this page",
        "with the path and the fingerprint of your own CA.",
        "",
        "Take the file `.sealgate/authority/server-ca.pem` to each machine over a way that you trust,",
        "and compare its fingerprint there with what `sealgate trust` printed:",
        "",
        "```console",
        "$ openssl x509 -in .sealgate/authority/server-ca.pem -noout -fingerprint -sha256",
        "```",
        "",
        "Never copy a `.key` file from that folder anywhere.",
    ]
    for guide in guides(".sealgate/authority/server-ca.pem", "shop.example"):
        lines += ["", f"## {guide.system}", ""]
        lines += _console(guide.commands)
        lines += [guide.note] if guide.note else []
        if guide.undo:
            lines += ["", "To undo it:", "", *_console(guide.undo)]
            lines.pop()
    lines += [
        "",
        "## What you trust with it",
        "",
        "The CA is held to the domains of your sites by critical name constraints: it cannot vouch",
        "for any other site. RFC 5280 cannot leave subdomains out, so it can vouch for those too.",
        "Not every program looks at the constraints of a CA that was trusted by hand (OpenSSL, NSS",
        "and current browsers do), so keep the key as you would keep a password: whoever is root on",
        "the gateway has it.",
        "",
        "## When it changes",
        "",
        "The CA lives for ten years. The certificates of the sites live for 14 days and are renewed",
        "by the running gateway; nobody has to trust anything anew for that. When you add a domain",
        "that is no subdomain of the others, a new CA takes the place of the old one: the gateway",
        "says so when it starts or reloads, and every machine must trust the new one. Remove the old",
        "one there. To spare your visitors that, name all domains before you hand out the CA, or use",
        "a certificate from a public authority.",
        "",
    ]
    return "\n".join(lines)


def _console(commands: tuple[str, ...]) -> list[str]:
    if not commands:
        return []
    return ["```console", *(f"$ {command}" for command in commands), "```", ""]

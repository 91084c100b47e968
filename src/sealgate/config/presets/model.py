"""What a preset is: pure data about one CMS."""

from __future__ import annotations

import contextlib
import ipaddress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.policy.inventory import CookieRule, Door, Listen, Site

# RFC 9110, 4.2.2: the port that is not written in a URL.
HTTPS_PORT = 443
# In a door's path: whatever folder of the site.
_ANY_FOLDER = "/*"
# What plan says of a preset that is held by a table of requests alone.
UNTRIED = "not tried against the real system"


@dataclass(frozen=True, slots=True)
class Snippet:
    """
    Settings of the CMS that belong behind the gateway: what to put into which file.

    *versions* says for which versions ("TYPO3 12 and later"), *file* where the text
    goes. *text* holds ``{domain}``-like places that :func:`settings_for` fills.
    """

    versions: str
    file: str
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Preset:
    """
    One CMS: the doors that are locked, the holes that stay public, its cookies.

    *doors*: the main one first. *holes* lie inside doors, and the public pages need
    them; they are treated like the page ``/``. *cookies* are the names that may gain
    HttpOnly and SameSite without breaking the CMS. Below *titles* paths are what people called
    their pages and files, so an ending says nothing there (``/wiki/Foo.log``). *method_override*:
    the CMS' own scripts name another method in a header, so that passes its doors. *limits* says
    what the locks keep out besides attackers, and what they do not reach. *sheets* tells of pages
    to sign in on from where they load style sheets, scripts and images behind another door.
    *folders* are those of the site that the CMS is known to lie in (see :func:`lying_in`).
    """

    name: str
    title: str
    doors: tuple[Door, ...] = ()
    holes: tuple[Door, ...] = ()
    titles: tuple[Door, ...] = ()
    cookies: tuple[CookieRule, ...] = ()
    snippets: tuple[Snippet, ...] = ()
    limits: tuple[str, ...] = ()
    method_override: bool = False
    sheets: tuple[tuple[str, tuple[str, ...]], ...] = ()
    folders: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """Return what :attr:`sealgate.policy.inventory.Route.origin` says of its routes."""
        return f"preset:{self.name}"


def below_any(preset: Preset, path: str) -> bool:
    """Return whether *preset* knows the *path* of one of its doors below any folder, too."""
    return any(door.path == f"{_ANY_FOLDER}{path}" for door in preset.doors)


def lying_in(preset: Preset, folders: Sequence[str]) -> Preset:
    """
    Return *preset* where the CMS is known to lie in *folders* (``/blog``, "" the root).

    What it has below any folder it has there as well, written out: so it is asked for by its
    own name, and deeper down, too. So are the holes in its main door, which are open at the root
    and there, and in no other folder. Conditions do not count on the paths that are besides only
    there, for where the CMS' scripts do not lie, its front may answer by their names.
    """
    if not any(folders):
        return preset

    def there(doors: tuple[Door, ...]) -> tuple[Door, ...]:
        written = (
            replace(door, path=f"{folder}{door.path.removeprefix(_ANY_FOLDER)}")
            for folder in folders
            for door in doors
            if door.path.startswith(f"{_ANY_FOLDER}/")
            and not door.path.startswith(f"{_ANY_FOLDER * 2}/")
        )
        found = dict.fromkeys((*doors, *written))
        return tuple(
            replace(
                door,
                besides=tuple(f"{folder}{path}" for folder in folders for path in door.besides),
            )
            for door in found
        )

    main = preset.doors[0].path
    holes = (
        replace(hole, path=f"{folder}{hole.path}")
        for folder in folders
        for hole in preset.holes
        if hole.path.startswith(f"{main}/")
    )
    return replace(
        preset,
        doors=there(preset.doors),
        holes=tuple(dict.fromkeys((*preset.holes, *holes))),
    )


@dataclass(frozen=True, slots=True)
class FrontSide:
    """
    What a CMS has to be told of the gateway in front of it.

    *gateway* is the address that the gateway connects from, *port* the HTTPS port
    that visitors see.
    """

    domains: Sequence[str]
    gateway: str = "127.0.0.1"
    port: int = 443


def front_of(site: Site, listen: Listen) -> FrontSide:
    """
    Return what the CMS behind *site* sees of the gateway that listens as *listen* says.

    Where the upstream is not on this machine, the address that the gateway connects
    from is not known here; a word to be replaced stands in its place.
    """
    gateway = "ADDRESS-OF-THE-GATEWAY"
    host = site.upstream.host
    if host == "localhost":
        gateway = "127.0.0.1"
    else:
        with contextlib.suppress(ValueError):
            if ipaddress.ip_address(host).is_loopback:
                gateway = "127.0.0.1" if "." in host else host
    return FrontSide(site.domains, gateway, listen.https[0].port)


def settings_for(preset: Preset, front: FrontSide) -> tuple[Snippet, ...]:
    """Return the snippets of *preset* with domains, addresses and ports filled in."""
    port = "" if front.port == HTTPS_PORT else f":{front.port}"
    hosts = [f"{domain}{port}" for domain in front.domains]
    places = {
        "{gateway}": front.gateway,
        "{gateway_pattern}": _escaped(front.gateway),
        "{host}": hosts[0],
        "{hosts_pattern}": "|".join(_escaped(host) for host in hosts),
        "{hosts_php}": ", ".join(f"'{host}'" for host in hosts),
        "{domains_python}": ", ".join(f'"{domain}"' for domain in front.domains),
        "{hosts_python}": ", ".join(f'"{host}"' for host in hosts),
        "{origins_python}": ", ".join(f'"https://{host}"' for host in hosts),
    }
    filled = []
    for snippet in preset.snippets:
        text = snippet.text
        for place, value in places.items():
            text = text.replace(place, value)
        filled.append(Snippet(snippet.versions, snippet.file, text, snippet.why))
    return tuple(filled)


def _escaped(host: str) -> str:
    # The dot is all that a host, an address or a port has of a pattern's characters.
    return host.replace(".", r"\.")

"""A site whose people sign in through a provider that runs here, and somebody who does."""

from __future__ import annotations

import contextlib
import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urljoin, urlsplit

from tests.peers.gatewayed import write_countries
from tests.peers.oidc_peer import CLIENT, LOGIN_PASSWORD, Provider, providing
from tests.peers.served import site_running
from tests.peers.signed import BROWSER, Answer, SignedPlace, Visitor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.peers.served import Serving, Site

ROUTES = """
[[site.route]]
path = "/members"
class = "restricted"

[[site.route]]
path = "/staff"
class = "restricted"
admit = ["group:staff"]

[[site.route]]
path = "/board"
class = "confidential"
access = "high"
admit = ["group:board"]
"""
# Who the provider knows. Here there are anna, kim and carl; of carl's account a password, too.
ACCOUNTS: Mapping[str, Mapping[str, Any]] = {
    "anna": {"groups": ["sso-staff", "other"], "email": "anna@shop.example"},
    "kim": {"groups": ["sso-board"], "acr": "phr", "amr": ["hwk"]},
    "carl": {"groups": []},
    "nobody": {"groups": ["sso-board"]},
    "root": {"groups": ["sso-board"]},
}
BEGIN, BACK = "/.sealgate/oidc/login", "/.sealgate/oidc/login/callback"
OIDC_COOKIE = "__Host-sealgate-oidc"


@dataclass
class ProvidedPlace(SignedPlace):
    """A :class:`SignedPlace` with a *provider*; *settings* are more lines of its section."""

    settings: str = ""
    provider: Provider | None = None

    def declare(self, more: str = "") -> None:
        """Write the configuration."""
        assert self.provider is not None
        super().declare(f"""
[[identity_provider]]
name = "login"
label = "Example Ltd"
issuer = "{self.provider.issuer}"
client_id = "{CLIENT}"
client_secret = "file:{self.provider.secret_file.name}"
ca = "{self.provider.ca.name}"
groups = {{ sso-staff = "staff", sso-board = "board" }}
counts_as_key = ["acr:phr"]
scopes = ["groups", "email", "profile"]
{self.settings}
{more}
""")


@dataclass
class World:
    """Everything that runs: *place*, *provider*, the *site* behind and ``sealgate serve``."""

    place: ProvidedPlace
    provider: Provider
    site: Site
    serving: Serving
    folder: Path
    count: int = field(default=0)

    def person(self, *options: str) -> Person:
        """Return somebody with a browser of their own."""
        self.count += 1
        return Person(
            self.place, self.folder / f"jar-{self.count}", list(options), provider=self.provider
        )


@dataclass
class Person(Visitor):
    """A :class:`Visitor` who has an account at *provider*, too."""

    provider: Provider | None = None

    def begin(self, to: str = "/members") -> str:
        """Press the button; return where the provider is, as the page says."""
        page = self.post(BEGIN, to, on=f"/.sealgate/sign-in?to={to}")
        assert page.status == 200, page
        return page.value("refresh").removeprefix("0;url=")

    def call(self, url: str, *options: str) -> Answer:
        """Return the provider's answer at *url*."""
        assert self.provider is not None
        command = ["curl", "--silent", "--show-error", "--include", "--max-time", "60"]
        command += ["--cacert", str(self.provider.ca)]
        command += ["--cookie", str(self.jar), "--cookie-jar", str(self.jar)]
        done = subprocess.run([*command, *options, url], capture_output=True, text=True, check=True)
        head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
        first, *lines = head.split("\n")
        pairs = [line.partition(": ") for line in lines]
        return Answer(int(first.split()[1]), [(k.lower(), v) for k, _, v in pairs], body)

    def log_in(self, url: str, user: str, password: str = LOGIN_PASSWORD) -> str:
        """Do at the provider what it asks for; return the address that it sends them back to."""
        assert self.provider is not None
        for _ in range(8):
            answer = self.call(url)
            if answer.status == 200:
                assert "Example login" in answer.body, answer
                fields = [
                    "--data-urlencode",
                    f"user={user}",
                    "--data-urlencode",
                    f"pass={password}",
                ]
                answer = self.call(url, *fields)
            where = answer.value("location")
            assert where, answer
            url = urljoin(url, where)
            if not url.startswith(self.provider.issuer):
                return url
        raise AssertionError(url)

    def come_back(self, url: str, *options: str) -> Answer:
        """Return what the site answers to the provider's answer at *url*."""
        assert url.startswith(self.place.url), url
        return self.ask(url.removeprefix(self.place.url), *BROWSER, *options)

    def enter(self, user: str, to: str = "/members") -> Answer:
        """Sign in through the provider as *user*."""
        return self.come_back(self.log_in(self.begin(to), user))


def parameters(url: str) -> dict[str, str]:
    """Return the parameters of *url*."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def told(answer: Answer) -> str:
    """Return the error that a page tells, "" when it tells none."""
    found = re.search(r'role="alert">([^<]*)<', answer.body)
    return found[1] if found else ""


@contextlib.contextmanager
def provided(folder: Path, settings: str = "", *, django: bool = False) -> Iterator[World]:
    """Run the site, the provider (with *django*, the other one) and the gateway."""
    with contextlib.ExitStack() as held:
        site = held.enter_context(site_running())
        place = ProvidedPlace(folder, site.server_address[1], routes=ROUTES, settings=settings)
        callbacks, home = [f"{place.url}{BACK}"], f"{place.url}/.sealgate/"
        provider = held.enter_context(providing(folder, ACCOUNTS, callbacks, home, django=django))
        place.provider = provider
        place.declare()
        write_countries(folder / "country.mmdb")
        place.add("anna", password=False)
        place.add("kim", password=False)
        place.add("carl", ["staff", "own"])
        serving = held.enter_context(place.serving())
        yield World(place, provider, site, serving, folder)

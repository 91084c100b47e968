"""A site that people sign in to, behind ``sealgate serve``, and a visitor with a cookie jar."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from joserfc import jws
from joserfc.jwk import ECKey

from sealgate.app.state import database_url
from sealgate.config.load import load
from sealgate.identity.adapters.store import IdentityStore
from sealgate.identity.adapters.token_keys import TokenKeys
from sealgate.identity.tokens import current_key
from tests.peers.served import Place
from tests.unit.identity.adapters.authenticator import Authenticator, unb64

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sealgate.identity.tokens import TokenKey
    from sealgate.policy.inventory import Inventory

PASSWORD = "correct horse battery staple"
COOKIE = "__Host-sealgate"
BROWSER = ("--header", "Accept: text/html,*/*")


@dataclass
class SignedPlace(Place):
    """A :class:`Place` with *routes* in TOML, and people who may sign in."""

    routes: str = ""
    countries: str = '["DE"]'

    def declare(self, more: str = "") -> None:
        """Write the configuration."""
        self.write()
        text = self.config.read_text().replace('["DE"]', self.countries)
        # Tests sign in more often than anybody does.
        text = text.replace("[listen]", "[limits]\nsign_in_per_minute = 0\n[listen]", 1)
        self.config.write_text(f"{text}{self.routes}{more}")

    @property
    def inventory(self) -> Inventory:
        """Return what is declared."""
        return load(str(self.config))

    def people(self) -> IdentityStore:
        """Open the identities, as a command would."""
        return IdentityStore(database_url(self.inventory))

    def add(self, name: str, groups: Iterable[str] = (), *, password: bool = True) -> None:
        """Add a user."""
        with self.people() as people:
            people.add(name, groups, by="test", now=time.time())
            if password:
                people.credentials.set_password(name, PASSWORD, by="test", now=time.time())

    def signing_key(self) -> TokenKey:
        """Return the key that the running service signs with."""
        return current_key(TokenKeys(str(self.state)).keys(time.time()), time.time())


def pkcs12(place: Place, name: str) -> tuple[Path, str]:
    """Return the certificate of *name* as browsers take it, and the password of that file."""
    path = place.folder / f"{name}.p12"
    command = ["openssl", "pkcs12", "-export", "-passout", "pass:word", "-out", str(path)]
    command += ["-in", str(place.folder / f"{name}.crt")]
    command += ["-inkey", str(place.folder / f"{name}.key")]
    subprocess.run(command, check=True)
    return path, "word"


@dataclass
class Answer:
    """What curl got: status, headers in lower case, body."""

    status: int
    headers: list[tuple[str, str]]
    body: str

    def value(self, name: str) -> str:
        """Return the first header *name*, "" when it is absent."""
        return next((value for key, value in self.headers if key == name), "")

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


@dataclass
class Visitor:
    """
    Somebody with curl and a cookie jar; *options* are given to each call.

    *base* is the site that they visit, the place's first one when it is "".
    """

    place: SignedPlace
    jar: Path
    options: list[str] = field(default_factory=list)
    base: str = ""

    def ask(self, path: str, *options: str) -> Answer:
        """Return the answer to one request."""
        ca = str(self.place.state / "authority" / "server-ca.pem")
        command = ["curl", "--silent", "--show-error", "--include", "--max-time", "60"]
        command += ["--path-as-is", "--http1.1", "--cacert", ca]
        command += ["--cookie", str(self.jar), "--cookie-jar", str(self.jar)]
        command += [*self.options, *options, f"{self.base or self.place.url}{path}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
        if head.startswith("HTTP/1.1 100"):
            head, _, body = body.partition("\n\n")
        first, *lines = head.split("\n")
        pairs = [line.partition(": ") for line in lines]
        return Answer(int(first.split()[1]), [(k.lower(), v) for k, _, v in pairs], body)

    def with_token(self, token: str, path: str, *options: str) -> Answer:
        """Return the answer to one request with *token* as the session, and no jar."""
        bare = Visitor(self.place, self.jar.with_name("nothing"), self.options, self.base)
        return bare.ask(path, "--header", f"Cookie: {COOKIE}={token}", *options)

    def post(self, path: str, to: str = "/", *, on: str = "", **fields: str) -> Answer:
        """Fill in a form of the page *on*, which is where one signs in, and send it."""
        page = self.ask(on or f"/.sealgate/sign-in?to={to}", *BROWSER)
        form = re.search(r'name="form" value="([^"]+)"', page.body)
        sent = {"form": form[1] if form else "", "to": to, **fields}
        data = [
            part for key, value in sent.items() for part in ("--data-urlencode", f"{key}={value}")
        ]
        return self.ask(path, *BROWSER, *data)

    def sign_in(self, name: str, to: str = "/", password: str = PASSWORD) -> Answer:
        """Sign in with name and password."""
        return self.post("/.sealgate/sign-in", to, name=name, password=password)

    def send(self, path: str, content: Any, *, on: str = "/.sealgate/passkey/new") -> Answer:
        """Send *content* as the script of the page *on* would."""
        page = self.ask(on, *BROWSER)
        form = re.search(r'name="form" value="([^"]+)"', page.body)
        headers = ["content-type: application/json", f"x-form: {form[1] if form else ''}"]
        options = [part for header in headers for part in ("--header", header)]
        return self.ask(path, *options, "--data", json.dumps(content))

    def register(self, name: str) -> Authenticator:
        """Register a passkey for *name* with a code of the operator, and return it."""
        with self.place.people() as people:
            code = people.second_factors.make_enrolment(name, by="test", now=time.time())
        origin = self.base or self.place.url
        device = Authenticator(rp_id=str(urlsplit(origin).hostname), origin=origin)
        options = self.send("/.sealgate/passkey/new/options", {"code": code}).json()
        device.handle = unb64(options["user"]["id"])
        response = device.register(unb64(options["challenge"]))
        kept = self.send(
            "/.sealgate/passkey/new", {"code": code, "label": "phone", "response": response}
        )
        assert kept.status == 200, kept.body
        return device

    def prove(self, device: Authenticator, to: str = "/") -> Answer:
        """Sign in with the passkey on *device*."""
        options = self.send("/.sealgate/passkey/options", {}).json()
        device.count += 1
        response = device.sign(unb64(options["challenge"]))
        return self.send("/.sealgate/passkey", {"to": to, "response": response})

    @property
    def token(self) -> str:
        """Return the session that the jar holds, "" when there is none."""
        lines = self.jar.read_text().splitlines() if self.jar.exists() else []
        rows = [line.split("\t") for line in lines if line.count("\t") == 6]
        return next((row[6] for row in rows if row[5] == COOKIE), "")


def claims(token: str) -> dict[str, Any]:
    """Return what *token* says."""
    part = token.split(".")[1]
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return read


def signed(key: TokenKey, content: dict[str, Any], **header: Any) -> str:
    """Return a token with *content*, signed with *key*; *header* replaces members of its header."""
    head = {"alg": "ES256", "kid": key.kid, "typ": "sealgate-session+jwt", **header}
    return jws.serialize_compact(
        head, json.dumps(content), ECKey.import_key(key.pem), algorithms=["ES256"]
    )


def remade(visitor: Visitor, token: str, *, exp: int) -> str:
    """Return *token* as the service would have signed it *exp* seconds from its end."""
    content = claims(token)
    now = int(time.time())
    made = now + exp - 55
    content |= {"iat": made, "nbf": made, "exp": now + exp, "made": made * 1000}
    return signed(visitor.place.signing_key(), content)

"""
Guesses beside a passkey: none is taken back by it, and none keeps others from registering.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sealgate.database import sqlite_url
from sealgate.gateway.model import ADDRESS_HEADER, SITE_HEADER
from sealgate.identity.throttle import FREE_OF_NAME, FREE_OF_PAIR
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, Route, Site, Upstream
from sealgate.signin.adapters.exchange import FORM_COOKIE
from sealgate.signin.adapters.house import House
from sealgate.signin.adapters.service import Service
from sealgate.signin.model import Served
from tests.unit.identity.adapters.authenticator import Authenticator, unb64

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOME = "192.0.2.7"
NEW, PROVE = "/.sealgate/passkey/new", "/.sealgate/passkey"


class Visit:
    """
    Requests as Envoy passes them on to the service of one house.
    """

    def __init__(self, house: House) -> None:
        """
        Serve *house* here.
        """
        self.house = house
        self._app = Service(house, slow=1).app

    def send(self, path: str, *, address: str = HOME, **more: Any) -> httpx.Response:
        """
        Return the answer to a form or a script of ours, from *address*.
        """
        headers = {
            SITE_HEADER: "shop.example",
            ADDRESS_HEADER: address,
            "cookie": f"{FORM_COOKIE}=of-a-page",
            "x-form": "of-a-page",
            "accept": "text/html",
        }

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            base = "https://shop.example"
            async with httpx.AsyncClient(transport=transport, base_url=base) as client:
                return await client.post(path, headers=headers, **more)

        return asyncio.run(ask())

    def register(self, code: str, device: Authenticator) -> None:
        """
        Register a passkey on *device*.
        """
        asked = self.send(f"{NEW}/options", json={"code": code})
        assert asked.status_code == 200, asked.text
        device.handle = unb64(asked.json()["user"]["id"])
        response = device.register(unb64(asked.json()["challenge"]))
        kept = self.send(NEW, json={"code": code, "label": "phone", "response": response})
        assert kept.status_code == 200, kept.text

    def prove(self, device: Authenticator) -> None:
        """
        Sign in with the passkey on *device*.
        """
        device.count += 1
        challenge = unb64(self.send(f"{PROVE}/options", json={}).json()["challenge"])
        answer = self.send(PROVE, json={"to": "/", "response": device.sign(challenge)})
        assert answer.status_code == 200, answer.text

    def guess(self, password: str) -> int:
        """
        Return the status of a sign-in as anna with *password*.
        """
        data = {"form": "of-a-page", "to": "/", "name": "anna", "password": password}
        return self.send("/.sealgate/sign-in", data=data).status_code

    def code(self) -> str:
        """
        Return a code with which anna may register a passkey.
        """
        return self.house.people.make_enrolment("anna", by="test", now=self.house.now())


@pytest.fixture
def visit(tmp_path: Path) -> Iterator[Visit]:
    """
    Give the service of a site that anna may come to.
    """
    restricted = DEFAULT_MODEL.find("restricted")
    assert restricted is not None
    site = Site(
        ("shop.example",), Upstream("http", "127.0.0.1", 80), (Route(Door("/"), restricted),)
    )
    now = time.time()
    database = sqlite_url(str(tmp_path / "register.sqlite"))
    house = House(database, str(tmp_path / "state"), Served((site,)), lambda: now)
    house.people.add("anna", [], by="test", now=now)
    house.people.set_password("anna", "correct horse battery staple", by="test", now=now)
    yield Visit(house)
    house.close()


def test_a_stolen_passkey_guesses_no_password(visit: Visit) -> None:
    """
    Wrong passwords stay counted, however often the passkey signs in between them.
    """
    device = Authenticator()
    visit.register(visit.code(), device)
    for _ in range(FREE_OF_PAIR):
        assert visit.guess("wrong password, of fifteen") == 401
        visit.prove(device)
    assert visit.guess("correct horse battery staple") == 429


def test_wrong_codes_from_elsewhere_keep_nobody_from_registering(visit: Visit) -> None:
    """
    A crowd that tries codes, and names that are none, waits by itself; a right code counts.
    """
    for number in range(FREE_OF_NAME + 10):
        address = f"198.51.{number // 200}.{number % 200}"
        assert visit.send(f"{NEW}/options", json={"code": "no"}, address=address).status_code == 403
    # More people than there are free tries, behind one address.
    for _ in range(FREE_OF_PAIR + 1):
        visit.register(visit.code(), Authenticator())


def test_who_tries_codes_waits(visit: Visit) -> None:
    """
    Behind an address that brought wrong ones, a right one is not even looked at.
    """
    for _ in range(FREE_OF_PAIR):
        assert visit.send(f"{NEW}/options", json={"code": "no"}).status_code == 403
    assert visit.send(f"{NEW}/options", json={"code": visit.code()}).status_code == 403

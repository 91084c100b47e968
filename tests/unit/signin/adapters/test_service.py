"""The service by itself: guesses beside a passkey, copied tokens, and rights that end meanwhile."""

from __future__ import annotations

import asyncio
import copy
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sealgate.database import sqlite_url
from sealgate.gateway.model import ADDRESS_HEADER, SESSION_COOKIE, SITE_HEADER
from sealgate.identity.factors import Factor
from sealgate.identity.model import ClientCertificate
from sealgate.identity.passkeys import MOST_CHALLENGES_PER_ADDRESS, Challenges
from sealgate.identity.throttle import FREE_OF_NAME, FREE_OF_PAIR
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, Route, Site, Upstream
from sealgate.signin.adapters.admission import MOST_WAITING
from sealgate.signin.adapters.backend import SignInBackend
from sealgate.signin.adapters.exchange import FORM_COOKIE
from sealgate.signin.adapters.service import SignInApplication
from sealgate.signin.journey import easiest
from sealgate.signin.model import ServedSites, SignedIn
from tests.unit.identity.adapters.authenticator import Authenticator, unb64
from tests.unit.identity.signed_in import living

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sealgate.identity.sessions import SignIn

HOME, PASSWORD = "192.0.2.7", "correct horse battery staple"
NEW, PROVE = "/.sealgate/passkey/new", "/.sealgate/passkey"


class Visit:
    """Requests as Envoy passes them on to the service of one backend."""

    def __init__(self, backend: SignInBackend) -> None:
        """Serve *backend* here."""
        self.backend = backend
        self.service = SignInApplication(backend, slow=1)
        self._app = self.service.app
        # What this browser keeps beside the form's cookie and the session.
        self.kept: dict[str, str] = {}

    def elsewhere(self) -> Visit:
        """Return another browser that visits the same service."""
        other = copy.copy(self)
        other.kept = {}
        return other

    def send(
        self, path: str, *, address: str = HOME, token: str = "", **more: Any
    ) -> httpx.Response:
        """Return the answer to a form or a script of ours, from *address*, in the session *token*."""
        headers = {
            SITE_HEADER: "shop.example",
            ADDRESS_HEADER: address,
            "cookie": "; ".join(
                f"{name}={value}"
                for name, value in {
                    FORM_COOKIE: "of-a-page",
                    SESSION_COOKIE: token,
                    **self.kept,
                }.items()
            ),
            "x-form": "of-a-page",
            "accept": "text/html",
        }

        answer = asyncio.run(self._ask(path, headers, more))
        self.kept |= {k: v for k, v in answer.cookies.items() if k == f"{SESSION_COOKIE}-passkey"}
        return answer

    async def _ask(
        self, path: str, headers: dict[str, str], more: dict[str, Any]
    ) -> httpx.Response:
        transport = httpx.ASGITransport(app=self._app)
        base = "https://shop.example"
        async with httpx.AsyncClient(transport=transport, base_url=base) as client:
            return await client.post(path, headers=headers, **more)

    async def tried(self, name: str, password: str, address: str) -> httpx.Response:
        """Return the answer to one sign-in, of which there may be several at once."""
        headers = {
            SITE_HEADER: "shop.example",
            ADDRESS_HEADER: address,
            "cookie": f"{FORM_COOKIE}=of-a-page",
        }
        data = {"form": "of-a-page", "to": "/", "name": name, "password": password}
        return await self._ask("/.sealgate/sign-in", headers, {"data": data})

    def register(self, code: str, device: Authenticator) -> None:
        """Register a passkey on *device*."""
        asked = self.send(f"{NEW}/options", json={"code": code})
        assert asked.status_code == 200, asked.text
        device.handle = unb64(asked.json()["user"]["id"])
        response = device.register(unb64(asked.json()["challenge"]))
        kept = self.send(NEW, json={"code": code, "label": "phone", "response": response})
        assert kept.status_code == 200, kept.text

    def prove(self, device: Authenticator, token: str = "") -> httpx.Response:
        """Sign in with the passkey on *device*, in the session *token* if there is one."""
        device.count += 1
        challenge = unb64(self.send(f"{PROVE}/options", json={}).json()["challenge"])
        response = device.sign(challenge)
        return self.send(PROVE, token=token, json={"to": "/", "response": response})

    def sign_in(self, password: str = PASSWORD, token: str = "") -> httpx.Response:
        """Return the answer to a sign-in as anna with *password*, in the session *token* if any."""
        data = {"form": "of-a-page", "to": "/", "name": "anna", "password": password}
        return self.send("/.sealgate/sign-in", token=token, data=data)

    def sign_ins(self) -> tuple[SignIn, ...]:
        """Return anna's living sign-ins."""
        return living(self.backend.people, "anna", self.backend.now())

    def code(self) -> str:
        """Return a code with which anna may register a passkey."""
        return self.backend.people.second_factors.make_enrolment(
            "anna", by="test", now=self.backend.now()
        )


def token_of(answer: httpx.Response) -> str:
    """Return the session that *answer* begins."""
    found = answer.cookies.get(SESSION_COOKIE)
    assert found is not None, answer.text
    return found


def backend_in(folder: Path) -> SignInBackend:
    """Return what knows a site that anna may come to, and anna."""
    restricted = DEFAULT_MODEL.find("restricted")
    assert restricted is not None
    site = Site(
        ("shop.example",), Upstream("http", "127.0.0.1", 80), (Route(Door("/"), restricted),)
    )
    now = time.time()
    database = sqlite_url(str(folder / "register.sqlite"))
    backend = SignInBackend(database, str(folder / "state"), ServedSites((site,)), lambda: now)
    backend.people.add("anna", [], by="test", now=now)
    backend.people.credentials.set_password("anna", PASSWORD, by="test", now=now)
    return backend


@pytest.fixture
def visit(tmp_path: Path) -> Iterator[Visit]:
    """Give the service of a site that anna may come to."""
    backend = backend_in(tmp_path)
    yield Visit(backend)
    backend.close()


def test_a_stolen_passkey_guesses_no_password(visit: Visit) -> None:
    """Wrong passwords stay counted, however often the passkey signs in between them."""
    device = Authenticator()
    visit.register(visit.code(), device)
    for _ in range(FREE_OF_PAIR):
        assert visit.sign_in("wrong password, of fifteen").status_code == 401
        assert visit.prove(device).status_code == 200
    assert visit.sign_in().status_code == 429


def test_wrong_codes_from_elsewhere_keep_nobody_from_registering(visit: Visit) -> None:
    """A crowd that tries codes, and names that are none, waits by itself; a right code counts."""
    for number in range(FREE_OF_NAME + 10):
        address = f"198.51.{number // 200}.{number % 200}"
        assert visit.send(f"{NEW}/options", json={"code": "no"}, address=address).status_code == 403
    # More people than there are free tries, behind one address.
    for _ in range(FREE_OF_PAIR + 1):
        visit.register(visit.code(), Authenticator())


def test_who_tries_codes_waits(visit: Visit) -> None:
    """Behind an address that brought wrong ones, a right one is not even looked at."""
    for _ in range(FREE_OF_PAIR):
        assert visit.send(f"{NEW}/options", json={"code": "no"}).status_code == 403
    assert visit.send(f"{NEW}/options", json={"code": visit.code()}).status_code == 403


def test_a_challenge_counts_in_the_browser_that_asked_for_it(visit: Visit) -> None:
    """Whoever gets somebody else's browser to send their answer signs nobody in there."""
    device, other = Authenticator(), visit.elsewhere()
    visit.register(visit.code(), device)
    challenge = unb64(visit.send(f"{PROVE}/options", json={}).json()["challenge"])
    sent = {"to": "/", "response": device.sign(challenge)}
    other.send(f"{PROVE}/options", json={})
    assert other.send(PROVE, json=sent).status_code == 403
    # And it is used up by that.
    assert visit.send(PROVE, json=sent).status_code == 403
    assert visit.prove(device).status_code == 200


def test_a_passkey_is_registered_in_the_browser_that_began_it(visit: Visit) -> None:
    """Also by somebody who knows the code."""
    device, code, other = Authenticator(), visit.code(), visit.elsewhere()
    asked = visit.send(f"{NEW}/options", json={"code": code}).json()
    device.handle = unb64(asked["user"]["id"])
    sent = {"code": code, "response": device.register(unb64(asked["challenge"]))}
    assert other.send(NEW, json=sent).status_code == 403
    visit.register(code, device)


def test_who_asks_for_many_challenges_ends_only_their_own(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger in one network of IPv6 with many addresses, where no more fit than they ask for."""
    out = Challenges(most=MOST_CHALLENGES_PER_ADDRESS + 2)
    monkeypatch.setattr("sealgate.signin.adapters.passkeys.Challenges", lambda: out)
    visit = Visit(visit.backend)
    device, other = Authenticator(), visit.elsewhere()
    visit.register(visit.code(), device)
    challenge = unb64(visit.send(f"{PROVE}/options", json={}).json()["challenge"])
    for number in range(MOST_CHALLENGES_PER_ADDRESS + 5):
        other.send(f"{PROVE}/options", json={}, address=f"2001:db8::{number:x}")
    sent = {"to": "/", "response": device.sign(challenge)}
    assert visit.send(PROVE, json=sent).status_code == 200


def test_whoever_usually_comes_signs_in_during_a_flood(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From an address from which they signed in before; others are told to come again."""
    assert visit.sign_in().status_code == 303
    judged, over = visit.backend.has_password, threading.Event()

    def slowly(caller: SignedIn, name: str, password: str) -> bool:
        if caller.address != HOME:
            over.wait(60)
        return judged(caller, name, password)

    monkeypatch.setattr(visit.backend, "has_password", slowly)

    async def tried() -> None:
        flood = [
            asyncio.ensure_future(visit.tried("anna", "wrong password", f"198.51.100.{n}"))
            for n in range(MOST_WAITING)
        ]
        async with asyncio.timeout(60):
            while not visit.service._turns.is_full(usual=False):  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.01)
        refused = await visit.tried("anna", "wrong password", "203.0.113.1")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        async with asyncio.timeout(20):
            assert (await visit.tried("anna", PASSWORD, HOME)).status_code == 303
        for one in flood:
            one.cancel()
        over.set()
        await asyncio.gather(*flood, return_exceptions=True)

    asyncio.run(tried())


def test_a_program_without_cookies_leaves_one_sign_in_behind(visit: Visit) -> None:
    """Each request of one that shows a certificate comes here; none of them fills the database."""
    now, print_of = visit.backend.now(), "ab" * 32
    certificate = ClientCertificate("1", print_of, "anna", now - 1, now + 1000)
    visit.backend.people.credentials.add_certificate(certificate, by="test", now=now)
    caller = SignedIn("shop.example", "shop.example", HOME, None, print_of)
    place = easiest(visit.backend.served.sites[0])
    tokens = []
    for _ in range(5):
        issued = visit.backend.token(caller, visit.backend.standing(caller, place))
        assert issued is not None
        tokens.append(issued.token)
    assert len(visit.sign_ins()) == 1
    # Without the certificate it is worth nothing, whoever else has one of them.
    without = replace(caller, certificate=None, token=tokens[0])
    assert visit.backend.token(without, visit.backend.standing(without, place)) is None
    # Who proves more has a sign-in of their own from then on.
    assert token_of(visit.sign_in(token=tokens[0])) not in tokens
    assert [len(one.proven) for one in visit.sign_ins()] == [1]
    assert visit.backend.name_of(replace(caller, certificate=None, token=tokens[1])) is None


def test_a_token_of_before_gains_nothing_by_what_is_proven_later(visit: Visit) -> None:
    """Whoever copied the cookie of a password has no part in the passkey that its owner shows."""
    device = Authenticator()
    visit.register(visit.code(), device)
    copied = token_of(visit.sign_in())
    own = token_of(visit.prove(device, copied))
    [sign_in] = visit.sign_ins()
    assert {p.factor for p in sign_in.proven} == {Factor.PASSWORD, Factor.PASSKEY}
    names = [
        visit.backend.name_of(SignedIn("shop.example", "shop.example", HOME, None, None, token))
        for token in (copied, own)
    ]
    assert names == [None, "anna"]


def test_a_password_that_is_changed_while_it_is_judged(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was right when it was asked for, and begins nothing that would outlive the change."""
    check, people = visit.backend.people.credentials.check_password, visit.backend.people

    def meanwhile(name: str, password: str) -> bool:
        right = check(name, password)
        people.credentials.set_password(
            "anna", "another horse battery", by="anna", now=visit.backend.now()
        )
        return right

    monkeypatch.setattr(people.credentials, "check_password", meanwhile)
    assert visit.sign_in().status_code == 401
    assert visit.sign_ins() == ()


def test_a_passkey_that_is_revoked_while_it_is_judged(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above, in a session that is there already, too."""
    device, people = Authenticator(), visit.backend.people
    visit.register(visit.code(), device)
    token = token_of(visit.sign_in())
    count = people.second_factors.count_passkey

    def meanwhile(*args: Any, **more: Any) -> bool:
        right = count(*args, **more)
        people.revoke("anna", by="me", now=visit.backend.now())
        return right

    monkeypatch.setattr(people.second_factors, "count_passkey", meanwhile)
    assert visit.prove(device, token).status_code == 403
    assert [p.factor for one in visit.sign_ins() for p in one.proven] == [Factor.PASSWORD]


def test_what_others_change_meanwhile_keeps_nobody_out(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password is judged once more."""
    check, people = visit.backend.people.credentials.check_password, visit.backend.people

    def meanwhile(name: str, password: str) -> bool:
        monkeypatch.undo()
        people.add("ben", [], by="me", now=visit.backend.now())
        return check(name, password)

    monkeypatch.setattr(people.credentials, "check_password", meanwhile)
    assert visit.sign_in().status_code == 303

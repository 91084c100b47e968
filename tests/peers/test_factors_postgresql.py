"""Codes, grants and sign-ins in a real PostgreSQL, where two transactions do run at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sealgate.errors import UsageError
from sealgate.identity.adapters.store import IdentityStore
from sealgate.identity.factors import Factor, Proven
from sealgate.identity.model import Identity
from sealgate.identity.passkeys import Passkey
from sealgate.identity.totp import code_at
from tests.peers.postgresql import postgresql_running

pytestmark = [pytest.mark.peer("postgresql")]

NOW = 1_800_000_015.0
STEP = int(NOW // 30)
SECRET = b"12345678901234567890"
WORKERS = 8


class Open:
    """Stands for what seals, and does not."""

    def seal(self, _name: str, secret: bytes) -> bytes:
        """Return the secret."""
        return secret

    def open(self, _name: str, sealed: bytes) -> bytes:
        """Return the secret."""
        return sealed


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityStore]:
    """Return a store with anna, and with ben, who may approve."""
    state = str(tmp_path_factory.mktemp("state"))
    with postgresql_running() as server, IdentityStore(server.new_database(), state) as opened:
        opened.add("anna", ["board"], by="me", now=1)
        opened.add("ben", [], roles=["approver"], by="me", now=1)
        yield opened


def at_once(do: Callable[[int], Any]) -> list[Any]:
    """Return what each of several threads got from *do*, or ``None`` where it was refused."""
    gate, results = threading.Barrier(WORKERS), []

    def run(number: int) -> None:
        gate.wait()
        try:
            results.append(do(number))
        except UsageError:
            results.append(None)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == WORKERS
    return results


def test_one_of_many_is_let_in_by_one_code(store: IdentityStore) -> None:
    """And by one recovery code."""
    store.second_factors.set_totp("anna", SECRET, ["AAAA-BBBB"], step=0, by="me", now=NOW)
    code = code_at(SECRET, STEP)
    assert (
        sum(at_once(lambda _: store.second_factors.check_totp("anna", code, Open(), now=NOW))) == 1
    )
    assert (
        sum(
            at_once(lambda _: store.second_factors.check_recovery_code("anna", "aaaabbbb", now=NOW))
        )
        == 1
    )


def test_one_of_many_asks_and_one_decides(store: IdentityStore) -> None:
    """There is one grant, and one answer to it."""

    def ask(_: int) -> Any:
        return store.grants.request(
            "anna", "drop x", reason="a reason", minutes=5, by="op", now=NOW
        )

    (grant,) = [made for made in at_once(ask) if made]

    def decide(number: int) -> Any:
        answer = store.grants.approve if number % 2 else store.grants.deny
        return answer(grant.id, "ben", by="op2", now=NOW)

    assert len([made for made in at_once(decide) if made]) == 1


def test_no_step_up_is_lost(store: IdentityStore) -> None:
    """Of eight at once each is in the row."""
    begun = store.sign_ins.start("anna", "shop.example", [Proven(Factor.PASSWORD, NOW)], now=NOW)
    proofs = [Proven(Factor.PASSKEY, NOW, f"k{number}") for number in range(WORKERS)]
    at_once(lambda number: store.sign_ins.use(begun.id, [proofs[number]], now=NOW))
    found = store.sign_ins.find(begun.id, now=NOW)
    assert found is not None
    assert set(proofs) <= set(found.proven)


def test_a_counter_is_believed_once(store: IdentityStore) -> None:
    """Two devices that are copies of each other do not both come in."""
    key = Passkey("id1", "anna", b"\0public", "shop.example", "phone", True, 5, NOW)
    store.second_factors.add_passkey(
        key, code=store.second_factors.make_enrolment("anna", by="me", now=NOW), by="a", now=NOW
    )
    assert store.second_factors.passkey("id1") == key
    assert sum(at_once(lambda _: store.second_factors.count_passkey(key, 6, now=NOW))) == 1


def test_going_and_deciding_do_not_wait_for_each_other(store: IdentityStore) -> None:
    """A user is removed while their grants are decided: neither fails otherwise than by a rule."""
    for round_ in range(5):
        name = f"user{round_}"
        store.add(name, [], by="me", now=NOW)
        ids = [
            store.grants.request(
                name, f"drop {n}", reason="a reason", minutes=5, by="op", now=NOW
            ).id
            for n in range(WORKERS - 1)
        ]

        def act(number: int, name: str = name, ids: list[str] = ids) -> Any:
            if number == WORKERS - 1:
                return store.remove(name, by="me", now=NOW)
            return store.grants.approve(ids[number], "ben", by="op2", now=NOW)

        at_once(act)
        assert not any(store.grants.running(name, f"drop {n}", now=NOW) for n in range(WORKERS))


def test_somebody_new_is_added_once(store: IdentityStore) -> None:
    """Who signs in through a provider in several windows gets one account, and its groups."""

    def come(_number: int) -> Identity:
        return store.provider_links.resolve(
            "https://login.example",
            "248289761001",
            "carla",
            adds_users=True,
            groups=(["staff"], ["staff", "board"]),
            by="provider",
            now=NOW,
        )

    assert at_once(come) == [Identity("carla", ("staff",))] * WORKERS
    assert [link.identity for link in store.provider_links.all()] == ["carla"]
    told = [entry.action for entry in store.trail() if entry.by == "provider"]
    assert told == ["user added", "linked to provider", "groups changed"]

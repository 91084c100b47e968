"""argon2id: the cost that RFC 9106 recommends, the same for everybody who knocks."""

import threading
import time

import pytest
from argon2 import PasswordHasher, Type, extract_parameters

from sealgate.identity.adapters import password_hash
from sealgate.identity.adapters.password_hash import (
    LEAST_ROUNDS,
    MOST_AT_ONCE,
    MOST_ROUNDS,
    calibrated_rounds,
    check_hash,
    hash_password,
    needs_rehash,
)
from tests.waiting import PATIENCE_SECONDS

GOOD = "correct horse battery staple"


@pytest.fixture
def phc() -> str:
    """Return the hash of one password at the least number of rounds."""
    return hash_password(GOOD, LEAST_ROUNDS)


@pytest.fixture
def spent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have each computation of a hash leave its rounds here."""
    rounds: list[int] = []
    verify = PasswordHasher.verify

    def counted(self: PasswordHasher, phc: str, password: str) -> bool:
        rounds.append(extract_parameters(phc).time_cost)
        return verify(self, phc, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    return rounds


@pytest.mark.usefixtures("usual_cost")
def test_a_hash_costs_what_the_standard_recommends() -> None:
    """RFC 9106, 4, second option: argon2id, 3 passes, 4 lanes, 64 MiB, and a salt of its own."""
    phc = hash_password(GOOD, LEAST_ROUNDS)
    told = extract_parameters(phc)
    assert (told.type, told.version) == (Type.ID, 19)
    assert (told.time_cost, told.parallelism, told.memory_cost) == (3, 4, 65536)
    assert (told.salt_len, told.hash_len) == (16, 32)
    assert hash_password(GOOD, LEAST_ROUNDS) != phc


def test_only_the_password_is_right(phc: str) -> None:
    """Another one is wrong, and so is any for a damaged hash or none."""
    assert check_hash(phc, GOOD, LEAST_ROUNDS)
    assert not check_hash(phc, GOOD + " ", LEAST_ROUNDS)
    assert not check_hash(None, GOOD, LEAST_ROUNDS)
    assert not check_hash("", "", LEAST_ROUNDS)
    assert not check_hash(phc[:-4], GOOD, LEAST_ROUNDS)
    assert not check_hash("$argon2id$nonsense", GOOD, LEAST_ROUNDS)


def test_as_much_is_computed_for_a_stranger(phc: str, spent: list[int]) -> None:
    """Right, wrong, without a hash, damaged, and hashed at a lower cost: the rounds in force."""
    for held in (phc, None, "nonsense"):
        for password in (GOOD, "wrong"):
            for in_force in (LEAST_ROUNDS, LEAST_ROUNDS + 2):
                spent.clear()
                check_hash(held, password, in_force)
                assert sum(spent) == in_force, (held, password, in_force)


def test_a_cheaper_hash_is_due_to_be_made_anew(phc: str) -> None:
    """When the rounds in force rise, and never when they do not."""
    assert not needs_rehash(phc, LEAST_ROUNDS)
    assert needs_rehash(phc, LEAST_ROUNDS + 1)
    assert needs_rehash("nonsense", LEAST_ROUNDS)
    weak = PasswordHasher(time_cost=LEAST_ROUNDS, memory_cost=32, parallelism=1).hash(GOOD)
    assert needs_rehash(weak, LEAST_ROUNDS)


@pytest.mark.parametrize(
    ("seconds", "rounds"),
    [
        (10.0, LEAST_ROUNDS),
        (0.051, LEAST_ROUNDS),
        (0.025, 6),
        (0.001, MOST_ROUNDS),
        (0, MOST_ROUNDS),
    ],
)
def test_a_faster_machine_takes_more_rounds(
    monkeypatch: pytest.MonkeyPatch, seconds: float, rounds: int
) -> None:
    """Never fewer than the standard's, so that a guess costs 50 ms at least."""
    clock = iter((100.0, 100.0 + seconds))
    monkeypatch.setattr(
        "sealgate.identity.adapters.password_hash.time.perf_counter", clock.__next__
    )
    monkeypatch.setattr(password_hash, "hash_password", lambda *_: "")
    assert calibrated_rounds() == rounds


def test_a_crowd_at_the_door_takes_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many sign in at once, so many hashes of 64 MiB are computed at a time."""
    lock, now, most = threading.Lock(), 0, 0
    full = threading.Event()

    def slow(*_: object) -> bool:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        if most >= MOST_AT_ONCE:
            full.set()
        assert full.wait(PATIENCE_SECONDS)
        time.sleep(0.01)  # whoever could come in now, would
        with lock:
            now -= 1
        return False

    monkeypatch.setattr(password_hash, "_is_right", slow)
    crowd = [threading.Thread(target=check_hash, args=(None, "x", 3)) for _ in range(30)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert most == MOST_AT_ONCE

"""Codes count once in every process, and passkeys until they are revoked."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sealgate.database import sqlite_url
from sealgate.errors import SourceError, UsageError
from sealgate.identity.adapters.store import IdentityStore
from sealgate.identity.passkeys import ENROLMENT_SECONDS, Passkey, PasskeyError
from sealgate.identity.totp import code_at, recovery_codes

NOW = 1_800_000_015.0
STEP = int(NOW // 30)
SECRET = b"12345678901234567890"
CODES = recovery_codes(bytes(range(150)))
KEY = Passkey("id1", "anna", b"public", "shop.example", "phone", False, 5, NOW)


class Plain:
    """Stands for what seals: the name and the secret, in clear."""

    def seal(self, name: str, secret: bytes) -> bytes:
        """Return both."""
        return name.encode() + b":" + secret

    def open(self, name: str, sealed: bytes) -> bytes:
        """Return the secret, when it is of *name*."""
        if not sealed.startswith(name.encode() + b":"):
            raise SourceError("somebody else's")
        return sealed.partition(b":")[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the database is."""
    return tmp_path / "register.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[IdentityStore]:
    """Return a store in which anna has an app and ben has not."""
    with IdentityStore(sqlite_url(str(path))) as opened:
        opened.add("anna", ["staff"], by="me", now=1)
        opened.add("ben", [], by="me", now=1)
        sealed = Plain().seal("anna", SECRET)
        opened.second_factors.set_totp("anna", sealed, CODES, step=STEP - 1, by="me", now=NOW)
        yield opened


def check(store: IdentityStore, code: str, name: str = "anna", now: float = NOW) -> bool:
    """Return whether *code* is taken."""
    return store.second_factors.check_totp(name, code, Plain(), now=now)


def test_a_code_is_taken_once_and_the_confirming_one_not_again(store: IdentityStore) -> None:
    """Nor an older one, nor of somebody else."""
    assert not check(store, code_at(SECRET, STEP - 1))
    assert not check(store, code_at(SECRET, STEP), "ben")
    assert not check(store, "000000")
    assert check(store, code_at(SECRET, STEP))
    assert not check(store, code_at(SECRET, STEP))
    assert check(store, code_at(SECRET, STEP + 1))
    assert not check(store, code_at(SECRET, STEP), now=NOW - 30)
    for name in ("nobody", "", "\0", "\ud800"):
        assert not check(store, code_at(SECRET, STEP + 1), name, NOW + 60)


def test_of_many_who_bring_one_code_at_once_one_is_let_in(store: IdentityStore) -> None:
    """Each thread with its own connection, as processes have."""
    code, taken, gate = code_at(SECRET, STEP), [], threading.Barrier(8)

    def bring() -> None:
        gate.wait()
        taken.append(check(store, code))

    threads = [threading.Thread(target=bring) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False] * 7 + [True]


def test_a_row_that_was_moved_to_somebody_else_opens_nothing(store: IdentityStore) -> None:
    """The sealer tells whose a secret is."""
    store.second_factors.set_totp("ben", Plain().seal("anna", SECRET), (), step=0, by="me", now=NOW)
    with pytest.raises(SourceError):
        check(store, code_at(SECRET, STEP), "ben")


def test_a_recovery_code_is_taken_once(store: IdentityStore) -> None:
    """However it is typed, by its owner only; and it is told in the trail."""
    assert store.second_factors.recovery_codes_left("anna") == 10
    assert not store.second_factors.check_recovery_code("ben", CODES[0], now=NOW)
    assert not store.second_factors.check_recovery_code("anna", CODES[0][:-1], now=NOW)
    assert store.second_factors.check_recovery_code(
        "anna", CODES[0].lower().replace("-", ""), now=NOW
    )
    assert not store.second_factors.check_recovery_code("anna", CODES[0], now=NOW)
    assert store.second_factors.recovery_codes_left("anna") == 9
    assert store.trail()[-1].action == "recovery code used"
    for name in ("nobody", "\0", "\ud800"):
        assert not store.second_factors.check_recovery_code(name, CODES[1], now=NOW)


def test_no_secret_and_no_code_lies_in_the_database(store: IdentityStore, path: Path) -> None:
    """Of recovery codes there are hashes; what is sealed is the sealer's."""
    store.second_factors.make_enrolment("anna", by="me", now=NOW)
    told = b"".join(file.read_bytes() for file in path.parent.iterdir())
    for code in CODES:
        assert code.encode() not in told
        assert code.replace("-", "").encode() not in told


def test_a_new_app_ends_the_old_one_and_its_codes(store: IdentityStore) -> None:
    """And removing takes all of it, once."""
    other = b"x" * 20
    fresh = recovery_codes(bytes(range(150, 0, -1)))
    store.second_factors.set_totp(
        "anna", Plain().seal("anna", other), fresh, step=0, by="me", now=NOW + 1
    )
    assert not check(store, code_at(SECRET, STEP))
    assert not store.second_factors.check_recovery_code("anna", CODES[0], now=NOW)
    assert check(store, code_at(other, STEP))
    assert store.second_factors.with_totp() == {"anna"}
    assert store.second_factors.remove_totp("anna", by="me", now=NOW + 2)
    assert not store.second_factors.remove_totp("anna", by="me", now=NOW + 2)
    assert not check(store, code_at(other, STEP + 1))
    assert not store.second_factors.check_recovery_code("anna", fresh[0], now=NOW)
    assert store.second_factors.with_totp() == frozenset()
    for change in (store.second_factors.remove_totp, store.second_factors.user_handle):
        with pytest.raises(UsageError, match="no user"):
            change(
                "nobody"
            ) if change == store.second_factors.user_handle else store.second_factors.remove_totp(
                "nobody", by="me", now=NOW
            )


def test_a_passkey_is_found_until_it_is_revoked(store: IdentityStore) -> None:
    """By its id, as any other key; afterwards it never comes back."""
    store.second_factors.add_passkey(KEY, code=None, by="me", now=NOW)
    assert store.second_factors.passkey("id1") == KEY
    assert store.second_factors.passkeys("anna") == store.second_factors.passkeys() == (KEY,)
    assert store.second_factors.passkeys("ben") == ()
    for other in ("id2", "", "\0", "\ud800"):
        assert store.second_factors.passkey(other) is None
    with pytest.raises(UsageError, match="registered already"):
        store.second_factors.add_passkey(replace(KEY, identity="ben"), code=None, by="me", now=NOW)
    assert [key.handle for key in store.revoke("id1", by="me", now=NOW + 1)] == ["id1"]
    assert store.second_factors.passkey("id1") is None
    assert not store.second_factors.count_passkey(KEY, 99, now=NOW)
    with pytest.raises(UsageError, match="registered already"):
        store.second_factors.add_passkey(KEY, code=None, by="me", now=NOW)
    with pytest.raises(UsageError, match="no user"):
        store.second_factors.add_passkey(
            replace(KEY, id="id3", identity="carl"), code=None, by="me", now=NOW
        )


@pytest.mark.parametrize(
    ("held", "told", "fits"),
    [(5, 6, True), (5, 5, False), (5, 4, False), (5, 0, False), (0, 0, True), (0, 1, True)],
)
def test_a_counter_must_grow_or_always_be_0(
    store: IdentityStore,
    held: int,
    told: int,
    fits: bool,  # noqa: FBT001  # a table gives it
) -> None:
    """Compared with what is stored, not with what the caller read."""
    key = replace(KEY, sign_count=held)
    store.second_factors.add_passkey(key, code=None, by="me", now=NOW)
    assert store.second_factors.count_passkey(key, told, now=NOW + 1) == fits
    if fits and told:
        assert not store.second_factors.count_passkey(key, told, now=NOW + 2)
    found = store.second_factors.passkey("id1")
    assert found is not None
    assert (found.sign_count, found.used_at) == ((told, NOW + 1) if fits else (held, None))


def test_a_code_for_a_passkey_is_good_once_for_its_user_and_a_day(store: IdentityStore) -> None:
    """The next one ends it, and looking does not use it up."""
    first = store.second_factors.make_enrolment("anna", by="me", now=NOW)
    code = store.second_factors.make_enrolment("anna", by="me", now=NOW)
    bens = store.second_factors.make_enrolment("ben", by="me", now=NOW)
    assert store.second_factors.enrolment(first, now=NOW) is None
    assert (
        store.second_factors.enrolment(code, now=NOW)
        == store.second_factors.enrolment(code.lower(), now=NOW)
        == "anna"
    )
    assert store.second_factors.enrolment(code, now=NOW + ENROLMENT_SECONDS) is None
    assert store.second_factors.enrolment("", now=NOW) is None
    for bad, at in ((first, NOW), (bens, NOW), ("x", NOW), (code, NOW + ENROLMENT_SECONDS)):
        with pytest.raises(PasskeyError):
            store.second_factors.add_passkey(KEY, code=bad, by="anna", now=at)
    assert store.second_factors.passkeys() == ()
    store.second_factors.add_passkey(KEY, code=code, by="anna", now=NOW + 1)
    with pytest.raises(PasskeyError):
        store.second_factors.add_passkey(replace(KEY, id="id2"), code=code, by="anna", now=NOW + 1)
    assert store.second_factors.enrolment(code, now=NOW) is None


def test_a_user_handle_stays_and_tells_nothing(store: IdentityStore) -> None:
    """Random, of 64 bytes, one for each, and gone with the user."""
    handle = store.second_factors.user_handle("anna")
    assert (len(handle), store.second_factors.user_handle("anna")) == (64, handle)
    assert store.second_factors.user_handle("ben") != handle
    store.remove("anna", by="me", now=NOW)
    with pytest.raises(UsageError):
        store.second_factors.user_handle("anna")


def test_everything_goes_with_the_user(store: IdentityStore) -> None:
    """And who comes under that name later has none of it."""
    store.second_factors.add_passkey(KEY, code=None, by="me", now=NOW)
    code = store.second_factors.make_enrolment("anna", by="me", now=NOW)
    store.reassign("anna", ["approver"], [], by="me", now=NOW)
    assert [key.handle for key in store.remove("anna", by="me", now=NOW)] == ["id1"]
    again = store.add("anna", [], by="me", now=NOW)
    assert again.roles == ()
    assert store.identity("anna") == again
    assert not check(store, code_at(SECRET, STEP))
    assert not store.second_factors.check_recovery_code("anna", CODES[0], now=NOW)
    assert store.second_factors.enrolment(code, now=NOW) is None
    assert store.second_factors.passkey("id1") is None
    assert store.second_factors.recovery_codes_left("anna") == 0


def test_revoking_a_user_by_name_takes_their_passkeys(store: IdentityStore) -> None:
    """Beside certificates and SSH keys."""
    store.second_factors.add_passkey(KEY, code=None, by="me", now=NOW)
    assert [key.handle for key in store.revoke("anna", by="me", now=NOW)] == ["id1"]
    assert store.second_factors.passkey("id1") is None


def test_roles_are_kept_and_let_nobody_in(store: IdentityStore) -> None:
    """They are told with the identity, and are no groups."""
    assert store.add("carl", ["x"], roles=["approver"], by="me", now=NOW).roles == ("approver",)
    assert store.reassign("anna", ["approver"], [], by="me", now=NOW).groups == ("staff",)
    found = {i.name: (i.groups, i.roles) for i in store.identities()}
    assert found == {
        "anna": (("staff",), ("approver",)),
        "ben": ((), ()),
        "carl": (("x",), ("approver",)),
    }
    assert store.reassign("carl", [], ["approver"], by="me", now=NOW).roles == ()
    refused: list[Callable[[], object]] = [
        lambda: store.reassign("carl", [], ["approver"], by="me", now=NOW),
        lambda: store.reassign("carl", ["boss"], [], by="me", now=NOW),
        lambda: store.reassign("carl", ["approver"], ["approver"], by="me", now=NOW),
        lambda: store.reassign("nobody", ["approver"], [], by="me", now=NOW),
        lambda: store.add("dora", [], roles=["Approver"], by="me", now=NOW),
    ]
    for change in refused:
        with pytest.raises(UsageError):
            change()
    assert store.identity("dora") is None


BRINGER = """
import sys
from sealgate.identity.adapters.store import IdentityStore
with IdentityStore(sys.argv[1]) as store:
    print(sum(store.second_factors.check_recovery_code("anna", code, now=1.0) for code in sys.argv[2:]))
"""


def test_processes_share_what_is_used_up(store: IdentityStore, path: Path) -> None:
    """Three bring the same ten codes: ten are taken in all."""
    assert store.second_factors.recovery_codes_left("anna") == 10
    command = [sys.executable, "-c", BRINGER, sqlite_url(str(path)), *CODES]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    taken = [int(process.communicate(timeout=60)[0]) for process in running]
    assert sum(taken) == 10


def test_it_is_known_since_when_somebody_has_an_app(store: IdentityStore) -> None:
    """What rests on an app of before is worth nothing once another one is set up."""
    assert store.second_factors.totp_set_at("anna") == NOW
    assert store.second_factors.totp_set_at("ben") is None
    assert store.second_factors.totp_set_at("nobody") is None
    assert store.second_factors.totp_set_at("a\0b") is None
    store.second_factors.set_totp("anna", b"other", (), step=STEP, by="test", now=NOW + 1)
    assert store.second_factors.totp_set_at("anna") == NOW + 1
    store.second_factors.remove_totp("anna", by="test", now=NOW + 2)
    assert store.second_factors.totp_set_at("anna") is None

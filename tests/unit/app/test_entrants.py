"""Who could come in now, and which drops and tunnels nobody could open."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sealgate.app import entrants
from sealgate.app.entrants import nobody_yet
from sealgate.app.users import UserLine, add_user
from sealgate.config.parse import parse
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Address, Drop, Inventory, Listen
from tests.listening import file_listeners

NOW = 1_800_000_000.0
FILES = """\
[access]
countries = ["DE"]
geo_database = "country.mmdb"
[[drop]]
name = "open"
class = "restricted"
store = "file:open"
admit = ["group:partners"]
[[drop]]
name = "locked"
class = "confidential"
store = "file:locked"
admit = ["group:partners"]
[[tunnel]]
name = "db"
class = "confidential"
target = "127.0.0.1:5432"
admit = ["user:anna"]
"""


def inventory(folder: Path, **listen: tuple[Address, ...]) -> Inventory:
    """Return two drops and a tunnel."""
    found = parse(FILES, "sealgate.toml", folder=str(folder))
    return dataclasses.replace(found, listen=Listen(files=file_listeners(**listen)))


def shut(
    folder: Path, monkeypatch: pytest.MonkeyPatch, user: UserLine, **listen: tuple[Address, ...]
) -> list[str]:
    """Return the assets that only *user* might open, and cannot."""
    monkeypatch.setattr(entrants, "has_people", lambda _: True)
    monkeypatch.setattr(entrants, "list_users", lambda *_: (user,))
    return [remark.partition(":")[0] for remark in nobody_yet(inventory(folder, **listen), NOW)]


def test_without_a_database_there_is_nobody_and_none_is_made(tmp_path: Path) -> None:
    """Each drop and tunnel is told, with who may come in and what to type."""
    found = nobody_yet(inventory(tmp_path), NOW)

    assert found[0] == (
        "drop open: nobody who may come in (group:partners) has a key or a password yet: "
        "sealgate key add NAME FILE.pub"
    )
    assert [remark.partition(":")[0] for remark in found] == [
        "drop open",
        "drop locked",
        "tunnel db",
    ]
    assert list(tmp_path.iterdir()) == []


def test_where_there_are_only_sites_nothing_is_asked(tmp_path: Path) -> None:
    """No drop, no remark."""
    assert nobody_yet(Inventory("s", str(tmp_path)), NOW) == ()


def test_a_user_without_a_key_opens_nothing(tmp_path: Path) -> None:
    """Being known is half of it; this one is really in the database."""
    add_user(inventory(tmp_path), "anna", ["partners"], by="a test", now=NOW)
    assert len(nobody_yet(inventory(tmp_path), NOW)) == 3


FTPS = (Address("::", 21),)


@pytest.mark.parametrize(
    ("user", "listen", "expected"),
    [
        (UserLine("anna", ("partners",), 0, 1), {}, []),
        (UserLine("Anna", ("partners",), 0, 1), {}, ["tunnel db"]),
        (UserLine("eva", ("partners",), 0, 1), {}, ["tunnel db"]),
        (UserLine("anna", (), 0, 1), {}, ["drop open", "drop locked"]),
        (UserLine("anna", ("partners",), 0, 0, True), {}, ["drop locked", "tunnel db"]),
        # A certificate opens drops over FTPS, where that is served, and no tunnel.
        (UserLine("anna", ("partners",), 1, 0), {"ftps": FTPS}, ["tunnel db"]),
        (UserLine("anna", ("partners",), 1, 0), {}, ["drop open", "drop locked", "tunnel db"]),
        # An SSH key opens nothing where SSH is not served.
        (
            UserLine("anna", ("partners",), 0, 1),
            {"sftp": (), "ftps": FTPS},
            ["drop open", "drop locked", "tunnel db"],
        ),
    ],
)
def test_what_it_takes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    user: UserLine,
    listen: dict[str, tuple[Address, ...]],
    expected: list[str],
) -> None:
    """A key for the door that is open; a password where the class is content with it."""
    assert shut(tmp_path, monkeypatch, user, **listen) == expected


def test_a_secret_drop_needs_a_second_factor_and_an_approver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key alone opens nothing there, and without an approver nobody ever gets a grant."""
    secret = [c for c in DEFAULT_MODEL.classes if c.id == "secret"]
    drop = Drop("plans", secret[0], "file:plans", ("group:partners",))
    listen = Listen(files=file_listeners())
    found = Inventory("sealgate.toml", str(tmp_path), listen, drops=(drop,))
    lacking = (
        "drop plans: nobody who may come in (group:partners) has a key and a second factor yet: "
        "sealgate key add NAME FILE.pub, sealgate user totp NAME"
    )
    alone = (
        "drop plans: it takes a grant, and nobody may approve one yet: "
        "sealgate user role NAME --add approver"
    )
    key = UserLine("anna", ("partners",), 0, living_ssh_keys=1)
    boss = UserLine("boss", (), 0, roles=("approver",))
    monkeypatch.setattr(entrants, "has_people", lambda _: True)
    for users, remarks in (
        ((), (lacking, alone)),
        ((key,), (lacking, alone)),
        ((key, boss), (lacking,)),
        ((dataclasses.replace(key, has_totp=True), boss), ()),
        ((dataclasses.replace(key, has_password=True), boss), ()),
        ((dataclasses.replace(key, living_ssh_keys=0, has_totp=True), boss), (lacking,)),
    ):
        monkeypatch.setattr(entrants, "list_users", lambda *_, held=users: held)
        assert nobody_yet(found, NOW) == remarks

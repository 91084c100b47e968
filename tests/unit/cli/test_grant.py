"""``sealgate grant``, ``user role``, ``totp`` and ``passkey`` as a person types them."""

from __future__ import annotations

import io
import re
import time
from base64 import b32decode
from pathlib import Path

import pytest

from sealgate.app.users import open_identities
from sealgate.cli import run
from sealgate.config.load import load
from sealgate.demo.geography import make_country_database
from sealgate.identity.passkeys import Passkey
from sealgate.identity.totp import code_at

CONFIG = """
[access]
countries = ["DE"]
geo_database = "country.mmdb"
[[site]]
domains  = ["shop.example"]
upstream = "http://127.0.0.1:8080"
[[site.route]]
path  = "/"
class = "public"
[[drop]]
name  = "vault"
class = "secret"
store = "file:vault"
admit = ["user:anna"]
recipients = ["%s"]
"""


def sign_in(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Be *name* from now on."""
    monkeypatch.setattr("sealgate.app.actor.actor", lambda: name)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with a secret drop, where anna and ben, who may approve, are known."""
    from sealgate.storage.age.hybrid import HybridIdentity  # noqa: PLC0415  # made once a test

    make_country_database(tmp_path / "country.mmdb")
    recipient = str(HybridIdentity.generate().recipient())
    (tmp_path / "sealgate.toml").write_text(CONFIG % recipient)
    monkeypatch.chdir(tmp_path)
    sign_in(monkeypatch, "op")
    assert run(["user", "add", "anna"]) == 0
    assert run(["user", "add", "ben", "--role", "approver"]) == 0
    return tmp_path


def out(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what was printed since the last time."""
    told = capsys.readouterr()
    return told.out + told.err


def asked(capsys: pytest.CaptureFixture[str], duration: str = "1h30m") -> str:
    """Return the id of a grant that anna asked for."""
    out(capsys)
    command = ["grant", "ask", "drop vault", "--as", "anna", "--reason", "look at it"]
    assert run([*command, "--for", duration]) == 0
    found = re.match(r'grant (\w{8}): "anna" asks for "drop vault" for', out(capsys))
    assert found
    return found[1]


def test_a_grant_is_asked_approved_listed_and_ended(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By two logins; the one that asked cannot approve."""
    number = asked(capsys)
    assert run(["grant", "approve", number, "--as", "ben"]) == 2
    assert "by somebody else" in out(capsys)
    sign_in(monkeypatch, "other")
    assert run(["grant", "approve", number, "--as", "anna"]) == 2
    assert "does not hold the role" in out(capsys)
    assert run(["grant", "approve", number, "--as", "ben"]) == 0
    assert re.search(r'"anna" may reach "drop vault" until \d{4}-.* UTC', out(capsys))
    assert run(["grant", "list"]) == 0
    assert re.search(rf"{number}  anna +drop vault +running .* by ben: look at it", out(capsys))
    assert run(["grant", "end", number]) == 0
    assert run(["grant", "end", number]) == 2
    out(capsys)
    assert run(["grant", "list"]) == 0
    assert out(capsys) == "no grants\n"
    assert run(["grant", "list", "--all"]) == 0
    assert "ended" in out(capsys)


def test_a_grant_is_denied(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And cannot be approved afterwards."""
    number = asked(capsys, "45m")
    sign_in(monkeypatch, "other")
    assert run(["grant", "deny", number, "--as", "ben"]) == 0
    assert run(["grant", "approve", number, "--as", "ben"]) == 2
    assert "is denied" in out(capsys)


@pytest.mark.parametrize(
    ("duration", "told"),
    [
        ("", "is no time"),
        ("2d", "is no time"),
        ("h", "is no time"),
        ("1h 30m", "is no time"),
        ("-1h", "is no time"),
        ("\x1b[2J", "is no time"),
        ("0m", "0 minutes"),
        ("9h", "540 minutes"),
        ("999h", "59940 minutes"),
    ],
)
def test_a_time_is_read_or_refused(
    capsys: pytest.CaptureFixture[str], duration: str, told: str
) -> None:
    """With what is required; nothing is asked then."""
    command = ["grant", "ask", "drop vault", "--as", "anna", "--reason", "look at it"]
    assert run([*command, "--for", duration]) == 2
    said = out(capsys)
    assert told in said
    assert "\x1b" not in said
    assert run(["grant", "list", "--all"]) == 0
    assert "no grants" in out(capsys)


def test_roles_are_given_and_taken(capsys: pytest.CaptureFixture[str]) -> None:
    """And listed; an unknown one is refused."""
    assert run(["user", "role", "anna", "--add", "approver"]) == 0
    assert '"anna" holds the role approver' in out(capsys)
    assert run(["user", "list"]) == 0
    assert re.search(r"anna .* approver\n", out(capsys))
    assert run(["user", "role", "anna", "--remove", "approver"]) == 0
    assert "no role" in out(capsys)
    for bad in (["--add", "boss"], [], ["--remove", "approver"]):
        assert run(["user", "role", "anna", *bad]) == 2
    assert run(["user", "add", "carl", "--role", "boss"]) == 2
    assert 'no role "boss"' in out(capsys)


class Phone:
    """Standard input that answers with the code of the secret that was printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.shown = ""

    def isatty(self) -> bool:
        """Return that nobody sits there."""
        return False

    def readline(self, _size: int) -> str:
        """Look at what is shown, and type the code."""
        self.shown = out(self._capsys)
        found = re.search(r"secret=(\w+)", self.shown)
        assert found
        step = int(time.time() // 30)
        return f"{code_at(b32decode(found[1]), step)}\n"


def test_an_app_is_set_up_and_removed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The URI is shown, the code asked for, and recovery codes are printed once."""
    out(capsys)
    phone = Phone(capsys)
    monkeypatch.setattr("sys.stdin", phone)
    assert run(["user", "totp", "anna"]) == 0
    assert "otpauth://totp/shop.example:anna?secret=" in phone.shown
    said = out(capsys)
    assert len(re.findall(r"^  (?:[A-Z2-7]{4}-){5}[A-Z2-7]{4}$", said, re.MULTILINE)) == 10
    assert "secret=" not in said
    monkeypatch.setattr("sys.stdin", io.StringIO("000000\n"))
    assert run(["user", "totp", "anna"]) == 2
    assert "not the code" in out(capsys)
    assert run(["user", "list"]) == 0
    assert re.search(r"anna +0 +0 +no +0 +yes\n", out(capsys))
    assert run(["user", "totp", "anna", "--remove"]) == 0
    assert run(["user", "totp", "anna", "--remove"]) == 0
    assert "had none" in out(capsys)
    assert run(["user", "totp", "nobody"]) == 2


def test_a_passkey_is_invited_listed_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    """The code registers one; what is registered can be told apart."""
    out(capsys)
    assert run(["user", "passkey", "anna", "--list"]) == 0
    assert "no passkeys" in out(capsys)
    assert run(["user", "passkey", "anna"]) == 0
    assert "no page asks for a passkey yet" in out(capsys)
    config = Path("sealgate.toml")
    route = '[[site.route]]\npath = "/board"\nclass = "confidential"\naccess = "high"\nadmit = ["user:anna"]\n[[drop]]'
    config.write_text(config.read_text().replace("[[drop]]", route))
    assert run(["user", "passkey", "anna"]) == 0
    said = out(capsys)
    found = re.search(r"code: (\S{29})\nfor \"anna\", until .* UTC, on shop.example", said)
    assert "\nat https://shop.example/.sealgate/passkey/new\n" in said
    assert found
    key = Passkey("id-1", "anna", b"", "shop.example", "phone", True, 0, 1)
    with open_identities(load("sealgate.toml")) as store:
        store.second_factors.add_passkey(key, code=found[1], by="anna", now=time.time())
    assert run(["user", "passkey", "anna", "--list"]) == 0
    told = "id-1  phone  shop.example  living, synced, last used never"
    assert told in out(capsys)
    assert run(["user", "passkey", "anna", "--remove", "phone"]) == 0
    assert run(["user", "passkey", "anna", "--remove", "phone"]) == 2
    assert run(["user", "passkey", "anna", "--list", "--remove", "phone"]) == 2
    out(capsys)
    assert run(["user", "passkey", "anna", "--list"]) == 0
    assert "revoked" in out(capsys)

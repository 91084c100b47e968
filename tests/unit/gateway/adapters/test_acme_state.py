"""What is remembered of orders and of how certificates are kept, whatever lies in the files."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from sealgate.gateway.adapters.acme_state import Order, OrderFile, Upkeep, UpkeepFile

ORDER = Order("https://acme.example/order/1", "https://acme.example/me", ("a.example",), "KEY")
BROKEN = ["", "{", "[]", "null", '{"uri": 1}', '{"domains": 7}', "[" * 100_000]


def test_an_order_comes_back_and_is_for_its_owner_only(tmp_path: Path) -> None:
    """It holds a private key."""
    file = OrderFile(str(tmp_path), "a.example")
    assert file.read() is None
    file.write(ORDER)
    assert OrderFile(str(tmp_path), "a.example").read() == ORDER
    [path] = [one for one in tmp_path.rglob("*") if one.is_file()]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    file.remove()
    file.remove()
    assert file.read() is None


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_file_is_as_none(tmp_path: Path, text: str) -> None:
    """Nothing that lies there ends the gateway; at worst, one order more is made."""
    OrderFile(str(tmp_path), "a.example").write(ORDER)
    UpkeepFile(str(tmp_path), "a.example").write(Upkeep(failures=3))
    for path in tmp_path.rglob("*.json"):
        path.write_text(text)
    assert OrderFile(str(tmp_path), "a.example").read() is None
    assert UpkeepFile(str(tmp_path), "a.example").read() == Upkeep()


@pytest.mark.parametrize(
    "wrong",
    [
        {"failures": "3"},
        {"failures": True},
        {"renew_at": None},
        {"renew_at": float("inf")},
        {"shown": 1},
        {"last_error": ["x"]},
    ],
)
def test_a_value_of_another_type_is_not_believed(tmp_path: Path, wrong: dict[str, object]) -> None:
    """One that does not fit takes the others with it: they are of no known moment."""
    file = UpkeepFile(str(tmp_path), "a.example")
    file.write(Upkeep(fingerprint="ab", renew_at=1.5, failures=2, shown=False))
    assert file.read() == Upkeep(fingerprint="ab", renew_at=1.5, failures=2, shown=False)
    [path] = tmp_path.rglob("*.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | wrong))
    assert file.read() == Upkeep()


def test_a_field_of_a_later_version_is_passed_over(tmp_path: Path) -> None:
    """A file of another version says what we know of."""
    file = UpkeepFile(str(tmp_path), "a.example")
    file.write(Upkeep(failures=1))
    [path] = tmp_path.rglob("*.json")
    path.write_text(json.dumps({"failures": 2, "colour": "red"}))
    assert file.read() == Upkeep(failures=2)


def test_a_wish_is_granted_once(tmp_path: Path) -> None:
    """A person asks for a new certificate, and the gateway takes that up."""
    file = UpkeepFile(str(tmp_path), "a.example")
    assert not file.is_wished
    file.wish()
    assert UpkeepFile(str(tmp_path), "a.example").is_wished
    assert not UpkeepFile(str(tmp_path), "b.example").is_wished
    file.granted()
    file.granted()
    assert not file.is_wished


@pytest.mark.parametrize("site", ["../../etc/passwd", "..", ".hidden", "a/b"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, site: str) -> None:
    """Whatever a site is called, its files stand where they belong."""
    folder = tmp_path / "acme"
    OrderFile(str(folder), site).write(ORDER)
    [path] = [one for one in tmp_path.rglob("*") if one.is_file()]
    assert path.parent == folder / "orders"

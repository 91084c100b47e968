"""What the page of settings says of drops whose class demands access "very high" is what is done."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from sealgate.config.load import load
from sealgate.demo.geography import make_country_database
from sealgate.identity.grants import Grant
from sealgate.policy.inventory import Inventory
from sealgate.protocols.authorize import refusal
from sealgate.protocols.guarantees import refusals
from sealgate.protocols.model import Caller, Channel, Method
from sealgate.protocols.ssh.transit import SFTP
from sealgate.storage.age.hybrid import HybridIdentity

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "config.md"
NOW = 1_800_000_000.0
CHANNEL = Channel(
    SFTP,
    "192.0.2.1",
    "SSH-2.0",
    "mlkem768x25519-sha256",
    "aes256-gcm@openssh.com",
    "",
    strict_kex=True,
)
GRANT = Grant("1", "anna", "drop board", "audit", 60, "anna", NOW - 60, "ben", approved_at=NOW - 30)
EVERYTHING = Caller(
    "anna",
    (),
    frozenset([Method.PUBLIC_KEY, Method.ONE_TIME_CODE]),
    "DE",
    grants=(GRANT,),
)
# What the page may name, and callers who have everything else.
WITHOUT = {
    "a key": (
        replace(EVERYTHING, methods=frozenset([Method.ONE_TIME_CODE])),
        replace(EVERYTHING, methods=frozenset([Method.ONE_TIME_CODE, Method.PASSWORD])),
    ),
    "a second factor at that sign-in": (
        replace(EVERYTHING, methods=frozenset([Method.PUBLIC_KEY])),
    ),
    "an allowed country": (
        replace(EVERYTHING, country="FR"),
        replace(EVERYTHING, country=None),
    ),
    "a grant that another person approved": (
        replace(EVERYTHING, grants=()),
        replace(EVERYTHING, grants=(replace(GRANT, approver="", approved_at=None),)),
        replace(EVERYTHING, grants=(replace(GRANT, asset="drop other"),)),
        replace(EVERYTHING, grants=(replace(GRANT, person="ben"),)),
        replace(EVERYTHING, grants=(replace(GRANT, approved_at=NOW - 3601),)),
    ),
}
_SERVED_NOT = re.compile(r"\b(?:can ?not|never|no longer|not yet)\b[^.]*\bserved?\b|\bnot served\b")


def stated() -> list[str]:
    """Return what people need, as the rules over drops on the page name it."""
    part = PAGE.read_text("utf-8").partition("Rules that hold over drops:")[2].partition("\n## ")[0]
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", " ".join(part.split()))
    said = re.findall(r"Where the class demands access `very high`, people need ([^.]*)\.", text)
    assert len(said) == 1, said
    return [one.strip() for one in re.split(r", | and ", said[0])]


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """Give a drop of the strictest class with everything that it takes."""
    make_country_database(tmp_path / "country.mmdb")
    path = tmp_path / "sealgate.toml"
    path.write_text(
        f"""
        [listen]
        sftp = "127.0.0.1:2022"
        [access]
        countries = ["DE"]
        geo_database = "country.mmdb"
        [[drop]]
        name = "board"
        class = "secret"
        store = "file:board"
        admit = ["user:anna"]
        recipients = ["{HybridIdentity.generate().recipient()}"]
        """,
        "utf-8",
    )
    return load(str(path))


def test_such_a_drop_is_served(inventory: Inventory) -> None:
    """To who has all that the page names, and no page says that it is not."""
    (drop,) = inventory.drops
    assert drop.classification.required.access == max(
        one.required.access for one in inventory.model.classes
    )
    assert refusals(inventory, {"board": None}, now=NOW) == ()
    assert refusal(drop, EVERYTHING, CHANNEL, inventory.access, NOW) is None
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for part in re.split(r"\n\n|\n- |\n\| ", page.read_text("utf-8")):
            if re.search(r"very[ -]high", part) and re.search(r"\b(?:drops?|class)\b", part):
                assert not _SERVED_NOT.search(" ".join(part.split())), (page, part)


@pytest.mark.parametrize("missing", list(WITHOUT))
def test_whoever_lacks_what_the_page_names_is_refused(inventory: Inventory, missing: str) -> None:
    """The page names each thing that is asked for, and nothing else."""
    assert sorted(stated()) == sorted(WITHOUT)
    (drop,) = inventory.drops
    for caller in WITHOUT[missing]:
        assert refusal(drop, caller, CHANNEL, inventory.access, NOW) is not None, caller

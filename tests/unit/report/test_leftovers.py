"""A plan tells what is refused by its name, and where it is served."""

from __future__ import annotations

from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, Inventory, Route, Site, Upstream
from sealgate.policy.leftovers import Leftover
from sealgate.report.leftovers import leftover_lines, leftovers_data

PUBLIC = DEFAULT_MODEL.classes[0]
DUMPS = Route(Door("/pub"), PUBLIC, leftovers=(Leftover.DUMPS,))
SITE = Site(("shop.example",), Upstream("http", "127.0.0.1", 80), (Route(Door("/"), PUBLIC), DUMPS))


def test_kinds_and_exceptions_are_told() -> None:
    """Every kind with its endings, then each route that serves one."""
    inventory = Inventory("f", "/s", sites=(SITE,))
    dots, backups, _, logs, serves = leftover_lines(inventory)
    assert dots.startswith("dot files are refused: ")
    assert ".bak" in backups
    assert "error_log" in logs
    assert serves == "route shop.example/pub serves: dumps"
    assert leftovers_data(inventory) == [{"asset": "route shop.example/pub", "serves": ["dumps"]}]


def test_without_a_site_nothing_is_told() -> None:
    """Nobody could ask for anything."""
    assert list(leftover_lines(Inventory("f", "/s"))) == []

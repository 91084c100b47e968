"""The example shop by itself, without a gateway."""

import asyncio
import json
import sqlite3
from pathlib import Path

import httpx
import pytest
from stdnum import iban

from sealgate.demo.shop.data import GUEST, hash_password, make_database, password_matches
from sealgate.demo.shop.site import make_site


@pytest.fixture
def shop(tmp_path: Path) -> httpx.AsyncClient:
    """The shop on a fresh database, called without a network."""
    make_database(tmp_path / "shop.sqlite")
    site = make_site(tmp_path / "shop.sqlite", tmp_path / "log")
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=site), base_url="http://shop.example"
    )


def test_invented_people_look_real(tmp_path: Path) -> None:
    """Account numbers have right check digits and no two customers share one."""
    make_database(tmp_path / "shop.sqlite")
    with sqlite3.connect(tmp_path / "shop.sqlite") as connection:
        accounts = [row[0] for row in connection.execute("SELECT iban FROM customers")]
    connection.close()
    assert len(set(accounts)) == 48
    assert all(iban.is_valid(account) for account in accounts)


def test_a_password_matches_its_own_hash_only() -> None:
    """The right password is taken, another is not."""
    stored = hash_password("walnut")
    assert password_matches("walnut", stored)
    assert not password_matches("wallnut", stored)


def test_sign_in_and_account(shop: httpx.AsyncClient) -> None:
    """A stranger is sent to the form, the guest sees the own account, a wrong word fails."""

    async def walk() -> None:
        async with shop:
            assert (await shop.get("/account")).headers["location"] == "/login"
            wrong = await shop.post("/login", data={"email": GUEST[0], "password": "no"})
            assert wrong.status_code == 401
            right = await shop.post("/login", data={"email": GUEST[0], "password": GUEST[1]})
            assert right.status_code == 303
            assert "Greta" in (await shop.get("/account")).text

    asyncio.run(walk())


def test_card_numbers_are_neither_kept_nor_logged(shop: httpx.AsyncClient, tmp_path: Path) -> None:
    """After a checkout no file of the shop holds the card."""
    card = "4111111111111111"

    async def pay() -> None:
        async with shop:
            data = {"name": "A", "address": "B 1", "card": card, "cvc": "123"}
            assert "Thank you" in (await shop.post("/checkout", data=data)).text

    asyncio.run(pay())
    for path in tmp_path.iterdir():
        assert card.encode() not in path.read_bytes()


def test_each_request_is_logged_with_what_it_was_told(
    shop: httpx.AsyncClient, tmp_path: Path
) -> None:
    """One line a request, with the headers that a proxy may set."""

    async def ask() -> None:
        async with shop:
            await shop.get("/robots.txt", headers={"X-Forwarded-For": "192.0.2.1", "Cookie": "a"})

    asyncio.run(ask())
    [line] = [json.loads(text) for text in (tmp_path / "log").read_text().splitlines()]
    assert line["path"] == "/robots.txt"
    assert line["told"] == {"x-forwarded-for": "192.0.2.1"}

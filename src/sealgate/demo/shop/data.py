"""
The shop's database: what a small shop keeps, with invented people.

Names, addresses and numbers are made up; account numbers carry valid check digits,
because that is what a detector has to recognise.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = """
CREATE TABLE products (id INTEGER PRIMARY KEY, title TEXT, price_cents INTEGER, text TEXT);
CREATE TABLE customers (
    id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT, email TEXT UNIQUE, phone TEXT,
    street TEXT, zip TEXT, city TEXT, date_of_birth TEXT, iban TEXT, password_hash TEXT,
    fax TEXT);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers, ordered_on TEXT,
    total_cents INTEGER, ship_to_name TEXT, ship_to_address TEXT);
CREATE TABLE news (id INTEGER PRIMARY KEY, published_on TEXT, headline TEXT, body TEXT);
"""

PRODUCTS = (
    ("Walnut bowl", 4900, "Turned from one piece, oiled twice."),
    ("Linen towel", 1900, "Woven on a shaft loom; softer with every wash."),
    ("Oak stool", 12900, "Three legs, so it never rocks."),
    ("Beeswax candle", 900, "Burns for nine hours, or six suppers."),
)
NEWS = (
    ("2026-03-02", "We are open again", "The workshop is open from Tuesday to Saturday."),
    ("2026-06-21", "Summer market", "Find us beside the fountain on the old square."),
)
FIRST_NAMES = ("Greta", "Jonas", "Ingrid", "Emil", "Astrid", "Paul", "Maja", "Oskar")
LAST_NAMES = ("Lindqvist", "Baumann", "Haugen", "Keller", "Solberg", "Winter", "Dahl", "Brandt")
STREETS = ("Wilhelmshöher Allee 12", "Königsstraße 3", "Storgata 8", "Lange Gasse 41")
CITIES = (("34117", "Kassel"), ("34131", "Kassel"), ("0155", "Oslo"), ("37073", "Göttingen"))
# Who can sign in: an invented customer, so that the demo has a way in.
GUEST = ("greta.lindqvist0@example.org", "walnut-bowl")


def hash_password(password: str, salt: bytes | None = None) -> str:
    """Return *password* as a scrypt hash in modular form: ``$scrypt$ln=14$salt$hash``."""
    salt = os.urandom(16) if salt is None else salt
    digest = hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)
    return f"$scrypt$ln=14,r=8,p=1${salt.hex()}${digest.hex()}"


def password_matches(password: str, stored: str) -> bool:
    """Return whether *password* is the one that *stored* was made from."""
    salt = stored.split("$")[3]
    return secrets.compare_digest(hash_password(password, bytes.fromhex(salt)), stored)


def make_database(path: Path, customers: int = 48) -> None:
    """Create the shop's database at *path* with that many invented *customers*."""
    guest_hash = hash_password(GUEST[1])
    rows = []
    for number in range(customers):
        first = FIRST_NAMES[number % len(FIRST_NAMES)]
        last = LAST_NAMES[number // len(FIRST_NAMES) % len(LAST_NAMES)]
        code, city = CITIES[number % len(CITIES)]
        rows.append(
            (
                first,
                last,
                f"{first}.{last}{number}@example.org".lower(),
                f"+49 561 70{number:05d}",
                STREETS[number % len(STREETS)],
                code,
                city,
                f"19{60 + number % 40}-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
                _iban(f"{52050353:08d}{1000000000 + number * 37:010d}"),
                guest_hash if number == 0 else _nobodys_hash(),
            )
        )
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(SCHEMA)
        connection.executemany(
            "INSERT INTO products (title, price_cents, text) VALUES (?, ?, ?)", PRODUCTS
        )
        connection.executemany(
            "INSERT INTO customers (first_name, last_name, email, phone, street, zip, city,"
            " date_of_birth, iban, password_hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        connection.executemany(
            "INSERT INTO news (published_on, headline, body) VALUES (?, ?, ?)", NEWS
        )


def _nobodys_hash() -> str:
    # Invented people have no password: the form is right, and no word leads to it.
    return f"$scrypt$ln=14,r=8,p=1${os.urandom(16).hex()}${os.urandom(32).hex()}"


def _iban(account: str) -> str:
    # ISO 7064 MOD 97-10, as ISO 13616 asks; D and E are 13 and 14.
    check = 98 - int(f"{account}131400") % 97
    return f"DE{check:02d}{account}"

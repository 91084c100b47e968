"""
The tables that the benchmark reads: seeded, the same on every machine, near to real.

``customers`` is what a shop keeps of its customers, dense with personal data;
``measurements`` is a wide table of numbers in which nothing is to be found. Every value
is made up.
"""

from __future__ import annotations

import csv
import json
import random
import sqlite3
from typing import TYPE_CHECKING

from benchmarks.assess.corpus import FIRST, LAST, iban_number, sentence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CUSTOMER_FIELDS = (
    "id",
    "first_name",
    "last_name",
    "email",
    "phone",
    "iban",
    "street",
    "postal_code",
    "city",
    "date_of_birth",
    "created_at",
    "status",
    "balance",
    "notes",
)
_STREETS = "Lindenstraße,Hauptstraße,Am Markt,Goethestraße,Ringweg,Schulstraße,Bergallee".split(",")  # noqa: SIM905 - a list of names
_CITIES = "Berlin Hamburg München Köln Frankfurt Stuttgart Leipzig Kassel".split()  # noqa: SIM905 - a list of names
_STATUS = ("active", "active", "active", "paused", "closed")
# Rows of the SQLite table that are written in one statement.
_ROWS_AT_ONCE = 1000
_MEASURED_COLUMNS = 40


def customers(seed: int = 2) -> Iterator[tuple[str, ...]]:
    """Yield customers without end, each with the fields of ``CUSTOMER_FIELDS``."""
    rng = random.Random(seed)  # noqa: S311 - a benchmark's text, not a secret
    number = 100_000
    while True:
        number += 1
        first, last = rng.choice(FIRST), rng.choice(LAST)
        note = sentence(rng) if rng.random() < 0.6 else ""
        yield (
            str(number),
            first,
            last,
            f"{first.lower()}.{last.lower()}{rng.randint(1, 9999)}@mail{rng.randint(1, 9)}.example.com",
            f"+49 {rng.choice((30, 40, 89, 221))} {rng.randint(1000000, 9999999)}",
            iban_number(rng),
            f"{rng.choice(_STREETS)} {rng.randint(1, 200)}",
            f"{rng.randint(10000, 99999)}",
            rng.choice(_CITIES),
            f"{rng.randint(1940, 2006)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
            f"2026-{rng.randint(1, 12):02}-{rng.randint(1, 28):02} {rng.randint(0, 23):02}:{rng.randint(0, 59):02}:07",
            rng.choice(_STATUS),
            f"{rng.randint(0, 9000)}.{rng.randint(0, 99):02}",
            note,
        )


def customers_csv(path: Path, size: int) -> int:
    """Write customers to *path* as CSV until it has *size* bytes, and return how many."""
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(CUSTOMER_FIELDS)
        for row in customers():
            writer.writerow(row)
            rows += 1
            if rows % _ROWS_AT_ONCE == 0 and file.tell() >= size:
                return rows
    return rows


def customers_jsonl(path: Path, size: int) -> int:
    """Write customers to *path* as JSON Lines until it has *size* bytes, and return how many."""
    rows = 0
    with path.open("w", encoding="utf-8") as file:
        for row in customers():
            named: dict[str, object] = dict(zip(CUSTOMER_FIELDS, row, strict=True))
            named["id"], named["balance"] = int(row[0]), float(row[12])
            file.write(json.dumps(named, ensure_ascii=False) + "\n")
            rows += 1
            if rows % _ROWS_AT_ONCE == 0 and file.tell() >= size:
                return rows
    return rows


def customers_sqlite(path: Path, rows: int) -> int:
    """Write *rows* customers into a table of the SQLite file at *path*, and return how many."""
    source = customers()
    marks = ", ".join("?" for _ in CUSTOMER_FIELDS)
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE customers ({', '.join(CUSTOMER_FIELDS)})")
        for _ in range(0, rows, _ROWS_AT_ONCE):
            batch = [next(source) for _ in range(_ROWS_AT_ONCE)]
            connection.executemany(f"INSERT INTO customers VALUES ({marks})", batch)  # noqa: S608 - question marks
    connection.close()
    return rows


def measurements_csv(path: Path, size: int, seed: int = 2) -> int:
    """Write rows of numbers to *path* as CSV until it has *size* bytes, and return how many."""
    rng = random.Random(seed)  # noqa: S311 - a benchmark's text, not a secret
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["taken", "station", *(f"m{n}" for n in range(_MEASURED_COLUMNS))])
        while True:
            number = rng.random() * 1000
            writer.writerow(
                [
                    f"2026-05-{rng.randint(1, 28):02} {rng.randint(0, 23):02}:{rng.randint(0, 59):02}",
                    rng.randint(1, 400),
                    *(f"{number * (n + 1) % 977:.3f}" for n in range(_MEASURED_COLUMNS)),
                ]
            )
            rows += 1
            if rows % _ROWS_AT_ONCE == 0 and file.tell() >= size:
                return rows

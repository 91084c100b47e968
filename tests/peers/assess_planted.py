"""
A folder and a shop in which every kind of data is planted, made anew from a seed.

Every value is invented; check digits are computed, keys are made for the run.
"""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import json
import random
import sqlite3
import string
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sealgate.detect.catalogue import Kind

if TYPE_CHECKING:
    from pathlib import Path

FIRST = ("Greta", "Jonas", "Ingrid", "Oskar", "Maria", "Thomas", "Anna", "Peter", "Julia", "Paul")
LAST = ("Lindqvist", "Baumann", "Haugen", "Keller", "Solberg", "Winter", "Dahl", "Brandt")
STREETS = ("Lange Gasse", "Baker Street", "Königsstraße", "Maple Street", "Wilhelmshöher Allee")
CITIES = ("Kassel", "Oslo", "Göttingen", "Bergen", "Hamburg")
DRUGS = ("Metformin", "Ibuprofen", "Ramipril", "Amoxicillin", "Simvastatin")
DISEASES = ("E11.9", "I10.0", "J45.0", "F32.1", "C50.9")
WORDS = ("walnut", "linen", "oak", "beeswax", "bowl", "towel", "stool", "candle", "loom", "oil")


@dataclass(slots=True)
class Planter:
    """Makes values, and remembers each that must never be seen again."""

    seed: int
    values: list[str] = field(default_factory=list)
    random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        """Start the sequence."""
        self.random = random.Random(self.seed)  # noqa: S311  # planted data, made anew from its seed

    def letters(self, length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
        """Return random characters."""
        return "".join(self.random.choice(alphabet) for _ in range(length))

    def value(self, kind: Kind) -> str:
        """Return a new value of *kind*."""
        made = VALUES[kind](self)
        if kind in DISTINCT:
            self.values.append(made)
        return made

    def prose(self, lines: int) -> str:
        """Return text in which nothing is planted."""
        return "".join(
            " ".join(self.random.choice(WORDS) for _ in range(8)) + ".\n" for _ in range(lines)
        )


def _iban(planter: Planter) -> str:
    account = planter.letters(18, string.digits)
    # ISO 7064, MOD 97-10; D and E are 13 and 14.
    check = 98 - int(f"{account}131400") % 97
    return f"DE{check:02d}{account}"


def _card(planter: Planter) -> str:
    body = "4" + planter.letters(14, string.digits)
    # ISO/IEC 7812-1, annex B (Luhn).
    total = sum(
        sum(divmod(int(d) * (2 if place % 2 == 0 else 1), 10)) for place, d in enumerate(body)
    )
    return f"{body}{-total % 10}"


def _jwt(planter: Planter) -> str:
    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    head = part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    body = part(json.dumps({"sub": planter.letters(12)}).encode())
    return f"{head}.{body}.{part(planter.letters(32).encode())}"


def _private_key(_planter: Planter) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _hash(planter: Planter) -> str:
    return f"$2b$12${planter.letters(53, './' + string.ascii_letters + string.digits)}"


VALUES: Mapping[Kind, Callable[[Planter], str]] = {
    Kind.LOGIN: lambda p: f"{p.random.choice(FIRST).lower()}{p.letters(5, string.digits)}",
    Kind.PASSWORD: lambda p: f"Zq{p.letters(9)}!7",
    Kind.PASSWORD_HASH: _hash,
    Kind.ACCESS_CODE: lambda p: p.letters(6, string.digits),
    Kind.ACCESS_TOKEN: lambda p: f"ghp_{p.letters(36)}",
    Kind.JWT: _jwt,
    Kind.SESSION_ID: lambda p: p.letters(32, "0123456789abcdef"),
    Kind.PRIVATE_KEY: _private_key,
    Kind.PERSON_NAME: lambda p: f"{p.random.choice(FIRST)} {p.random.choice(LAST)}",
    Kind.BIRTH_DATE: lambda p: (
        f"19{p.random.randint(40, 99)}-0{p.random.randint(1, 9)}-1{p.letters(1, string.digits)}"
    ),
    Kind.NATIONAL_ID: lambda p: (
        f"{p.random.randint(101, 665)}-{p.random.randint(11, 99)}-{p.random.randint(1001, 9999)}"
    ),
    Kind.GENDER: lambda p: p.random.choice(["female", "male"]),
    Kind.AGE: lambda p: str(p.random.randint(18, 90)),
    Kind.NATIONALITY: lambda p: p.random.choice(["German", "Norwegian", "Danish"]),
    Kind.EMAIL: lambda p: f"{p.random.choice(FIRST)}.{p.letters(9)}@example.org".lower(),
    Kind.PHONE: lambda p: f"+49 561 7{p.letters(7, string.digits)}",
    Kind.STREET_ADDRESS: lambda p: f"{p.random.choice(STREETS)} {p.random.randint(1, 99)}",
    Kind.CITY: lambda p: p.random.choice(CITIES),
    Kind.POSTAL_CODE: lambda p: f"3{p.letters(4, string.digits)}",
    Kind.PAYMENT_CARD: _card,
    Kind.CARD_VERIFICATION: lambda p: p.letters(3, string.digits),
    Kind.IBAN: _iban,
    Kind.BANK_ACCOUNT: lambda p: p.letters(10, string.digits),
    Kind.BIC: lambda _: "COBADEFFXXX",
    Kind.TRANSACTION: lambda p: f"TX{p.letters(8, string.digits)}",
    Kind.DIAGNOSIS: lambda p: p.random.choice(DISEASES),
    Kind.MEDICATION: lambda p: p.random.choice(DRUGS),
    Kind.INSURANCE_NUMBER: lambda p: f"K{p.letters(9, string.digits)}",
    Kind.PATIENT_NUMBER: lambda p: f"P{p.letters(7, string.digits)}",
    Kind.ETHNICITY: lambda p: p.random.choice(["Sami", "Kven", "Asian"]),
    Kind.RELIGION: lambda p: p.random.choice(["Lutheran", "Catholic", "Jewish"]),
    Kind.POLITICAL_OPINION: lambda p: p.random.choice(["Liberal", "Green", "Conservative"]),
    Kind.UNION_MEMBERSHIP: lambda p: p.random.choice(["IG Metall", "verdi"]),
    Kind.SEXUAL_ORIENTATION: lambda p: p.random.choice(["heterosexual", "bisexual", "gay"]),
    Kind.BIOMETRIC: lambda p: p.letters(64, "0123456789abcdef"),
    Kind.CRIMINAL_RECORD: lambda p: p.random.choice(["theft 2011", "fraud 2014"]),
    Kind.SALARY: lambda p: str(p.random.randint(28000, 99000)),
    Kind.IP_ADDRESS: lambda p: (
        f"84.{p.random.randint(1, 200)}.{p.random.randint(1, 250)}.{p.random.randint(1, 250)}"
    ),
    Kind.GEOLOCATION: lambda p: f"5{p.random.randint(1, 9)}.{p.letters(6, string.digits)}",
}
# Long enough that finding one elsewhere is no chance.
DISTINCT = frozenset(
    [
        Kind.PASSWORD,
        Kind.PASSWORD_HASH,
        Kind.ACCESS_TOKEN,
        Kind.JWT,
        Kind.SESSION_ID,
        Kind.EMAIL,
        Kind.PHONE,
        Kind.PAYMENT_CARD,
        Kind.IBAN,
        Kind.BANK_ACCOUNT,
        Kind.INSURANCE_NUMBER,
        Kind.NATIONAL_ID,
        Kind.BIOMETRIC,
        Kind.TRANSACTION,
    ]
)
HEADERS: Mapping[Kind, str] = {
    Kind.LOGIN: "username",
    Kind.PASSWORD: "password",
    Kind.PASSWORD_HASH: "password_hash",
    Kind.ACCESS_CODE: "door_code",
    Kind.ACCESS_TOKEN: "api_key",
    Kind.JWT: "auth_token",
    Kind.SESSION_ID: "session_id",
    Kind.PRIVATE_KEY: "private_key",
    Kind.PERSON_NAME: "full_name",
    Kind.BIRTH_DATE: "date_of_birth",
    Kind.NATIONAL_ID: "ssn",
    Kind.GENDER: "gender",
    Kind.AGE: "age",
    Kind.NATIONALITY: "nationality",
    Kind.EMAIL: "email",
    Kind.PHONE: "phone",
    Kind.STREET_ADDRESS: "street_address",
    Kind.CITY: "city",
    Kind.POSTAL_CODE: "postal_code",
    Kind.PAYMENT_CARD: "card_number",
    Kind.CARD_VERIFICATION: "cvv",
    Kind.IBAN: "iban",
    Kind.BANK_ACCOUNT: "account_number",
    Kind.BIC: "bic",
    Kind.TRANSACTION: "transaction_id",
    Kind.DIAGNOSIS: "diagnosis",
    Kind.MEDICATION: "medication",
    Kind.INSURANCE_NUMBER: "insurance_number",
    Kind.PATIENT_NUMBER: "patient_id",
    Kind.ETHNICITY: "ethnicity",
    Kind.RELIGION: "religion",
    Kind.POLITICAL_OPINION: "political_party",
    Kind.UNION_MEMBERSHIP: "union_membership",
    Kind.SEXUAL_ORIENTATION: "sexual_orientation",
    Kind.BIOMETRIC: "fingerprint_template",
    Kind.CRIMINAL_RECORD: "criminal_record",
    Kind.SALARY: "salary",
    Kind.IP_ADDRESS: "ip_address",
    Kind.GEOLOCATION: "latitude",
}


@dataclass(frozen=True, slots=True)
class Planted:
    """
    What an asset must turn out to be.

    *kinds* must be found in it; *count* is how many of each, ``None`` where the form
    of the data leaves it open.
    """

    classification: str
    kinds: frozenset[Kind] = frozenset()
    count: int | None = None


def rows_of(planter: Planter, kinds: list[Kind], count: int) -> list[list[str]]:
    """Return *count* rows with a value of each of *kinds*."""
    return [[planter.value(kind) for kind in kinds] for _ in range(count)]


def _csv(path: Path, planter: Planter, kinds: list[Kind], count: int, delimiter: str = ",") -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["id", *(HEADERS[kind] for kind in kinds)])
        for number, row in enumerate(rows_of(planter, kinds, count)):
            writer.writerow([number, *row])


PEOPLE = [Kind.PERSON_NAME, Kind.EMAIL, Kind.PHONE, Kind.STREET_ADDRESS, Kind.BIRTH_DATE]
PATIENTS = [
    Kind.PERSON_NAME,
    Kind.DIAGNOSIS,
    Kind.MEDICATION,
    Kind.INSURANCE_NUMBER,
    Kind.PATIENT_NUMBER,
]
BANK = [Kind.IBAN, Kind.BIC, Kind.BANK_ACCOUNT, Kind.TRANSACTION]
SPECIAL = [
    Kind.GENDER,
    Kind.AGE,
    Kind.NATIONALITY,
    Kind.ETHNICITY,
    Kind.RELIGION,
    Kind.POLITICAL_OPINION,
    Kind.UNION_MEMBERSHIP,
    Kind.SEXUAL_ORIENTATION,
    Kind.BIOMETRIC,
    Kind.CRIMINAL_RECORD,
    Kind.SALARY,
]
PLACES = [Kind.CITY, Kind.POSTAL_CODE, Kind.GEOLOCATION]


def plant_folder(folder: Path, planter: Planter) -> dict[str, Planted]:
    """Fill *folder* and return what each file, by its name below it, must turn out to be."""
    plant = planter.value
    (folder / "hr").mkdir(parents=True)
    (folder / "press.txt").write_text(planter.prose(40), "utf-8")
    (folder / "contact.txt").write_text(
        f"{planter.prose(3)}Questions: {plant(Kind.EMAIL)}\n", "utf-8"
    )
    _csv(folder / "hr" / "staff.csv", planter, PEOPLE, 40)
    _csv(folder / "hr" / "few.tsv", planter, [Kind.PERSON_NAME, Kind.PHONE], 5, "\t")
    _csv(folder / "hr" / "special.csv", planter, SPECIAL, 30, ";")
    _csv(folder / "hr" / "national.csv", planter, [Kind.NATIONAL_ID, Kind.LOGIN], 12, "|")
    _csv(folder / "patients.csv", planter, PATIENTS, 20)
    _csv(folder / "statistics.csv", planter, [Kind.DIAGNOSIS, Kind.MEDICATION], 20)
    _csv(folder / "places.csv", planter, PLACES, 30)
    _csv(folder / "cards.csv", planter, [Kind.PAYMENT_CARD], 15)
    (folder / "settings.env").write_text(
        f"DB_HOST=localhost\nDB_PASSWORD={plant(Kind.PASSWORD)}\n", "utf-8"
    )
    (folder / "door.txt").write_text(
        f"The door opens with PIN: {plant(Kind.ACCESS_CODE)}\n", "utf-8"
    )
    (folder / "server.pem").write_text(plant(Kind.PRIVATE_KEY), "utf-8")
    (folder / "access.log").write_text(
        "".join(
            f"{plant(Kind.IP_ADDRESS)} - - [24/Nov/2026:10:00:00 +0100] "
            f'"GET /bowl HTTP/1.1" 200 {n}\n'
            for n in range(200, 230)
        ),
        "utf-8",
    )
    with gzip.open(folder / "app.log.gz", "wt", encoding="utf-8") as packed:
        for _ in range(4):
            packed.write(f"Authorization: Bearer {plant(Kind.JWT)}\n")
            packed.write(f"Cookie: PHPSESSID={plant(Kind.SESSION_ID)}\n")
            packed.write(f"push with {plant(Kind.ACCESS_TOKEN)}\n")
    with (folder / "payments.jsonl").open("w", encoding="utf-8") as lines:
        for _ in range(12):
            card = {"number": plant(Kind.PAYMENT_CARD), "cvv": plant(Kind.CARD_VERIFICATION)}
            lines.write(json.dumps({"customer": {"email": plant(Kind.EMAIL)}, "card": card}) + "\n")
    (folder / "users.json").write_text(
        json.dumps(
            {
                "users": [
                    {"username": plant(Kind.LOGIN), "password_hash": plant(Kind.PASSWORD_HASH)}
                    for _ in range(9)
                ]
            },
            indent=1,
        ),
        "utf-8",
    )
    rows = rows_of(planter, BANK, 50)
    table = {HEADERS[kind]: [row[i] for row in rows] for i, kind in enumerate(BANK)}
    pq.write_table(pa.table(table), folder / "bank.parquet")
    (folder / "old.txt").write_bytes(f"Müller: {plant(Kind.EMAIL)}\n".encode("latin-1"))
    (folder / "windows.csv").write_bytes(
        ("name,email\r\n" + "".join(f"x,{plant(Kind.EMAIL)}\r\n" for _ in range(6))).encode(
            "utf-16"
        )
    )
    everyone = frozenset
    return {
        "press.txt": Planted("public"),
        "contact.txt": Planted("restricted", everyone([Kind.EMAIL]), 1),
        "hr/staff.csv": Planted("confidential", everyone(PEOPLE), 40),
        "hr/few.tsv": Planted("restricted", everyone([Kind.PERSON_NAME, Kind.PHONE]), 5),
        "hr/special.csv": Planted("secret", everyone(SPECIAL), 30),
        "hr/national.csv": Planted("confidential", everyone([Kind.NATIONAL_ID, Kind.LOGIN]), 12),
        "patients.csv": Planted("secret", everyone(PATIENTS), 20),
        "statistics.csv": Planted("confidential", everyone([Kind.DIAGNOSIS, Kind.MEDICATION]), 20),
        "places.csv": Planted("public", everyone(PLACES), 30),
        "cards.csv": Planted("confidential", everyone([Kind.PAYMENT_CARD]), 15),
        "settings.env": Planted("secret", everyone([Kind.PASSWORD]), 1),
        "door.txt": Planted("confidential", everyone([Kind.ACCESS_CODE]), 1),
        "server.pem": Planted("secret", everyone([Kind.PRIVATE_KEY]), 1),
        "access.log": Planted("restricted", everyone([Kind.IP_ADDRESS]), 30),
        "app.log.gz": Planted(
            "secret", everyone([Kind.JWT, Kind.SESSION_ID, Kind.ACCESS_TOKEN]), 4
        ),
        "payments.jsonl": Planted(
            "secret", everyone([Kind.EMAIL, Kind.PAYMENT_CARD, Kind.CARD_VERIFICATION]), 12
        ),
        "users.json": Planted("confidential", everyone([Kind.LOGIN, Kind.PASSWORD_HASH]), 9),
        "bank.parquet": Planted("confidential", everyone(BANK), 50),
        "old.txt": Planted("restricted", everyone([Kind.EMAIL]), 1),
        "windows.csv": Planted("restricted", everyone([Kind.EMAIL]), 6),
    }


SHOP: Mapping[str, tuple[list[Kind], int, str]] = {
    "customers": (
        [*PEOPLE, Kind.CITY, Kind.POSTAL_CODE, Kind.IBAN, Kind.PASSWORD_HASH],
        60,
        "confidential",
    ),
    "keys": ([Kind.ACCESS_TOKEN, Kind.JWT, Kind.PRIVATE_KEY], 8, "secret"),
    "sessions": ([Kind.SESSION_ID, Kind.IP_ADDRESS], 20, "confidential"),
    "payments": ([Kind.PAYMENT_CARD, Kind.CARD_VERIFICATION], 20, "secret"),
    "bank": (BANK, 20, "confidential"),
    "patients": (PATIENTS, 20, "secret"),
    "members": (SPECIAL, 20, "secret"),
    "logins": ([Kind.LOGIN, Kind.PASSWORD], 20, "secret"),
    "doors": ([Kind.ACCESS_CODE], 20, "confidential"),
    "ids": ([Kind.NATIONAL_ID], 20, "confidential"),
    "places": (PLACES, 20, "public"),
}


def plant_shop(path: Path, planter: Planter) -> dict[str, Planted]:
    """Make a SQLite file at *path* and return what each of its tables must turn out to be."""
    expected = {"products": Planted("public")}
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE products (id INTEGER, title TEXT, price_cents INTEGER)")
        connection.executemany(
            "INSERT INTO products VALUES (?, ?, ?)",
            [(n, f"{planter.random.choice(WORDS)} {n}", n * 100) for n in range(30)],
        )
        for table, (kinds, count, classification) in SHOP.items():
            columns = ", ".join(f"{HEADERS[kind]} TEXT" for kind in kinds)
            connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, {columns})")
            marks = ", ".join("?" * len(kinds))
            names = ", ".join(HEADERS[kind] for kind in kinds)
            connection.executemany(
                f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608  # names of this file
                rows_of(planter, kinds, count),
            )
            expected[table] = Planted(classification, frozenset(kinds), count)
    return expected


def digest(path: Path) -> str:
    """Return what tells whether the file at *path* was touched."""
    return hashlib.sha256(path.read_bytes()).hexdigest()

"""Columns: what the header and the values say together, and what one of them alone must not."""

from __future__ import annotations

import pytest

from sealgate.detect import Confidence, Kind
from sealgate.detect.columns import judge_column

_BCRYPT = "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW"
_NAMES = ["Anna Müller", "Peter Jansen", "Maria Rossi", "David Weber", "Zorah Xylander"]

_FOUND: list[tuple[str, list[str], Kind]] = [
    ("user_pass", [_BCRYPT, _BCRYPT], Kind.PASSWORD_HASH),
    ("password", ["5f4dcc3b5aa765d61d8327deb882cf99", "e99a18c428cb38d5f260853678922e03"], Kind.PASSWORD_HASH),
    ("passwort", ["sommer26", "hunter2", "geheim!"], Kind.PASSWORD),
    ("be_users.password", ["sommer26", "hunter2", "geheim!"], Kind.PASSWORD),
    ("cvv", ["123", "4821", "007"], Kind.CARD_VERIFICATION),
    ("cardSecurityCode", ["123", "482", "007"], Kind.CARD_VERIFICATION),
    ("api_key", ["9f8Gh2kLq0ZrT5vXw3Yb", "7d8Gh2kLq0ZrT5vXw3Ya"], Kind.ACCESS_TOKEN),
    ("pin", ["4821", "0017"], Kind.ACCESS_CODE),
    ("session_id", ["f3b1c9d8e7a6543210fedcba98765432"], Kind.SESSION_ID),
    ("x", ["a@example.com", "b@example.org", ""], Kind.EMAIL),
    ("correo", ["a@example.com", "sin correo"], Kind.EMAIL),
    ("c7", ["DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19"], Kind.IBAN),
    ("nr", ["4111111111111111", "5555555555554444", "378282246310005"], Kind.PAYMENT_CARD),
    ("card_number", ["4111111111111112", "4012888888881882"], Kind.PAYMENT_CARD),
    ("Kontonummer", ["1234567890", "9876543210"], Kind.BANK_ACCOUNT),
    ("swift_code", ["DEUTDEFF500", "NWBKGB2L"], Kind.BIC),
    ("Geburtsdatum", ["12.03.1984", "01.11.1970"], Kind.BIRTH_DATE),
    ("date_of_birth", ["1971-11-06T00:00:00.000", "1967-12-23T00:00:00.000"], Kind.BIRTH_DATE),
    ("ssn", ["536-90-4399", "514-69-0360"], Kind.NATIONAL_ID),
    ("steuer_id", ["36574261809", "36574261809"], Kind.NATIONAL_ID),
    ("Diagnose", ["E11.9", "J45.0", "I10"], Kind.DIAGNOSIS),
    ("diagnosis", ["type 2 diabetes", "asthma"], Kind.DIAGNOSIS),
    ("medication", ["Metformin 500 mg", "Ramipril"], Kind.MEDICATION),
    ("insurance_number", ["A123456780", "B987654321"], Kind.INSURANCE_NUMBER),
    ("patient_id", ["P0012", "P0013"], Kind.PATIENT_NUMBER),
    ("religion", ["catholic", "none", "muslim"], Kind.RELIGION),
    ("raceEthnicity", ["White", "Black", "Asian"], Kind.ETHNICITY),
    ("geschlecht", ["m", "w", "d"], Kind.GENDER),
    ("edad", ["7", "21", "64"], Kind.AGE),
    ("salary", ["65920.00", "41486.00"], Kind.SALARY),
    ("remote_addr", ["85.214.132.117", "2a02:8108:8ac0:207d::1"], Kind.IP_ADDRESS),
    ("telefono", ["5223022", "5552546"], Kind.PHONE),
    ("c", ["+49 30 901820", "+44 20 79460958"], Kind.PHONE),
    ("mailingAddress1", ["PO BOX 1388", "12 Main St"], Kind.STREET_ADDRESS),
    ("c", ["12 Main Street", "2165 Lemoyne St", "698 12th Street SE"], Kind.STREET_ADDRESS),
    ("Straße", ["Lange Straße 12", "Am Markt 3"], Kind.STREET_ADDRESS),
    ("PLZ", ["34117", "10115"], Kind.POSTAL_CODE),
    ("Ort", ["Kassel", "Berlin"], Kind.CITY),
    ("latitude", ["41.756957", "41.759"], Kind.GEOLOCATION),
    ("Vorname", ["Anna", "Peter"], Kind.PERSON_NAME),
    ("last_name", ["Müller", "O'Neil"], Kind.PERSON_NAME),
    ("name", _NAMES, Kind.PERSON_NAME),
    ("c3", [n for n in _NAMES if n.startswith(("A", "P", "M", "D"))], Kind.PERSON_NAME),
    ("username", ["amueller", "p.jansen"], Kind.LOGIN),
    ("Benutzername", ["amueller", "pjansen"], Kind.LOGIN),
]  # fmt: skip

_NOT_FOUND: list[tuple[str, list[str]]] = [
    ("ACADEMIC_YEAR_CODE", ["1999", "2000", "2001"]),
    ("code", ["123", "456", "789"]),
    ("cvv_required", ["true", "false"]),
    ("password_changed_at", ["2026-01-01 10:00:00", "2026-02-01 10:00:00"]),
    ("has_password", ["true", "false", "true"]),
    ("name", ["Millwoods Bridge", "Highlands Station", "Riverside Depot"]),
    ("company_name", ["Acme LLC", "Foo Inc"]),
    ("filename", ["a.txt", "b.txt"]),
    ("email_sent", ["yes", "no"]),
    ("id", ["48213", "48214", "48215"]),
    ("sunrise", ["07:31:28", "07:22:54"]),
    ("race", ["100", "200", "400"]),
    ("sex", ["1987", "1999"]),
    ("age_group", ["18-25", "26-35"]),
    ("phone_type", ["mobile", "home"]),
    ("ip_version", ["10.1.2.3", "10.1.2.4"]),
    ("order_number", ["4111111111111112", "4012888888881882"]),
    ("date", ["12.03.1984", "01.11.1970"]),
    ("status", ["open", "closed"]),
    ("iban", ["DE88370400440532013000", "none of these"]),
    ("md5", ["5f4dcc3b5aa765d61d8327deb882cf99", "e99a18c428cb38d5f260853678922e03"]),
]


@pytest.mark.parametrize(("name", "values", "kind"), _FOUND, ids=[f"{n}-{k}" for n, _, k in _FOUND])
def test_found(name: str, values: list[str], kind: Kind) -> None:
    """Header and values together, or values that speak for themselves, give the kind."""
    assert judge_column(name, values, len(values)).kind is kind


@pytest.mark.parametrize(("name", "values"), _NOT_FOUND, ids=[n for n, _ in _NOT_FOUND])
def test_not_found(name: str, values: list[str]) -> None:
    """Years, flags, rows, and columns about a thing are not the thing."""
    verdict = judge_column(name, values, len(values))
    assert verdict.kind is None, verdict


def test_counts_are_projected() -> None:
    """A sample of four with one empty stands for the whole column."""
    verdict = judge_column("email", ["a@example.com", "", "b@example.com", "none"], 1000)
    assert (verdict.kind, verdict.filled, verdict.count) == (Kind.EMAIL, 500, 500)


def test_an_empty_column_counts_nothing() -> None:
    """A column that is never filled is told by its name, with count 0 and little confidence."""
    verdict = judge_column("date_of_birth", ["", "NULL"], 5)
    assert (verdict.kind, verdict.count, verdict.filled) == (Kind.BIRTH_DATE, 0, 0)
    assert verdict.confidence is Confidence.POSSIBLE


def test_the_reason_holds_no_value() -> None:
    """What decided is told without the data."""
    assert "hunter2" not in judge_column("password", ["hunter2", "geheim"], 2).reason


@pytest.mark.parametrize(
    "name", ["nt_hash", "ntlm", "lmHash", "authentication_string", "user_hash"]
)
def test_bare_digests_count_where_the_column_says_so(name: str) -> None:
    """The same digests in a column of another name are no passwords'."""
    digests = [f"{n:032x}" for n in range(10**30, 10**30 + 20)]
    assert judge_column(name, digests, 20).kind is Kind.PASSWORD_HASH
    assert judge_column("checksum", digests, 20).kind is None
    assert judge_column(name, ["none yet"] * 20, 20).kind is not Kind.PASSWORD_HASH

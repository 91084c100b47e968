"""
The kinds of data that Sealgate knows, what each weighs, and what a detector makes.

A kind carries the default traits of the guideline's data assessment (use, legal
requirements, value), each with the clause that says so. Weighing the kinds of one
asset into a class is the work of ``sealgate.assess``; nothing here reads data.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sealgate.policy.finding import Citation


class Category(StrEnum):
    """The family of a kind, as people speak of it."""

    CREDENTIAL = "credential"
    CONTACT = "contact"
    IDENTITY = "identity"
    PAYMENT = "payment"
    ACCOUNT = "account"
    MEDICAL = "medical"
    SPECIAL = "special category"
    EMPLOYMENT = "employment"
    TECHNICAL = "technical"


class Kind(StrEnum):
    """What one value is. The spelling is stored in registers and printed: never reuse one."""

    LOGIN = "login"
    PASSWORD = "password"  # noqa: S105 - the name of a kind, not a password
    PASSWORD_HASH = "password-hash"  # noqa: S105 - the name of a kind
    ACCESS_CODE = "access-code"
    ACCESS_TOKEN = "access-token"  # noqa: S105 - the name of a kind
    JWT = "jwt"
    SESSION_ID = "session-id"
    PRIVATE_KEY = "private-key"

    PERSON_NAME = "person-name"
    BIRTH_DATE = "birth-date"
    NATIONAL_ID = "national-id"
    GENDER = "gender"
    AGE = "age"
    NATIONALITY = "nationality"

    EMAIL = "email"
    PHONE = "phone"
    STREET_ADDRESS = "street-address"
    CITY = "city"
    POSTAL_CODE = "postal-code"

    PAYMENT_CARD = "payment-card"
    CARD_VERIFICATION = "card-verification"
    IBAN = "iban"
    BANK_ACCOUNT = "bank-account"
    BIC = "bic"
    TRANSACTION = "transaction"

    DIAGNOSIS = "diagnosis"
    MEDICATION = "medication"
    INSURANCE_NUMBER = "insurance-number"
    PATIENT_NUMBER = "patient-number"

    ETHNICITY = "ethnicity"
    RELIGION = "religion"
    POLITICAL_OPINION = "political-opinion"
    UNION_MEMBERSHIP = "union-membership"
    SEXUAL_ORIENTATION = "sexual-orientation"
    BIOMETRIC = "biometric"
    CRIMINAL_RECORD = "criminal-record"

    SALARY = "salary"

    IP_ADDRESS = "ip-address"
    GEOLOCATION = "geolocation"


class Confidence(IntEnum):
    """
    How sure a match is.

    ``POSSIBLE`` has the shape only; ``LIKELY`` has shape and context, or a weak
    checksum; ``CONFIRMED`` has a checksum or a format that nothing else has.
    """

    POSSIBLE = 1
    LIKELY = 2
    CONFIRMED = 3


class Identifies(IntEnum):
    """
    Whether a value points at one person.

    ``TOGETHER`` values (birth date, gender, postal code) do so beside others.
    """

    NO = 0
    TOGETHER = 1
    ALONE = 2


@dataclass(frozen=True, slots=True)
class Trait:
    """One trait of a kind: a rank from 0 to 3, and the clause that gives it."""

    rank: int
    citation: Citation


@dataclass(frozen=True, slots=True)
class Traits:
    """
    The three traits of the guideline's data assessment.

    *use*: 0 anyone, 1 registered outsiders, 2 staff, 3 a named few.
    *legal*: 0 none, 1 personal data, 2 special categories, cardholder data or secrecy
    by statute, 3 must not be kept at all. *value* is the impact of disclosure:
    0 none, 1 limited, 2 significant, 3 severe.
    """

    use: Trait
    legal: Trait
    value: Trait

    @property
    def impact(self) -> int:
        """Return the high-water mark of the three ranks."""
        return max(self.use.rank, self.legal.rank, self.value.rank)


@dataclass(frozen=True, slots=True)
class KindFacts:
    """
    Everything that is known of one kind before any data is seen.

    *sensitive* kinds are under the floor that no configuration lowers: credentials,
    access codes, medical, payment and account data. *counts* says what is counted,
    *confirmed* how a candidate is confirmed; both are printed in the documents.
    """

    kind: Kind
    category: Category
    title: str
    traits: Traits
    sensitive: bool
    identifies: Identifies
    counts: str
    confirmed: str


@dataclass(frozen=True, slots=True, order=True)
class Match:
    """
    One value found: where, what, and how sure.

    *start* and *end* are absolute byte offsets; *end* is exclusive. *masked* never
    reveals more than :mod:`sealgate.detect.mask` allows; the value itself is not kept.
    """

    start: int
    end: int
    kind: Kind
    confidence: Confidence
    masked: str


@dataclass(frozen=True, slots=True)
class ColumnVerdict:
    """
    What a column holds, by its name and a sample of its values.

    *kind* is ``None`` when nothing speaks for any kind. *count* is how many values of
    the whole column are taken to be of the kind, projected from the sample.
    *filled* is the projected number of values that are not empty. *reason* names
    what decided, never a value.
    """

    kind: Kind | None
    count: int
    confidence: Confidence
    reason: str
    filled: int = 0

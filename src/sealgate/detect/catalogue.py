"""
The catalogue: the kinds of data, one row for each, with default traits and the clause behind each.

Ranks are this project's reading of the clauses; an organisation overrides the class
of an asset, not this table. ``docs/reference/kinds.md`` is generated from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, Flag, IntEnum, StrEnum, auto
from typing import TYPE_CHECKING

from sealgate.errors import BugError
from sealgate.policy.finding import Citation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


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


class Where(Flag):
    """
    Where a kind is found, and so which file has more of it.

    ``TEXT``: in any bytes, by an anchor in ``detect/confirm``. ``NAME``: in a column, by its name
    (``detect/headers.py``) and values that agree (``detect/columns.py``). ``VALUES``: in a
    column, by its values alone (``detect/columns.py``).
    """

    TEXT = auto()
    NAME = auto()
    VALUES = auto()


class InFlight(Enum):
    """
    What is done with a value above a route's class on its way.

    ``LEFT``: nothing. Contact data, names and logins are what pages are made of; session ids and
    JSON Web Tokens are what a site gives to the very person who signs in. None of these can be
    told from a leak by their looks, so they are left to ``assess``. ``MASKED``: it has a format
    or a word of its own, which an anchor finds. ``WITHHELD``: it cannot be masked in place, and nothing of
    such an answer is worth sending.
    """

    LEFT = auto()
    MASKED = auto()
    WITHHELD = auto()


class InForm(Enum):
    """What a field of a web form that is named like a kind asks for; ``NOBODY``: nothing about a person."""

    PERSON = auto()
    CARD = auto()
    PASSWORD = auto()
    NOBODY = auto()


@dataclass(frozen=True, slots=True)
class KindFacts:
    """
    Everything that is said of one kind before any data is seen. No part may be left out.

    *sensitive* kinds are under the floor that no configuration lowers: credentials,
    access codes, medical, payment and account data. *harmful* is a fact that harms by being
    known of somebody; numbers of patients and insured only name one. What is not *storable*
    must not be kept as it is: verification codes after the payment (PCI DSS 4.0.1, 3.3.1.2), passwords
    in clear text (NIST SP 800-63B-4, 3.1.1.2). *counts* says what is counted, *confirmed* how a
    candidate is confirmed; both are printed in the documents.
    """

    kind: Kind
    category: Category
    title: str
    traits: Traits
    identifies: Identifies
    sensitive: bool
    harmful: bool
    storable: bool
    found: Where
    in_flight: InFlight
    in_form: InForm
    counts: str
    confirmed: str


GUIDELINE = Citation("Encrypted Client/server Communication", "Data Classification")
GDPR_4 = Citation("GDPR", "Art. 4(1)", "https://eur-lex.europa.eu/eli/reg/2016/679/oj#art_4")
GDPR_4_13 = Citation("GDPR", "Art. 4(13)-(15)", "https://eur-lex.europa.eu/eli/reg/2016/679/oj")
GDPR_9 = Citation("GDPR", "Art. 9(1)", "https://eur-lex.europa.eu/eli/reg/2016/679/oj#art_9")
GDPR_10 = Citation("GDPR", "Art. 10", "https://eur-lex.europa.eu/eli/reg/2016/679/oj#art_10")
GDPR_32 = Citation("GDPR", "Art. 32(1)", "https://eur-lex.europa.eu/eli/reg/2016/679/oj#art_32")
GDPR_87 = Citation("GDPR", "Art. 87", "https://eur-lex.europa.eu/eli/reg/2016/679/oj#art_87")
GDPR_88 = Citation("GDPR", "Art. 88", "https://eur-lex.europa.eu/eli/reg/2016/679/oj#art_88")
PCI_CVV = Citation("PCI DSS 4.0.1", "3.3.1.2")
PCI_PAN = Citation("PCI DSS 4.0.1", "3.5.1")
PCI_NEED = Citation("PCI DSS 4.0.1", "7.2.1")
NIST_PASSWORD = Citation("NIST SP 800-63B-4", "3.1.1.2")
NIST_KEYS = Citation("NIST SP 800-57 Part 1 Rev. 5", "6.1.1")
RFC_BEARER = Citation("RFC 6750", "5.3")
RFC_JWT = Citation("RFC 7519", "12")
RFC_COOKIE = Citation("RFC 6265", "8.4")
ISO_BIC = Citation("ISO 9362", "")

_PERSONAL = Trait(1, GDPR_4)
_STAFF = Trait(2, GUIDELINE)
_OUTSIDER = Trait(1, GUIDELINE)
_LIMITED = Trait(1, GUIDELINE)
_SIGNIFICANT = Trait(2, GUIDELINE)

_TEXT, _NAME, _VALUES = Where.TEXT, Where.NAME, Where.VALUES

_ROWS = (
    KindFacts(
        Kind.LOGIN,
        Category.CREDENTIAL,
        "user login",
        Traits(_OUTSIDER, _PERSONAL, _LIMITED),
        Identifies.ALONE,
        sensitive=False,
        harmful=False,
        storable=True,
        found=_TEXT | _NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="user names and login names",
        confirmed="a column name or a key before the value",
    ),
    KindFacts(
        Kind.PASSWORD,
        Category.CREDENTIAL,
        "password in clear text",
        Traits(Trait(3, GUIDELINE), Trait(2, GDPR_32), Trait(3, NIST_PASSWORD)),
        Identifies.NO,
        sensitive=True,
        harmful=False,
        storable=False,
        found=_TEXT | _NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.PASSWORD,
        counts="a value after a password key, in a URL, or in a password column; no placeholders",
        confirmed="the key, and that the value is neither a placeholder, a reference nor a hash",
    ),
    KindFacts(
        Kind.PASSWORD_HASH,
        Category.CREDENTIAL,
        "password hash",
        Traits(_STAFF, Trait(2, GDPR_32), Trait(2, NIST_PASSWORD)),
        Identifies.NO,
        sensitive=True,
        harmful=False,
        storable=True,
        found=_TEXT | _NAME | _VALUES,
        in_flight=InFlight.MASKED,
        in_form=InForm.PERSON,
        counts="bcrypt, argon2, scrypt, PBKDF2, crypt(3), phpass, LDAP, Django, MySQL, PostgreSQL, SQL Server and Windows "
        "(pwdump, NTLM) formats; bare hexadecimal digests only in a column or behind a key that says so",
        confirmed="the format's prefix and length",
    ),
    KindFacts(
        Kind.ACCESS_CODE,
        Category.CREDENTIAL,
        "access code",
        Traits(_STAFF, Trait(2, GUIDELINE), Trait(2, GUIDELINE)),
        Identifies.NO,
        sensitive=True,
        harmful=False,
        storable=True,
        found=_TEXT | _NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="PIN, TAN, one-time codes, door and recovery codes",
        confirmed="a key before the value, or a column name",
    ),
    KindFacts(
        Kind.ACCESS_TOKEN,
        Category.CREDENTIAL,
        "access key or token",
        Traits(Trait(3, GUIDELINE), Trait(2, GDPR_32), Trait(3, RFC_BEARER)),
        Identifies.NO,
        sensitive=True,
        harmful=False,
        storable=True,
        found=_TEXT | _NAME,
        in_flight=InFlight.MASKED,
        in_form=InForm.NOBODY,
        counts="keys of cloud, source, chat, mail and payment services; bearer and basic "
        "credentials; values of secret and key settings",
        confirmed="the issuer's prefix and length; else a key before a value of high entropy",
    ),
    KindFacts(
        Kind.JWT,
        Category.CREDENTIAL,
        "JSON Web Token",
        Traits(_STAFF, Trait(2, RFC_JWT), Trait(2, RFC_JWT)),
        Identifies.NO,
        sensitive=True,
        harmful=False,
        storable=True,
        found=_TEXT | _VALUES,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="compact JWS and JWE",
        confirmed="the first part decodes to a JSON object with an algorithm",
    ),
    KindFacts(
        Kind.SESSION_ID,
        Category.CREDENTIAL,
        "session id",
        Traits(_STAFF, Trait(1, GDPR_4), Trait(2, RFC_COOKIE)),
        Identifies.NO,
        sensitive=True,
        harmful=False,
        storable=True,
        found=_TEXT | _NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.NOBODY,
        counts="values of session cookies and session columns",
        confirmed="a session name before a value of at least 16 characters",
    ),
    KindFacts(
        Kind.PRIVATE_KEY,
        Category.CREDENTIAL,
        "private key",
        Traits(Trait(3, NIST_KEYS), Trait(2, GDPR_32), Trait(3, NIST_KEYS)),
        Identifies.NO,
        sensitive=True,
        harmful=False,
        storable=True,
        found=_TEXT | _NAME | _VALUES,
        in_flight=InFlight.WITHHELD,
        in_form=InForm.NOBODY,
        counts="PEM (also encrypted), OpenSSH, SSH.COM, PuTTY, PGP and age secret keys; private JSON Web Keys; RSA in XML; "
        "WireGuard",
        confirmed="the line, member or tag that names a private key, with content behind it",
    ),
    KindFacts(
        Kind.PERSON_NAME,
        Category.IDENTITY,
        "person's name",
        Traits(_OUTSIDER, _PERSONAL, _LIMITED),
        Identifies.ALONE,
        sensitive=False,
        harmful=False,
        storable=True,
        found=_TEXT | _NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="names in name columns; in text only after a form of address or a label",
        confirmed="the words before it; in columns the header and the shape of the values",
    ),
    KindFacts(
        Kind.BIRTH_DATE,
        Category.IDENTITY,
        "date of birth",
        Traits(_OUTSIDER, _PERSONAL, _LIMITED),
        Identifies.TOGETHER,
        sensitive=False,
        harmful=False,
        storable=True,
        found=_TEXT | _NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="dates after a birth word, and date columns named so",
        confirmed="a valid date, and the word",
    ),
    KindFacts(
        Kind.NATIONAL_ID,
        Category.IDENTITY,
        "national identification number",
        Traits(_STAFF, Trait(2, GDPR_87), _SIGNIFICANT),
        Identifies.ALONE,
        sensitive=False,
        harmful=False,
        storable=True,
        found=_TEXT | _NAME | _VALUES,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="social security, tax, identity-card, passport and driving-licence numbers",
        confirmed="the issuer's checksum and a context word; alone only for formats that nothing else has",
    ),
    KindFacts(
        Kind.GENDER,
        Category.IDENTITY,
        "gender",
        Traits(_OUTSIDER, _PERSONAL, _LIMITED),
        Identifies.TOGETHER,
        sensitive=False,
        harmful=False,
        storable=True,
        found=_NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="columns named so with few values that are genders",
        confirmed="header and values together",
    ),
    KindFacts(
        Kind.AGE,
        Category.IDENTITY,
        "age",
        Traits(_OUTSIDER, _PERSONAL, _LIMITED),
        Identifies.TOGETHER,
        sensitive=False,
        harmful=False,
        storable=True,
        found=_NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="columns named so with numbers below 130",
        confirmed="header and values together",
    ),
    KindFacts(
        Kind.NATIONALITY,
        Category.IDENTITY,
        "nationality",
        Traits(_OUTSIDER, _PERSONAL, _LIMITED),
        Identifies.TOGETHER,
        sensitive=False,
        harmful=False,
        storable=True,
        found=_NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="columns named nationality, citizenship or country of birth",
        confirmed="header and text values",
    ),
    KindFacts(
        Kind.EMAIL,
        Category.CONTACT,
        "e-mail address",
        Traits(_OUTSIDER, _PERSONAL, _LIMITED),
        Identifies.ALONE,
        sensitive=False,
        harmful=False,
        storable=True,
        found=_TEXT | _NAME | _VALUES,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="addresses as in RFC 5321 with a domain of at least two labels",
        confirmed="local part, domain labels and a plausible top-level domain",
    ),
    KindFacts(
        Kind.PHONE,
        Category.CONTACT,
        "phone number",
        Traits(_OUTSIDER, _PERSONAL, _LIMITED),
        Identifies.ALONE,
        sensitive=False,
        harmful=False,
        storable=True,
        found=_TEXT | _NAME | _VALUES,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="international numbers; national ones in their usual form or after a phone word",
        confirmed="the numbering plans of ITU-T E.164",
    ),
    KindFacts(
        Kind.STREET_ADDRESS,
        Category.CONTACT,
        "street address",
        Traits(_OUTSIDER, _PERSONAL, _LIMITED),
        Identifies.ALONE,
        sensitive=False,
        harmful=False,
        storable=True,
        found=_TEXT | _NAME | _VALUES,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="street and number in English, German, Dutch, Spanish, French, Italian, Portuguese",
        confirmed="a street word and a number at its place; in columns also the header",
    ),
    KindFacts(
        Kind.CITY,
        Category.CONTACT,
        "city",
        Traits(Trait(0, GUIDELINE), Trait(0, GDPR_4), Trait(0, GUIDELINE)),
        Identifies.TOGETHER,
        sensitive=False,
        harmful=False,
        storable=True,
        found=_NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="columns named so",
        confirmed="header and text values",
    ),
    KindFacts(
        Kind.POSTAL_CODE,
        Category.CONTACT,
        "postal code",
        Traits(Trait(0, GUIDELINE), Trait(0, GDPR_4), Trait(0, GUIDELINE)),
        Identifies.TOGETHER,
        sensitive=False,
        harmful=False,
        storable=True,
        found=_NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="columns named so",
        confirmed="header and values of the shape of postal codes",
    ),
    KindFacts(
        Kind.PAYMENT_CARD,
        Category.PAYMENT,
        "payment card number",
        Traits(_STAFF, Trait(2, PCI_PAN), _SIGNIFICANT),
        Identifies.ALONE,
        sensitive=True,
        harmful=False,
        storable=True,
        found=_TEXT | _NAME | _VALUES,
        in_flight=InFlight.MASKED,
        in_form=InForm.CARD,
        counts="12 to 19 digits in an issuer's range, in one piece or in groups, whatever stands beside them; "
        "spaces, dashes and digits of any script; tracks of a stripe",
        confirmed="issuer range, length and Luhn (ISO/IEC 7812-1); lengths that other numbers have, too, only after a "
        "card word, in groups, or beside others that are valid; without Luhn only after a card word",
    ),
    KindFacts(
        Kind.CARD_VERIFICATION,
        Category.PAYMENT,
        "card verification code",
        Traits(Trait(3, PCI_NEED), Trait(3, PCI_CVV), Trait(3, GUIDELINE)),
        Identifies.NO,
        sensitive=True,
        harmful=False,
        storable=False,
        found=_TEXT | _NAME,
        in_flight=InFlight.MASKED,
        in_form=InForm.CARD,
        counts="three or four digits after CVV, CVC, CSC or CID, or in a column named so",
        confirmed="the name; never digits alone",
    ),
    KindFacts(
        Kind.IBAN,
        Category.ACCOUNT,
        "IBAN",
        Traits(_STAFF, _PERSONAL, _SIGNIFICANT),
        Identifies.ALONE,
        sensitive=True,
        harmful=False,
        storable=True,
        found=_TEXT | _NAME | _VALUES,
        in_flight=InFlight.MASKED,
        in_form=InForm.PERSON,
        counts="international bank account numbers, compact or in groups",
        confirmed="length of the country and checksum (ISO 13616, ISO 7064 mod 97)",
    ),
    KindFacts(
        Kind.BANK_ACCOUNT,
        Category.ACCOUNT,
        "bank account number",
        Traits(_STAFF, _PERSONAL, _SIGNIFICANT),
        Identifies.ALONE,
        sensitive=True,
        harmful=False,
        storable=True,
        found=_TEXT | _NAME,
        in_flight=InFlight.MASKED,
        in_form=InForm.PERSON,
        counts="account and routing numbers after a bank word, or in a column named so",
        confirmed="the word; length; checksum of US routing numbers",
    ),
    KindFacts(
        Kind.BIC,
        Category.ACCOUNT,
        "bank identifier (BIC)",
        Traits(Trait(0, ISO_BIC), Trait(0, ISO_BIC), Trait(0, ISO_BIC)),
        Identifies.NO,
        sensitive=False,
        harmful=False,
        storable=True,
        found=_TEXT | _NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="8 or 11 characters after BIC or SWIFT, or in a column named so",
        confirmed="structure and country; it names a bank, not a customer",
    ),
    KindFacts(
        Kind.TRANSACTION,
        Category.ACCOUNT,
        "financial transaction",
        Traits(_STAFF, _PERSONAL, _SIGNIFICANT),
        Identifies.TOGETHER,
        sensitive=True,
        harmful=False,
        storable=True,
        found=_NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.NOBODY,
        counts="columns of bank and card transactions",
        confirmed="header and values together",
    ),
    KindFacts(
        Kind.DIAGNOSIS,
        Category.MEDICAL,
        "diagnosis",
        Traits(_STAFF, Trait(2, GDPR_9), _SIGNIFICANT),
        Identifies.TOGETHER,
        sensitive=True,
        harmful=True,
        storable=True,
        found=_TEXT | _NAME,
        in_flight=InFlight.MASKED,
        in_form=InForm.PERSON,
        counts="ICD-10 codes after a diagnosis word; columns named so",
        confirmed="shape of the code and the word",
    ),
    KindFacts(
        Kind.MEDICATION,
        Category.MEDICAL,
        "medication",
        Traits(_STAFF, Trait(2, GDPR_9), _SIGNIFICANT),
        Identifies.TOGETHER,
        sensitive=True,
        harmful=True,
        storable=True,
        found=_TEXT | _NAME,
        in_flight=InFlight.MASKED,
        in_form=InForm.PERSON,
        counts="prescriptions: a common substance beside a dose; columns named so",
        confirmed="the substance's name and a dose in its neighbourhood",
    ),
    KindFacts(
        Kind.INSURANCE_NUMBER,
        Category.MEDICAL,
        "insurance number",
        Traits(_STAFF, Trait(2, GDPR_4_13), _SIGNIFICANT),
        Identifies.ALONE,
        sensitive=True,
        harmful=False,
        storable=True,
        found=_TEXT | _NAME,
        in_flight=InFlight.MASKED,
        in_form=InForm.PERSON,
        counts="numbers after an insurance word; health insurance numbers with checksum",
        confirmed="the word and a value with digits",
    ),
    KindFacts(
        Kind.PATIENT_NUMBER,
        Category.MEDICAL,
        "patient or record number",
        Traits(_STAFF, Trait(2, GDPR_4_13), _SIGNIFICANT),
        Identifies.ALONE,
        sensitive=True,
        harmful=False,
        storable=True,
        found=_TEXT | _NAME,
        in_flight=InFlight.MASKED,
        in_form=InForm.PERSON,
        counts="numbers after a patient or medical-record word",
        confirmed="the word and a value with digits",
    ),
    KindFacts(
        Kind.ETHNICITY,
        Category.SPECIAL,
        "racial or ethnic origin",
        Traits(_STAFF, Trait(2, GDPR_9), _SIGNIFICANT),
        Identifies.TOGETHER,
        sensitive=False,
        harmful=True,
        storable=True,
        found=_NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="columns named so",
        confirmed="header and text values",
    ),
    KindFacts(
        Kind.RELIGION,
        Category.SPECIAL,
        "religious belief",
        Traits(_STAFF, Trait(2, GDPR_9), _SIGNIFICANT),
        Identifies.TOGETHER,
        sensitive=False,
        harmful=True,
        storable=True,
        found=_NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="columns named so",
        confirmed="header and text values",
    ),
    KindFacts(
        Kind.POLITICAL_OPINION,
        Category.SPECIAL,
        "political opinion",
        Traits(_STAFF, Trait(2, GDPR_9), _SIGNIFICANT),
        Identifies.TOGETHER,
        sensitive=False,
        harmful=True,
        storable=True,
        found=_NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="columns named so",
        confirmed="header and text values",
    ),
    KindFacts(
        Kind.UNION_MEMBERSHIP,
        Category.SPECIAL,
        "trade-union membership",
        Traits(_STAFF, Trait(2, GDPR_9), _SIGNIFICANT),
        Identifies.TOGETHER,
        sensitive=False,
        harmful=True,
        storable=True,
        found=_NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="columns named so",
        confirmed="header",
    ),
    KindFacts(
        Kind.SEXUAL_ORIENTATION,
        Category.SPECIAL,
        "sex life or sexual orientation",
        Traits(_STAFF, Trait(2, GDPR_9), _SIGNIFICANT),
        Identifies.TOGETHER,
        sensitive=False,
        harmful=True,
        storable=True,
        found=_NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="columns named so",
        confirmed="header and text values",
    ),
    KindFacts(
        Kind.BIOMETRIC,
        Category.SPECIAL,
        "biometric or genetic data",
        Traits(_STAFF, Trait(2, GDPR_9), _SIGNIFICANT),
        Identifies.ALONE,
        sensitive=False,
        harmful=True,
        storable=True,
        found=_NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="columns named so",
        confirmed="header",
    ),
    KindFacts(
        Kind.CRIMINAL_RECORD,
        Category.SPECIAL,
        "criminal conviction or offence",
        Traits(_STAFF, Trait(2, GDPR_10), _SIGNIFICANT),
        Identifies.TOGETHER,
        sensitive=False,
        harmful=True,
        storable=True,
        found=_NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="columns named so",
        confirmed="header",
    ),
    KindFacts(
        Kind.SALARY,
        Category.EMPLOYMENT,
        "salary or income",
        Traits(_STAFF, Trait(1, GDPR_88), _SIGNIFICANT),
        Identifies.TOGETHER,
        sensitive=False,
        harmful=False,
        storable=True,
        found=_NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.PERSON,
        counts="columns named so with amounts",
        confirmed="header and numeric values",
    ),
    KindFacts(
        Kind.IP_ADDRESS,
        Category.TECHNICAL,
        "IP address",
        Traits(_OUTSIDER, _PERSONAL, _LIMITED),
        Identifies.TOGETHER,
        sensitive=False,
        harmful=False,
        storable=True,
        found=_TEXT | _NAME | _VALUES,
        in_flight=InFlight.LEFT,
        in_form=InForm.NOBODY,
        counts="IPv4 and IPv6 addresses that can be a person's; not loopback, any or netmasks",
        confirmed="syntax (RFC 4291, RFC 1123); no version numbers",
    ),
    KindFacts(
        Kind.GEOLOCATION,
        Category.TECHNICAL,
        "geographic position",
        Traits(Trait(0, GUIDELINE), Trait(0, GDPR_4), Trait(0, GUIDELINE)),
        Identifies.TOGETHER,
        sensitive=False,
        harmful=False,
        storable=True,
        found=_NAME,
        in_flight=InFlight.LEFT,
        in_form=InForm.NOBODY,
        counts="columns of latitude and longitude",
        confirmed="header and values within range",
    ),
)

KIND_CATALOGUE: dict[Kind, KindFacts] = {row.kind: row for row in _ROWS}


def facts(kind: Kind) -> KindFacts:
    """Return what the catalogue says of *kind*."""
    return KIND_CATALOGUE[kind]


def kinds_where(says: Callable[[KindFacts], object]) -> frozenset[Kind]:
    """Return the kinds of whose facts *says* holds."""
    return frozenset(row.kind for row in _ROWS if says(row))


def check_said(file: str, where: Where, there: Iterable[Kind]) -> None:
    """Raise where the kinds *there* in *file* are not those that the catalogue says are found *where*."""
    for kind in kinds_where(lambda row: where in row.found) ^ frozenset(there):
        says = "has" if where in facts(kind).found else "has no"
        message = f'kind "{kind}": its row in detect/catalogue.py {says} Where.{where.name}, {file} says otherwise'
        raise BugError(message)


for _kind in Kind:
    if _kind not in KIND_CATALOGUE:
        raise BugError(f'kind "{_kind}" has no row in detect/catalogue.py')

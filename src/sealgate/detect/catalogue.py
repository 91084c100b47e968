"""
The catalogue: the kinds of data, one row for each, with default traits and the clause behind each.

Ranks are this project's reading of the clauses; an organisation overrides the class
of an asset, not this table. ``docs/reference/kinds.md`` is generated from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

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

_Row = tuple[
    Kind,
    Category,
    str,
    tuple[int, Citation],
    tuple[int, Citation],
    tuple[int, Citation],
    bool,
    Identifies,
    str,
    str,
]


def _personal(rank: int = 1) -> tuple[int, Citation]:
    return (rank, GDPR_4)


_STAFF = (2, GUIDELINE)
_OUTSIDER = (1, GUIDELINE)
_LIMITED = (1, GUIDELINE)
_SIGNIFICANT = (2, GUIDELINE)

_CREDENTIAL = Category.CREDENTIAL
_ALONE, _TOGETHER, _NO = Identifies.ALONE, Identifies.TOGETHER, Identifies.NO

# kind, category, title, use, legal, value, sensitive, identifies, what counts, how confirmed
_ROWS: tuple[_Row, ...] = (
    (
        Kind.LOGIN,
        _CREDENTIAL,
        "user login",
        _OUTSIDER,
        _personal(),
        _LIMITED,
        False,
        _ALONE,
        "user names and login names",
        "a column name or a key before the value",
    ),
    (
        Kind.PASSWORD,
        _CREDENTIAL,
        "password in clear text",
        (3, GUIDELINE),
        (2, GDPR_32),
        (3, NIST_PASSWORD),
        True,
        _NO,
        "a value after a password key, in a URL, or in a password column; no placeholders",
        "the key, and that the value is neither a placeholder, a reference nor a hash",
    ),
    (
        Kind.PASSWORD_HASH,
        _CREDENTIAL,
        "password hash",
        _STAFF,
        (2, GDPR_32),
        (2, NIST_PASSWORD),
        True,
        _NO,
        (
            "bcrypt, argon2, scrypt, PBKDF2, crypt(3), phpass, LDAP, Django, MySQL, PostgreSQL, SQL Server and Windows "
            "(pwdump, NTLM) formats; bare hexadecimal digests only in a column or behind a key that says so"
        ),
        "the format's prefix and length",
    ),
    (
        Kind.ACCESS_CODE,
        _CREDENTIAL,
        "access code",
        _STAFF,
        (2, GUIDELINE),
        (2, GUIDELINE),
        True,
        _NO,
        "PIN, TAN, one-time codes, door and recovery codes",
        "a key before the value, or a column name",
    ),
    (
        Kind.ACCESS_TOKEN,
        _CREDENTIAL,
        "access key or token",
        (3, GUIDELINE),
        (2, GDPR_32),
        (3, RFC_BEARER),
        True,
        _NO,
        (
            "keys of cloud, source, chat, mail and payment services; bearer and basic "
            "credentials; values of secret and key settings"
        ),
        "the issuer's prefix and length; else a key before a value of high entropy",
    ),
    (
        Kind.JWT,
        _CREDENTIAL,
        "JSON Web Token",
        _STAFF,
        (2, RFC_JWT),
        (2, RFC_JWT),
        True,
        _NO,
        "compact JWS and JWE",
        "the first part decodes to a JSON object with an algorithm",
    ),
    (
        Kind.SESSION_ID,
        _CREDENTIAL,
        "session id",
        _STAFF,
        (1, GDPR_4),
        (2, RFC_COOKIE),
        True,
        _NO,
        "values of session cookies and session columns",
        "a session name before a value of at least 16 characters",
    ),
    (
        Kind.PRIVATE_KEY,
        _CREDENTIAL,
        "private key",
        (3, NIST_KEYS),
        (2, GDPR_32),
        (3, NIST_KEYS),
        True,
        _NO,
        (
            "PEM (also encrypted), OpenSSH, SSH.COM, PuTTY, PGP and age secret keys; private JSON Web Keys; RSA in XML; "
            "WireGuard"
        ),
        "the line, member or tag that names a private key, with content behind it",
    ),
    (
        Kind.PERSON_NAME,
        Category.IDENTITY,
        "person's name",
        _OUTSIDER,
        _personal(),
        _LIMITED,
        False,
        _ALONE,
        "names in name columns; in text only after a form of address or a label",
        "the words before it; in columns the header and the shape of the values",
    ),
    (
        Kind.BIRTH_DATE,
        Category.IDENTITY,
        "date of birth",
        _OUTSIDER,
        _personal(),
        _LIMITED,
        False,
        _TOGETHER,
        "dates after a birth word, and date columns named so",
        "a valid date, and the word",
    ),
    (
        Kind.NATIONAL_ID,
        Category.IDENTITY,
        "national identification number",
        _STAFF,
        (2, GDPR_87),
        _SIGNIFICANT,
        False,
        _ALONE,
        "social security, tax, identity-card, passport and driving-licence numbers",
        "the issuer's checksum and a context word; alone only for formats that nothing else has",
    ),
    (
        Kind.GENDER,
        Category.IDENTITY,
        "gender",
        _OUTSIDER,
        _personal(),
        _LIMITED,
        False,
        _TOGETHER,
        "columns named so with few values that are genders",
        "header and values together",
    ),
    (
        Kind.AGE,
        Category.IDENTITY,
        "age",
        _OUTSIDER,
        _personal(),
        _LIMITED,
        False,
        _TOGETHER,
        "columns named so with numbers below 130",
        "header and values together",
    ),
    (
        Kind.NATIONALITY,
        Category.IDENTITY,
        "nationality",
        _OUTSIDER,
        _personal(),
        _LIMITED,
        False,
        _TOGETHER,
        "columns named nationality, citizenship or country of birth",
        "header and text values",
    ),
    (
        Kind.EMAIL,
        Category.CONTACT,
        "e-mail address",
        _OUTSIDER,
        _personal(),
        _LIMITED,
        False,
        _ALONE,
        "addresses as in RFC 5321 with a domain of at least two labels",
        "local part, domain labels and a plausible top-level domain",
    ),
    (
        Kind.PHONE,
        Category.CONTACT,
        "phone number",
        _OUTSIDER,
        _personal(),
        _LIMITED,
        False,
        _ALONE,
        "international numbers; national ones in their usual form or after a phone word",
        "the numbering plans of ITU-T E.164",
    ),
    (
        Kind.STREET_ADDRESS,
        Category.CONTACT,
        "street address",
        _OUTSIDER,
        _personal(),
        _LIMITED,
        False,
        _ALONE,
        "street and number in English, German, Dutch, Spanish, French, Italian, Portuguese",
        "a street word and a number at its place; in columns also the header",
    ),
    (
        Kind.CITY,
        Category.CONTACT,
        "city",
        (0, GUIDELINE),
        (0, GDPR_4),
        (0, GUIDELINE),
        False,
        _TOGETHER,
        "columns named so",
        "header and text values",
    ),
    (
        Kind.POSTAL_CODE,
        Category.CONTACT,
        "postal code",
        (0, GUIDELINE),
        (0, GDPR_4),
        (0, GUIDELINE),
        False,
        _TOGETHER,
        "columns named so",
        "header and values of the shape of postal codes",
    ),
    (
        Kind.PAYMENT_CARD,
        Category.PAYMENT,
        "payment card number",
        _STAFF,
        (2, PCI_PAN),
        _SIGNIFICANT,
        True,
        _ALONE,
        (
            "12 to 19 digits in an issuer's range, in one piece or in groups, whatever stands beside them; "
            "spaces, dashes and digits of any script; tracks of a stripe"
        ),
        (
            "issuer range, length and Luhn (ISO/IEC 7812-1); lengths that other numbers have, too, only after a "
            "card word, in groups, or beside others that are valid; without Luhn only after a card word"
        ),
    ),
    (
        Kind.CARD_VERIFICATION,
        Category.PAYMENT,
        "card verification code",
        (3, PCI_NEED),
        (3, PCI_CVV),
        (3, GUIDELINE),
        True,
        _NO,
        "three or four digits after CVV, CVC, CSC or CID, or in a column named so",
        "the name; never digits alone",
    ),
    (
        Kind.IBAN,
        Category.ACCOUNT,
        "IBAN",
        _STAFF,
        _personal(),
        _SIGNIFICANT,
        True,
        _ALONE,
        "international bank account numbers, compact or in groups",
        "length of the country and checksum (ISO 13616, ISO 7064 mod 97)",
    ),
    (
        Kind.BANK_ACCOUNT,
        Category.ACCOUNT,
        "bank account number",
        _STAFF,
        _personal(),
        _SIGNIFICANT,
        True,
        _ALONE,
        "account and routing numbers after a bank word, or in a column named so",
        "the word; length; checksum of US routing numbers",
    ),
    (
        Kind.BIC,
        Category.ACCOUNT,
        "bank identifier (BIC)",
        (0, ISO_BIC),
        (0, ISO_BIC),
        (0, ISO_BIC),
        False,
        _NO,
        "8 or 11 characters after BIC or SWIFT, or in a column named so",
        "structure and country; it names a bank, not a customer",
    ),
    (
        Kind.TRANSACTION,
        Category.ACCOUNT,
        "financial transaction",
        _STAFF,
        _personal(),
        _SIGNIFICANT,
        True,
        _TOGETHER,
        "columns of bank and card transactions",
        "header and values together",
    ),
    (
        Kind.DIAGNOSIS,
        Category.MEDICAL,
        "diagnosis",
        _STAFF,
        (2, GDPR_9),
        _SIGNIFICANT,
        True,
        _TOGETHER,
        "ICD-10 codes after a diagnosis word; columns named so",
        "shape of the code and the word",
    ),
    (
        Kind.MEDICATION,
        Category.MEDICAL,
        "medication",
        _STAFF,
        (2, GDPR_9),
        _SIGNIFICANT,
        True,
        _TOGETHER,
        "prescriptions: a common substance beside a dose; columns named so",
        "the substance's name and a dose in its neighbourhood",
    ),
    (
        Kind.INSURANCE_NUMBER,
        Category.MEDICAL,
        "insurance number",
        _STAFF,
        (2, GDPR_4_13),
        _SIGNIFICANT,
        True,
        _ALONE,
        "numbers after an insurance word; health insurance numbers with checksum",
        "the word and a value with digits",
    ),
    (
        Kind.PATIENT_NUMBER,
        Category.MEDICAL,
        "patient or record number",
        _STAFF,
        (2, GDPR_4_13),
        _SIGNIFICANT,
        True,
        _ALONE,
        "numbers after a patient or medical-record word",
        "the word and a value with digits",
    ),
    (
        Kind.ETHNICITY,
        Category.SPECIAL,
        "racial or ethnic origin",
        _STAFF,
        (2, GDPR_9),
        _SIGNIFICANT,
        False,
        _TOGETHER,
        "columns named so",
        "header and text values",
    ),
    (
        Kind.RELIGION,
        Category.SPECIAL,
        "religious belief",
        _STAFF,
        (2, GDPR_9),
        _SIGNIFICANT,
        False,
        _TOGETHER,
        "columns named so",
        "header and text values",
    ),
    (
        Kind.POLITICAL_OPINION,
        Category.SPECIAL,
        "political opinion",
        _STAFF,
        (2, GDPR_9),
        _SIGNIFICANT,
        False,
        _TOGETHER,
        "columns named so",
        "header and text values",
    ),
    (
        Kind.UNION_MEMBERSHIP,
        Category.SPECIAL,
        "trade-union membership",
        _STAFF,
        (2, GDPR_9),
        _SIGNIFICANT,
        False,
        _TOGETHER,
        "columns named so",
        "header",
    ),
    (
        Kind.SEXUAL_ORIENTATION,
        Category.SPECIAL,
        "sex life or sexual orientation",
        _STAFF,
        (2, GDPR_9),
        _SIGNIFICANT,
        False,
        _TOGETHER,
        "columns named so",
        "header and text values",
    ),
    (
        Kind.BIOMETRIC,
        Category.SPECIAL,
        "biometric or genetic data",
        _STAFF,
        (2, GDPR_9),
        _SIGNIFICANT,
        False,
        _ALONE,
        "columns named so",
        "header",
    ),
    (
        Kind.CRIMINAL_RECORD,
        Category.SPECIAL,
        "criminal conviction or offence",
        _STAFF,
        (2, GDPR_10),
        _SIGNIFICANT,
        False,
        _TOGETHER,
        "columns named so",
        "header",
    ),
    (
        Kind.SALARY,
        Category.EMPLOYMENT,
        "salary or income",
        _STAFF,
        (1, GDPR_88),
        _SIGNIFICANT,
        False,
        _TOGETHER,
        "columns named so with amounts",
        "header and numeric values",
    ),
    (
        Kind.IP_ADDRESS,
        Category.TECHNICAL,
        "IP address",
        _OUTSIDER,
        _personal(),
        _LIMITED,
        False,
        _TOGETHER,
        "IPv4 and IPv6 addresses that can be a person's; not loopback, any or netmasks",
        "syntax (RFC 4291, RFC 1123); no version numbers",
    ),
    (
        Kind.GEOLOCATION,
        Category.TECHNICAL,
        "geographic position",
        (0, GUIDELINE),
        (0, GDPR_4),
        (0, GUIDELINE),
        False,
        _TOGETHER,
        "columns of latitude and longitude",
        "header and values within range",
    ),
)

KIND_CATALOGUE: dict[Kind, KindFacts] = {
    row[0]: KindFacts(
        kind=row[0],
        category=row[1],
        title=row[2],
        traits=Traits(Trait(*row[3]), Trait(*row[4]), Trait(*row[5])),
        sensitive=row[6],
        identifies=row[7],
        counts=row[8],
        confirmed=row[9],
    )
    for row in _ROWS
}


def facts(kind: Kind) -> KindFacts:
    """Return what the catalogue says of *kind*."""
    return KIND_CATALOGUE[kind]

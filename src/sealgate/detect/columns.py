"""
Judge a column by its name and a sample of its values together.

Values that speak for themselves (addresses, IBANs, hashes) decide alone; everything
else needs the header *and* values that agree. So a year in a column called CODE is no
CVV, and a number in a column called NAME is no name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sealgate.detect import shapes
from sealgate.detect.catalogue import Kind, Where, check_said
from sealgate.detect.headers import HeaderRule, Says, normal, rules_for
from sealgate.detect.model import ColumnVerdict, Confidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.detect.shapes import Shape

MOST_VALUES = 400
_EMPTY = frozenset(
    "null none nil nan na n/a n.a. - -- . .. ? unknown undefined <na> #n/a tbd".split()  # noqa: SIM905 - a list of words
) | {"", "not provided", "not available", "no aplica", "<no aplica>", "not applicable"}


class _Test(NamedTuple):
    """A shape, the share of filled values that must have it, and how sure that makes."""

    shape: Shape
    share: float
    confidence: Confidence


def _not_boolean_text(value: str) -> bool:
    return shapes.text(value) and not shapes.boolean(value)


def _secret_like(value: str) -> bool:
    return not shapes.date(value) and not shapes.boolean(value) and len(value) <= 128  # noqa: PLR2004 - longer is prose


def _short_text(value: str) -> bool:
    return _not_boolean_text(value) and len(value) <= 60  # noqa: PLR2004 - a category, not prose


def _anything(value: str) -> bool:
    return not shapes.boolean(value)


_S, _C, _L, _P = shapes, Confidence.CONFIRMED, Confidence.LIKELY, Confidence.POSSIBLE

# Values that decide without a header. Order: the most specific first.
_ALONE: tuple[tuple[Kind, _Test], ...] = (
    (Kind.PRIVATE_KEY, _Test(_S.private_key, 0.5, _C)),
    (Kind.PASSWORD_HASH, _Test(_S.password_hash, 0.5, _C)),
    (Kind.JWT, _Test(_S.jwt, 0.5, _C)),
    (Kind.EMAIL, _Test(_S.email, 0.5, _C)),
    (Kind.IBAN, _Test(_S.iban_value, 0.6, _C)),
    (Kind.PAYMENT_CARD, _Test(_S.card, 0.9, _C)),
    (Kind.NATIONAL_ID, _Test(_S.ssn, 0.9, _L)),
    (Kind.IP_ADDRESS, _Test(_S.ip_address, 0.8, _C)),
    (Kind.PHONE, _Test(_S.phone_alone, 0.6, _L)),
    (Kind.STREET_ADDRESS, _Test(_S.street_alone, 0.7, _L)),
)
_KNOWN_ALONE = 0.45
_PERSON_ALONE = 0.9
_FEWEST_PEOPLE = 3

# What values must agree to when the header speaks strongly for a kind.
_WITH_HEADER: dict[Kind, _Test] = {
    Kind.PASSWORD_HASH: _Test(lambda v: _S.password_hash(v) or _S.digest(v), 0.6, _C),
    Kind.CARD_VERIFICATION: _Test(_S.verification_code, 0.9, _L),
    Kind.PRIVATE_KEY: _Test(_S.token, 0.6, _L),
    Kind.ACCESS_TOKEN: _Test(_S.token, 0.6, _L),
    Kind.ACCESS_CODE: _Test(_S.access_code, 0.7, _L),
    Kind.SESSION_ID: _Test(_S.token, 0.6, _L),
    Kind.IBAN: _Test(_S.iban_value, 0.3, _C),
    Kind.BIC: _Test(_S.bic_value, 0.6, _C),
    Kind.PAYMENT_CARD: _Test(_S.card_like, 0.5, _L),
    Kind.BANK_ACCOUNT: _Test(_S.identifier, 0.6, _L),
    Kind.TRANSACTION: _Test(_anything, 0.5, _L),
    Kind.BIRTH_DATE: _Test(_S.date, 0.6, _L),
    Kind.AGE: _Test(lambda v: _S.age(v) or _S.year(v), 0.8, _L),
    Kind.NATIONAL_ID: _Test(_S.identifier, 0.6, _L),
    Kind.DIAGNOSIS: _Test(lambda v: _S.icd10(v) or _not_boolean_text(v), 0.5, _L),
    Kind.MEDICATION: _Test(_not_boolean_text, 0.5, _L),
    Kind.INSURANCE_NUMBER: _Test(_S.identifier, 0.6, _L),
    Kind.PATIENT_NUMBER: _Test(lambda v: any(c.isdigit() for c in v), 0.6, _L),
    Kind.ETHNICITY: _Test(_short_text, 0.6, _L),
    Kind.RELIGION: _Test(_short_text, 0.6, _L),
    Kind.POLITICAL_OPINION: _Test(_short_text, 0.6, _L),
    Kind.UNION_MEMBERSHIP: _Test(lambda _: True, 0.5, _L),
    Kind.SEXUAL_ORIENTATION: _Test(_short_text, 0.6, _L),
    Kind.BIOMETRIC: _Test(_S.token, 0.5, _L),
    Kind.CRIMINAL_RECORD: _Test(lambda _: True, 0.5, _P),
    Kind.GENDER: _Test(_S.gender, 0.5, _L),
    Kind.NATIONALITY: _Test(_short_text, 0.6, _L),
    Kind.SALARY: _Test(_S.number, 0.7, _L),
    Kind.EMAIL: _Test(_S.email, 0.2, _C),
    Kind.PHONE: _Test(_S.phone, 0.4, _L),
    Kind.IP_ADDRESS: _Test(_S.ip_address, 0.5, _C),
    Kind.POSTAL_CODE: _Test(_S.postal_code, 0.5, _L),
    Kind.GEOLOCATION: _Test(_S.coordinate, 0.5, _L),
    Kind.STREET_ADDRESS: _Test(_S.street, 0.5, _L),
    Kind.CITY: _Test(_S.place, 0.6, _L),
    Kind.LOGIN: _Test(_S.word, 0.6, _L),
}
# These are judged by functions of their own.
_APART = (Kind.PASSWORD, Kind.PERSON_NAME)

check_said("detect/columns.py", Where.VALUES, (kind for kind, _ in _ALONE))
check_said("detect/columns.py", Where.NAME, (*_WITH_HEADER, *_APART))


def judge_column(name: str, values: Sequence[str], total: int) -> ColumnVerdict:
    """
    Return what the column called *name* holds, judging a sample of its *values*.

    *total* is how many rows the column has; counts are projected on it. An empty column
    is judged by its header alone, with count 0. Pure and never raises.
    """
    sample = [v.strip() for v in values[:MOST_VALUES]]
    filled = [v for v in sample if v.lower() not in _EMPTY]
    projected = round(total * len(filled) / len(sample)) if sample else 0
    header = normal(name)
    rules = rules_for(header)
    if not filled:
        return _by_header_alone(rules)
    verdict = _alone(filled, header) or next(
        (v for v in (_with_header(rule, filled) for rule in rules) if v is not None), None
    )
    if verdict is None:
        verdict = _people(filled)
    if verdict is None:
        return ColumnVerdict(None, 0, Confidence.POSSIBLE, "nothing speaks for a kind", projected)
    kind, share, confidence, reason = verdict
    return ColumnVerdict(kind, max(1, round(share * projected)), confidence, reason, projected)


_Verdict = tuple[Kind, float, Confidence, str]


def _share(shape: Shape, filled: Sequence[str]) -> float:
    return sum(map(shape, filled)) / len(filled)


def _by_header_alone(rules: Sequence[HeaderRule]) -> ColumnVerdict:
    strong = next((r for r in rules if r.says is Says.STRONG), None)
    if strong is None:
        return ColumnVerdict(None, 0, Confidence.POSSIBLE, "no values, and the name says nothing")
    return ColumnVerdict(strong.kind, 0, Confidence.POSSIBLE, "the column's name; it has no values")


def _alone(filled: Sequence[str], header: str) -> _Verdict | None:
    for kind, test in _ALONE:
        # Most columns fail on the first few values; the rest is not looked at.
        if not any(map(test.shape, filled[:16])):
            continue
        share = _share(test.shape, filled)
        if share < test.share:
            continue
        if kind is Kind.IP_ADDRESS and "version" in header:
            continue
        if kind is Kind.PAYMENT_CARD and len(set(filled)) < min(2, len(filled)):
            continue
        return kind, share, test.confidence, "the shape of the values"
    return None


def _with_header(rule: HeaderRule, filled: Sequence[str]) -> _Verdict | None:
    if rule.kind is Kind.PASSWORD:
        return _password(filled)
    if rule.kind is Kind.PERSON_NAME:
        return _name(rule.says, filled)
    test = _WITH_HEADER[rule.kind]
    share = _share(test.shape, filled)
    if share < test.share or _all_boolean(filled):
        return None
    if rule.kind is Kind.STREET_ADDRESS and not _addresses(filled):
        return None
    return rule.kind, share, test.confidence, "the column's name and the shape of the values"


def _all_boolean(filled: Sequence[str]) -> bool:
    return all(map(shapes.boolean, filled)) and len(set(filled)) <= 2  # noqa: PLR2004 - yes and no


def _addresses(filled: Sequence[str]) -> bool:
    """Return whether address lines have numbers, street words or boxes in them."""

    def line(value: str) -> bool:
        return any(c.isdigit() for c in value) and any(c.isalpha() for c in value)

    return _share(line, filled) >= 0.3 or _share(shapes.street_alone, filled) >= 0.2  # noqa: PLR2004 - second lines are mixed


def _password(filled: Sequence[str]) -> _Verdict | None:
    hashed = _share(lambda v: shapes.password_hash(v) or shapes.digest(v), filled)
    if hashed >= 0.6:  # noqa: PLR2004 - most of them
        return Kind.PASSWORD_HASH, hashed, Confidence.CONFIRMED, "a password column with digests"
    clear = _share(_secret_like, filled)
    if clear < 0.6 or (len(set(filled)) <= 2 and len(filled) > 8):  # noqa: PLR2004 - a flag has two values
        return None
    return Kind.PASSWORD, clear, Confidence.LIKELY, "a password column with values in clear text"


def _name(says: Says, filled: Sequence[str]) -> _Verdict | None:
    if says is Says.STRONG:
        share = _share(shapes.name_part, filled)
        if share >= 0.6:  # noqa: PLR2004 - names with notes are common
            return Kind.PERSON_NAME, share, Confidence.LIKELY, "the column's name and words"
        return None
    if _share(shapes.suffix, filled) >= 0.8:  # noqa: PLR2004 - a suffix has no other form
        return Kind.PERSON_NAME, 1.0, Confidence.POSSIBLE, "suffixes of names"
    whole, known = _share(shapes.person, filled), _share(shapes.known_person, filled)
    least_whole, least_known = (0.4, 0.1) if says is Says.FAIR else (0.55, 0.25)
    if whole >= least_whole and known >= least_known:
        return (
            Kind.PERSON_NAME,
            whole,
            Confidence.LIKELY,
            "the column's name, and given names in it",
        )
    given = _share(shapes.has_given_name, filled)
    parts = _share(shapes.name_part, filled)
    if says is Says.FAIR and parts >= 0.8 and given >= 0.3:  # noqa: PLR2004 - first names alone
        return (
            Kind.PERSON_NAME,
            parts,
            Confidence.LIKELY,
            "the column's name, and given names in it",
        )
    return None


def _people(filled: Sequence[str]) -> _Verdict | None:
    """Find people in a column whose name says nothing: nearly all whole names, many known."""
    if len(set(filled)) < _FEWEST_PEOPLE or not any(map(shapes.known_person, filled[:16])):
        return None
    if (
        _share(shapes.known_person, filled) < _KNOWN_ALONE
        or _share(shapes.person, filled) < _PERSON_ALONE
    ):
        return None
    return Kind.PERSON_NAME, 1.0, Confidence.POSSIBLE, "whole names with common given names"

from __future__ import annotations

import pytest

from sealgate.assess.classify import MANY_PEOPLE, classify
from sealgate.assess.model import KindFound, Override, TraitName, TraitRanks, Weighed
from sealgate.detect.catalogue import Kind, facts
from sealgate.detect.model import Confidence
from sealgate.policy.classification import DEFAULT_MODEL, Classification, ClassificationModel
from sealgate.policy.protection import Protection

TWO_CLASSES = ClassificationModel(
    (
        Classification("open", "Open", 0, "", "", Protection.of(0, 0, 0)),
        Classification("closed", "Closed", 1, "", "", Protection.of(1, 1, 1)),
    )
)


def found(kind: Kind, count: int = 1, records: int | None = None) -> KindFound:
    """Return *kind* as found *count* times."""
    return KindFound(kind, count, count if records is None else records, Confidence.LIKELY)


def weigh(*kinds: KindFound, complete: bool = True) -> Weighed:
    """Return the class of an asset with *kinds* in the default model."""
    return classify(kinds, model=DEFAULT_MODEL, complete=complete)


@pytest.mark.parametrize(
    ("kinds", "class_id"),
    [
        ((), "public"),
        ((found(Kind.CITY, 99),), "public"),
        ((found(Kind.EMAIL),), "restricted"),
        ((found(Kind.EMAIL, MANY_PEOPLE - 1),), "restricted"),
        ((found(Kind.EMAIL, MANY_PEOPLE),), "confidential"),
        ((found(Kind.PERSON_NAME, MANY_PEOPLE),), "confidential"),
        ((found(Kind.PERSON_NAME, 2 * MANY_PEOPLE - 2, MANY_PEOPLE - 1),), "restricted"),
        ((found(Kind.IP_ADDRESS, 9999),), "restricted"),
        ((found(Kind.LOGIN, 9999),), "restricted"),
        ((found(Kind.IBAN),), "confidential"),
        ((found(Kind.PASSWORD_HASH),), "confidential"),
        ((found(Kind.PASSWORD),), "secret"),
        ((found(Kind.PAYMENT_CARD),), "confidential"),
        ((found(Kind.PAYMENT_CARD), found(Kind.CARD_VERIFICATION)), "secret"),
        ((found(Kind.DIAGNOSIS),), "confidential"),
        ((found(Kind.DIAGNOSIS), found(Kind.MEDICATION)), "confidential"),
        ((found(Kind.DIAGNOSIS), found(Kind.PERSON_NAME)), "secret"),
        ((found(Kind.DIAGNOSIS), found(Kind.PATIENT_NUMBER)), "secret"),
        ((found(Kind.PATIENT_NUMBER), found(Kind.PERSON_NAME)), "confidential"),
        ((found(Kind.RELIGION), found(Kind.EMAIL)), "secret"),
        ((found(Kind.DIAGNOSIS), found(Kind.GENDER), found(Kind.BIRTH_DATE)), "confidential"),
        (
            (
                found(Kind.DIAGNOSIS),
                found(Kind.GENDER),
                found(Kind.BIRTH_DATE),
                found(Kind.POSTAL_CODE),
            ),
            "secret",
        ),
    ],
)
def test_what_is_found_decides_the_class(kinds: tuple[KindFound, ...], class_id: str) -> None:
    """The high-water mark of the traits is the class, and what stands together weighs more."""
    weighed = weigh(*kinds)
    assert weighed.classification.id == class_id
    assert weighed.computed.id == class_id


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_brings_its_traits_with_their_clauses(kind: Kind) -> None:
    """Alone, a kind weighs what the catalogue says, and each rank has a reason and a clause."""
    traits = facts(kind).traits
    weighed = weigh(found(kind))
    expected = TraitRanks(traits.use.rank, traits.legal.rank, traits.value.rank)
    assert weighed.traits == expected
    assert weighed.sensitive == facts(kind).sensitive
    assert all(reason.clause for reason in weighed.reasons)
    for name, rank in (
        (TraitName.USE, expected.use),
        (TraitName.LEGAL, expected.legal),
        (TraitName.VALUE, expected.value),
    ):
        if rank:
            assert any(r.trait is name and r.rank == rank for r in weighed.reasons)


@pytest.mark.parametrize("kind", [kind for kind in Kind if facts(kind).sensitive])
def test_sensitive_kinds_are_confidential_at_least(kind: Kind) -> None:
    """Medical and financial data and access codes are confidential by nature (guideline)."""
    assert weigh(found(kind)).classification.rank >= 2


def test_what_was_not_looked_at_is_strictest() -> None:
    """An asset that could not be seen whole has the strictest class, and the floor holds."""
    weighed = weigh(complete=False)
    assert weighed.classification is DEFAULT_MODEL.strictest
    assert weighed.sensitive
    assert weighed.reasons[0].because == "not everything could be looked at"


def test_nothing_found_has_a_reason_too() -> None:
    """Also the weakest class tells why."""
    (reason,) = weigh().reasons
    assert reason.rank == 0
    assert reason.because == "nothing that is looked for was found"


def test_reasons_stand_strongest_first() -> None:
    """What made the class stands before what did not."""
    ranks = [r.rank for r in weigh(found(Kind.EMAIL), found(Kind.PASSWORD)).reasons]
    assert ranks == sorted(ranks, reverse=True)


def test_an_own_model_is_stretched() -> None:
    """A model of two classes takes the stricter one from the first rank on."""
    weighed = classify([found(Kind.EMAIL)], model=TWO_CLASSES, complete=True)
    assert weighed.classification.id == "closed"


@pytest.mark.parametrize("class_id", ["public", "secret"])
def test_a_decision_wins_and_both_stay(class_id: str) -> None:
    """What a person decided holds, what the data says is kept beside it."""
    override = Override(class_id, "the owner", "published anyway", 1.0)
    weighed = classify([found(Kind.EMAIL)], model=DEFAULT_MODEL, complete=True, override=override)
    assert weighed.classification.id == class_id
    assert weighed.computed.id == "restricted"
    assert weighed.override == override
    assert weighed.override_refused is None


def test_a_decision_for_an_unknown_class_is_not_followed() -> None:
    """A class that the model no longer has changes nothing, and that is told."""
    weighed = classify(
        [found(Kind.EMAIL)],
        model=DEFAULT_MODEL,
        complete=True,
        override=Override("gone", "me", "why", 1.0),
    )
    assert weighed.classification.id == "restricted"
    assert weighed.override_refused is not None


@pytest.mark.parametrize(("class_id", "followed"), [("public", False), ("secret", True)])
def test_a_decision_about_a_masked_name_may_only_be_stricter(
    class_id: str,
    followed: bool,  # noqa: FBT001  # a case of the table
) -> None:
    """A masked name may mean another file by now, so less than the data asks is refused."""
    weighed = classify(
        [found(Kind.EMAIL)],
        model=DEFAULT_MODEL,
        complete=True,
        override=Override(class_id, "me", "why", 1.0),
        name_masked=True,
    )
    assert (weighed.classification.id == class_id) is followed
    assert (weighed.override_refused is None) is followed

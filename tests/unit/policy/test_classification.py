"""The classification model holds its own laws."""

from __future__ import annotations

import pytest

from sealgate.policy.classification import DEFAULT_MODEL, Classification, ClassificationModel
from sealgate.policy.protection import Column, Protection


def _class(class_id: str, rank: int, protection: Protection) -> Classification:
    return Classification(class_id, class_id.title(), rank, "", "", protection)


def test_the_default_model_is_the_guidelines_table() -> None:
    """Four classes whose ranks equal the rungs that they demand, in the guideline's words."""
    rows = [
        (
            c.name,
            c.required.rung(Column.ACCESS),
            c.required.rung(Column.IN_TRANSIT),
            c.required.rung(Column.AT_REST),
            c.disclosure_impact,
        )
        for c in DEFAULT_MODEL.classes
    ]
    assert rows == [
        ("Public", "none", "unencrypted", "none", "none"),
        ("Public Restricted", "low", "protected", "protected", "limited"),
        ("Organization Confidential", "high", "encrypted", "encrypted", "significant"),
        ("Organization Secret", "very high", "highly encrypted", "highly encrypted", "severe"),
    ]


def test_find_and_the_ends_of_the_order() -> None:
    """Classes are found by id; the ends are the first and the last."""
    assert DEFAULT_MODEL.find("confidential") is DEFAULT_MODEL.classes[2]
    assert DEFAULT_MODEL.find("top secret") is None
    assert DEFAULT_MODEL.weakest.id == "public"
    assert DEFAULT_MODEL.strictest.id == "secret"


def test_strictest_of_nothing_is_the_strictest_of_all() -> None:
    """What is not known is treated as the worst, never as public."""
    assert DEFAULT_MODEL.strictest_of([]).id == "secret"
    assert DEFAULT_MODEL.strictest_of(DEFAULT_MODEL.classes[:2]).id == "restricted"


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (1, ["a", "a", "a", "a"]),
        (2, ["a", "b", "b", "b"]),
        (3, ["a", "b", "c", "c"]),
        (5, ["a", "c", "d", "e"]),
    ],
)
def test_impact_is_stretched_over_other_models(classes: int, expected: list[str]) -> None:
    """Impact 0 is the weakest class, 3 the strictest, and between them the stricter is taken."""
    model = ClassificationModel(
        tuple(_class("abcde"[i], i, Protection.of(0, 0, 0)) for i in range(classes))
    )
    assert [model.at_impact(impact).id for impact in range(4)] == expected


@pytest.mark.parametrize(
    ("classes", "complaint"),
    [
        ((), "at least one class"),
        (
            (_class("a", 0, Protection.of(0, 0, 0)), _class("a", 1, Protection.of(1, 1, 1))),
            "same id",
        ),
        ((_class("a", 1, Protection.of(0, 0, 0)),), "stands at place 0"),
        (
            (_class("a", 0, Protection.of(1, 0, 0)), _class("b", 1, Protection.of(0, 3, 3))),
            "demands less",
        ),
    ],
)
def test_a_model_that_breaks_the_order_is_refused(
    classes: tuple[Classification, ...], complaint: str
) -> None:
    """No class, doubled ids, wrong places and a class that demands less cannot be loaded."""
    with pytest.raises(ValueError, match=complaint):
        ClassificationModel(classes)

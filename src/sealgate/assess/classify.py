"""
From kinds to a class: the guideline's traits, the high-water mark, and aggregation.

Pure. Every step leaves a reason with its clause:

1. each kind found brings the default traits of the catalogue;
2. what stands together weighs more than each alone (:func:`_aggregated`);
3. what was not looked at weighs as much as anything can;
4. the class is the one of the highest rank over the three traits (FIPS 199, 3);
5. a person's decision wins over the computed class, and both are kept.

Protection has a floor of its own that no decision lowers: see
:func:`sealgate.policy.requirements.required_of_data`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.assess.model import Reason, TraitName, TraitRanks, Weighed
from sealgate.detect.catalogue import Category, Identifies, Kind, facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sealgate.assess.model import KindFound, Override
    from sealgate.policy.classification import Classification, ClassificationModel

# From so many names or contact data on, an asset is a list of people and not a mention.
# NIST SP 800-122, 3.2.2 takes 25 records as its example of a small breach.
MANY_PEOPLE = 25
# Birth date, gender and postal code each point at many people, and together at one.
FEW_THAT_IDENTIFY = 3

TOP_RANK = 3
_STAFF = 2
_SIGNIFICANT = 2

_QUANTITY = "NIST SP 800-122, 3.2.2"
_TOGETHER = "GDPR, Art. 9(1); NIST SP 800-122, 3.2.3"
_UNKNOWN = "ISO/IEC 27001:2022, A.5.12"
_GUIDELINE = "Encrypted Client/server Communication, Data Classification"

_PEOPLE = {Category.CONTACT, Category.IDENTITY}


def classify(
    kinds: Sequence[KindFound],
    *,
    model: ClassificationModel,
    complete: bool,
    override: Override | None = None,
    name_masked: bool = False,
) -> Weighed:
    """
    Return the class of an asset in which *kinds* were found, with the reasons.

    *complete*: everything in it was looked at. *override* is what a person decided.
    With *name_masked* the asset's name does not tell it from others, so a decision
    for less than the data asks is not followed: it might have meant another one.
    """
    reasons = [*_of_kinds(kinds), *_aggregated(kinds)]
    if not complete:
        reasons += [
            Reason(trait, TOP_RANK, "not everything could be looked at", _UNKNOWN)
            for trait in TraitName
        ]
    if not reasons:
        reasons.append(Reason(TraitName.USE, 0, "nothing that is looked for was found", _GUIDELINE))
    traits = TraitRanks(*(_highest(reasons, trait) for trait in TraitName))
    computed = model.at_impact(traits.impact)
    effective, refused = _decided(computed, override, model, name_masked=name_masked)
    return Weighed(
        traits=traits,
        reasons=tuple(sorted(reasons, key=lambda r: -r.rank)),
        computed=computed,
        classification=effective,
        sensitive=not complete or any(facts(k.kind).sensitive for k in kinds),
        override=override,
        override_refused=refused,
    )


def _of_kinds(kinds: Iterable[KindFound]) -> list[Reason]:
    reasons = []
    for found in kinds:
        known = facts(found.kind)
        for name, trait in (
            (TraitName.USE, known.traits.use),
            (TraitName.LEGAL, known.traits.legal),
            (TraitName.VALUE, known.traits.value),
        ):
            if trait.rank:
                reasons.append(Reason(name, trait.rank, known.title, str(trait.citation)))
    return reasons


def _aggregated(kinds: Sequence[KindFound]) -> list[Reason]:
    reasons = []
    people = max((k.records for k in kinds if _names_somebody(k.kind)), default=0)
    if people >= MANY_PEOPLE:
        because = f"names or contact data of many people ({people}, many is {MANY_PEOPLE})"
        reasons += [
            Reason(TraitName.USE, _STAFF, because, _QUANTITY),
            Reason(TraitName.VALUE, _SIGNIFICANT, because, _QUANTITY),
        ]
    harmful = [k for k in kinds if facts(k.kind).harmful]
    if harmful and _somebody_is_identified(kinds):
        because = f"{facts(harmful[0].kind).title} beside who it is about"
        reasons.append(Reason(TraitName.VALUE, TOP_RANK, because, _TOGETHER))
    return reasons


def _names_somebody(kind: Kind) -> bool:
    known = facts(kind)
    return known.identifies is Identifies.ALONE and known.category in _PEOPLE


def _somebody_is_identified(kinds: Iterable[KindFound]) -> bool:
    others = [facts(k.kind) for k in kinds if not facts(k.kind).harmful]
    if any(known.identifies is Identifies.ALONE for known in others):
        return True
    # NIST SP 800-122, 3.2.1: identifiability of what is linked.
    together = [k for k in others if k.identifies is Identifies.TOGETHER and k.category in _PEOPLE]
    return len(together) >= FEW_THAT_IDENTIFY


def _highest(reasons: Iterable[Reason], trait: TraitName) -> int:
    return max((r.rank for r in reasons if r.trait is trait), default=0)


def _decided(
    computed: Classification,
    override: Override | None,
    model: ClassificationModel,
    *,
    name_masked: bool,
) -> tuple[Classification, str | None]:
    if override is None:
        return computed, None
    wanted = model.find(override.class_id)
    if wanted is None:
        return computed, f'class "{override.class_id}" is not in the classification model'
    if name_masked and wanted.rank < computed.rank:
        return computed, "the name of the asset is masked and may stand for another one by now"
    return wanted, None

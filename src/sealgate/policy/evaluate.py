"""
What is required and what was seen become a report. Judgement happens here only.

Every rule is asked of every asset that it applies to. A fact that was seen twice, and
differently, is judged by its worse reading; a fact that could not be seen, from where the
rule says that it can be, meets nothing.
Sightings of assets that nobody asked about are not judged.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from sealgate.policy.finding import (
    AssetReport,
    Finding,
    Report,
    Status,
    Subject,
    Verdict,
    listed,
)
from sealgate.policy.ladder import criteria, reached
from sealgate.policy.observation import OWN_FACTS, Fact, NotObserved, Observation
from sealgate.policy.protection import SENSITIVE_FLOOR, Column, Protection
from sealgate.policy.requirements import COLUMNS, AssetRequirement, applicable
from sealgate.policy.rules import RULES, find_rule
from sealgate.policy.servers import Server, remedy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sealgate.policy.finding import Rule
    from sealgate.policy.inventory import AcceptedRisk
    from sealgate.policy.observation import Sighting, Vantage

# The rule that tells where nobody answered.
UNREACHABLE = "transit-unreachable"
# Worst first. "Not applicable" stands before "met": it never counts as met.
_ORDER = (Status.VIOLATED, Status.NOT_OBSERVED, Status.NOT_APPLICABLE, Status.MET)


@dataclass(frozen=True, slots=True)
class Judged:
    """
    Every verdict on one asset, by rule id.

    *effective* is what the asset must provide after floors, in the columns that apply.
    *asked* are the rules whose answer counts, *demanded* those of a required rung.
    *told* are the rules that the parent already answers: nothing of their own was seen.
    *out_of_reach* are those that nothing is known of because nobody answered there.
    *server* is whose settings remedies name; ``None`` for plain words.
    """

    requirement: AssetRequirement
    effective: Protection
    verdicts: Mapping[str, Verdict]
    asked: tuple[Rule, ...]
    demanded: frozenset[str]
    told: frozenset[str]
    out_of_reach: frozenset[str]
    floored: bool
    server: Server | None = None

    def provided(self, column: Column) -> int | None:
        """Return the rank that was proven in *column*, ``None`` when it was not observed."""
        asset = self.requirement.asset
        if column not in COLUMNS[asset.kind]:
            return None
        return reached(column, asset.kind, self.requirement.declarations, self.verdicts)


def evaluate(
    requirements: Sequence[AssetRequirement],
    sightings: Iterable[Sighting],
    *,
    accepted: Sequence[AcceptedRisk] = (),
    now: float,
) -> Report:
    """
    Return the verdict on each of *requirements* by what was seen.

    *now* is in seconds since the epoch; an accepted risk holds until the end of its day
    in UTC. The report's order depends on neither the order of *sightings* nor on chance.
    """
    judged = judge_all(requirements, sightings, now=now)
    today = dt.datetime.fromtimestamp(now, tz=dt.UTC).date()
    living = [risk for risk in accepted if today <= risk.until]
    findings: list[Finding] = []
    used: list[AcceptedRisk] = []
    met = 0
    by_asset = {item.requirement.asset.id: item for item in judged}
    for item in judged:
        parent = by_asset.get(item.requirement.asset.parent or "")
        for rule in item.asked:
            if rule.id in item.told and parent is not None and _answers(parent, rule, item):
                continue
            verdict = item.verdicts[rule.id]
            if rule.id in item.out_of_reach:
                continue
            if verdict.status is Status.MET:
                met += 1
            elif verdict.status is not Status.NOT_APPLICABLE:
                takers = [r for r in living if _excuses(r, rule, item)]
                used.extend(takers)
                findings.append(_finding(item, rule, verdict, takers))
    position = {rule.id: index for index, rule in enumerate(RULES)}
    findings.sort(key=lambda f: (-f.severity, f.asset.id, position[f.rule.id]))
    return Report(
        findings=tuple(findings),
        met=met,
        assets=tuple(_report(item) for item in judged),
        expired=tuple(risk for risk in accepted if today > risk.until),
        unused=tuple(risk for risk in living if risk not in used),
    )


def judge_all(
    requirements: Sequence[AssetRequirement], sightings: Iterable[Sighting], *, now: float
) -> tuple[Judged, ...]:
    """Return every verdict on every asset, whether it is asked for or not."""
    wanted = _merged(requirements)
    seen: dict[str, list[Sighting]] = {}
    for sighting in sightings:
        seen.setdefault(sighting.asset, []).append(sighting)
    return tuple(_judge(requirement, wanted, seen, now) for requirement in wanted.values())


def _merged(requirements: Sequence[AssetRequirement]) -> dict[str, AssetRequirement]:
    # An asset that is asked about twice must satisfy both.
    merged: dict[str, AssetRequirement] = {}
    for one in requirements:
        other = merged.get(one.asset.id)
        if other is None:
            merged[one.asset.id] = one
            continue
        stricter = other if other.required.meets(one.required) else one
        merged[one.asset.id] = AssetRequirement(
            other.asset,
            stricter.classification,
            one.required.at_least(other.required),
            stricter.collects,
            one.declarations | other.declarations,
            one.foreign and other.foreign,
        )
    return merged


def _judge(
    requirement: AssetRequirement,
    wanted: Mapping[str, AssetRequirement],
    seen: Mapping[str, Sequence[Sighting]],
    now: float,
) -> Judged:
    asset = requirement.asset
    own = _by_fact(seen.get(asset.id, ()))
    facts = {fact: list(found) for fact, found in own.items()}
    for ancestor in _ancestors(requirement, wanted):
        for fact, found in _by_fact(seen.get(ancestor, ())).items():
            if fact not in OWN_FACTS:
                facts.setdefault(fact, []).extend(found)
    floored = any(isinstance(s, Observation) and s.value for s in own.get(Fact.FORMS_SENSITIVE, ()))
    required = requirement.required
    if floored:
        # Credentials never travel below "encrypted", whatever the class of the page
        # (DESIGN 1, floors; guideline, paragraph 2).
        required = required.at_least(Protection(SENSITIVE_FLOOR.in_transit))
    effective = applicable(asset.kind, required)
    rules = [rule for rule in RULES if asset.kind in rule.applies_to]
    by_door = {r.id: _verdicts(r, requirement, effective, facts, now) for r in rules}
    verdicts = {rule_id: _verdict(found) for rule_id, found in by_door.items()}
    dead = frozenset(s.reason for s in facts.get(Fact.REACHABLE, ()) if isinstance(s, NotObserved))
    demanded = frozenset(
        criterion
        for column in COLUMNS[asset.kind]
        for criterion in criteria(
            column, effective.rank(column), asset.kind, requirement.declarations, verdicts
        )
    )
    return Judged(
        requirement,
        effective,
        verdicts,
        asked=tuple(r for r in rules if not r.criterion or r.id in demanded),
        demanded=demanded,
        told=frozenset(r.id for r in rules if not any(fact in own for fact in r.facts)),
        out_of_reach=frozenset(
            r.id
            for r in rules
            if UNREACHABLE in by_door and _is_out_of_reach(r, by_door[r.id], dead)
        ),
        floored=floored,
        server=_server(facts.get(Fact.SERVER, ())) if requirement.foreign else Server.SEALGATE,
    )


def _server(sightings: Iterable[Sighting]) -> Server | None:
    # Two that differ (a balancer before several) are none that a remedy could be written for.
    said = {seen.value for seen in sightings if isinstance(seen, Observation)}
    return next((server for server in Server if said == {server.value}), None)


def _ancestors(
    requirement: AssetRequirement, wanted: Mapping[str, AssetRequirement]
) -> tuple[str, ...]:
    found: list[str] = []
    parent = requirement.asset.parent
    while parent is not None and parent not in found:
        found.append(parent)
        above = wanted.get(parent)
        parent = above.asset.parent if above else None
    return tuple(found)


def _by_fact(sightings: Iterable[Sighting]) -> dict[Fact, list[Sighting]]:
    found: dict[Fact, list[Sighting]] = {}
    for sighting in sightings:
        found.setdefault(sighting.fact, []).append(sighting)
    return found


def _readings(sightings: Sequence[Sighting], vantage: Vantage) -> list[Sighting | None]:
    # What somebody saw stands over what somebody else could not see, with one exception:
    # where the rule's own vantage has gaps only, a promise seen from elsewhere does not
    # fill them (a gateway that is down still has a fine configuration). Values that are
    # equal give one reading; the order is the values' own.
    observed = [s for s in sightings if isinstance(s, Observation)]
    gaps = [s for s in sightings if isinstance(s, NotObserved)]
    values = {repr(seen.value): seen for seen in observed}
    readings: list[Sighting | None] = [values[key] for key in sorted(values)]
    if all(seen.vantage is not vantage for seen in observed):
        missed = [gap for gap in gaps if gap.vantage is vantage or not observed]
        if missed:
            readings.append(min(missed, key=lambda gap: gap.reason))
    return readings or [None]


def _verdicts(
    rule: Rule,
    requirement: AssetRequirement,
    effective: Protection,
    facts: Mapping[Fact, Sequence[Sighting]],
    now: float,
) -> dict[str, Verdict]:
    """Return the verdict of *rule* by door: one for each address and certificate that differ."""
    found: dict[str, Verdict] = {}
    for door in _doors(rule, facts):
        combinations = product(
            *(_readings(_at(door, facts.get(fact, ())), rule.vantage) for fact in rule.facts)
        )
        verdicts = [
            rule.judge(
                Subject(
                    requirement.asset,
                    effective,
                    {f: s for f, s in zip(rule.facts, combination, strict=True) if s is not None},
                    now,
                    requirement.declarations,
                )
            )
            for combination in combinations
        ]
        found[door] = min(verdicts, key=_badness)
    return found


def _doors(rule: Rule, facts: Mapping[Fact, Sequence[Sighting]]) -> list[str]:
    # A door that others lie behind (an address with several certificates) is judged as these.
    doors = {s.door for fact in rule.facts for s in facts.get(fact, ())} - {""}
    return sorted(d for d in doors if not any(_is_behind(o, d) for o in doors)) or [""]


def _at(door: str, sightings: Sequence[Sighting]) -> Sequence[Sighting]:
    # What is true of no door in particular is true of each; a fact that was looked for at other
    # doors only is true of this one as far as anybody knows.
    here = [s for s in sightings if s.door == door or _is_behind(door, s.door)]
    here += [s for s in sightings if _is_behind(s.door, door)]
    if not here:
        return sightings
    return [*here, *(s for s in sightings if not s.door and s not in here)]


def _is_behind(inner: str, outer: str) -> bool:
    return bool(outer) and inner.startswith(f"{outer}, ")


def _badness(verdict: Verdict) -> tuple[int, str]:
    return (_ORDER.index(verdict.status), verdict.detail)


def _verdict(by_door: Mapping[str, Verdict]) -> Verdict:
    worst = min(by_door.values(), key=_badness)
    if set(by_door) == {""} or set(by_door.values()) == {worst}:
        return worst
    told = [_told(by_door, worst.status)]
    if worst.status is Status.VIOLATED and (gaps := _told(by_door, Status.NOT_OBSERVED)):
        told.append(f"not observed: {gaps}")
    return Verdict(worst.status, "; ".join(told))


def _told(by_door: Mapping[str, Verdict], status: Status) -> str:
    # Doors of which the same is to be said are named together.
    said: dict[str, list[str]] = {}
    for door, verdict in by_door.items():
        if verdict.status is status:
            said.setdefault(verdict.detail, []).append(door)
    return "; ".join(
        # Why an address does not answer begins with it already.
        detail if detail.startswith(doors[0]) else f"{listed(doors)}: {detail}"
        for detail, doors in said.items()
    )


def _is_out_of_reach(rule: Rule, by_door: Mapping[str, Verdict], dead: frozenset[str]) -> bool:
    # No channel can be seen where nobody answers, and one finding tells that for all its rules.
    if rule.id == UNREACHABLE or rule.column is not Column.IN_TRANSIT:
        return False
    gaps = [v for v in by_door.values() if v.status is Status.NOT_OBSERVED]
    return (
        bool(gaps)
        and min(by_door.values(), key=_badness).status is Status.NOT_OBSERVED
        and all(set(gap.detail.split("; ")) <= dead for gap in gaps)
    )


def _answers(parent: Judged, rule: Rule, child: Judged) -> bool:
    # The parent tells it as loudly, so saying it again for each route is noise.
    told = parent.verdicts.get(rule.id)
    return (
        told is not None
        and told.status is child.verdicts[rule.id].status
        and rule in parent.asked
        and (rule.id in parent.demanded or rule.id not in child.demanded)
    )


def _excuses(risk: AcceptedRisk, rule: Rule, item: Judged) -> bool:
    return risk.rule == rule.id and risk.asset == item.requirement.asset.id


def _finding(item: Judged, rule: Rule, verdict: Verdict, takers: Sequence[AcceptedRisk]) -> Finding:
    return Finding(
        rule=rule,
        asset=item.requirement.asset,
        status=verdict.status,
        found=verdict.detail,
        required=_required(item, rule),
        fix=remedy(rule.id, item.server) or rule.remediation,
        accepted=max(takers, key=lambda risk: risk.until, default=None),
        demanded=rule.id in item.demanded
        or (rule.id == UNREACHABLE and not item.out_of_reach.isdisjoint(item.demanded)),
    )


def _required(item: Judged, rule: Rule) -> str:
    if rule.id not in item.demanded:
        return rule.demand
    requirement = item.requirement
    column = next(
        c
        for c in COLUMNS[requirement.asset.kind]
        if rule.id
        in criteria(
            c,
            item.effective.rank(c),
            requirement.asset.kind,
            requirement.declarations,
            item.verdicts,
        )
    )
    who = f'"{requirement.classification}"'
    if requirement.collects:
        who += f' that collects "{requirement.collects}"'
    if item.floored and item.effective.rank(column) > requirement.required.rank(column):
        who = "a form that asks for credentials, whatever the class of its page,"
    return f"{rule.demand}: {who} demands {item.effective.rung(column)} {_PREPOSITION[column]}"


_PREPOSITION = {
    Column.IN_TRANSIT: "in transit",
    Column.ACCESS: "access",
    Column.AT_REST: "at rest",
}


def _report(item: Judged) -> AssetReport:
    asset = item.requirement.asset
    return AssetReport(
        asset,
        item.requirement.classification,
        item.effective,
        {column: item.provided(column) for column in Column},
        item.requirement.collects,
        COLUMNS[asset.kind],
    )


__all__ = ["Judged", "evaluate", "find_rule", "judge_all"]

"""Laws of factors, grants and sessions: what holds for every proof, order and moment."""

from __future__ import annotations

from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from sealgate.errors import UsageError
from sealgate.identity import grants as rules
from sealgate.identity.factors import (
    FRESH_SECONDS,
    KEYS,
    Factor,
    Missing,
    Need,
    Proven,
    missing,
    rung_of,
)
from sealgate.identity.grants import MOST_MINUTES, Grant, GrantState
from sealgate.identity.model import Identity
from sealgate.identity.sessions import SESSION_SECONDS, TOKEN_SECONDS, SignIn, session_of
from sealgate.identity.tokens import TokenError, TokenKey, token_key, verify
from sealgate.identity.totp import code_at, digest_of, matching_step
from sealgate.policy.protection import AccessRung

NOW = 1_800_000_000.0
TIMES = st.one_of(
    st.sampled_from([0.0, NOW, NOW - FRESH_SECONDS, NOW - 1, NOW + 1]),
    st.floats(NOW - 2 * FRESH_SECONDS, NOW + 60),
)
PROOFS = st.lists(
    st.builds(Proven, st.sampled_from(list(Factor)), TIMES, st.sampled_from(["", "a", "b"])),
    max_size=6,
)
COUNTRIES = st.sampled_from(["DE", "FR", None])
GRANTS = st.one_of(
    st.none(),
    st.builds(
        Grant,
        id=st.just("1"),
        person=st.sampled_from(["anna", "ben"]),
        asset=st.just("drop x"),
        reason=st.just("reason"),
        minutes=st.integers(1, MOST_MINUTES),
        asked_by=st.just("op"),
        asked_at=TIMES,
        approved_at=st.one_of(st.none(), TIMES),
        denied_at=st.one_of(st.none(), TIMES),
        ended_at=st.one_of(st.none(), TIMES),
    ),
)


@given(PROOFS, PROOFS, COUNTRIES, GRANTS)
def test_more_proof_never_gives_less(
    held: list[Proven], more: list[Proven], country: str | None, grant: Grant | None
) -> None:
    """Nor does a country that is allowed, nor a grant that runs."""
    rung = rung_of(held, country, ["DE"], grant, NOW)
    assert rung_of([*held, *more], country, ["DE"], grant, NOW) >= rung
    assert rung_of([*more, *held], country, ["DE"], grant, NOW) >= rung
    assert rung_of(held, "DE", ["DE"], grant, NOW) >= rung
    assert rung_of(held, country, ["DE", "FR"], grant, NOW) >= rung
    good = Grant("2", "anna", "drop x", "r", 60, "op", NOW - 9, "ben", "op2", NOW - 5)
    assert rung_of(held, country, ["DE"], good, NOW) >= rung


@given(PROOFS, COUNTRIES, GRANTS)
def test_a_rung_is_what_nothing_is_missing_for(
    held: list[Proven], country: str | None, grant: Grant | None
) -> None:
    """And everything that is missing for a lower one is missing for a higher one, too."""
    rung = rung_of(held, country, ["DE"], grant, NOW)
    needs: list[set[str]] = []
    for needed in AccessRung:
        told: tuple[Missing, ...] = missing(needed, held, country, ["DE"], grant, NOW)
        assert (not told) == (needed <= rung)
        needs.append({one.need for one in told})
    assert len(needs[1]) <= len(needs[2]) <= len(needs[3])


@given(PROOFS, COUNTRIES, GRANTS)
def test_what_is_asked_for_helps(
    held: list[Proven], country: str | None, grant: Grant | None
) -> None:
    """
    Whoever proves any of the factors that are told is not told of that again.

    What is second is known only when there is a key.
    """
    has_key = any(p.factor in KEYS and p.at <= NOW for p in held)
    for needed in list(AccessRung)[1:]:
        for one in missing(needed, held, country, ["DE"], grant, NOW):
            if one.need is Need.SECOND_FACTOR and not has_key:
                continue
            for factor in one.factors:
                proven = [*held, Proven(factor, NOW, "new")]
                told = missing(needed, proven, country, ["DE"], grant, NOW)
                assert one.need not in {other.need for other in told}


@given(PROOFS, COUNTRIES, GRANTS)
def test_no_order_or_repetition_counts(
    held: list[Proven], country: str | None, grant: Grant | None
) -> None:
    """The same proof twice is one proof, and no accident of order opens anything."""
    rung = rung_of(held, country, ["DE"], grant, NOW)
    assert rung_of([*reversed(held), *held], country, ["DE"], grant, NOW) == rung


@given(PROOFS, COUNTRIES, GRANTS)
def test_the_top_needs_two_kinds_a_country_and_a_running_grant(
    held: list[Proven], country: str | None, grant: Grant | None
) -> None:
    """Whatever else was proven."""
    if rung_of(held, country, ["DE"], grant, NOW) < 3:
        return
    assert country == "DE"
    assert grant is not None
    assert grant.state(NOW) is GrantState.RUNNING
    keys = {Factor.PASSKEY, Factor.CERTIFICATE, Factor.SSH_KEY}
    assert keys & {p.factor for p in held}
    assert len({p.factor for p in held}) >= 2
    fresh = [p for p in held if 0 <= NOW - p.at < FRESH_SECONDS]
    assert {p.factor for p in fresh} - {Factor.CERTIFICATE, Factor.SSH_KEY}


@given(GRANTS, st.floats(NOW - 10**6, NOW + 10**6), st.floats(0, 10**6))
def test_a_grant_that_is_over_stays_over(grant: Grant | None, at: float, later: float) -> None:
    """Time alone starts nothing again."""
    if grant is None or grant.approved_at is None or at < grant.approved_at:
        return
    if not grant.is_running(at):
        assert not grant.is_running(at + later)
    if grant.is_running(at):
        assert grant.ends_at is not None
        assert at < grant.ends_at <= grant.approved_at + MOST_MINUTES * 60


PEOPLE = {
    "anna": Identity("anna"),
    "ben": Identity("ben", (), ("approver",)),
    "carl": Identity("carl", (), ("approver",)),
}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "approve", "deny", "end", "wait"]),
        st.sampled_from(sorted(PEOPLE)),
        st.sampled_from(["drop x", "drop y"]),
        st.sampled_from(["op", "op2", "anna", "ben"]),
        st.integers(0, 4000),
    ),
    max_size=40,
)


@given(STEPS)
def test_no_order_of_steps_lets_anybody_approve_themselves_or_hold_two(
    steps: list[tuple[str, str, str, str, int]],
) -> None:
    """Every running grant was approved by somebody else with the role, and is the only one."""
    held: dict[str, Grant] = {}
    now = NOW
    for number, (verb, who, asset, by, pause) in enumerate(steps):
        now += pause
        person = PEOPLE[who]
        waiting = [g for g in held.values() if g.is_open(now) and g.asset == asset]
        try:
            if verb == "ask":
                made = rules.asked(
                    person, asset, "a reason", 30, held.values(), id=str(number), by=by, now=now
                )
                held[made.id] = made
            elif waiting and verb in {"approve", "deny"}:
                decide = rules.approved if verb == "approve" else rules.denied
                held[waiting[0].id] = decide(waiting[0], person, by=by, now=now)
            elif waiting and verb == "end":
                held[waiting[0].id] = rules.ended(waiting[0], by=by, now=now)
        except UsageError:
            continue
        running = [g for g in held.values() if g.is_running(now)]
        assert len({(g.person, g.asset) for g in running}) == len(running)
        for grant in running:
            sides = ({grant.person, grant.asked_by}, {grant.approver, grant.decided_by_actor})
            assert not sides[0] & sides[1]
            assert "approver" in PEOPLE[grant.approver].roles


@given(PROOFS, COUNTRIES, GRANTS, st.floats(0, SESSION_SECONDS))
def test_no_session_outlives_what_it_rests_on(
    held: list[Proven], country: str | None, grant: Grant | None, age: float
) -> None:
    """At its last moment the sign-in would still be worth as much."""
    sign_in = SignIn("s", "anna", "shop.example", tuple(held), NOW - age, NOW)
    session = session_of(PEOPLE["anna"], sign_in, country, ["DE"], grant, NOW)
    if session is None:
        return
    assert session.issued_at <= NOW < session.ends_at <= NOW + TOKEN_SECONDS
    assert session.ends_at <= sign_in.started_at + SESSION_SECONDS
    last = session.ends_at - 0.001
    assert rung_of(held, country, ["DE"], grant, last) >= session.rung
    assert (session.rung == 3) == bool(session.asset)
    if session.rung == 3:
        assert grant is not None
        assert grant.person == "anna"


KEY: TokenKey = token_key(
    ec.derive_private_key(1, ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    ),
    0,
)


@given(
    st.one_of(
        st.text(max_size=400),
        st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")),
        st.from_regex(r"[A-Za-z0-9_-]{1,60}\.[A-Za-z0-9_-]{1,60}\.[A-Za-z0-9_-]{1,90}"),
        st.from_regex(r"eyJ[A-Za-z0-9_-]{1,80}\.eyJ[A-Za-z0-9_-]{1,80}\.[A-Za-z0-9_-]{86}"),
    )
)
def test_no_text_makes_the_reader_of_tokens_fail(text: str) -> None:
    """Any text is refused with a reason; nothing else is ever raised."""
    try:
        verify(text, [KEY], site="shop.example", now=NOW)
    except TokenError:
        return
    raise AssertionError("a token that nobody signed was taken")


@given(st.binary(min_size=20, max_size=20), st.integers(0, 2**33), st.integers(-90, 90))
def test_a_code_is_taken_within_its_window_once(secret: bytes, at: int, late: int) -> None:
    """And no later step is used up by it."""
    step, now = at // 30, max(0, at + late)
    found = matching_step(secret, code_at(secret, step), now, -1)
    if abs(now // 30 - step) <= 1:
        assert found is not None
        assert matching_step(secret, code_at(secret, step), now, max(found, step)) is None
    if found is not None:
        assert abs(found - now // 30) <= 1


@given(st.text(max_size=300))
def test_any_text_has_a_digest(text: str) -> None:
    """Whatever is typed for a recovery code; small letters and hyphens make no difference."""
    assert len(digest_of(text)) == 64
    assert digest_of(f"-{text[:100]}- ") == digest_of(text[:100])


@given(PROOFS, COUNTRIES, GRANTS)
def test_a_grant_of_somebody_else_opens_nothing(
    held: list[Proven], country: str | None, grant: Grant | None
) -> None:
    """However good it is."""
    sign_in = SignIn("s", "anna", "shop.example", tuple(held), NOW, NOW)
    theirs = None if grant is None else replace(grant, person="ben")
    session = session_of(PEOPLE["anna"], sign_in, country, ["DE"], theirs, NOW)
    assert session is None or session.rung < 3

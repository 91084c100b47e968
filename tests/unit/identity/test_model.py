"""Who is admitted, and what a name may be."""

import unicodedata
from dataclasses import replace
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.errors import UsageError
from sealgate.identity.model import (
    MAX_NAME_BYTES,
    USER_URI,
    ClientCertificate,
    Identity,
    admitted,
    checked_group,
    checked_name,
    next_change,
    renew_at,
    user_uri,
)

ANNA = Identity("anna", ("editors", "staff"))
BEN = Identity("ben")
HERS = ClientCertificate("01", "aa", "anna", 100, 200)
HIS = ClientCertificate("02", "bb", "ben", 100, 200)
ALL = ["user:anna", "user:ben", "group:editors", "group:staff"]


def let_in(*admit: str, now: float = 150, hers: ClientCertificate = HERS) -> tuple[str, ...]:
    """Return who of Anna and Ben is admitted."""
    return admitted([ANNA, BEN], [hers, HIS], admit, now)


@pytest.mark.parametrize(
    ("admit", "expected"),
    [
        (("user:anna",), ("aa",)),
        (("group:editors",), ("aa",)),
        (("user:ben", "group:staff"), ("aa", "bb")),
        (("user:anna", "user:anna", "group:staff"), ("aa",)),
        ((), ()),
        (("group:anna", "user:editors", "anna", "*", "user:*", "user:", ":anna"), ()),
        (("user:Anna", "group:EDITORS", "user:anna ", "USER:anna"), ()),
    ],
)
def test_admits_whom_the_entry_names_and_nobody_else(
    admit: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    """Entries name users and groups exactly; there is no wildcard and no case folding."""
    assert let_in(*admit) == expected


@pytest.mark.parametrize(
    ("now", "alive"), [(99.9, False), (100, True), (200, True), (200.9, True), (201, False)]
)
def test_a_certificate_counts_from_its_first_to_its_last_second(now: float, alive: bool) -> None:  # noqa: FBT001  # a table
    """RFC 5280, 4.1.2.5: both ends belong to the validity."""
    assert let_in("user:anna", now=now) == (("aa",) if alive else ())


@pytest.mark.parametrize("revoked_at", [0.0, 150.0, 10_000.0])
def test_a_revoked_certificate_admits_nobody_whatever_the_clock_says(revoked_at: float) -> None:
    """A clock that was wrong when it was revoked, or is set back, revives nothing."""
    assert let_in("user:anna", hers=replace(HERS, revoked_at=revoked_at)) == ()


def test_a_certificate_of_an_unknown_identity_admits_nobody() -> None:
    """A removed user's certificate is not let in by an entry that still names the user."""
    assert admitted([BEN], [HERS, HIS], ["user:anna"], 150) == ()


@given(
    st.permutations([HERS, HIS, replace(HERS, serial="03", fingerprint="cc")]),
    st.permutations(ALL),
)
def test_the_order_of_what_is_known_changes_nothing(
    certificates: list[ClientCertificate], admit: list[str]
) -> None:
    """Equal knowledge makes an equal list, so that nothing is reloaded for nothing."""
    assert admitted([ANNA, BEN], certificates, admit, 150) == ("aa", "bb", "cc")


@given(st.floats(0, 300))
def test_the_next_change_is_when_the_list_next_differs(now: float) -> None:
    """Between now and the told moment the list stays, and at that moment it differs."""
    certificates = [HERS, replace(HIS, not_before=120, not_after=130)]
    certificates.append(replace(HIS, serial="04", fingerprint="dd", not_after=250, revoked_at=1))

    def at(moment: float) -> tuple[str, ...]:
        return admitted([ANNA, BEN], certificates, ALL, moment)

    moment = next_change(certificates, now)
    if moment is None:
        assert at(now) == at(now + 1e6)
    else:
        assert moment > now
        assert at(moment) != at(now)
        assert at((now + moment) / 2) == at(now)


def test_a_certificate_is_renewed_when_a_third_of_its_life_is_left() -> None:
    """The rule knows the certificate only; the clock is the caller's."""
    assert renew_at(replace(HERS, not_before=0, not_after=300)) == pytest.approx(200)


NAMES = st.one_of(
    st.text(max_size=80),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x17F), min_size=1, max_size=64),
)


@given(NAMES)
def test_a_name_is_refused_or_stands_in_a_uri_that_tells_exactly_it(name: str) -> None:
    """Any string is a UsageError or a name with one ASCII URI that leads back to it."""
    try:
        kept = checked_name(name)
    except UsageError:
        return
    uri = user_uri(kept)
    assert uri.isascii()
    assert uri.startswith(USER_URI)
    assert unquote(uri.removeprefix(USER_URI), errors="strict") == kept
    assert checked_name(kept) == kept == unicodedata.normalize("NFC", name)
    assert len(kept.encode()) <= MAX_NAME_BYTES


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        " anna",
        "anna ",
        "anna  b",
        "anna\n",
        "an\x00na",
        "an\u202ena",
        "an\u200bna",
        "an\u00a0na",
        "an\u2028na",
        "\ud800",
        "\ue000",
        "a" * 65,
        "ä" * 33,
    ],
)
def test_names_that_hide_something_or_do_not_fit_are_refused(name: str) -> None:
    """What cannot be seen, or does not fit in a certificate, is no name; the message hides it."""
    with pytest.raises(UsageError) as refused:
        checked_name(name)
    assert refused.value.message.isprintable()
    assert refused.value.hint


def test_two_spellings_of_one_name_are_one_name() -> None:
    """Composed and decomposed letters look the same, so they are the same."""
    assert checked_name("a\u0308nna") == checked_name("\u00e4nna")


@pytest.mark.parametrize("name", ["editors", "a", "0-9._@x", "a" * 64])
def test_a_group_is_what_the_configuration_can_say(name: str) -> None:
    """Group names are those that ``admit = ["group:NAME"]`` takes."""
    assert checked_group(name) == name


@pytest.mark.parametrize("name", ["", "-a", "a b", "ä", "a:b", "a\n", "a" * 65])
def test_another_group_name_is_refused(name: str) -> None:
    """A group that no configuration could name would admit nobody for ever."""
    with pytest.raises(UsageError):
        checked_group(name)

"""One-time codes are those of RFC 6238, each for one time."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from sealgate.errors import UsageError
from sealgate.identity.totp import (
    RECOVERY_BYTES,
    RECOVERY_CODES,
    checked_confirmation,
    code_at,
    digest_of,
    enrolment_code,
    matching_step,
    provisioning_uri,
    recovery_codes,
    secret_text,
)

SECRET = b"12345678901234567890"
# RFC 6238, appendix B, SHA-1: the last six of its eight digits.
VECTORS = {
    59: "287082",
    1111111109: "081804",
    1111111111: "050471",
    1234567890: "005924",
    2000000000: "279037",
    20000000000: "353130",
}


@pytest.mark.parametrize(("at", "code"), VECTORS.items())
def test_codes_are_those_of_the_standard(at: int, code: str) -> None:
    """And each is accepted at its moment."""
    assert code_at(SECRET, at // 30) == code
    assert matching_step(SECRET, code, at, -1) == at // 30


@pytest.mark.parametrize(
    ("late", "fits"), [(-60, False), (-31, True), (-30, True), (0, True), (30, True), (60, False)]
)
def test_a_code_counts_one_step_early_or_late(late: int, fits: bool) -> None:  # noqa: FBT001
    """And no more."""
    now = 1_800_000_015
    step = now // 30
    found = matching_step(SECRET, code_at(SECRET, step), now + late, -1)
    assert (found == step) == fits
    assert found in {step, None}


def test_a_code_and_those_before_it_are_used_up() -> None:
    """Seen over a shoulder, it opens nothing more."""
    now, step = 1_800_000_015, 60_000_000
    assert matching_step(SECRET, code_at(SECRET, step), now, step) is None
    assert matching_step(SECRET, code_at(SECRET, step - 1), now, step) is None
    assert matching_step(SECRET, code_at(SECRET, step + 1), now, step) == step + 1


@pytest.mark.parametrize(
    "code",
    [
        "",
        "28708",
        "2870822",
        "287082\0",
        "28708a",
        "٢٨٧٠٨٢",
        "-87082",
        "+287082",
        "x" * 10**6,
        "2" * 13,
    ],
)
def test_what_is_no_code_never_fits(code: str) -> None:
    """Whatever it holds, however long it is."""
    assert matching_step(SECRET, code, 59, -1) is None


def test_spaces_that_apps_show_are_taken() -> None:
    """Many show three and three."""
    assert matching_step(SECRET, " 287 082\n", 59, -1) == 1
    assert checked_confirmation(SECRET, "287 082", 59) == 1
    with pytest.raises(UsageError, match="not the code"):
        checked_confirmation(SECRET, "287083", 59)


def test_the_uri_is_what_apps_read() -> None:
    """Issuer and account with their own characters, and nothing that could end them early."""
    uri = provisioning_uri(SECRET, "Jürgen: & Co?", "Shop: A&B Ltd")
    parsed = urlsplit(uri)
    assert (parsed.scheme, parsed.netloc) == ("otpauth", "totp")
    assert unquote(parsed.path) == "/Shop_ A&B Ltd:Jürgen_ & Co?"
    assert "+" not in uri
    assert parse_qs(parsed.query) == {
        "secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
        "issuer": ["Shop: A&B Ltd"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }
    assert secret_text(SECRET).replace(" ", "") == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


def test_recovery_codes_are_ten_and_long() -> None:
    """Of 120 bits each, all different."""
    codes = recovery_codes(bytes(range(RECOVERY_BYTES * RECOVERY_CODES)))
    assert len(set(codes)) == 10
    assert all(len(code.replace("-", "")) == 24 for code in codes)
    assert len({digest_of(code) for code in codes}) == 10
    with pytest.raises(ValueError, match="too few"):
        recovery_codes(b"short")


def test_a_code_is_read_however_it_is_typed() -> None:
    """Small letters, without hyphens, with digits that look like letters; but no other code."""
    code = enrolment_code(bytes.fromhex("0842108421084210842108421084210842")[:15])
    assert "B" in code
    for typed in (code.lower(), code.replace("-", ""), f" {code} ", code.replace("B", "8")):
        assert digest_of(typed) == digest_of(code)
    assert digest_of("OI0") == digest_of("0io") != digest_of("OIA")
    for other in ("", "\ud800", code[:-1], "x" * 10**6):
        assert digest_of(other) != digest_of(code)

"""What opens a drop or tunnel of the class "secret", line by line, by a table written by hand."""

from __future__ import annotations

import pytest

from sealgate.identity.grants import Grant
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import AccessSettings, Address, Drop, Tunnel
from sealgate.policy.rules import find_rule
from sealgate.protocols.authorize import (
    access_rung,
    grant_for,
    grant_over,
    needs_grant,
    refusal,
)
from sealgate.protocols.ftps.transit import FTPS
from sealgate.protocols.model import Caller, Channel, Method
from sealgate.protocols.ssh.transit import SFTP

NOW = 1_800_000_000.0
ACCESS = AccessSettings(("DE",))
_, _, CONFIDENTIAL, SECRET = DEFAULT_MODEL.classes
ADMIT = ("group:board",)
PLANS = Drop("plans", SECRET, "file:plans", ADMIT)
CONSOLE = Tunnel("console", SECRET, Address("127.0.0.1", 5432), ADMIT)
SSH = Channel(SFTP, "192.0.2.1", "SSH-2.0", "mlkem768x25519-sha256", "aes256-gcm@openssh.com")
TLS = Channel(FTPS, "192.0.2.1", "TLSv1.3", "X25519MLKEM768", "TLS_AES_256_GCM_SHA384")
PASSWORD, KEY = Method.PASSWORD, Method.PUBLIC_KEY
CERTIFICATE = Method.CLIENT_CERTIFICATE
CODE, RECOVERY = Method.ONE_TIME_CODE, Method.RECOVERY_CODE


def granted(asset: str, person: str = "anna", **more: float) -> Grant:
    """Return a grant of an hour that was approved half an hour ago."""
    values: dict[str, float] = {"approved_at": NOW - 1800, **more}
    at = NOW - 3600
    return Grant("72ce374b", person, asset, "a reason", 60, "op", at, "ben", "op2", **values)  # type: ignore[arg-type]  # fields by name


RUNNING = granted("drop plans")
GRANTS: dict[str, tuple[Grant, ...]] = {
    "running": (RUNNING,),
    "none": (),
    "waiting": (Grant("1", "anna", "drop plans", "a reason", 60, "op", NOW - 60),),
    "denied": (granted("drop plans", denied_at=NOW - 5),),
    "ended": (granted("drop plans", ended_at=NOW - 5),),
    "ran out": (granted("drop plans", approved_at=NOW - 3600),),
    "begins later": (granted("drop plans", approved_at=NOW + 5),),
    "of another": (granted("drop plans", "ben"),),
    "for another drop": (granted("drop plan"), granted("tunnel plans")),
}
SECOND = "a second factor that is independent of the key and at most 5 minutes old is required"
GRANT = "a grant that another person approved is required"
ABROAD = "you come from NZ, which is not on the list"
NOWHERE = "you come from an unknown country, which is not on the list"


@pytest.mark.parametrize(
    ("channel", "methods", "country", "grant", "missing"),
    [
        (SSH, {KEY, CODE}, "DE", "running", None),
        (SSH, {KEY, RECOVERY}, "DE", "running", None),
        (SSH, {KEY, PASSWORD}, "DE", "running", None),
        (SSH, {KEY, PASSWORD, CODE}, "DE", "running", None),
        (SSH, {KEY}, "DE", "running", SECOND),
        (SSH, {KEY}, "DE", "none", f"{SECOND}; {GRANT}"),
        (SSH, {KEY, CODE}, "DE", "none", GRANT),
        (SSH, {KEY, CODE}, "DE", "waiting", f"{GRANT}, and yours is waiting"),
        (SSH, {KEY, CODE}, "DE", "denied", f"{GRANT}, and yours is denied"),
        (SSH, {KEY, CODE}, "DE", "ended", f"{GRANT}, and yours is ended"),
        (SSH, {KEY, CODE}, "DE", "ran out", f"{GRANT}, and yours ran out"),
        (SSH, {KEY, CODE}, "DE", "begins later", f"{GRANT}, and yours ran out"),
        (SSH, {KEY, CODE}, "DE", "of another", GRANT),
        (SSH, {KEY, CODE}, "DE", "for another drop", GRANT),
        (SSH, {KEY, CODE}, "NZ", "running", ABROAD),
        (SSH, {KEY, CODE}, None, "running", NOWHERE),
        (SSH, {KEY}, "NZ", "none", f"{ABROAD}; {SECOND}; {GRANT}"),
        (TLS, {CERTIFICATE, CODE}, "DE", "running", None),
        (TLS, {CERTIFICATE, RECOVERY}, "DE", "running", None),
        (TLS, {CERTIFICATE, PASSWORD}, "DE", "running", None),
        (TLS, {CERTIFICATE}, "DE", "running", SECOND),
        (TLS, {CERTIFICATE, CODE}, "DE", "ended", f"{GRANT}, and yours is ended"),
        (TLS, {CERTIFICATE, CODE}, "NZ", "running", ABROAD),
    ],
)
def test_what_opens_a_secret_drop(
    channel: Channel, methods: set[Method], country: str | None, grant: str, missing: str | None
) -> None:
    """A key, an allowed country, another kind of proof and a running grant; each is named if missing."""
    who = Caller("anna", ("board",), frozenset(methods), country, grants=GRANTS[grant])
    found = refusal(PLANS, who, channel, ACCESS, NOW)
    assert (found.message if found else None) == (
        f'"plans" is secret: {missing}' if missing else None
    )
    if found is not None:
        assert find_rule(found.rule) is not None
        assert ("sealgate grant" in found.hint) is (GRANT in found.message)


@pytest.mark.parametrize(
    ("channel", "methods", "rule"),
    [
        (SSH, {PASSWORD, CODE}, "transit-ssh-password-accepted"),
        (SSH, {CODE, RECOVERY}, "transit-ssh-password-accepted"),
        (TLS, {PASSWORD, CODE}, "transit-client-unauthenticated"),
        (TLS, {KEY, CODE}, "transit-client-unauthenticated"),
    ],
)
def test_two_proofs_without_a_key_open_nothing(
    channel: Channel, methods: set[Method], rule: str
) -> None:
    """Nor does the key of another protocol."""
    who = Caller("anna", ("board",), frozenset(methods), "DE", grants=(RUNNING,))
    found = refusal(PLANS, who, channel, ACCESS, NOW)
    assert found is not None
    assert found.rule == rule


@pytest.mark.parametrize(
    ("channel", "rule"),
    [
        (("SSH-2.0", "curve25519-sha256", "aes256-gcm@openssh.com"), "transit-ssh-no-hybrid"),
        (
            ("SSH-2.0", "mlkem768x25519-sha256", "aes128-gcm@openssh.com"),
            "transit-ssh-old-cipher",
        ),
        (("TLSv1.3", "x25519", "TLS_AES_256_GCM_SHA384"), "transit-no-hybrid"),
        (("TLSv1.3", "", "TLS_AES_256_GCM_SHA384"), "transit-no-hybrid"),
        (
            ("TLSv1.2", "X25519MLKEM768", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
            "transit-tls-1-2-accepted",
        ),
    ],
)
def test_a_weaker_channel_opens_nothing_whatever_was_proven(
    channel: tuple[str, str, str], rule: str
) -> None:
    """A grant does not make up for it."""
    version, group, cipher = channel
    is_ssh = version == "SSH-2.0"
    protocol = SFTP if is_ssh else FTPS
    key = KEY if is_ssh else CERTIFICATE
    who = Caller("anna", ("board",), frozenset([key, CODE]), "DE", grants=(RUNNING,))
    live = Channel(protocol, "192.0.2.1", version, group, cipher, strict_kex=True)
    found = refusal(PLANS, who, live, ACCESS, NOW)
    assert found is not None
    assert found.rule == rule


def test_a_tunnel_has_a_grant_of_its_own() -> None:
    """That of a drop, even of the same name, opens no tunnel."""
    both = frozenset([KEY, CODE])
    for grant, opens in (("tunnel console", True), ("drop console", False)):
        who = Caller("anna", ("board",), both, "DE", grants=(granted(grant),))
        assert (refusal(CONSOLE, who, SSH, ACCESS, NOW) is None) is opens


def test_who_is_not_admitted_is_not_let_in_by_a_grant() -> None:
    """They learn nothing of the class either."""
    who = Caller("anna", ("others",), frozenset([KEY, CODE]), "DE", grants=(RUNNING,))
    found = refusal(PLANS, who, SSH, ACCESS, NOW)
    assert found is not None
    assert (found.rule, found.message) == ("", "you are not admitted")


def test_a_grant_that_runs_out_closes_what_it_opened() -> None:
    """Asked at each step of a session, to the second; what needs no grant is never over."""
    who = Caller("anna", ("board",), frozenset([KEY, CODE]), "DE", grants=(RUNNING,))
    assert grant_for(PLANS, who) == RUNNING
    assert grant_over(PLANS, who, NOW + 1799) is None
    over = grant_over(PLANS, who, NOW + 1800)
    assert over is not None
    assert (over.rule, over.message) == (
        "access-no-approval",
        '"plans" is secret: your grant ran out',
    )
    assert grant_over(PLANS, who, NOW - 1801) is not None
    other = Drop("other", CONFIDENTIAL, "file:other", ADMIT)
    assert not needs_grant(other)
    assert grant_for(other, who) is None
    assert grant_over(other, who, NOW + 1800) is None


def test_the_newest_grant_counts() -> None:
    """One that ended is not kept alive by an older one, nor does it end a newer one."""
    older = Grant("1", "anna", "drop plans", "a reason", 60, "op", NOW - 7200)
    who = Caller("anna", ("board",), frozenset([KEY]), "DE", grants=(RUNNING, older))
    assert grant_for(PLANS, who) == RUNNING


def test_the_rank_of_a_sign_in_with_a_grant() -> None:
    """The top only with everything; a grant alone lifts nobody."""
    both = frozenset([KEY, CODE])
    allowed = ACCESS.countries
    assert access_rung(both, "DE", allowed, RUNNING, NOW) == 3
    assert access_rung(both, "DE", allowed, RUNNING) == 2
    assert access_rung(frozenset([KEY]), "DE", allowed, RUNNING, NOW) == 2
    assert access_rung(both, "NZ", allowed, RUNNING, NOW) == 1
    assert access_rung(frozenset([CODE]), "DE", allowed, RUNNING, NOW) == 0

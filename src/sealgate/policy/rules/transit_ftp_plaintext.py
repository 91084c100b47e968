"""Nobody can sign in to FTP without TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import GUIDELINE_CONFIDENTIAL, GUIDELINE_FTP, rfc
from sealgate.policy.finding import Rule, Severity, met, violated
from sealgate.policy.ladder import CHANNELS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    how, login = subject.text(Fact.FTP_TLS), subject.text(Fact.FTP_PLAIN_LOGIN)
    if how == "none":
        return violated("there is no TLS: user name, password and files travel in clear")
    if login is not None and login != "refused":
        return violated("a user name is taken before TLS")
    if how is None or login is None:
        return subject.not_observed(Fact.FTP_TLS, Fact.FTP_PLAIN_LOGIN)
    if how not in {"explicit", "implicit"}:
        # A word that this version does not know is no proof.
        return violated("TLS begins in a way that is not known to be safe")
    return met(f"TLS ({how}) comes before any user name")


RULE = Rule(
    id="transit-ftp-plaintext",
    title="plain FTP: a user name and password are taken without TLS",
    demand="USER is refused until TLS is there",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=CHANNELS,
    citations=(GUIDELINE_FTP, GUIDELINE_CONFIDENTIAL, rfc(4217, "4"), rfc(8996, "4")),
    why=(
        "Plain FTP shows password and files to everybody on the way. A server that merely "
        "offers TLS learns the password of a client that does not ask for it."
    ),
    remediation="refuse USER until TLS protects the control connection, or stop serving FTP",
    facts=(Fact.FTP_TLS, Fact.FTP_PLAIN_LOGIN),
    judge=_judge,
    criterion=True,
)

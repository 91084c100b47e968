"""
What an FTP server does with commands in clear, and what it takes once TLS stands.

No password is ever sent, and no real name: ``USER`` goes out with ``anonymous`` and with
random letters that nobody is called, and the conversation ends at its reply. What came in
clear behind AUTH TLS is only tried where Sealgate may send something. A refusal only counts
where it is known what was refused: that TLS is missing, and not that nobody has signed in.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from sealgate.audit.adapters.certificate import Trust, probe_certificate
from sealgate.audit.adapters.reach import AUTH_TLS_TAKEN, Control, tls_ready
from sealgate.audit.adapters.tls import no_tls, probe_tls
from sealgate.audit.adapters.wire import HungUpError, TLSRefusedError, Wire, observing_context
from sealgate.audit.ftp import Reply, features
from sealgate.audit.model import Opening
from sealgate.audit.sightings import (
    CERTIFICATE_FACTS,
    FILE_SERVER_FACTS,
    FTP_FACTS,
    seen,
    unseen,
)
from sealgate.errors import PeerError
from sealgate.policy.declarations import Declaration
from sealgate.policy.observation import Fact, FactValue

if TYPE_CHECKING:
    from sealgate.audit.model import Limits, Target
    from sealgate.policy.observation import Sighting

# RFC 4217, 9 and 10: not for this parameter, refused by policy, and the names of levels that
# are not available. 500 to 502 are no refusal of PROT C: without PROT all data are in clear.
_NO_CLEAR_DATA = frozenset([504, 522, 533, 534, 536])
# RFC 959, 4.2.2: who does not know CCC cannot take it. RFC 2228, 5: 533 denies the level by policy.
# All else may hold for strangers only: Pure-FTPd does not list CCC, answers 534 before a sign-in,
# and takes it after one.
_NO_CLEAR_CONTROL = frozenset([500, 502, 533])
# Not signed in, and a command out of turn.
_SIGN_IN_FIRST = frozenset([503, 530])
_SIGNING_IN = "it only answers after a sign-in, and an audit never signs in"
# What a server says that refuses a name for want of TLS (534: RFC 4217, 4).
_POLICY = 534
_WANTS_TLS = re.compile(r"\b(?:tls|ssl|auth|encrypt\w*|secur\w*|clear[ -]?text)\b", re.IGNORECASE)
_TOO_MANY = 421


def probe_ftp(
    target: Target, trust: Trust, now: float, limits: Limits, *, active: bool
) -> list[Sighting]:
    """
    Observe the control connection of *target*, in clear and over TLS.

    With an opening of ``DIRECT`` TLS begins with the first byte (port 990). So it may where
    ``ftps`` names another port and nobody greets in clear. *now* is in seconds since the
    epoch.
    """
    facts = FILE_SERVER_FACTS[Declaration.FTP]
    seen_by = f"FTP commands to {target.where}"
    if target.opening is Opening.DIRECT:
        values: dict[Fact, FactValue] = {
            Fact.FTP_TLS: "implicit",
            # Nothing is said in clear there, so nothing can be sent or slipped in so.
            Fact.FTP_PLAIN_LOGIN: "refused",
            Fact.FTP_INJECTION: False,
        }
        return [
            *seen(target.asset, values, f"TLS hellos to {target.where}"),
            *_secured(target, trust, now, limits),
        ]
    try:
        begins = _begins(target, limits)
        login = _plain_login(target, begins, limits, seen_by)
    except PeerError as error:
        direct = replace(target, opening=Opening.DIRECT)
        if target.scheme == "ftps" and _greets_over_tls(direct, limits):
            return probe_ftp(direct, trust, now, limits, active=active)
        return unseen(target.asset, facts, f"{target.where}: {error.message}")
    sightings = [*seen(target.asset, {Fact.FTP_TLS: begins}, seen_by), *login]
    if begins == "none":
        nothing = f"{target.where} speaks no TLS"
        return [
            *sightings,
            *no_tls(target, seen_by),
            *unseen(target.asset, [*CERTIFICATE_FACTS, *FTP_FACTS[2:]], nothing),
        ]
    return [
        *sightings,
        *_injection(target, limits, active=active),
        *_secured(target, trust, now, limits),
    ]


def _greets_over_tls(target: Target, limits: Limits) -> bool:
    try:
        with tls_ready(target, limits) as wire:
            wire.start_tls(observing_context(alpn=False), target.server_name)
            Control(wire).greeting()
    except PeerError:
        return False
    return True


def _begins(target: Target, limits: Limits) -> str:
    with Wire.connect(target.address, target.port, limits) as wire:
        control = Control(wire)
        control.greeting()
        reply = control.ask("AUTH TLS")
    _raise_if_passing("AUTH TLS", reply)
    return "explicit" if reply.code == AUTH_TLS_TAKEN else "none"


def _raise_if_passing(command: str, reply: Reply) -> None:
    if reply.code == _TOO_MANY:
        raise PeerError("too many connections (421)")
    if reply.is_passing:
        raise PeerError(f"{command} is answered {reply.code}, for the moment")


def _plain_login(target: Target, begins: str, limits: Limits, seen_by: str) -> list[Sighting]:
    facts = (Fact.FTP_PLAIN_LOGIN,)
    stranger = f"nobody{secrets.token_hex(6)}"
    refusal = _refused_in_clear(target, stranger, limits)
    if refusal is None:
        return seen(target.asset, {Fact.FTP_PLAIN_LOGIN: "accepted"}, seen_by)
    if _refused_in_clear(target, "anonymous", limits) is None:
        # Some ask strangers for a password that they would refuse.
        reason = (
            f'{target.where} asks "anonymous" for a password in clear, and whether it lets '
            "them in only a sign-in shows (vsftpd: `force_anon_logins_ssl=YES` refuses USER)"
        )
        return unseen(target.asset, facts, reason)
    if _wants_tls(refusal) or (begins == "explicit" and _taken_over_tls(target, stranger, limits)):
        return seen(target.asset, {Fact.FTP_PLAIN_LOGIN: "refused"}, seen_by)
    reason = (
        f"{target.where} refuses names that nobody has, with TLS too; whether it takes those of "
        "its users in clear only a sign-in shows"
    )
    return unseen(target.asset, facts, reason)


def _refused_in_clear(target: Target, name: str, limits: Limits) -> Reply | None:
    with Wire.connect(target.address, target.port, limits) as wire:
        control = Control(wire)
        control.greeting()
        reply = control.ask(f"USER {name}")
    if _takes(reply):
        return None
    if not _wants_tls(reply):
        _raise_if_passing("USER", reply)
    return reply


def _takes(reply: Reply) -> bool:
    return reply.wants_more or reply.is_taken


def _wants_tls(refusal: Reply) -> bool:
    return refusal.code == _POLICY or any(_WANTS_TLS.search(line) for line in refusal.lines)


def _taken_over_tls(target: Target, name: str, limits: Limits) -> bool:
    with tls_ready(target, limits) as wire:
        wire.start_tls(observing_context(alpn=False), target.server_name)
        return _takes(Control(wire).ask(f"USER {name}"))


def _injection(target: Target, limits: Limits, *, active: bool) -> list[Sighting]:
    facts = (Fact.FTP_INJECTION,)
    if not active:
        reason = "commands are only slipped in at a configured drop, or with --active"
        return unseen(target.asset, facts, reason)
    try:
        injected = _executes_what_came_in_clear(target, limits)
    except PeerError as error:
        return unseen(target.asset, facts, f"{target.where}: {error.message}")
    seen_by = f"FEAT in clear behind AUTH TLS to {target.where}"
    return seen(target.asset, {Fact.FTP_INJECTION: injected}, seen_by)


def _executes_what_came_in_clear(target: Target, limits: Limits) -> bool:
    try:
        with Wire.connect(target.address, target.port, limits) as wire:
            control = Control(wire)
            control.greeting()
            wire.send(b"AUTH TLS\r\nFEAT\r\n")
            reply = control.reply()
            _raise_if_passing("AUTH TLS with a command behind it", reply)
            if reply.code != AUTH_TLS_TAKEN:
                return False
            wire.start_tls(observing_context(alpn=False), target.server_name)
            # One command, one reply: if the first belongs to FEAT, it was executed.
            return _is_answer_to_feat(control.ask("NOOP"))
    except (HungUpError, TLSRefusedError):
        # The server took the bytes for a hello, or hung up: it did not execute them. That is
        # only so when it goes on where nothing comes behind.
        _talk_over_tls(target, limits)
        return False


def _talk_over_tls(target: Target, limits: Limits) -> None:
    with tls_ready(target, limits) as wire:
        wire.start_tls(observing_context(alpn=False), target.server_name)
        Control(wire).ask("NOOP")


def _is_answer_to_feat(reply: Reply) -> bool:
    return reply.code == 211 or bool(features(reply))  # noqa: PLR2004  # RFC 2389, 3.2


def _secured(target: Target, trust: Trust, now: float, limits: Limits) -> list[Sighting]:
    return [
        *probe_tls(target, limits),
        *probe_certificate(target, trust, now, limits),
        *_over_tls(target, Fact.FTP_PROT_CLEAR, ("PBSZ 0", "PROT C"), limits),
        *_over_tls(target, Fact.FTP_CCC, ("CCC",), limits),
    ]


def _over_tls(
    target: Target, fact: Fact, commands: tuple[str, ...], limits: Limits
) -> list[Sighting]:
    # Each on a connection of its own: CCC, if it is taken, ends the protection.
    try:
        with tls_ready(target, limits) as wire:
            wire.start_tls(observing_context(alpn=False), target.server_name)
            control = Control(wire)
            if target.opening is Opening.DIRECT:
                control.greeting()
            replies = [control.ask(command) for command in commands]
    except PeerError as error:
        return unseen(target.asset, (fact,), f"{target.where}: {error.message}")
    last = replies[-1]
    refusals = _NO_CLEAR_CONTROL if fact is Fact.FTP_CCC else _NO_CLEAR_DATA
    if last.is_taken and fact is Fact.FTP_PROT_CLEAR:
        # vsftpd, Pure-FTPd and pyftpdlib note the wish of a stranger, and refuse the transfer.
        reason = "it takes the level from who has not signed in, which shows nothing of transfers"
        return unseen(target.asset, (fact,), f"{target.where}, {commands[-1]}: {reason}")
    if last.is_taken:
        accepted = True
    elif last.code in refusals:
        accepted = False
    else:
        reason = _SIGNING_IN if last.code in _SIGN_IN_FIRST else f"it answers {last.code}"
        if fact is Fact.FTP_CCC:
            reason += ", and some take it from whoever has signed in"
        return unseen(target.asset, (fact,), f"{target.where}, {commands[-1]}: {reason}")
    seen_by = f"{commands[-1]} over TLS to {target.where}"
    return seen(target.asset, {fact: accepted}, seen_by)

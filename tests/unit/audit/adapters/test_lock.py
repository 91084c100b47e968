"""What a lock is not taken for: a hang-up is no refusal, and what cannot be read is not shut."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sealgate.audit.adapters import lock
from sealgate.audit.adapters.lock import probe_conditions, probe_lock
from sealgate.audit.adapters.wire import CertificateDemandedError, TLSRefusedError
from sealgate.audit.model import Limits, Response, Target
from sealgate.policy.conditions import Request
from sealgate.policy.observation import HANDSHAKE_REFUSED, Fact, Observation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.policy.observation import Sighting

QUICK = Limits(connect_seconds=0.3, exchange_seconds=0.3)
TARGET = Target("route x", "shop.example", "::1")
_BELOW = ("/a/nothing", "POST /a/nothing")


def told(found: Iterable[Sighting]) -> dict[Fact, object]:
    """Return what was observed."""
    return {one.fact: one.value for one in found if isinstance(one, Observation)}


@pytest.mark.parametrize(
    ("reason", "status"),
    [("the connection was closed", None), ("tlsv1 alert unknown ca", HANDSHAKE_REFUSED)],
)
def test_a_closed_connection_is_no_lock(
    monkeypatch: pytest.MonkeyPatch, reason: str, status: int | None
) -> None:
    """Who closes the connection of a stranger with a certificate has not refused the certificate."""

    def ask(*_: object, context: object = None, **__: object) -> Response:
        if context is None:
            raise CertificateDemandedError("TLS: tlsv13 alert certificate required")
        raise TLSRefusedError(f"TLS handshake: {reason}")

    monkeypatch.setattr(lock, "ask", ask)
    monkeypatch.setattr(lock, "plain_exchange", lambda *_, **__: "refused")
    found = told(probe_lock(TARGET, [TARGET], ["/X"], QUICK, locked=True))
    assert found.get(Fact.LOCK_STATUS_ANONYMOUS) == status
    assert (Fact.LOCK_VARIANTS_OPEN in found) is (status is not None)
    requests = {"GET": Request("/x?do=1")}
    found = told(probe_conditions(TARGET, [TARGET], requests, QUICK, locked=True))
    assert found.get(Fact.LOCK_STATUS_ANONYMOUS) == status
    assert (Fact.LOCK_VARIANTS_OPEN in found) is (status is not None)


def test_an_answer_that_cannot_be_read_is_not_shut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal over http that was not read to its end may show anything."""
    page = (("content-type", "text/html"),)

    def exchange(_target: Target, path: str, *_: object) -> Response:
        return Response(403, page, path.encode(), whole=path != "/X")

    monkeypatch.setattr(lock, "plain_exchange", exchange)
    assert Fact.LOCK_VARIANTS_OPEN not in told(
        probe_lock(TARGET, [TARGET], ["/X"], QUICK, locked=False)
    )
    found = told(probe_lock(TARGET, [TARGET], ["/y"], QUICK, locked=False))
    assert found[Fact.LOCK_VARIANTS_OPEN] == ()


def test_each_plain_door_is_asked_at_its_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is served at the last of several addresses is open, though the first ones refuse."""
    doors = [replace(TARGET, address=f"127.0.0.{n}") for n in (2, 3)]

    def exchange(target: Target, path: str, *_: object, **__: object) -> Response | str:
        if target.address != "127.0.0.3":
            return "refused"
        return Response(200 if path.startswith("/x") else 404, (), path.encode())

    monkeypatch.setattr(lock, "plain_exchange", exchange)
    found = told(probe_lock(TARGET, doors, ["/x", "/y"], QUICK, locked=False))
    assert found[Fact.LOCK_VARIANTS_OPEN] == ("http: /x",)
    requests = {"GET": Request("/x?do=1")}
    found = told(probe_conditions(TARGET, doors, requests, QUICK, locked=False))
    assert found[Fact.LOCK_VARIANTS_OPEN] == ("http: GET",)
    assert found[Fact.PLAIN_GET] == "served"


@pytest.mark.parametrize(
    ("headers", "status", "is_open"),
    [
        ((("sealgate-id", "1-2"), ("location", "/.sealgate/sign-in?to=/x")), 401, False),
        ((("location", "/login"),), 303, True),
    ],
    ids=["gateway", "site"],
)
def test_a_browser_that_is_led_to_sign_in_was_refused(
    monkeypatch: pytest.MonkeyPatch,
    headers: tuple[tuple[str, str], ...],
    status: int,
    is_open: bool,  # noqa: FBT001  # a column of the table
) -> None:
    """Where the gateway itself does it; a site that leads somewhere has got the request."""

    def ask(_: Target, path: str, *__: object, **___: object) -> Response:
        return Response(303 if path in {"/", "/X", "/x?do=1"} else 404, headers, b"")

    monkeypatch.setattr(lock, "ask", ask)
    monkeypatch.setattr(lock, "plain_exchange", lambda *_, **__: "refused")
    found = told(probe_lock(TARGET, [TARGET], ["/X"], QUICK, locked=True))
    assert found[Fact.LOCK_STATUS_ANONYMOUS] == status
    # Where the path itself is open, no spelling is tried.
    assert found.get(Fact.LOCK_VARIANTS_OPEN) == (None if is_open else ())
    requests = {"GET": Request("/x?do=1")}
    found = told(probe_conditions(TARGET, [TARGET], requests, QUICK, locked=True))
    assert found[Fact.LOCK_STATUS_ANONYMOUS] == status
    assert bool(found[Fact.LOCK_VARIANTS_OPEN]) is is_open


def test_http_redirects_where_pages_are_led_away_and_forms_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A form in clear is not sent on; one that is served is told whatever happens to pages."""
    answers = {"GET": "redirect", "POST": "denied"}
    requests = {method: Request("/x?do=1", method) for method in answers}

    def plain(_: object, __: object, request: Request) -> str:
        return answers[request.method]

    monkeypatch.setattr(lock, "_plain_word", plain)
    for of_form, word in (("denied", "redirect"), ("served", "served")):
        answers["POST"] = of_form
        found = told(probe_conditions(TARGET, [TARGET], requests, QUICK, locked=False))
        assert found[Fact.PLAIN_GET] == word


@pytest.mark.parametrize(
    ("status", "headers", "spelled"),
    [
        (403, (), ()),
        (401, (), ()),
        (303, (("sealgate-id", "x"),), ()),
        (303, (), _BELOW),
        (404, (), _BELOW),
        (404, (("sealgate-id", "x"),), _BELOW),
        (200, (), _BELOW),
        (503, (), None),
    ],
)
def test_what_lies_below_is_refused_as_well(
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    headers: tuple[tuple[str, str], ...],
    spelled: tuple[str, ...] | None,
) -> None:
    """A lock refuses what no site has; a site that says so has got the request."""

    def ask(_: Target, path: str, *__: object, **___: object) -> Response:
        return Response(403, (), b"") if path != "/a/nothing" else Response(status, headers, b"")

    monkeypatch.setattr(lock, "ask", ask)
    monkeypatch.setattr(lock, "plain_exchange", lambda *_, **__: "refused")
    found = told(probe_lock(TARGET, [TARGET], [], QUICK, locked=True, deeper="/a/nothing"))
    assert found[Fact.LOCK_STATUS_ANONYMOUS] == 403
    assert found.get(Fact.LOCK_VARIANTS_OPEN) == spelled


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((("expires", "0"),), None),
        ((("expires", "0"), ("sealgate-id", "x")), 403),
        ((("cache-control", "no-store"),), 403),
    ],
)
def test_a_refusal_with_headers_of_a_program_may_be_the_sites(
    monkeypatch: pytest.MonkeyPatch, headers: tuple[tuple[str, str], ...], status: int | None
) -> None:
    """The gateway's own says so."""
    monkeypatch.setattr(lock, "ask", lambda *_, **__: Response(403, headers, b""))
    monkeypatch.setattr(lock, "plain_exchange", lambda *_, **__: "refused")
    found = told(probe_lock(TARGET, [TARGET], ["/X"], QUICK, locked=True))
    assert found.get(Fact.LOCK_STATUS_ANONYMOUS) == status


@pytest.mark.parametrize(
    ("method", "spelled"), [("HEAD", ("HEAD /",)), ("POST", ("POST /a/nothing",)), ("PUT", ())]
)
def test_a_method_that_is_served_is_told(
    monkeypatch: pytest.MonkeyPatch, method: str, spelled: tuple[str, ...]
) -> None:
    """Whoever refuses by path refuses each; a POST goes where no site has anything."""

    def ask(*_: object, method: str = "GET", **__: object) -> Response:
        return Response(404 if method == served else 403, (), b"")

    served = method
    monkeypatch.setattr(lock, "ask", ask)
    monkeypatch.setattr(lock, "plain_exchange", lambda *_, **__: "refused")
    found = told(probe_lock(TARGET, [TARGET], [], QUICK, locked=True, deeper="/a/nothing"))
    assert found[Fact.LOCK_VARIANTS_OPEN] == spelled


def test_no_spelling_is_tried_where_the_path_itself_is_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It could tell nothing more."""
    asked: list[str] = []

    def ask(_: Target, path: str, *__: object, **___: object) -> Response:
        asked.append(path)
        return Response(404, (), b"")

    monkeypatch.setattr(lock, "ask", ask)
    found = told(probe_lock(TARGET, [TARGET], ["/X"], QUICK, locked=True, deeper="/a/nothing"))
    assert found == {Fact.LOCK_STATUS_ANONYMOUS: 404}
    assert asked == ["/"]


@pytest.mark.parametrize("status", [408, 425, 429])
def test_a_refusal_of_the_moment_is_no_lock(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """Who was asked too often may let the next one in; so may a spelling that was refused so."""
    later, shut = Response(status, (), b""), Response(403, (), b"")
    answers = {TARGET.path: later, "/X": shut}
    monkeypatch.setattr(lock, "ask", lambda _target, path, *_, **__: answers.get(path, shut))
    monkeypatch.setattr(lock, "plain_exchange", lambda *_, **__: "refused")
    assert told(probe_lock(TARGET, [TARGET], ["/X"], QUICK, locked=True)) == {}
    answers = {"/X": later}
    found = told(probe_lock(TARGET, [TARGET], ["/X"], QUICK, locked=True))
    assert found == {Fact.LOCK_STATUS_ANONYMOUS: 403}

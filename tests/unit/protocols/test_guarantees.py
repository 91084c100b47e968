"""What the file servers guarantee, and that they are made so."""

from __future__ import annotations

import datetime as dt

import pytest

from sealgate.policy.classification import DEFAULT_MODEL, Classification
from sealgate.policy.evaluate import evaluate
from sealgate.policy.inventory import (
    AcceptedRisk,
    Address,
    Drop,
    Inventory,
    KeySettings,
    Listen,
    Place,
    Tunnel,
)
from sealgate.policy.observation import Fact, FactValue, Observation, Vantage
from sealgate.policy.protection import Column, Protection
from sealgate.policy.requirements import declared
from sealgate.protocols.ftps import guarantees as ftps
from sealgate.protocols.ftps import tls as ftps_tls
from sealgate.protocols.guarantees import guaranteed, is_this_host, refusals
from sealgate.protocols.ssh import guarantees as ssh
from sealgate.protocols.ssh import host_keys
from tests.listening import file_listeners

NOW = dt.datetime(2027, 1, 15, 12, tzinfo=dt.UTC).timestamp()
PUBLIC, RESTRICTED, CONFIDENTIAL, SECRET = DEFAULT_MODEL.classes
# What a class of an organisation's own may demand without needing grants.
SEALED = Classification("sealed", "Sealed", 3, "", "", Protection.of(3, 2, 3))
BOTH = Listen(files=file_listeners(ftps=(Address("::", 21),)))
APART: dict[str, str | None] = {"in": None}
BESIDE: dict[str, str | None] = {"in": "the site keys are a readable file"}


def inventory(
    classification: Classification, listen: Listen = BOTH, accepted: tuple[AcceptedRisk, ...] = ()
) -> Inventory:
    """Return one drop and one tunnel of *classification*."""
    return Inventory(
        "sealgate.toml",
        ".sealgate",
        listen=listen,
        drops=(Drop("in", classification, "file:in", place=Place("sealgate.toml", 7)),),
        tunnels=(Tunnel("db", classification, Address("127.0.0.1", 5432)),),
        keys=KeySettings("file"),
        accepted=accepted,
    )


def told(declaration: Inventory, apart: dict[str, str | None]) -> dict[tuple[str, Fact], FactValue]:
    """Return what is promised, by asset and fact."""
    return {(o.asset, o.fact): o.value for o in guaranteed(declaration, apart)}


def provided(
    declaration: Inventory, apart: dict[str, str | None]
) -> dict[str, dict[Column, int | None]]:
    """Return the ranks that the promise proves, with a certificate that is good."""
    good: dict[Fact, FactValue] = {
        Fact.CERTIFICATE_CHAIN_VALID: True,
        Fact.CERTIFICATE_NAME_MATCHES: True,
        Fact.CERTIFICATE_NOT_BEFORE: NOW,
        Fact.CERTIFICATE_NOT_AFTER: NOW + 86_400,
    }
    seen = [Observation("file server", f, v, Vantage.HOST, "a test") for f, v in good.items()]
    report = evaluate(declared(declaration), [*guaranteed(declaration, apart), *seen], now=NOW)
    return {a.asset.id: dict(a.provided) for a in report.assets}


@pytest.mark.parametrize(
    ("classification", "expected"),
    [
        (PUBLIC, (2, 1, 0)),
        (RESTRICTED, (2, 1, 1)),
        (CONFIDENTIAL, (2, 2, 2)),
        (SEALED, (3, 2, 3)),
        (SECRET, (3, 3, 3)),
    ],
)
def test_every_class_gets_what_it_demands(
    classification: Classification, expected: tuple[int, int, int]
) -> None:
    """By the same rules that judge strangers, over SSH and FTPS together."""
    declaration = inventory(classification)

    found = provided(declaration, APART)

    assert tuple(found["drop in"][column] for column in Column) == expected
    assert found["tunnel db"][Column.IN_TRANSIT] == expected[0]
    assert found["tunnel db"][Column.ACCESS] == expected[1]
    assert found["file server"][Column.IN_TRANSIT] == 2
    assert refusals(declaration, APART, now=NOW) == ()


def test_keys_beside_the_store_are_worth_one_rung_less() -> None:
    """Sealed for a key that lies there too is "protected", and serve refuses to start."""
    declaration = inventory(CONFIDENTIAL)

    assert provided(declaration, BESIDE)["drop in"][Column.AT_REST] == 1
    (fault,) = refusals(declaration, BESIDE, now=NOW)
    assert str(fault).startswith('sealgate.toml:7: "drop in": "confidential" demands "encrypted"')
    assert "the site keys are a readable file" in fault.message
    assert fault.hint == 'protection = "passphrase" under [keys], then: sealgate keys protect'


def test_a_drop_that_nobody_looked_at_counts_as_beside() -> None:
    """What is not known is not apart."""
    declaration = inventory(CONFIDENTIAL)
    assert told(declaration, {})["drop in", Fact.AT_REST_RUNG] == 1
    (fault,) = refusals(declaration, {}, now=NOW)
    assert "nobody looked" in fault.message


@pytest.mark.parametrize("classification", [RESTRICTED, SEALED])
def test_where_the_keys_lie_matters_only_to_what_they_seal(
    classification: Classification,
) -> None:
    """Plain files need no key, and the top rung's keys are elsewhere anyway."""
    declaration = inventory(classification)
    assert told(declaration, BESIDE) == told(declaration, APART)
    assert refusals(declaration, BESIDE, now=NOW) == ()


@pytest.mark.parametrize(
    ("rule", "asset", "day", "served"),
    [
        ("at-rest-unsealed", "drop in", 15, True),
        ("at-rest-unsealed", "drop in", 14, False),
        ("at-rest-unsealed", "drop out", 15, False),
        ("at-rest-unobserved", "drop in", 15, False),
    ],
)
def test_a_weaker_store_is_served_only_while_somebody_accepts_it(
    rule: str, asset: str, day: int, *, served: bool
) -> None:
    """The rule and the drop must be named, and the day not be over."""
    risk = AcceptedRisk(rule, asset, "the owner", "a trial", dt.date(2027, 1, day))
    assert (refusals(inventory(CONFIDENTIAL, accepted=(risk,)), BESIDE, now=NOW) == ()) is served


def test_only_open_doors_promise_anything() -> None:
    """Without FTPS nothing is said of TLS, without SFTP nothing of SSH."""
    of_ssh = {fact for (_, fact) in told(inventory(PUBLIC, Listen(files=file_listeners())), APART)}
    of_ftps = {
        fact
        for (_, fact) in told(
            inventory(PUBLIC, Listen(files=file_listeners(sftp=(), ftps=BOTH.at("ftps")))), APART
        )
    }
    assert Fact.SSH_KEX in of_ssh
    assert Fact.FTP_TLS not in of_ssh
    assert Fact.TLS_VERSIONS not in of_ssh
    assert Fact.FTP_TLS in of_ftps
    assert Fact.SSH_KEX not in of_ftps
    assert guaranteed(Inventory("s", "."), {}) == ()
    implicit = inventory(PUBLIC, Listen(files=file_listeners(ftps_implicit=(Address("::", 990),))))
    assert told(implicit, APART)["file server", Fact.FTP_TLS] == "implicit"


def test_the_servers_offer_what_is_promised() -> None:
    """The lists of the adapters are those that are promised, no more and no less."""
    assert tuple(name for _, name in host_keys._KINDS) == ssh.SSH_HOST_KEY_ALGORITHMS
    suites = {*ftps_tls.TLS_1_2_SUITES.values(), *ftps_tls._TLS_1_3_SUITES.split(":")}
    assert set(ftps.TLS_SUITES) == suites


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("db.localhost", True),
        ("localhost.example", False),
        ("192.0.2.1", False),
        ("db.example", False),
    ],
)
def test_what_is_on_this_host(host: str, *, expected: bool) -> None:
    """Loopback is; what a name of somebody's leads to is not known."""
    assert is_this_host(Address(host, 1)) is expected
    found = Inventory("s", ".", tunnels=(Tunnel("db", PUBLIC, Address(host, 1)),))
    assert told(found, {})["tunnel db", Fact.UPSTREAM_PROTECTED] is expected

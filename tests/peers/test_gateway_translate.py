"""What the translated configuration does in a real Envoy, asked by real clients."""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
import re
import socket
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sealgate.gateway.model import Guard, guard_at
from sealgate.gateway.translate.locks import MOST_IN_EXPRESSION
from sealgate.policy.assets import route_asset
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.conditions import Request
from sealgate.policy.inventory import (
    AccessSettings,
    Address,
    CookieRule,
    Door,
    Inventory,
    Listen,
    Operator,
    Route,
    Site,
    SiteAccess,
    TLSSettings,
    Upstream,
)
from sealgate.policy.leftovers import Leftover
from sealgate.policy.routing import RouteRefusal, judge
from tests.peers.gatewayed import (
    ALLOWED,
    OTHER,
    UNKNOWN,
    Client,
    EchoSite,
    Gateway,
    Keys,
    Pair,
    Reply,
    close_all,
    echo_site,
    gateway,
    run,
    write_countries,
)
from tests.ports import free_port
from tests.processes import forget_most_resident, most_resident_bytes, resident_bytes
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PUBLIC, RESTRICTED, CONFIDENTIAL, SECRET = DEFAULT_MODEL.classes
ADMIT = ("user:alice",)
BACKEND = Route(Door("/typo3"), CONFIDENTIAL, admit=ADMIT)
INSTALL = Route(Door("/", query="__typo3_install"), CONFIDENTIAL, admit=ADMIT)
EMPTY = Route(Door("/closed"), CONFIDENTIAL)
# Open alone: what goes on below its name lies at the locked door around it.
OPEN = Route(Door("/typo3/open", exact=True), PUBLIC)
ROUTES = (
    Route(Door("/"), PUBLIC),
    BACKEND,
    INSTALL,
    Route(Door("/typo3/sysext/*/Resources/Public"), PUBLIC),
    Route(Door("/account"), RESTRICTED, access=SiteAccess.SITE),
    EMPTY,
    OPEN,
    Route(Door("/vault"), SECRET, admit=ADMIT),
)
COOKIES = (
    CookieRule("be_typo_user", http_only=True, same_site="Strict"),
    CookieRule("PHPSESSID", http_only=True, same_site="Lax"),
    CookieRule("wp_*", http_only=True, same_site=None),
)
SITE_NAME, SECOND_NAME = "shop.example", "second.example"


@dataclasses.dataclass(frozen=True)
class World:
    """A gateway with two sites, the echo site behind both, and who may come."""

    gateway: Gateway
    site: EchoSite
    keys: Keys
    alice: Pair
    bob: Pair
    stranger: Pair

    def client(self, pair: Pair | None = None, source: str = ALLOWED) -> Client:
        """Return a new connection."""
        return Client(self.gateway.port, pair=pair, source=source)

    def admitted(self, pair: Pair) -> dict[str, tuple[str, ...]]:
        """Return the table that lets *pair* into every locked route with a list."""
        locked = [(site, r) for site in self.gateway.inventory.sites for r in site.routes]
        return {route_asset(site, r).id: (pair.fingerprint,) for site, r in locked if r.admit}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run the gateway for all tests of this file; whoever changes it puts it back."""
    folder = tmp_path_factory.mktemp("world")
    run_folder = tmp_path_factory.mktemp("envoy")
    keys = Keys(folder)
    alice, bob = keys.client("alice", "alice"), keys.client("bob", "bob")
    stranger = keys.client("stranger", "alice", self_signed=True)
    with echo_site() as site:
        upstream = Upstream("http", ALLOWED, site.port)
        first = Site((SITE_NAME, "www.shop.example"), upstream, ROUTES, cookies=COOKIES)
        second = Site((SECOND_NAME,), upstream, (Route(Door("/"), CONFIDENTIAL, admit=ADMIT),))
        inventory = Inventory(
            "sealgate.toml",
            str(folder),
            Listen((Address("127.0.0.1", free_port()),), (Address("127.0.0.1", free_port()),)),
            Operator("Shop <Ltd> 100%"),
            access=AccessSettings(("DE", "NO"), "country.mmdb"),
            sites=(first, second),
        )
        locked = [(s, r) for s in (first, second) for r in s.routes if r.admit]
        with gateway(
            inventory,
            run_folder,
            {SITE_NAME: keys.server(SITE_NAME), SECOND_NAME: keys.server(SECOND_NAME)},
            client_ca=str(keys.authority.chain),
            admitted={route_asset(s, r).id: (alice.fingerprint,) for s, r in locked},
            geo_database=str(write_countries(folder / "country.mmdb")),
        ) as running:
            yield World(running, site, keys, alice, bob, stranger)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Close what a test opened."""
    yield
    close_all()


@pytest.fixture
def restored(world: World) -> Iterator[World]:
    """Put the world back after a test that changes it."""
    inventory, material = world.gateway.inventory, world.gateway.material
    yield world
    world.gateway.change(inventory, material)


def problem(reply: Reply) -> str:
    """Return the heading of a refusal's page."""
    found = re.search(rb"<h1>(.*?)</h1>", reply.body)
    assert found, reply.body
    return found[1].decode()


# Locks.


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(("who", "status"), [("alice", 200), ("bob", 403), ("stranger", 403)])
def test_certificate_counts_on_full_and_resumed_handshakes(
    world: World, version: ssl.TLSVersion, who: str, status: int
) -> None:
    """Only the admitted certificate enters, and resuming a session changes nothing."""
    pair: Pair = getattr(world, who)
    first = Client(world.gateway.port, pair=pair, version=version)
    assert first.ask("/typo3/").status == status
    second = Client(world.gateway.port, resumes=first)
    assert second.tls.session_reused
    assert second.ask("/typo3/").status == status


def test_no_certificate_is_told_what_to_do(world: World) -> None:
    """A visitor without a certificate gets a page with the rule, and a program gets JSON."""
    client = world.client()
    page = client.ask("/typo3/<script>?x=%22")
    assert page.status == 403
    assert problem(page) == "A client certificate is needed"
    assert b"access-no-key" in page.body
    assert b"Organization Confidential" in page.body
    assert b"Shop &lt;Ltd&gt; 100%" in page.body
    assert b"script" not in page.body
    assert page.values("cache-control") == ["no-store"]
    answer = client.ask("/typo3/", "Accept: application/json")
    assert answer.values("content-type") == ["application/problem+json"]
    assert b'"rule":"access-no-key"' in answer.body
    both = client.ask("/typo3/", "Accept: text/html,application/json")
    assert both.values("content-type") == ["text/html; charset=utf-8"]


@pytest.mark.parametrize(
    ("source", "heading"),
    [(OTHER, "Not from this country"), (UNKNOWN, "The country is not known")],
)
def test_country_counts(world: World, source: str, heading: str) -> None:
    """The admitted certificate is refused from elsewhere, whatever a header says."""
    client = world.client(world.alice, source)
    for name in ("X-Sealgate-Country", "x_sealgate_country"):
        reply = client.ask("/typo3/", f"{name}: DE")
        assert (reply.status, problem(reply)) == (403, heading)
    assert client.ask("/").status == 200


def test_locked_site_does_not_see_what_was_refused(world: World) -> None:
    """Nothing of a refused request reaches the site."""
    before = len(world.site.requests)
    assert world.client(world.bob).ask("/typo3/", method="POST").status == 403
    assert len(world.site.requests) == before


def test_route_that_admits_nobody_is_shut(world: World) -> None:
    """A door without an admit list is shut for all, and the page says how to open it."""
    reply = world.client(world.alice).ask("/closed")
    assert (reply.status, problem(reply)) == (403, "Nobody is admitted yet")
    assert b"admit = [&quot;user:NAME&quot;]" in reply.body


def test_without_a_country_database_nobody_enters(restored: World) -> None:
    """Where the country cannot be known, an admitted certificate is not enough."""
    world = restored
    world.gateway.change(material=dataclasses.replace(world.gateway.material, geo_database=None))
    assert world.client(world.alice).ask("/typo3/").status == 403
    assert world.client(world.alice).ask("/").status == 200


def test_class_that_cannot_be_kept_here_is_shut(world: World) -> None:
    """A route of a class that cannot be kept is shut, even where somebody is admitted."""
    reply = world.client(world.alice).ask("/vault")
    assert (reply.status, problem(reply)) == (403, "This class cannot be served here")


def test_revocation_holds_on_open_and_resumed_connections(restored: World) -> None:
    """A certificate that is no longer in the table is refused on the very next request."""
    world = restored
    client = world.client(world.alice)
    assert client.ask("/typo3/").status == 200
    material = dataclasses.replace(world.gateway.material, admitted=world.admitted(world.bob))
    world.gateway.change(material=material)
    reply = client.ask("/typo3/")
    assert (reply.status, problem(reply)) == (403, "This certificate is not admitted")
    resumed = Client(world.gateway.port, resumes=client)
    assert resumed.tls.session_reused
    assert resumed.ask("/typo3/").status == 403
    assert world.client(world.bob).ask("/typo3/").status == 200


def test_lists_too_long_for_an_expression_are_kept_apart(restored: World) -> None:
    """Each lock opens to its own list, by a table that stands once; a revocation holds at once."""
    world = restored
    first, second = world.gateway.inventory.sites
    shared = Route(Door("/shared"), CONFIDENTIAL, admit=ADMIT)
    site = dataclasses.replace(first, routes=(*first.routes, shared))
    inventory = dataclasses.replace(world.gateway.inventory, sites=(site, second))
    many = tuple(f"{number:064x}" for number in range(MOST_IN_EXPRESSION))
    alice, bob = world.alice.fingerprint, world.bob.fingerprint
    backend, both = route_asset(site, BACKEND).id, route_asset(site, shared).id

    def admit(*shared_with: str) -> None:
        admitted = {backend: (*many, alice), both: (*many, *shared_with)}
        material = dataclasses.replace(world.gateway.material, admitted=admitted)
        world.gateway.change(inventory, material)

    admit(alice, bob)
    clients = {pair: world.client(pair) for pair in (world.alice, world.bob, world.stranger, None)}

    def seen(path: str) -> list[int]:
        return [client.ask(path).status for client in clients.values()]

    assert seen("/typo3/") == [200, 403, 403, 403]
    assert seen("/shared") == [200, 200, 403, 403]
    assert seen("/") == [200, 200, 200, 200]
    reply = world.client(world.bob, OTHER).ask("/shared")
    assert (reply.status, problem(reply)) == (403, "Not from this country")
    admit(bob)
    assert seen("/typo3/") == [200, 403, 403, 403]
    assert seen("/shared") == [403, 200, 403, 403]


def test_raised_class_holds_on_an_open_connection(restored: World) -> None:
    """When a route becomes confidential, the next request of an open connection is refused."""
    world = restored
    client = world.client()
    assert client.ask("/news/1").status == 200
    first, second = world.gateway.inventory.sites
    raised = Route(Door("/news"), CONFIDENTIAL, admit=ADMIT)
    site = dataclasses.replace(first, routes=(*first.routes, raised))
    inventory = dataclasses.replace(world.gateway.inventory, sites=(site, second))
    world.gateway.change(inventory)
    assert client.ask("/news/1").status == 403
    assert client.ask("/").status == 200


# Readings.


def _targets() -> Iterator[str]:
    pieces = (
        *("/", "/", "/", "//", "%2f", "\\", "%5c", ".", "..", "%2e%2e", ";x", "typo3", "TYPO3"),
        *("%74ypo3", "%2574ypo3", "sysext", "core", "Resources", "Public", "account", "closed"),
        *(
            "index.php",
            "open",
            "a",
            "~",
            "%",
            "%00",
            "+",
            "?",
            "&",
            "__typo3_install",
            "..typo3_install",
        ),
        *("[x]", "=1", "%20", "%E9", "vault", "typo3temp", ".css", "."),
    )
    chance = random.Random(20261124)  # noqa: S311  # the same paths in each run
    for _ in range(700):
        start = chance.choice(("/", "/", "/typo3/", "/typo3/sysext/core/Resources/Public/"))
        yield start + "".join(chance.choices(pieces, k=chance.randint(0, 7)))


def test_envoy_judges_as_the_specification_does(world: World) -> None:
    """Over hundreds of targets, Envoy serves and refuses as the specification says, unchanged."""
    admitted, anyone = world.client(world.alice), world.client()
    mixed = world.gateway.inventory.sites[0]
    seen = {"served": 0, "refused": 0, "locked": 0}
    for target in _targets():
        answer = judge(ROUTES, Request(target))
        wanted = 403
        if isinstance(answer, RouteRefusal):
            seen["refused"] += 1
        elif answer is not EMPTY and guard_at(mixed, answer) is not Guard.UNBUILT:
            wanted = 200
        reply = admitted.ask(target)
        assert reply.status == wanted, (target, answer)
        if wanted == 200:
            assert world.site.requests[-1].target.encode("latin-1") == target.encode()
            locked = (
                not isinstance(answer, RouteRefusal) and guard_at(mixed, answer) is Guard.LOCKED
            )
            seen["locked" if locked else "served"] += 1
            wanted = 403 if locked else 200
        assert anyone.ask(target).status == wanted, (target, answer)
    assert min(seen.values()) > 20, seen


@pytest.mark.parametrize(
    "target",
    [
        "/TYPO3/",
        "//typo3/",
        "/%74ypo3/",
        "/%2574ypo3/",
        "/typo3%2f",
        "/./typo3/",
        "/x/../typo3/",
        "/x/%2e%2e/typo3/",
        "/x/..%2ftypo3",
        "/;/typo3",
        "/x;/../typo3",
        "/\\typo3",
        "/%5ctypo3",
        "/typo3.",
        "/typo3%20/",
        "/typo3%00",
        "/index.php/typo3/",
        "/x/index.php/typo3/",
        "//shop.example/typo3",
        "/?..typo3_install",
        "/?%5f_typo3_install",
        "/typo3;x/",
    ],
)
def test_variant_is_refused_with_its_own_page(world: World, target: str) -> None:
    """Each spelling of the locked path is refused on the public route, also for the admitted."""
    before = len(world.site.requests)
    reply = world.client(world.alice).ask(target)
    assert (reply.status, problem(reply)) == (403, "The address can be read in two ways")
    assert b"transit-backend-unlocked" in reply.body
    assert len(world.site.requests) == before


def test_raw_bytes_hide_nothing(world: World) -> None:
    """Bytes that are no UTF-8 do not keep the patterns from doubting a path."""
    before = len(world.site.requests)
    for target in (
        b"/\xff/../typo3/",
        b"/%74ypo3/?\xff",
        b"/TYPO3?\xc3",
        b"/x?__typo3_install\xff[",
    ):
        assert world.client().ask(target).status in {400, 403}
    assert len(world.site.requests) == before


def test_a_path_that_goes_on_below_an_open_door_is_locked_as_what_lies_around(
    world: World,
) -> None:
    """A miss at the longest path leads to the next shorter one, and never past all of them."""
    for target, anyone in (
        ("/typo3/open", 200),
        ("/typo3/open?x", 200),
        ("/typo3/open/x", 403),
        ("/typo3/openx", 403),
        ("/typo3/openx/y?z", 403),
        ("/typo3", 403),
        ("/typo3x", 200),
    ):
        assert world.client().ask(target).status == anyone, target
        assert world.client(world.alice).ask(target).status == 200, target


def test_raw_bytes_behind_a_path_do_not_lead_away_from_it(world: World) -> None:
    """They are refused in the query too, whatever door the path lies at."""
    place = b"/typo3/sysext/core/Resources/Public/a.css"
    assert world.client().ask(place + b"?x").status == 200
    assert world.client().ask(place + b"?\xff").status == 400


def test_a_fragment_is_no_part_of_a_request(world: World) -> None:
    """No client sends one; whoever does is refused before any door is looked for."""
    before = len(world.site.requests)
    assert world.client(world.alice).ask(b"/typo3#/x").status == 400
    assert world.client().ask(b"/#").status == 400
    assert len(world.site.requests) == before


CONTROLS = (
    *("/x%0a", "/index.php%0A", "/x%250a", "/x%00", "/x%2500.css", "/%0d%0aa", "/%09"),
    *("/x%7f", "/a%1fb/c", "/x%u000a", "/x%c2%85", "/x%%30a", "/a/%25%30%61"),
)


@pytest.mark.parametrize("target", CONTROLS)
def test_control_characters_end_at_the_gateway(world: World, target: str) -> None:
    """A path with a control character in any spelling reaches no site, locked or not."""
    before = len(world.site.requests)
    for path in (target, f"/typo3{target}", f"/account{target}"):
        assert world.client(world.alice).ask(path).status in {400, 403}, path
    assert Client(world.gateway.port, name=SECOND_NAME, pair=world.alice).ask(target).status == 403
    assert len(world.site.requests) == before


def test_raw_control_characters_end_at_the_gateway(world: World) -> None:
    """Nor does one that is not encoded."""
    before = len(world.site.requests)
    for code in (*range(1, 0x20), 0x7F):
        if code not in {0x0A, 0x0D, 0x20}:
            assert world.client().ask(f"/x{chr(code)}y".encode()).status in {400, 403}, code
    assert len(world.site.requests) == before


LEFTOVERS = (
    *(
        "/.env",
        "/.ENV",
        "/%2eenv",
        "/%252eenv",
        "/.env.local",
        "/.git/config",
        "/.git",
        "/x/.svn/y",
    ),
    *("/%2egit/config", "/x/..%2f.git/HEAD", "/\\.git/HEAD", "/.git;x/config", "//.env", "/.%65nv"),
    *(
        "/wp-config.php.bak",
        "/wp-config.php~",
        "/wp-config.php%7e",
        "/wp-config.php.BAK",
        "/a.old/",
    ),
    *("/wp-config.php.swp", "/.wp-config.php.swp", "/wp-config.php.txt", "/wp-config.php.1"),
    *("/wp-config.php_bak", "/wp-config.php-old", "/%23wp-config.php%23", "/a.php.gz", "/a.bak2"),
    *(
        "/backup.sql",
        "/backup.sql.gz",
        "/backup%2esql",
        "/backup.sql%20",
        "/backup.sql.",
        "/d.sql;x",
    ),
    *("/backup.sql%00.html", "/x.sqlite3", "/site-backup.tar.gz", "/backup.zip", "/dump.7z"),
    *(
        "/wp-content/debug.log",
        "/wp-content/debug.log.1",
        "/error_log",
        "/ERROR_LOG",
        "/a.log-20260101",
    ),
    *("/index.php/backup.sql", "/account/.env", "/news/../.env", "/backup.sql?x=y", "/a%5c.env"),
)
SERVED = (
    *("/.well-known/security.txt", "/~alice/", "/jquery-3.6.0.min.js", "/catalog", "/login"),
    *(
        "/a.php",
        "/my-backup-plan.html",
        "/download/tool.zip",
        "/blog/the-old",
        "/key.pem",
        "/1.0.2",
    ),
    *("/x/logs", "/sql", "/a.html?file=backup.sql", "/%E3%81%82.html", "/news.php/a", "/notes.txt"),
)


def test_leftovers_end_at_the_gateway_in_every_spelling(restored: World) -> None:
    """What no site wants to serve is refused with a page of its own, unless the route serves it."""
    world = restored
    client, before = world.client(), len(world.site.requests)
    # A control character tells more.
    answers = {path: client.ask(path) for path in LEFTOVERS}
    assert {path: reply.status for path, reply in answers.items()} == dict.fromkeys(LEFTOVERS, 403)
    assert len(world.site.requests) == before
    pages = {path: problem(reply) for path, reply in answers.items() if "%00" not in path}
    assert set(pages.values()) == {"Not served by any name"}, pages
    assert {path: client.ask(path).status for path in SERVED} == dict.fromkeys(SERVED, 200)
    first, second = world.gateway.inventory.sites
    dumps = Route(Door("/pub"), PUBLIC, leftovers=(Leftover.DUMPS,))
    site = dataclasses.replace(first, routes=(*first.routes, dumps))
    world.gateway.change(dataclasses.replace(world.gateway.inventory, sites=(site, second)))
    for path in ("/pub/a.sql", "/pub/x/a.sql.gz", "/pub/a%20b.sql"):
        assert client.ask(path).status == 200, path
    for path in ("/pub/.env", "/pub/a.log", "/pub/../a.sql", "/a.sql", "/x/%2e%2e/a.sql"):
        assert client.ask(path).status == 403, path


# Headers.


def test_forged_headers_do_not_reach_the_site(world: World) -> None:
    """What only a proxy may tell a site is dropped or replaced, in every spelling."""
    forged = (
        *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port"),
        *("X-Forwarded-Server", "X-Forwarded-Scheme", "X-Forwarded-Ssl", "X-Forwarded-Prefix"),
        *("Forwarded", "X-Real-IP", "X-Original-URL", "X-Original-Host", "X-Rewrite-URL"),
        *("Front-End-Https", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "Proxy"),
        *("X_Forwarded_Proto", "x_real_ip", "any_thing", "X-Envoy-Original-Path"),
        *("x-forwarded-client-cert", "x-sealgate-country"),
    )
    reply = world.client(source=UNKNOWN).ask("/x", *(f"{name}: evil" for name in forged))
    assert reply.status == 200
    told = world.site.requests[-1]
    assert "evil" not in [value for _, value in told.headers]
    assert told.value("x-forwarded-for") == UNKNOWN
    assert told.value("x-forwarded-proto") == "https"
    assert told.value("host") == SITE_NAME
    assert not [n for n, _ in told.headers if n.startswith("x-envoy") or n == "x-request-id"]


def test_country_is_not_told_to_the_site(world: World) -> None:
    """What the lock learned about the visitor stays in the gateway."""
    assert world.client(world.alice).ask("/typo3/").status == 200
    names = {name for name, _ in world.site.requests[-1].headers}
    assert {name for name in names if name.startswith("x-sealgate")} == {
        "x-sealgate-certificate-user",
    }


def test_answer_is_passed_on_as_it_is(world: World) -> None:
    """The site's own headers come through, and nothing of Envoy's is added."""
    reply = world.client().ask("/x")
    assert reply.values("server") == ["echo"]
    assert not [name for name, _ in reply.headers if name.startswith("x-envoy")]


def test_cookies_gain_what_they_lack(world: World) -> None:
    """Every cookie gains Secure; the others only on names that the preset knows."""
    assert world.client().ask("/cookies").values("set-cookie") == [
        "be_typo_user=1; Path=/; Secure; HttpOnly; SameSite=Strict",
        "other=2; SameSite=None; Secure",
        "PHPSESSID=3; secure; HttpOnly; SameSite=Lax",
        "wp_x=4; Secure; HttpOnly",
    ]


def test_strict_transport_security_is_ours(restored: World) -> None:
    """The header says what is configured, also on refusals; 0 takes it away."""
    world = restored
    client = world.client()
    for target in ("/", "/hsts", "/typo3/"):
        assert client.ask(target).values("strict-transport-security") == ["max-age=300"]
    inventory = dataclasses.replace(world.gateway.inventory, tls=TLSSettings(hsts_seconds=0))
    world.gateway.change(inventory)
    for target in ("/", "/hsts", "/typo3/"):
        assert client.ask(target).values("strict-transport-security") == []


# TLS and names.


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("-groups", "X25519MLKEM768"), b"X25519MLKEM768"),
        (("-groups", "X25519"), b"X25519"),
        (("-tls1_2", "-cipher", "ECDHE+AESGCM"), b"ECDHE-ECDSA-AES128-GCM-SHA256"),
        ((), b"X25519MLKEM768"),
    ],
)
def test_offered_tls(world: World, options: tuple[str, ...], said: bytes) -> None:
    """Hybrid first, classical still, TLS 1.2 with forward secrecy: each is spoken."""
    done = run(
        *("openssl", "s_client", "-connect", f"127.0.0.1:{world.gateway.port}", "-brief"),
        *("-servername", SITE_NAME, *options),
    )
    assert said in done.stderr, done.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("-tls1_1", "-cipher", "ALL@SECLEVEL=0"),
        ("-tls1_2", "-cipher", "AES128-GCM-SHA256"),
        ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"),
        ("-groups", "secp521r1"),
    ],
)
def test_refused_tls(world: World, options: tuple[str, ...]) -> None:
    """Old versions, suites without forward secrecy or AEAD, and other groups are refused."""
    done = run(
        *("openssl", "s_client", "-connect", f"127.0.0.1:{world.gateway.port}", "-brief"),
        *("-servername", SITE_NAME, *options),
    )
    assert done.returncode != 0
    assert b"alert" in done.stderr or b"wrong version" in done.stderr, done.stderr


def test_client_certificate_is_asked_for_with_our_authority(world: World) -> None:
    """The name of our authority goes out, so that nobody else's certificate is prompted for."""
    done = run(
        *("openssl", "s_client", "-connect", f"127.0.0.1:{world.gateway.port}"),
        *("-servername", SITE_NAME),
    )
    assert b"Acceptable client certificate CA names\nCN=Test authority" in done.stdout


def test_host_of_another_site_is_refused(world: World) -> None:
    """A connection made for one site serves no other, known or unknown."""
    client = world.client()
    for host in (SECOND_NAME, "evil.example", "shop.example.evil"):
        reply = client.ask("/", f"Host: {host}")
        assert (reply.status, problem(reply)) == (421, "No such site here")
    assert client.ask("/", "Host: WWW.shop.example:8443").status == 200


def test_second_site_has_its_own_lock(world: World) -> None:
    """A site that is locked as a whole admits its own people only."""
    port = world.gateway.port
    assert Client(port, name=SECOND_NAME, pair=world.alice).ask("/x").status == 200
    assert Client(port, name=SECOND_NAME, pair=world.bob).ask("/x").status == 403


# The log.


def line_of(world: World, page: Reply) -> dict[str, Any]:
    """Return the line of the log that has the id of a refusal's *page*."""
    found = re.search(rb"Id: <code>([0-9-]+)</code>", page.body)
    assert found, page.body
    log = world.gateway.folder / "access.log"
    assert wait_until(lambda: found[1].decode() in log.read_text())
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    [one] = [line for line in lines if line["id"] == found[1].decode()]
    return dict(one)


def test_a_refusal_by_country_tells_whose_good_certificate_it_was(world: World) -> None:
    """Whose certificate admits nobody is not believed about its name."""
    for source in (OTHER, UNKNOWN):
        line = line_of(world, world.client(world.alice, source).ask("/typo3/"))
        assert (line["status"], line["user"]) == (403, "urn:sealgate:user:alice")
    for pair in (world.bob, world.stranger, None):
        line = line_of(world, world.client(pair, OTHER).ask("/typo3/"))
        assert (line["status"], line["user"]) == (403, None)
    assert world.client(world.alice).ask("/typo3/").status == 200


@pytest.mark.parametrize(
    ("path", "written"),
    [
        *(("/typo3/a%20b", "(left out)"), ("/typo3/x?a=b@c.example", "/typo3/x")),
        *(("/typo3/wp-login.php", "/typo3/wp-login.php"), ("/typo3/v2/.env", "/typo3/v2/.env")),
        *(("/typo3/reset/8fK2qZ", "(left out)"), ("/typo3/invite/k3j9x2", "(left out)")),
        *(("/typo3/s/AbCdEf", "(left out)"), ("/typo3/pin/482913", "(left out)")),
        *(("/typo3/anna@mail.example", "(left out)"), ("/typo3/anna%40mail", "(left out)")),
        ("/typo3/" + "x" * 80, "(left out)"),
    ],
)
def test_a_path_that_may_name_a_person_is_not_written_down(
    world: World, path: str, written: str
) -> None:
    """The route is, and the id that leads there."""
    line = line_of(world, world.client().ask(path))
    assert line["request"] == f"GET {written}"
    assert line["route"].startswith("route shop.example/typo3")


def test_the_log_is_for_its_owner_only(world: World) -> None:
    """Addresses and names stand in it."""
    log = world.gateway.folder / "access.log"
    assert oct(log.stat().st_mode & 0o777) == "0o600"


def test_a_program_is_told_the_id_too(world: World) -> None:
    """In its problem details."""
    answer = json.loads(world.client().ask("/typo3/", "Accept: application/json").body)
    assert re.fullmatch("[0-9]+-[0-9]+", answer["id"])


# Port 80.


def plain(world: World, *options: str) -> bytes:
    """Return what curl got over http, headers first."""
    return run("curl", "-s", "-i", "-m", "30", "--path-as-is", *options).stdout


def test_http_sends_readers_to_https(world: World) -> None:
    """GET and HEAD on any path answer 308 to the https port, with path and query."""
    url = f"http://127.0.0.1:{world.gateway.plain_port}/typo3/../%41?a=b"
    before = len(world.site.requests)
    for options in ((), ("-I",)):
        answer = plain(world, url, "-H", f"Host: {SITE_NAME}", *options)
        assert answer.startswith(b"HTTP/1.1 308 ")
        assert (
            f"location: https://{SITE_NAME}:{world.gateway.port}/typo3/../%41?a=b".encode()
            in answer
        )
        assert b"strict-transport-security" not in answer
    assert len(world.site.requests) == before


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"])
def test_http_refuses_to_take_anything(world: World, method: str) -> None:
    """Any other method is refused with the reason, and nothing reaches the site."""
    url = f"http://127.0.0.1:{world.gateway.plain_port}/typo3/login"
    before = len(world.site.requests)
    answer = plain(world, url, "-X", method, "-d", "password=x", "-H", f"Host: {SITE_NAME}")
    assert answer.startswith(b"HTTP/1.1 403 "), answer
    assert b"Sent without encryption" in answer
    assert b"transit-post-accepted" in answer
    assert len(world.site.requests) == before


def test_http_does_not_know_other_names(world: World) -> None:
    """A name that is not served gets no redirect."""
    answer = plain(world, f"http://127.0.0.1:{world.gateway.plain_port}/")
    assert answer.startswith(b"HTTP/1.1 421 ")


def test_acme_challenge_reaches_the_site_without_secrets(world: World) -> None:
    """A challenge is forwarded; cookies and credentials are not, nor a token that is none."""
    base = f"http://127.0.0.1:{world.gateway.plain_port}/.well-known/acme-challenge/"
    host = ("-H", f"Host: {SITE_NAME}", "-H", "Cookie: sid=1", "-u", "a:b")
    assert plain(world, f"{base}LoqXcYV8q5ONbJQxbmR7SA", *host).startswith(b"HTTP/1.1 200 ")
    told = world.site.requests[-1]
    assert (told.value("cookie"), told.value("authorization")) == (None, None)
    assert told.value("x-forwarded-proto") == "http"
    before = len(world.site.requests)
    for token in ("", "../../typo3", "a/b", "%2e%2e%2ftypo3", "a.b"):
        assert plain(world, f"{base}{token}", *host).startswith(b"HTTP/1.1 308 ")
    assert plain(world, f"{base}abc", *host, "-d", "x").startswith(b"HTTP/1.1 403 ")
    assert len(world.site.requests) == before


# Everything else passes.


def test_websocket_passes(world: World) -> None:
    """An upgraded connection carries bytes both ways."""
    client = world.client()
    client.send("/websocket", "Connection: Upgrade", "Upgrade: websocket")
    head = client.tls.recv(4096)
    assert head.startswith(b"HTTP/1.1 101 ")
    client.tls.sendall(b"hello")
    assert client.tls.recv(4096) == b"echo hello"


def test_websocket_of_a_locked_route_is_locked(world: World) -> None:
    """An upgrade is a request like any other."""
    client = world.client()
    client.send("/typo3/websocket", "Connection: Upgrade", "Upgrade: websocket")
    assert client.receive().status == 403


def test_events_arrive_as_they_are_sent(world: World) -> None:
    """An event stream is not held back, and its trailer arrives."""
    client = world.client()
    client.send("/events", "TE: trailers")
    text = b""
    for count in (1, 2, 3):
        while text.count(b"data: ") < count:
            data = client.tls.recv(4096)
            assert data, text
            text += data
        assert text.count(b"data: ") == count
        world.site.may_go_on.release()
    while b"x-end: yes" not in text:
        data = client.tls.recv(4096)
        assert data, text
        text += data


TRAILERS = (
    *("X-Sum: 7", "Content-Digest: sha-256=:x:", "X-Sealgate-User: eve", "X-Forwarded-For: eve"),
    *("x_sealgate_user: eve", "X.Sealgate.User: eve", "Authorization: eve", "Cookie: eve"),
    *("Host: eve", "Content-Length: 9", "X-HTTP-Method-Override: eve"),
)


def told_in_trailers(world: World, path: str) -> dict[str, str]:
    """Return what reached the site behind the body of a chunked request that claims a lot."""
    client = world.client()
    client.send(path, "Transfer-Encoding: chunked", "Trailer: x-sum", method="POST")
    rest = "".join(f"{line}\r\n" for line in TRAILERS)
    client.tls.sendall(f"3\r\nabc\r\n0\r\n{rest}\r\n".encode())
    assert client.receive().status == 200
    told = world.site.requests[-1]
    assert told.body_bytes == 3
    return {name: value for name, value in told.headers if name.startswith("trailer ")}


def test_trailers_of_a_request_end_at_the_gateway(restored: World) -> None:
    """What follows a chunked body reaches the site only on a route that says so."""
    world = restored
    assert told_in_trailers(world, "/x") == {}
    first, second = world.gateway.inventory.sites
    taking = Route(Door("/sums"), PUBLIC, request_trailers=True)
    site = dataclasses.replace(first, routes=(*first.routes, taking))
    world.gateway.change(dataclasses.replace(world.gateway.inventory, sites=(site, second)))
    assert told_in_trailers(world, "/x") == {}
    assert told_in_trailers(world, "/sums") == {
        "trailer x-sum": "7",
        "trailer content-digest": "sha-256=:x:",
    }


END_STREAM, END_HEADERS = 1, 4


def frame(kind: int, flags: int, stream: int, *fields: tuple[str, str]) -> bytes:
    """Return a frame of HTTP/2 (RFC 9113, 4.1) with *fields* that use no table (RFC 7541, 6.2.2)."""
    block = b"".join(
        b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in fields
    )
    return len(block).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + block


@pytest.mark.parametrize("taken", [False, True])
def test_trailers_of_http_2_end_at_the_gateway(
    restored: World,
    taken: bool,  # noqa: FBT001  # a case
) -> None:
    """HTTP/2 has no chunks, and trailers all the same."""
    world, path = restored, f"/two/{taken}"
    first, second = world.gateway.inventory.sites
    taking = Route(Door("/two"), PUBLIC, request_trailers=taken)
    site = dataclasses.replace(first, routes=(*first.routes, taking))
    world.gateway.change(dataclasses.replace(world.gateway.inventory, sites=(site, second)))
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    plain_socket = socket.create_connection(("127.0.0.1", world.gateway.port), 30)
    with context.wrap_socket(plain_socket, server_hostname=SITE_NAME) as tls:
        tls.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + frame(4, 0, 0)
            + frame(
                *(1, END_HEADERS, 1),
                *((":method", "POST"), (":scheme", "https"), (":authority", SITE_NAME)),
                *((":path", path), ("te", "trailers")),
            )
            + b"\x00\x00\x03\x00\x00\x00\x00\x00\x01abc"
            + frame(1, END_HEADERS | END_STREAM, 1, ("x-sealgate-user", "eve"), ("x-sum", "7"))
        )
        wait_until(lambda: world.site.requests[-1].target == path)
        assert tls.recv(65536)
        wait_until(lambda: world.site.requests[-1].body_bytes == 3)
    told = world.site.requests[-1]
    assert (told.target, told.body_bytes) == (path, 3)
    found = {name for name, _ in told.headers if name.startswith("trailer ")}
    assert found == ({"trailer x-sum"} if taken else set())


def test_continue_is_the_sites_to_say(world: World) -> None:
    """A client that waits for 100 Continue gets it from the site, and no earlier refusal is late."""
    client = world.client()
    # What may be a form is read first, so of that a client sends the body unasked.
    kind = "Content-Type: image/png"
    client.send("/x", kind, "Expect: 100-continue", "Content-Length: 3", method="POST")
    assert client.tls.recv(4096).startswith(b"HTTP/1.1 100 Continue")
    client.tls.sendall(b"abc")
    assert client.receive().status == 200
    client.send("/typo3/", "Expect: 100-continue", "Content-Length: 3", method="POST")
    assert client.tls.recv(4096).startswith(b"HTTP/1.1 403 ")


def test_head_and_range_pass(world: World) -> None:
    """HEAD has a length and no body; Range reaches the site."""
    client = world.client()
    reply = client.ask("/x", "Range: bytes=0-1", method="HEAD")
    assert (reply.status, reply.body) == (200, b"")
    assert int(reply.values("content-length")[0]) > 0
    assert world.site.requests[-1].value("range") == "bytes=0-1"


def test_http_1_0_without_host_is_served(world: World) -> None:
    """An old client that names no host gets the first site."""
    client = world.client()
    client.tls.sendall(b"GET /old HTTP/1.0\r\n\r\n")
    assert client.receive().status == 200
    assert world.site.requests[-1].value("host") == SITE_NAME


def test_http_2_is_spoken(world: World) -> None:
    """HTTP/2 is negotiated, and every rule holds there too."""
    base = (
        "curl",
        "-sk",
        "-m",
        "30",
        "--http2",
        "-o",
        "/dev/null",
        "-w",
        "%{http_version} %{http_code}",
    )
    resolve = ("--resolve", f"{SITE_NAME}:{world.gateway.port}:127.0.0.1", "--path-as-is")
    url = f"https://{SITE_NAME}:{world.gateway.port}"
    for path, said in (("/", b"2 200"), ("/typo3/", b"2 403"), ("//typo3", b"2 403")):
        assert run(*base, *resolve, f"{url}{path}").stdout == said


def test_large_bodies_stream_with_flat_memory(world: World) -> None:
    """200 MB down and 100 MB up pass while Envoy's memory hardly grows."""
    envoy = world.gateway.pid
    forget_most_resident(envoy)
    before = resident_bytes(envoy)
    size = 200 * 2**20
    client = world.client()
    client.send(f"/large/{size}")
    time.sleep(0.5)  # a slow reader: whatever Envoy buffers, it buffers now
    assert len(client.receive().body) == size
    block = b"x" * 2**20
    # No form: of what may be one, no more is held than may be read.
    kind = "Content-Type: image/png"
    client.send("/x", kind, f"Content-Length: {100 * len(block)}", method="POST")
    for _ in itertools.repeat(None, 100):
        client.tls.sendall(block)
    assert client.receive().status == 200
    assert world.site.requests[-1].body_bytes == 100 * len(block)
    assert most_resident_bytes(envoy) - before < 20 * 2**20


# Log.


def test_log_names_class_and_channel_but_no_values(world: World) -> None:
    """Refusals and locked requests are logged without query; public pages are not logged."""
    world.client(world.alice).ask("/typo3/log-me?token=secret-value")
    world.client().ask("/typo3/refuse-me?token=secret-value")
    world.client().ask("/public-page?token=secret-value")

    def logged() -> dict[str, dict[str, Any]]:
        return {line["request"]: line for line in world.gateway.access_log()}

    assert wait_until(lambda: "GET /typo3/refuse-me" in logged())
    lines = logged()
    assert "secret-value" not in str(lines)
    assert "GET /public-page" not in lines
    entered, refused = lines["GET /typo3/log-me"], lines["GET /typo3/refuse-me"]
    assert (entered["status"], refused["status"]) == (200, 403)
    route = f"route {SITE_NAME}/typo3, Organization Confidential, access high"
    assert entered["route"] == refused["route"] == route
    assert entered["user"] == "urn:sealgate:user:alice"
    # What a certificate says of itself is noted of nobody who was refused.
    assert refused["user"] is None
    assert "[no-certificate]" in refused["details"]
    assert refused["connection"].startswith(f"{ALLOWED} DE - TLSv1.3 ")
    said = rf"{ALLOWED} DE {world.alice.fingerprint} TLSv1\.3 TLS_\w+_SHA\d+ X25519MLKEM768"
    assert re.fullmatch(said, entered["connection"])


# What stands behind.


def _one_site(upstream: Upstream, **more: object) -> Inventory:
    listen = Listen((Address("127.0.0.1", free_port()),), ())
    inventory = Inventory(
        "sealgate.toml", "", listen, sites=(Site((SITE_NAME,), upstream, ROUTES[:1]),)
    )
    return dataclasses.replace(inventory, **more)  # type: ignore[arg-type]  # fields by name


def test_https_upstream_is_verified(tmp_path: Path) -> None:
    """The right name under the right authority is served; anything else is a clear 503."""
    keys = Keys(tmp_path)
    own = keys.server(SITE_NAME)
    inside = keys.server("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(inside.chain, inside.key)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    stranger = Keys(elsewhere).authority
    with echo_site(tls=context) as site:
        for number, (host, ca, status) in enumerate(
            [
                ("localhost", keys.authority, 200),
                ("localhost", stranger, 503),
                ("127.0.0.1", keys.authority, 503),  # the certificate names no address
            ]
        ):
            folder = tmp_path / f"envoy{number}"
            folder.mkdir()
            inventory = _one_site(Upstream("https", host, site.port, str(ca.chain)))
            with gateway(inventory, folder, {SITE_NAME: own}) as running:
                reply = Client(running.port).ask("/")
                assert reply.status == status
                if status == 503:
                    assert problem(reply) == "The site does not answer"


def test_unix_socket_upstream(tmp_path: Path) -> None:
    """A site on a Unix socket is served."""
    path = tmp_path / "site.sock"
    folder = tmp_path / "envoy"
    folder.mkdir()
    with echo_site(unix=path) as site:
        inventory = _one_site(Upstream("unix", str(path), 0))
        with gateway(inventory, folder, {SITE_NAME: Keys(tmp_path).server(SITE_NAME)}) as running:
            assert Client(running.port).ask("/x").status == 200
        assert site.requests[-1].target == "/x"


def test_upstream_that_is_down_is_told_as_such(tmp_path: Path) -> None:
    """A site that does not run gives a page that says so, and JSON for a program."""
    folder = tmp_path / "envoy"
    folder.mkdir()
    inventory = _one_site(Upstream("http", "127.0.0.1", free_port()))
    with gateway(inventory, folder, {SITE_NAME: Keys(tmp_path).server(SITE_NAME)}) as running:
        client = Client(running.port)
        reply = client.ask("/")
        assert (reply.status, problem(reply)) == (503, "The site does not answer")
        answer = client.ask("/", "Accept: application/problem+json")
        assert answer.values("content-type") == ["application/problem+json"]


def _proxied(networks: tuple[str, ...]) -> Listen:
    return Listen((Address("127.0.0.1", free_port()),), (), trusted_proxies=networks)


def test_trusted_proxy_tells_the_client_address(tmp_path: Path) -> None:
    """A balancer's PROXY header gives the client's address, for the site and for the lock."""
    folder = tmp_path / "envoy"
    folder.mkdir()
    keys = Keys(tmp_path)
    alice = keys.client("alice", "alice")
    with echo_site() as site:
        inventory = _one_site(
            Upstream("http", "127.0.0.1", site.port),
            listen=_proxied(("127.0.0.1/32",)),
            access=AccessSettings(("DE",), "country.mmdb"),
        )
        [only] = inventory.sites
        only = dataclasses.replace(only, routes=(*ROUTES[:1], BACKEND))
        inventory = dataclasses.replace(inventory, sites=(only,))
        with gateway(
            inventory,
            folder,
            {SITE_NAME: keys.server(SITE_NAME)},
            client_ca=str(keys.authority.chain),
            admitted={route_asset(only, BACKEND).id: (alice.fingerprint,)},
            geo_database=str(write_countries(tmp_path / "country.mmdb")),
        ) as running:
            hello = b"PROXY TCP4 198.51.100.7 127.0.0.1 50000 443\r\n"
            client = Client(running.port, pair=alice, hello=hello)
            assert client.ask("/typo3/").status == 200
            assert site.requests[-1].value("x-forwarded-for") == "198.51.100.7"
            elsewhere = hello.replace(b"198.51.100.7", b"198.51.100.8")
            assert Client(running.port, pair=alice, hello=elsewhere).ask("/typo3/").status == 403
            with pytest.raises((ssl.SSLError, ConnectionError)):
                Client(running.port, pair=alice)  # no header
            with pytest.raises((ssl.SSLError, ConnectionError)):
                Client(running.port, pair=alice, hello=hello, source=OTHER)  # not trusted


def test_slow_headers_are_cut_off(world: World) -> None:
    """A client that never ends its headers does not hold a connection for ever."""
    with socket.create_connection(("127.0.0.1", world.gateway.plain_port), 60) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: shop.example\r\n")
        answer = b""
        while data := raw.recv(4096):
            answer += data
        assert answer.startswith(b"HTTP/1.1 408 ")

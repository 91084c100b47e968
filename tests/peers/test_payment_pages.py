"""Payment pages behind a real Envoy: what browsers are told, what is logged, what changes."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from sealgate.app.audit import audit_sites
from sealgate.app.audit_options import AuditOptions
from sealgate.app.scripts import approve_scripts, look_at_scripts
from sealgate.app.state import open_register
from sealgate.cli.scripts import command
from sealgate.errors import NothingToLookAtError, PeerError, UsageError
from sealgate.gateway.guarantees import guaranteed
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.confirming import POINTS
from sealgate.policy.finding import Status
from sealgate.policy.inventory import (
    Address,
    Confirmation,
    Door,
    Inspect,
    Inventory,
    Listen,
    PaymentGateway,
    Route,
    Site,
    Upstream,
)
from tests.peers.gatewayed import (
    ALLOWED,
    Client,
    EchoSite,
    Gateway,
    Keys,
    Told,
    close_all,
    echo_site,
    gateway,
)
from tests.ports import free_port
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sealgate.policy.finding import Finding
    from sealgate.register.adapters.store import Register

PUBLIC, _, CONFIDENTIAL, _ = DEFAULT_MODEL.classes
PLANTED = "4111111111111111"
NAME = "shop.example"
CHECKOUT = f"{NAME}/checkout"
ASSET = f"route {CHECKOUT}"
INLINE = "<script>start()</script>"


@dataclass
class Shop(EchoSite):
    """A shop whose checkout may be changed while it runs."""

    page: str = f'<form></form>{INLINE}<script src="/checkout/pay.js?v=1"></script>'
    files: dict[str, bytes] = field(default_factory=lambda: {"/checkout/pay.js": b"pay()"})
    policy: str = ""
    more: str = ""
    status: str = "200 OK"

    def answer(self, told: Told) -> bytes:
        """Return the page, or a script."""
        path = told.target.partition("?")[0]
        body, kind = self.files.get(path), "text/javascript"
        if body is None:
            body, kind = self.page.encode(), "text/html; charset=utf-8"
        more = f"Content-Security-Policy: {self.policy}\r\n" if self.policy else ""
        more += self.more
        head = (
            f"HTTP/1.1 {self.status}\r\nContent-Type: {kind}\r\nCache-Control: public\r\n"
            f"{more}Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode("latin-1") + body


@dataclass
class World:
    """A gateway before the shop, and the register that approvals are kept in."""

    gateway: Gateway
    shop: Shop
    register: Register

    @property
    def options(self) -> AuditOptions:
        """Return how to look, at this moment."""
        return AuditOptions(time.time(), resolve={NAME: ALLOWED}, addresses=())

    def approve(self, *digests: str) -> list[str]:
        """Approve what runs on the checkout; return the names."""
        made = approve_scripts(
            *(self.gateway.inventory, self.register, self.options, CHECKOUT, digests),
            by="the shop's owner",
            reason="takes the card",
        )
        return [one.item for one in made]

    def findings(self, inventory: Inventory | None = None) -> dict[str, Finding]:
        """Return what a whole audit finds of payments, by rule."""
        now = inventory or self.gateway.inventory
        host = guaranteed(now, self.gateway.material, now=0)
        audit = audit_sites(now, self.options, host, self.register)
        return {
            f.rule.id: f
            for f in audit.report.findings
            if f.rule.id.startswith("payment-") and f.asset.id != "route shop.example/donate"
        }


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Yield a gateway before a shop with two payment pages; one lists its scripts."""
    keys = Keys(tmp_path)
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(shop_site())
        listen = Listen(
            (Address(ALLOWED, free_port()),),
            (Address(ALLOWED, free_port()),),
            egress=(Address(ALLOWED, free_port()),),
        )
        pays = Route(Door("/checkout"), PUBLIC, CONFIDENTIAL, payment=True, scripts=("'self'",))
        routes = (
            Route(Door("/"), PUBLIC),
            pays,
            replace(pays, door=Door("/donate"), scripts=(), script_reports="/csp"),
        )
        inventory = Inventory(
            "x",
            str(tmp_path / "state"),
            listen,
            sites=(Site((NAME,), Upstream("http", ALLOWED, site.port), routes),),
            register_url=f"sqlite:///{tmp_path}/register.sqlite",
        )
        pairs = {NAME: keys.server(NAME)}
        folder = tmp_path / "envoy"
        folder.mkdir()
        running = stack.enter_context(gateway(inventory, folder, pairs))
        register = stack.enter_context(open_register(inventory))
        stack.callback(close_all)
        yield World(running, site, register)


@contextlib.contextmanager
def shop_site() -> Iterator[Shop]:
    """Run the shop on loopback."""
    shop = Shop()
    with echo_site(site=shop):
        yield shop


def test_browsers_keep_nothing_and_run_what_was_named(world: World) -> None:
    """Both headers come, a policy of the site's own stays, and other pages are left alone."""
    world.shop.policy = "img-src 'self'"
    client = Client(world.gateway.port)

    checkout, donate, other = (client.ask(p) for p in ("/checkout/step", "/donate", "/about"))

    assert checkout.values("cache-control") == donate.values("cache-control") == ["no-store"]
    assert other.values("cache-control") == ["public"]
    own = "img-src 'self'"
    wanted = "script-src 'self'; object-src 'none'; base-uri 'self'"
    assert ", ".join(checkout.values("content-security-policy")) == f"{own}, {wanted}" or (
        checkout.values("content-security-policy") == [own, wanted]
    )
    assert checkout.values("content-security-policy-report-only") == []
    assert donate.values("content-security-policy") == [own]
    assert donate.values("content-security-policy-report-only") == [
        (
            "script-src 'none'; object-src 'none'; base-uri 'self'; report-uri /csp; "
            "report-to sealgate-scripts"
        )
    ]
    assert donate.values("reporting-endpoints") == ['sealgate-scripts="/csp"']
    assert checkout.values("reporting-endpoints") == []
    assert other.values("content-security-policy") == [own]


# Each of these is a spelling under which some server finds the page.
SPELLINGS = (
    *("/%6Cisted", "/LISTED", "//listed", "/x/../listed", "/x/%2e%2e/listed", "/./listed"),
    *("/%2e/listed", "/listed.", "/listed%20", "/listed;x", "/\\listed", "/%5clisted"),
    *("/index.php/listed", "/%256cisted", "//shop.example/listed", "/LISTED/x", "/%u006cisted"),
)


@pytest.mark.parametrize("kind", ["payment", "scripts", "enforce", "collects"])
def test_no_spelling_loses_what_a_page_demands(world: World, kind: str) -> None:
    """A page of the class of "/" that demands more is not reached through "/"."""
    front = Route(Door("/"), PUBLIC, payment=kind == "scripts")
    listed = {
        "payment": Route(Door("/listed"), PUBLIC, payment=True),
        "scripts": Route(Door("/listed"), PUBLIC, payment=True, scripts=("'self'",)),
        "enforce": Route(Door("/listed"), PUBLIC, inspect=Inspect.ENFORCE),
        "collects": Route(Door("/listed"), PUBLIC, CONFIDENTIAL),
    }[kind]
    (site,) = world.gateway.inventory.sites
    sites = (replace(site, routes=(front, listed)),)
    world.gateway.change(replace(world.gateway.inventory, sites=sites))
    client = Client(world.gateway.port)
    before = len(world.shop.requests)
    assert {path: client.ask(path).status for path in SPELLINGS} == dict.fromkeys(SPELLINGS, 403)
    assert len(world.shop.requests) == before
    assert client.ask("/listed/x").status == (503 if kind == "enforce" else 200)
    # What lies elsewhere in every reading is nobody's business.
    for path in ("/listed2", "/x/listed", "/%E3%81%82", "/a%20b", "/index.php/x", "/Listing"):
        assert client.ask(path).status == 200, path


CACHING = (
    *("CDN-Cache-Control", "Surrogate-Control", "Cloudflare-CDN-Cache-Control", "Expires"),
    *("Vercel-CDN-Cache-Control", "Netlify-CDN-Cache-Control", "Akamai-Cache-Control", "Pragma"),
    *("X-Accel-Expires", "X-LiteSpeed-Cache-Control", "Edge-Control", "Age", "Surrogate-Key"),
)


def test_nothing_tells_a_cache_to_keep_a_payment(world: World) -> None:
    """What the site says to caches, by any name, ends at the gateway; other pages keep it."""
    world.shop.more = "".join(f"{name}: max-age=600\r\n" for name in CACHING)
    client = Client(world.gateway.port)
    checkout, other = client.ask("/checkout"), client.ask("/about")
    assert {n.lower() for n in CACHING} <= {name for name, _ in other.headers}
    assert not {n.lower() for n in CACHING} & {name for name, _ in checkout.headers}
    assert checkout.values("cache-control") == ["no-store"]


def test_nothing_of_a_payment_is_logged(world: World) -> None:
    """Neither query nor body of a payment that failed stands in any file of the gateway."""
    world.shop.status = "500 Internal Server Error"
    client = Client(world.gateway.port)
    for _ in range(3):
        client.send(f"/checkout?pan={PLANTED}", method="POST", body=f"pan={PLANTED}".encode())
        assert client.receive("POST").status == 500
    log = world.gateway.folder / "access.log"
    assert wait_until(lambda: "POST /checkout" in log.read_text())
    for path in world.gateway.folder.parent.rglob("*"):
        if path.is_file():
            assert PLANTED.encode() not in path.read_bytes(), path


def test_scripts_are_watched_from_new_to_changed(world: World) -> None:
    """New: told. Approved: quiet. Changed, or one more: told again, until approved anew."""
    found = world.findings()
    assert set(found) == {"payment-script-unapproved"}
    assert "/checkout/pay.js" in found["payment-script-unapproved"].found
    assert "inline script" in found["payment-script-unapproved"].found

    (page, _) = look_at_scripts(world.gateway.inventory, world.register, world.options)
    assert (page.asset, page.is_good, len(page.scripts)) == (ASSET, False, 2)
    assert len(world.approve(*(seen.script.digest for seen in page.scripts))) == 2
    assert world.findings() == {}

    world.shop.files["/checkout/pay.js"] = b"pay(); steal()"
    found = world.findings()
    assert set(found) == {"payment-script-changed"}
    assert "/checkout/pay.js" in found["payment-script-changed"].found
    world.shop.page += "<script>steal()</script>"
    assert set(world.findings()) == {"payment-script-changed", "payment-script-unapproved"}

    world.approve("all")
    assert world.findings() == {}
    # What was approved before does not hold any more.
    world.shop.files["/checkout/pay.js"] = b"pay()"
    assert set(world.findings()) == {"payment-script-changed"}
    assert world.register.check_trail().whole


def test_a_foreign_script_without_integrity_is_told(world: World) -> None:
    """A host that is not the page's own is named, and what it serves is looked at."""
    port = world.gateway.port
    world.shop.page = f'<script src="https://{ALLOWED}:{port}/checkout/pay.js"></script>'
    # The gateway answers another Host with 421, so the script cannot be read.
    found = world.findings()
    assert (
        f"{ALLOWED}:{port}/checkout/pay.js (not read: " in found["payment-script-unapproved"].found
    )
    assert {rule: finding.status for rule, finding in found.items()} == {
        "payment-script-unapproved": Status.VIOLATED,
        "payment-script-unpinned": Status.VIOLATED,
        "payment-script-changed": Status.NOT_OBSERVED,
    }
    assert "answered 421" in found["payment-script-changed"].found
    with pytest.raises(PeerError, match="answered 421"):
        world.approve("all")


def test_a_script_that_cannot_be_read_hides_no_other(world: World) -> None:
    """Of a page with a host that does not resolve, the rest is judged, changes too."""
    world.shop.page = "<script src='/checkout/pay.js'></script>"
    world.approve("all")
    world.shop.page += "<script src='https://gone.invalid/x.js'></script><script>steal()</script>"
    found = world.findings()
    assert "inline script sha256-" in found["payment-script-unapproved"].found
    assert "gone.invalid/x.js (not read: " in found["payment-script-unapproved"].found
    assert found["payment-script-changed"].status is Status.NOT_OBSERVED
    world.shop.files["/checkout/pay.js"] = b"pay(2)"
    changed = world.findings()["payment-script-changed"]
    assert changed.status is Status.VIOLATED
    assert "/checkout/pay.js" in changed.found


def test_who_else_gets_the_card(world: World) -> None:
    """A frame and a form of another host are told, those of a declared one are not."""
    card = "<form method=post action={}><input name=cardnumber></form>"
    world.shop.page = card.format("https://skim.example/in") + "<iframe src=//f.example/></iframe>"
    told = world.findings()["payment-elsewhere"].found
    assert "card to https://skim.example/in" in told
    assert "frame from https://f.example/" in told
    paid = PaymentGateway("Example Pay", (Upstream("https", "pay.example", 443),))
    declared = replace(world.gateway.inventory, payment_gateways=(paid,))
    world.shop.page = card.format("https://pay.example/in")
    assert world.findings()["payment-elsewhere"].asset.id == ASSET
    # Where nobody pays, as far as is declared, it is still another host.
    assert world.findings(declared)["payment-elsewhere"].asset.id != ASSET


@pytest.mark.parametrize(
    ("status", "page"),
    [
        ("404 Not Found", "<p>no</p>"),
        ("200 OK", "<script></script><script src='/checkout/pay.js'></script>" + "<b " * 10),
    ],
)
def test_a_page_that_is_none_is_not_seen(world: World, status: str, page: str) -> None:
    """Where there is no page there is no verdict on its scripts, and none that it is well."""
    world.shop.status, world.shop.page = status, page
    found = world.findings()

    if status.startswith("200"):
        assert set(found) == {"payment-script-unapproved"}
        return
    assert {f.status for f in found.values()} == {Status.NOT_OBSERVED}
    assert "payment-storable" in found
    with pytest.raises(PeerError, match="404"):
        world.approve("all")


def test_what_was_not_looked_at_is_not_approved(world: World) -> None:
    """Only a page on which people pay, and only a digest that runs there."""
    with pytest.raises(UsageError, match="runs no script"):
        world.approve("sha256-abc")
    with pytest.raises(UsageError, match="no page on which people pay"):
        look_at_scripts(world.gateway.inventory, world.register, world.options, f"{NAME}/about")
    bare = replace(world.gateway.inventory, sites=())
    with pytest.raises(NothingToLookAtError):
        look_at_scripts(bare, world.register, world.options)


def test_points_of_a_payment_gateway_are_found_until_confirmed(world: World) -> None:
    """A whole audit tells what nobody confirmed, and is quiet once somebody did."""
    world.approve("all")
    paid = PaymentGateway("Example Pay", (Upstream("https", "nowhere.invalid", 443),))
    inventory = replace(world.gateway.inventory, payment_gateways=(paid,))

    found = world.findings(inventory)
    assert set(found) == {"payment-unconfirmed"}
    assert all(point.id in found["payment-unconfirmed"].found for point in POINTS)
    today = dt.datetime.now(dt.UTC).date()
    given = [Confirmation(p.id, "payment gateway Example Pay", "me", today) for p in POINTS]
    assert world.findings(replace(inventory, confirmed=tuple(given))) == {}


def test_the_command_shows_and_approves(world: World, tmp_path: Path) -> None:
    """What runs is listed with its digest; approved, the exit code is that of a good page."""
    listen = world.gateway.inventory.listen
    config = tmp_path / "sealgate.toml"
    config.write_text(
        f"""
        [listen]
        https = "{ALLOWED}:{listen.https[0].port}"
        http = "{ALLOWED}:{listen.http[0].port}"
        [register]
        url = "sqlite:///register.sqlite"
        [[site]]
        domains = ["{NAME}"]
        upstream = "http://{ALLOWED}:{world.shop.port}"
        [[site.route]]
        path = "/"
        class = "public"
        [[site.route]]
        path = "/checkout"
        class = "public"
        collects = "confidential"
        payment = true
        """,
        "utf-8",
    )

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(command, ["-c", str(config), *arguments], standalone_mode=False)
        assert done.exception is None or isinstance(done.exception, UsageError), done.exception
        return done.return_value if done.exception is None else 2, done.output

    code, shown = run()
    assert code == 10
    assert shown.count("NOT APPROVED") == 2
    digest = shown.partition("https://shop.example")[2].split()[1].strip(",")
    who = ("--by", "the owner", "--reason", "takes the card")
    code, shown = run(CHECKOUT, "--approve", digest, *who)
    assert (code, shown.count("approved: ")) == (0, 1)
    code, shown = run(CHECKOUT)
    assert (code, shown.count("NOT APPROVED")) == (10, 1)
    assert "takes the card (the owner, " in shown
    assert run(CHECKOUT, "--approve", "all", *who)[0] == 0
    assert run()[0] == 0
    world.shop.page, world.shop.files["/checkout/pay.js"] = world.shop.page[13:], b"other()"
    world.shop.page = world.shop.page.replace(INLINE, "")
    code, shown = run()
    assert code == 10
    assert "CHANGED: https://shop.example" in shown
    assert "gone: inline script" in shown
    world.shop.status = "404 Not Found"
    assert run(CHECKOUT)[0] == 10
    assert run(CHECKOUT, "--approve", "all")[0] == 2
    assert run(CHECKOUT, *who)[0] == 2

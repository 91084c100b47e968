"""The shop's pages, and a log with one line for each request that reached it."""

from __future__ import annotations

import json
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from sealgate.demo.shop.data import password_matches

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

HERE = Path(__file__).parent
SESSION = "fe_typo_user"
# What a proxy may tell a site about the client: logged, because a forged one that
# came through would be believed.
FORWARDING = ("forwarded", "front-end-https", "x-original-url", "x-real-ip", "x-rewrite-url")


def make_site(database: Path, log: Path) -> ASGIApp:
    """Return the shop on *database*; every request adds one JSON line to *log*."""
    return _Logged(_Shop(database).application(), log)


class _Logged:
    def __init__(self, inner: ASGIApp, log: Path) -> None:
        self._inner = inner
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"]]
            told = {
                name: value
                for name, value in headers
                if name in FORWARDING or name.startswith("x-forwarded-") or "_" in name
            }
            line = {
                "method": scope["method"],
                "path": scope["raw_path"].decode("latin-1"),
                "host": dict(headers).get("host", ""),
                "told": told,
            }
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        await self._inner(scope, receive, send)


class _Shop:
    def __init__(self, database: Path) -> None:
        self._database = database
        self._pages = Jinja2Templates(HERE / "templates")
        self._sessions: dict[str, int] = {}

    def application(self) -> Starlette:
        both = ["GET", "POST"]
        return Starlette(
            routes=[
                Route("/", self.catalogue),
                Route("/robots.txt", self.robots),
                Route("/login", self.sign_in, methods=both),
                Route("/account", self.account),
                Route("/checkout", self.checkout, methods=both),
                Mount("/typo3temp", StaticFiles(directory=HERE / "static", html=True)),
                Route("/typo3/login", self.backend_sign_in, methods=both),
                Route("/typo3", self.backend, methods=both),
                Route("/typo3/{rest:path}", self.backend, methods=both),
            ]
        )

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self._database)) as connection, connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(statement, values)]

    def page(self, request: Request, name: str, status: int = 200, **values: object) -> Response:
        return self._pages.TemplateResponse(
            request, f"{name}.html", dict(values), status_code=status
        )

    async def catalogue(self, request: Request) -> Response:
        products = self.rows("SELECT * FROM products ORDER BY id")
        news = self.rows("SELECT * FROM news ORDER BY id")
        return self.page(request, "catalogue", products=products, news=news)

    async def robots(self, _request: Request) -> Response:
        return PlainTextResponse("User-agent: *\nDisallow: /typo3/\n")

    async def sign_in(self, request: Request) -> Response:
        if request.method != "POST":
            return self.page(request, "login", failed=False)
        form = await request.form()
        found = self.rows(
            "SELECT id, password_hash FROM customers WHERE email = ?", str(form.get("email"))
        )
        if not found or not password_matches(str(form.get("password")), found[0]["password_hash"]):
            return self.page(request, "login", 401, failed=True)
        session = secrets.token_urlsafe(24)
        self._sessions[session] = found[0]["id"]
        answer = RedirectResponse("/account", 303)
        # As many sites behind a proxy do: the flags are left to whoever speaks TLS.
        answer.headers.append("set-cookie", f"{SESSION}={session}; Path=/")
        return answer

    async def account(self, request: Request) -> Response:
        customer = self._sessions.get(request.cookies.get(SESSION, ""))
        if customer is None:
            return RedirectResponse("/login", 303)
        [person] = self.rows(
            "SELECT first_name, last_name, street, zip, city FROM customers WHERE id = ?", customer
        )
        orders = self.rows("SELECT * FROM orders WHERE customer_id = ? ORDER BY id", customer)
        return self.page(request, "account", person=person, orders=orders)

    async def checkout(self, request: Request) -> Response:
        if request.method != "POST":
            return self.page(request, "checkout", done=False)
        form = await request.form()
        # The card number goes to the payment gateway and is neither kept nor logged.
        self.rows(
            "INSERT INTO orders (ordered_on, total_cents, ship_to_name, ship_to_address)"
            " VALUES (date('now'), 4900, ?, ?)",
            str(form.get("name")),
            str(form.get("address")),
        )
        return self.page(request, "checkout", done=True)

    async def backend(self, request: Request) -> Response:
        [counts] = self.rows(
            "SELECT (SELECT count(*) FROM customers) AS customers,"
            " (SELECT count(*) FROM orders) AS orders,"
            " (SELECT count(*) FROM products) AS products"
        )
        return self.page(request, "backend", counts=counts)

    async def backend_sign_in(self, request: Request) -> Response:
        if request.method == "POST":
            await request.form()
            return RedirectResponse("/typo3/", 303)
        return self.page(request, "login", failed=False)

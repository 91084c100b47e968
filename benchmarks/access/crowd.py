"""
Who comes while memory is watched: one thread for each kind of client, until it is told to stop.

Web pages are asked for by wrk, at most as fast as the machine gives beside everything else;
whoever signs in, shows a certificate or brings files comes at a rate of their own.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import ssl
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from benchmarks.access.entering import sign_in
from sealgate.gateway.model import SESSION_COOKIE
from sealgate.gateway.translate.sign_in import REMEMBERED_TOKENS
from sealgate.identity.adapters.token_keys import TokenKeys
from sealgate.identity.factors import Factor, Proven
from sealgate.identity.sessions import Session
from sealgate.identity.tokens import current_key, issue
from sealgate.policy.protection import AccessRung
from tests.peers.transferred import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.peers.transferred import FilePlace

NOTICES = tuple(f"/notices/{name}" for name in ("1k", "100k", "gzip", "dense"))
# New connections, and a new token, so often.
_SLICE_SECONDS = 20
_SIGN_IN_EVERY = 3.0
_FILES_EVERY = 5.0
_LOCKED_EVERY = 0.02
_PER_CONNECTION = 50
_PATIENCE = 60.0
_CORES = os.cpu_count() or 1


@dataclass
class Crowd:
    """
    Everybody who comes to *place*, whose sites listen on the port *https*.

    Passwords are checked in 64 MiB that are given back at once: whoever looks at memory holds
    *nobody_signs_in* meanwhile.
    """

    place: FilePlace
    https: int
    done: Counter[str] = field(default_factory=Counter)
    nobody_signs_in: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _futures: list[Future[None]] = field(default_factory=list)

    @contextlib.contextmanager
    def coming(self) -> Iterator[None]:
        """
        Have them come until the block ends.

        Raises:
            SystemExit: one was refused, or failed otherwise.
        """
        self._fill()
        first = self._signed_in()
        old = first.cookies[SESSION_COOKIE]
        kinds: list[Callable[[], None]] = [
            lambda: self._asks("public", 4, itertools.repeat("/1k")),
            lambda: self._asks("observed", 2, itertools.cycle(("/observed/1k", "/observed/100k"))),
            lambda: self._asks("inspected", 2, itertools.cycle(NOTICES)),
            # Its token ends within the first minute, and is made anew for each request from then on.
            lambda: self._asks("renewed", 1, itertools.repeat("/members/1k"), lambda: old),
            lambda: self._asks("members", 2, itertools.repeat("/members/1k"), self._token(first)),
            lambda: self._asks("strangers", 1, itertools.repeat("/members/1k"), lets_in=False),
            lambda: self._comes_back(old),
            self._shows_a_certificate,
            self._signs_in_and_out,
            self._guesses,
            self._brings_files_over_ssh,
            self._brings_files_over_ftps,
        ]
        with contextlib.closing(first), ThreadPoolExecutor(len(kinds)) as pool:
            self._futures = [pool.submit(self._until_stopped, one) for one in kinds]
            try:
                yield
            finally:
                self._stop.set()
        self.check()

    def wait(self, seconds: float) -> None:
        """Return after *seconds*, or at once when one of them failed."""
        wait(self._futures, seconds, FIRST_EXCEPTION)
        self.check()

    def check(self) -> None:
        """Raise what one of them failed with."""
        for one in self._futures:
            if one.done():
                one.result()

    def _fill(self) -> None:
        # As many tokens as Envoy will ever remember: filling up is no growth.
        key = current_key(TokenKeys(str(self.place.state)).keys(time.time()), time.time())
        with contextlib.ExitStack() as held:
            clients = [held.enter_context(self._client()) for _ in range(4 * _CORES)]
            for number in range(2 * _CORES * REMEMBERED_TOKENS):
                now = time.time()
                proven = (Proven(Factor.PASSWORD, now),)
                session = Session(
                    "anna",
                    AccessRung.LOW,
                    proven,
                    "DE",
                    now,
                    int(now) + 50,
                    f"{number:022d}",
                    "localhost",
                )
                cookie = {"cookie": f"{SESSION_COOKIE}={issue(session, key)}"}
                answer = clients[number % len(clients)].get("/members/1k", headers=cookie)
                answer.raise_for_status()

    def _until_stopped(self, once: Callable[[], None]) -> None:
        # SystemExit would end a thread in silence; a future passes it on.
        while not self._stop.is_set():
            once()

    def _asks(
        self,
        kind: str,
        connections: int,
        paths: Iterator[str],
        token: Callable[[], str] = str,
        *,
        lets_in: bool = True,
    ) -> None:
        for path in paths:
            command = ["nice", "wrk", "-t1", f"-c{connections}", f"-d{_SLICE_SECONDS}s"]
            if cookie := token():
                command += ["-H", f"Cookie: {SESSION_COOKIE}={cookie}"]
            url = f"https://localhost:{self.https}{path}"
            ran = subprocess.run([*command, url], capture_output=True, text=True, check=True)
            [asked] = map(int, re.findall(r"(\d+) requests in", ran.stdout))
            refused = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", ran.stdout)))
            if refused != (0 if lets_in else asked):
                raise SystemExit(f"{kind} {path}: {refused} of {asked} refused\n{ran.stdout}")
            self.done[kind] += asked
            if self._stop.is_set():
                return

    def _client(self) -> httpx.Client:
        trust = ssl.create_default_context(cafile=str(self.place.ca))
        return httpx.Client(
            verify=trust, base_url=f"https://localhost:{self.https}", timeout=_PATIENCE
        )

    def _signed_in(self) -> httpx.Client:
        client = self._client()
        with self.nobody_signs_in:
            status = sign_in(client, "/members/1k", PASSWORD)
        if status != httpx.codes.SEE_OTHER:
            raise SystemExit(f"the sign-in was refused: {status}")
        return client

    def _token(self, client: httpx.Client) -> Callable[[], str]:
        def fresh() -> str:
            client.get("/members/1k").raise_for_status()
            return client.cookies[SESSION_COOKIE]

        return fresh

    def _guesses(self) -> None:
        # Each time another name, as a stranger would who fills what is remembered of them.
        with self._client() as client, self.nobody_signs_in:
            name = f"nobody-{self.done['guesses']}"
            status = sign_in(client, "/members/1k", "a guess", name=name)
            if status not in {httpx.codes.UNAUTHORIZED, httpx.codes.TOO_MANY_REQUESTS}:
                raise SystemExit(f"a stranger was not refused: {status}")
        self.done["guesses"] += 1
        self._stop.wait(_SIGN_IN_EVERY)

    def _signs_in_and_out(self) -> None:
        with contextlib.closing(self._signed_in()) as client:
            client.get("/members/1k").raise_for_status()
            page = client.get("/.sealgate/")
            form = re.search(r'name="form" value="([^"]+)"', page.text)
            if form is None:
                raise SystemExit(f"the account page has no form: {page.status_code}")
            client.post("/.sealgate/sign-out", data={"form": form[1]})
            if client.get("/members/1k").status_code != httpx.codes.UNAUTHORIZED:
                raise SystemExit("somebody signed out and is still in")
        self.done["sign-ins"] += 1
        self._stop.wait(_SIGN_IN_EVERY)

    def _comes_back(self, old: str) -> None:
        # Each time with a new token, which has to be verified.
        with self._client() as client:
            for _ in range(_PER_CONNECTION):
                token = old
                for _ in range(2):
                    client.cookies.clear()
                    cookie = {"cookie": f"{SESSION_COOKIE}={token}"}
                    answer = client.get("/members/1k", headers=cookie).raise_for_status()
                    token = answer.cookies.get(SESSION_COOKIE) or token
                self.done["came-back"] += 1

    def _shows_a_certificate(self) -> None:
        with httpx.Client(
            verify=self.place.trust("anna"),
            base_url=f"https://localhost:{self.https}",
            timeout=_PATIENCE,
        ) as client:
            for _ in range(_PER_CONNECTION):
                client.get("/desk/1k").raise_for_status()
                self.done["locked"] += 1
                if self._stop.wait(_LOCKED_EVERY):
                    return

    def _brings_files_over_ssh(self) -> None:
        file = self._file()
        lines = (f"put {file} /partners/s", f"get /partners/s {file}.back", "rm /partners/s")
        ran = self.place.sftp_batch(*lines)
        if ran.returncode:
            raise SystemExit(f"sftp: {ran.stderr}")
        self.done["sftp-sessions"] += 1
        self._stop.wait(_FILES_EVERY)

    def _brings_files_over_ftps(self) -> None:
        file, folder = self._file(), self.place.folder
        url = f"ftp://localhost:{self.place.ftps}/partners/f"
        common = ["curl", "-sS", "--fail", "--ssl-reqd", "--cacert", str(self.place.ca)]
        common += ["-u", f"anna:{PASSWORD}", "--cert", f"{folder}/anna.crt"]
        common += ["--key", f"{folder}/anna.key", "--max-time", str(_PATIENCE)]
        for more in (
            ["-T", str(file), url],
            ["-o", f"{file}.ftps", "-Q", "-DELE /partners/f", url],
        ):
            ran = subprocess.run([*common, *more], capture_output=True, text=True, check=False)
            if ran.returncode:
                raise SystemExit(f"curl {ran.returncode}: {ran.stderr}")
            self.done["ftps-sessions"] += 1
        self._stop.wait(_FILES_EVERY)

    def _file(self) -> Path:
        return self.place.folder / "brought"

"""A real browser: Chromium, told what to do over WebDriver (W3C), with a virtual authenticator."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.ports import free_port
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.peers.forward_proxy import ForwardProxy

START_SECONDS = 20.0
_AUTO_SELECT = "auto_select_certificate"
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # W3C WebDriver, 11


@dataclass
class Browser:
    """One window."""

    session: str

    def call(self, path: str, content: dict[str, Any] | None = None) -> Any:
        """Send one command; GET where there is no *content*."""
        data = None if content is None else json.dumps(content).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"{self.session}{path}", data, headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # loopback
            return json.load(answer)["value"]

    def open(self, url: str) -> None:
        """Go there."""
        self.call("/url", {"url": url})

    @property
    def url(self) -> str:
        """Return where it is."""
        return str(self.call("/url"))

    @property
    def text(self) -> str:
        """Return what a person reads."""
        return str(self.run("return document.body.innerText"))

    def run(self, script: str) -> Any:
        """Return what *script* returns in the page."""
        return self.call("/execute/sync", {"script": script, "args": []})

    def find(self, css: str) -> str:
        """Return the element that *css* selects."""
        return str(self.call("/element", {"using": "css selector", "value": css})[_ELEMENT])

    def type(self, css: str, text: str) -> None:
        """Type *text* into a field."""
        self.call(f"/element/{self.find(css)}/value", {"text": text})

    def click(self, css: str) -> None:
        """Click."""
        self.call(f"/element/{self.find(css)}/click", {})

    def add_authenticator(self) -> None:
        """Put in a device that makes passkeys and verifies its user (WebAuthn, 11.3)."""
        self.call(
            "/webauthn/authenticator",
            {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
            },
        )

    def screenshot(self, path: Path) -> None:
        """Write what is seen as PNG."""
        path.write_bytes(base64.b64decode(self.call("/screenshot")))

    def await_text(self, text: str) -> None:
        """Return once a person reads *text*."""
        assert wait_until(lambda: text in self.text), (self.url, self.text)

    def await_url(self, url: str) -> None:
        """Return once it is there."""
        assert wait_until(lambda: self.url == url), (self.url, self.text)


def _home_with(folder: Path, p12: tuple[Path, str] | None, ca: Path | None) -> dict[str, str]:
    # Where Chromium keeps the certificates of its user on Linux.
    database = folder / ".pki" / "nssdb"
    database.mkdir(parents=True)
    into = ("-d", f"sql:{database}")
    commands: list[tuple[str, ...]] = [("certutil", "-N", *into, "--empty-password")]
    if p12 is not None:
        commands.append(("pk12util", "-i", str(p12[0]), *into, "-W", p12[1], "-K", ""))
    if ca is not None:
        commands.append(("certutil", "-A", *into, "-n", "given", "-t", "C,,", "-i", str(ca)))
    for command in commands:
        subprocess.run(command, check=True, capture_output=True)
    return {**os.environ, "HOME": str(folder)}


@contextlib.contextmanager
def browsing(
    folder: Path,
    *hosts: str,
    p12: tuple[Path, str] | None = None,
    proxy: ForwardProxy | None = None,
    ca: Path | None = None,
    mapped: Mapping[str, int] | None = None,
) -> Iterator[Browser]:
    """
    Run Chromium, with its files in *folder*, until the block ends.

    It reaches ``localhost`` and *hosts* only, and each host of *mapped* at a port of this
    machine, whichever port it asks for. *p12* is a client certificate and its password,
    which is shown wherever one is asked for, as if its user had chosen it. With *proxy* it
    goes through that wherever it goes. With *ca* it trusts that authority besides its own and
    judges certificates; else it takes any.
    """
    own = "".join(f"MAP {host} 127.0.0.1:{port}, " for host, port in (mapped or {}).items())
    reached = ", ".join(f"EXCLUDE {host}" for host in ("localhost", *hosts))
    port = free_port()
    driver = subprocess.Popen(
        ["chromedriver", f"--port={port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_home_with(folder, p12, ca) if p12 is not None or ca is not None else None,
    )
    chosen: dict[str, object] = {"*": {"setting": {"filters": [{}]}}} if p12 is not None else {}
    # Without the rule, Chromium goes straight to what is on its own machine.
    through = (
        (f"--proxy-server=http://localhost:{proxy.port}", "--proxy-bypass-list=<-loopback>")
        if proxy is not None
        else ()
    )
    options: dict[str, object] = {
        "prefs": {"profile": {"content_settings": {"exceptions": {_AUTO_SELECT: chosen}}}},
        "args": [
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *("--disable-background-networking", "--no-first-run", "--lang=en"),
            *("--disable-component-update", "--disable-sync", f"--user-data-dir={folder}/profile"),
            *("--window-size=900,900", f"--host-resolver-rules={own}MAP * ~NOTFOUND, {reached}"),
            *through,
        ],
    }
    wanted = {"acceptInsecureCerts": ca is None, "goog:chromeOptions": options}
    try:
        root = Browser(f"http://127.0.0.1:{port}")
        until = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError):
                if root.call("/status")["ready"]:
                    break
            assert time.monotonic() < until, "chromedriver did not start"
            time.sleep(0.05)
        made = root.call("/session", {"capabilities": {"alwaysMatch": wanted}})
        browser = Browser(f"{root.session}/session/{made['sessionId']}")
        try:
            yield browser
        finally:
            request = urllib.request.Request(browser.session, method="DELETE")  # noqa: S310
            urllib.request.urlopen(request, timeout=30).close()  # noqa: S310
    finally:
        driver.terminate()
        driver.wait(10)

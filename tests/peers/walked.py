"""
Walks through a how-to as it is written: its files are put in place, its commands run.

Only addresses and paths are changed, so that everything happens in one temporary
folder and on loopback. Output that a page shows is compared with what comes.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.peers.served import given_certificate
from tests.peers.unprivileged import NOBODY, unprivileged
from tests.ports import free_port
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES = Path(__file__).parents[2] / "docs" / "howto"
DOMAIN = "shop.example"
PORTS = ("443", "80", "8443", "8081", "8080")
FOLDERS = (
    "/etc/nginx",
    "/etc/apache2",
    "/etc/sealgate",
    "/etc/ssl/shop",
    "/etc/systemd/system",
    "/var/www/shop",
    "/var/log/apache2",
    "/usr/local/bin",
)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"`(/[^`\s]+)`")

# What systemd does for a service of Type=notify, and for a web server that forks.
SYSTEMCTL = """\
#!{python}
import os, pathlib, re, signal, socket, subprocess, sys, time
root = pathlib.Path({root!r})
verb, *rest = sys.argv[1:]
name = rest[-1]

def gone(pid):
    for _ in range(1000):
        try:
            if pathlib.Path(f"/proc/{{pid}}/stat").read_text().split()[2] == "Z":
                return
        except FileNotFoundError:
            return
        time.sleep(0.02)
    sys.exit("it does not end")

def workers(master):
    found = set()
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z" and fields[1] == master:
            found.add(stat.parent.name)
    return found

if name == "sealgate":
    kept = root / "sealgate.pid"
    if verb == "disable":
        pid = int(kept.read_text())
        os.kill(pid, signal.SIGTERM)
        gone(pid)
        sys.exit(0)
    unit = (root / "etc/systemd/system/sealgate.service").read_text()
    assert "Type=notify" in unit and "KillMode=mixed" in unit
    assert "User=sealgate" in unit and "ProtectSystem=strict" in unit
    command = [*{become!r}, *re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)[1].split()]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        path = str(root / "notify")
        told.bind(path)
        os.chmod(path, 0o666)
        told.settimeout(20)
        log = open(root / "sealgate.log", "w")
        child = subprocess.Popen(
            command, env={{**os.environ, "NOTIFY_SOCKET": path}}, stdout=log, stderr=log,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )
        kept.write_text(str(child.pid))
        assert told.recv(64) == b"READY=1"
        child.returncode = 0
else:
    pid_file = root / f"{{name}}.pid"
    server = {{"nginx": ["nginx"], "apache2": ["apache2ctl"]}}[name]
    if verb == "reload":
        master = pid_file.read_text().strip()
        old = workers(master)
        subprocess.run([*server, *(["-s", "reload"] if name == "nginx" else ["graceful"])], check=True)
        for _ in range(1500):
            if workers(master) - old:
                break
            time.sleep(0.02)
        time.sleep(0.5)
    else:
        if pid_file.exists():
            pid = int(pid_file.read_text())
            os.kill(pid, signal.SIGTERM)
            gone(pid)
        subprocess.run([*server, *([] if name == "nginx" else ["start"])], check=True)
        for _ in range(500):
            if pid_file.exists() and pid_file.read_text().strip():
                break
            time.sleep(0.02)
"""


class Walk:
    """One walk through the page *name*, in a folder of its own that :meth:`end` removes."""

    def __init__(self, name: str) -> None:
        """Make the folder with what the page takes for granted: a site and a certificate."""
        self._text = (PAGES / name).read_text()
        self._folder = tempfile.TemporaryDirectory(
            prefix="sealgate-walk-", dir="/tmp"
        )  # a web server's own user must get there
        self.root = Path(self._folder.name)
        self.root.chmod(0o755)
        self.ports = {port: str(free_port()) for port in PORTS}
        self._served: subprocess.Popen[bytes] | None = None
        for folder in FOLDERS:
            self.path(folder).mkdir(parents=True, exist_ok=True)
        pages = self.path("/var/www/shop")
        (pages / "folder").mkdir()
        (pages / "index.html").write_text("the shop")
        (pages / ".well-known" / "acme-challenge").mkdir(parents=True)
        (pages / ".well-known" / "acme-challenge" / "token").write_text("proof")
        ssl = self.path("/etc/ssl/shop")
        given_certificate(ssl, "site", domain=DOMAIN)
        (ssl / "site.pem").rename(ssl / "fullchain.pem")
        (ssl / "site.key").rename(ssl / "privkey.pem")
        self.program("sudo", 'exec "$@"')
        self.program("sealgate", f'exec {shlex.quote(sys.executable)} -m sealgate "$@"')
        # Only root may become another user.
        is_root = os.geteuid() == 0
        become = list(unprivileged()) if is_root else []
        self.program("useradd", '[ "$1 $6" = "--system sealgate" ]')
        for owner in ("chown", "chgrp"):
            arguments = f'$(echo "$*" | sed "s/ *\\bsealgate / {NOBODY} /")'
            self.program(owner, f"exec /bin/{owner} {arguments}" if is_root else "exit 0")
        self.program(
            "systemctl",
            SYSTEMCTL.format(python=sys.executable, root=str(self.root), become=become),
            shell=False,
        )
        (self.root / ".curlrc").write_text(f"connect-to = {DOMAIN}::127.0.0.1:\n")

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of every command."""
        return {
            "PATH": f"{self.path('/usr/local/bin')}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.root),
            "CURL_CA_BUNDLE": str(self.path("/etc/ssl/shop/fullchain.pem")),
            "LANG": "C.UTF-8",
        }

    def path(self, shown: str) -> Path:
        """Return where the path *shown* on the page is in this walk."""
        return self.root / shown.lstrip("/")

    def program(self, name: str, text: str, *, shell: bool = True) -> None:
        """Put a program called *name* before those of the system."""
        path = self.path("/usr/local/bin") / name
        path.write_text(f"#!/bin/sh\n{text}\n" if shell else text)
        path.chmod(0o755)

    def introduction(self) -> None:
        """Put the file in place that the page begins with."""
        self._go(self._text.partition("\n## ")[0])

    def section(self, title: str) -> None:
        """Follow the section called *title*, block by block."""
        _, found, rest = self._text.partition(f"\n## {title}\n")
        assert found, f"the page has no section {title!r}"
        self._go(rest.partition("\n## ")[0])

    def interrupt(self) -> None:
        """Press Ctrl-C in the terminal where ``sealgate serve`` runs."""
        assert self._served is not None
        self._served.send_signal(signal.SIGINT)
        assert self._served.wait(40) == 0
        self._served = None

    def run(self, command: str) -> str:
        """Return what *command* (as on the page) prints."""
        done = subprocess.run(
            ["/bin/sh", "-e", "-c", self._here(command)],
            env=self.environment,
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        # A plan may have findings; the page tells to read it, not that there are none.
        allowed = {0, 10} if "sealgate plan" in command else {0}
        assert done.returncode in allowed, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def end(self) -> None:
        """End what still runs, and remove the folder."""
        if self._served is not None:
            self._served.kill()
            self._served.wait()
        for name in ("sealgate.pid", "nginx.pid", "apache2.pid"):
            pid = self.root / name
            if pid.exists():
                number = int(pid.read_text())
                try:
                    os.kill(number, signal.SIGTERM)
                except ProcessLookupError:
                    continue
                wait_until(partial(_is_gone, number))
        self._folder.cleanup()

    def _go(self, text: str) -> None:
        for kind, body, before in _blocks(text):
            if kind == "console":
                self._console(body)
            elif kind == "toml":
                self._settle(self.path(_last_path(before)), self._here(body))
            else:
                path = self.path(_last_path(before))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(self._here(body))

    def _console(self, body: str) -> None:
        steps: list[tuple[str, list[str]]] = []
        for line in body.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], []))
            else:
                steps[-1][1].append(line)
        for command, shown in steps:
            if "sealgate serve" in command:
                self._serve(command)
                continue
            printed = self.run(command)
            if shown:
                assert printed.splitlines() == shown, command
            if "sealgate init" in command:
                config = self.path("/etc/sealgate/sealgate.toml")
                config.write_text(self._here(config.read_text()))

    def _serve(self, command: str) -> None:
        self._served = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {self._here(command).removeprefix('sudo ')}"],
            env=self.environment,
            cwd=self.root,
        )
        lock = self.path("/etc/sealgate/.sealgate/control.sock")
        assert wait_until(lambda: lock.exists() and self._listens())

    def _listens(self) -> bool:
        done = subprocess.run(
            ["curl", "-s", "-o", os.devnull, f"https://{DOMAIN}:{self.ports['8443']}/"],
            env=self.environment,
            check=False,
        )
        return done.returncode == 0

    def _settle(self, config: Path, wanted: str) -> None:
        table, lines = "", config.read_text().splitlines()
        for line in wanted.splitlines():
            if line.startswith("["):
                table = line
            elif line:
                key = line.partition(" = ")[0]
                start = next(i for i, one in enumerate(lines) if one.startswith(table))
                at = next(i for i in range(start, len(lines)) if re.match(f"#?{key} = ", lines[i]))
                lines[at] = line
        config.write_text("\n".join(lines) + "\n")

    def _here(self, text: str) -> str:
        """Return *text* with this walk's paths and addresses."""
        for folder in FOLDERS:
            text = re.sub(rf"(?<![\w/]){folder}(?=[/\s;\"]|$)", str(self.path(folder)), text)
        for scheme, port in (("https", "443"), ("http", "80")):
            text = text.replace(f" {scheme}://{DOMAIN}/", f" {scheme}://{DOMAIN}:{port}/")
        # Everything stays on loopback.
        text = re.sub(r"\b([Ll]isten) (80|443)\b", r"\1 127.0.0.1:\2", text)
        text = re.sub(r'"(:\d+)"', r'"127.0.0.1\1"', text)
        ports = "|".join(sorted(PORTS, key=len, reverse=True))

        def chosen(found: re.Match[str]) -> str:
            return self.ports[found[1]]

        return re.sub(rf"(?<=:)({ports})\b", chosen, text)


def _is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def _blocks(text: str) -> Iterator[tuple[str, str, str]]:
    for found in _BLOCK.finditer(text):
        yield found[1], found[2], text[: found.start()]


def _last_path(before: str) -> str:
    return str(_PATH.findall(before)[-1])

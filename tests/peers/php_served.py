"""PHP as most sites run it, php-fpm behind nginx, and a private MariaDB: all in folders of a test."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# The header by which a test finds its request again in :attr:`PhpSite.arrivals`.
MARK = "X-Way"

# Runs before every script of the site: what did PHP hear of?
_PREPENDED = """\
<?php
if (isset($_SERVER['HTTP_X_WAY'])) {{
    file_put_contents('{arrivals}', $_SERVER['HTTP_X_WAY'] . "\\n", FILE_APPEND | LOCK_EX);
}}
"""
_FPM = """\
[global]
error_log = {folder}/fpm.log
daemonize = no
[site]
{account}listen = {folder}/fpm.sock
pm = static
pm.max_children = {children}
clear_env = yes
catch_workers_output = yes
php_admin_value[auto_prepend_file] = {folder}/prepended.php
php_admin_value[opcache.revalidate_freq] = 0
php_admin_value[error_log] = {folder}/php.log
php_admin_value[upload_max_filesize] = 16M
php_admin_value[disable_functions] = mail
php_admin_value[session.save_path] = {folder}
{environment}
"""
# What WordPress' and MediaWiki's manuals tell for nginx: files, else the front script; what
# stands behind a script is its PATH_INFO.
_NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
{user}events {{ worker_connections 256; }}
http {{
    include /etc/nginx/mime.types;
    access_log {folder}/access.log;
    client_body_temp_path {folder}/bodies;
    fastcgi_temp_path {folder}/answers;
    proxy_temp_path {folder}/proxied;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 16m;
    server {{
        listen 127.0.0.1:{port};
        root {root};
        index index.php index.html;
        absolute_redirect off;
        location / {{ try_files $uri $uri/ {front}; }}
        location ~ ^(?<script>/.+?\\.php)(?<rest>/.*)?$ {{
            if (!-f $document_root$script) {{ return 404; }}
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param REQUEST_URI $request_uri;
            fastcgi_param DOCUMENT_ROOT $document_root;
            fastcgi_param SERVER_PROTOCOL $server_protocol;
            fastcgi_param GATEWAY_INTERFACE CGI/1.1;
            fastcgi_param REMOTE_ADDR $remote_addr;
            fastcgi_param SERVER_ADDR $server_addr;
            fastcgi_param SERVER_PORT $server_port;
            fastcgi_param SERVER_NAME $server_name;
            fastcgi_param SCRIPT_FILENAME $document_root$script;
            fastcgi_param SCRIPT_NAME $script;
            fastcgi_param PATH_INFO $rest;
            fastcgi_read_timeout 60;
            fastcgi_pass unix:{folder}/fpm.sock;
        }}
    }}
}}
"""


@dataclass(frozen=True)
class PhpSite:
    """A running site: where it listens, and what PHP heard of."""

    port: int
    root: Path
    folder: Path

    @property
    def arrivals(self) -> list[str]:
        """Return the :data:`MARK` of every request that came to a script, in order."""
        file = self.folder / "arrivals"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def told(self) -> str:
        """Return what PHP and nginx complained about."""
        logs = (self.folder / name for name in ("php.log", "fpm.log", "nginx.log"))
        return "\n".join(log.read_text() for log in logs if log.exists())


@contextlib.contextmanager
def php_site_running(
    root: Path,
    port: int,
    *,
    front: str = "/index.php?$args",
    environment: Mapping[str, str] | None = None,
    children: int = 4,
) -> Iterator[PhpSite]:
    """
    Serve *root* on *port* until the block ends; what is no file there goes to *front*.

    *environment* is what PHP finds in ``getenv()``.
    """
    # A socket's path has 107 bytes at most (unix(7)), and pytest's folders are deep.
    folder = Path(tempfile.mkdtemp(prefix="sealgate-php-"))
    with contextlib.ExitStack() as held:
        held.callback(shutil.rmtree, folder, ignore_errors=True)
        (folder / "prepended.php").write_text(_PREPENDED.format(arrivals=folder / "arrivals"))
        root_runs = os.geteuid() == 0
        lines = "".join(f"env[{name}] = {value}\n" for name, value in (environment or {}).items())
        fpm = _FPM.format(
            folder=folder,
            account="user = root\ngroup = root\n" if root_runs else "",
            children=children,
            environment=lines,
        )
        (folder / "fpm.conf").write_text(fpm)
        (folder / "nginx.conf").write_text(
            _NGINX.format(
                folder=folder,
                user="user root;\n" if root_runs else "",
                port=port,
                root=root,
                front=front,
            )
        )
        program = _only("php-fpm", "/usr/sbin/php-fpm*")
        allowed = ["--allow-to-run-as-root"] if root_runs else []
        _held_process(held, program, "--fpm-config", f"{folder}/fpm.conf", *allowed)
        assert wait_until(lambda: _answers(folder / "fpm.sock")), (folder / "fpm.log").read_text()
        nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
        assert nginx, "nginx is not installed; see packages-debian.txt"
        _held_process(held, Path(nginx), "-c", f"{folder}/nginx.conf", "-p", str(folder))
        assert wait_until(lambda: _answers(("127.0.0.1", port))), (folder / "nginx.log").read_text()
        yield PhpSite(port, root, folder)


@contextlib.contextmanager
def mariadb_running() -> Iterator[Path]:
    """Run a MariaDB server of its own; give its socket, on which ``root`` needs no password."""
    folder = Path(tempfile.mkdtemp(prefix="sealgate-my-"))
    account = pwd.getpwuid(os.geteuid()).pw_name
    with contextlib.ExitStack() as held:
        held.callback(shutil.rmtree, folder, ignore_errors=True)
        install = shutil.which("mariadb-install-db")
        assert install, "mariadb-server is not installed; see packages-debian.txt"
        common = ["--no-defaults", f"--datadir={folder}/data", f"--user={account}"]
        done = subprocess.run(
            [install, *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        options = [f"--socket={folder}/my.sock", "--skip-networking", "--skip-log-bin"]
        options += [f"--pid-file={folder}/my.pid", f"--log-error={folder}/my.log"]
        # Nothing of it outlives the test.
        options += ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M"]
        options += ["--innodb-log-file-size=8M", "--innodb-doublewrite=0"]
        options += ["--innodb-flush-method=nosync", "--performance-schema=off"]
        _held_process(held, _only("mariadbd", "/usr/sbin/mariadbd"), *common, *options)
        assert wait_until(lambda: _answers(folder / "my.sock")), "mariadbd did not start"
        yield folder / "my.sock"


def php(script: str, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run *script* (without ``<?php``) by php-cli; return what it printed."""
    done = subprocess.run(
        ["php", "-d", "memory_limit=512M", "-r", script, "--", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", **(environment or {})},
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _held_process(held: contextlib.ExitStack, *command: str | Path) -> None:
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)

    def end() -> None:
        process.terminate()
        process.wait(30)

    held.callback(end)


def _only(name: str, pattern: str) -> Path:
    found = sorted(Path("/").glob(pattern[1:]))
    assert found, f"{name} is not installed; see packages-debian.txt"
    return found[-1]


def _answers(address: Path | tuple[str, int]) -> bool:
    family = socket.AF_UNIX if isinstance(address, Path) else socket.AF_INET
    with socket.socket(family) as one:
        one.settimeout(1)
        return one.connect_ex(str(address) if isinstance(address, Path) else address) == 0

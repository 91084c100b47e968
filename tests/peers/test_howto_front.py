"""The how-tos for nginx and Apache, walked as they are written, with the real servers."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.walked import DOMAIN, Walk
from tests.waiting import wait_until

VISITOR = "127.0.0.9"


@pytest.fixture
def nginx() -> Iterator[Walk]:
    """Begin the walk with a copy of Debian's nginx configuration."""
    walk = Walk("front-nginx.md")
    here = walk.path("/etc/nginx")
    shutil.copytree("/etc/nginx", here, symlinks=True, dirs_exist_ok=True)
    main = here / "nginx.conf"
    text = main.read_text().replace("/etc/nginx", str(here))
    text = text.replace("/run/nginx.pid", str(walk.root / "nginx.pid"))
    text = text.replace("/var/log/nginx", str(walk.root))
    main.write_text(re.sub(r"^include .*modules-enabled.*$", "", text, flags=re.MULTILINE))
    (here / "sites-enabled" / "default").unlink(missing_ok=True)
    (here / "sites-enabled" / "shop").symlink_to("../sites-available/shop")
    walk.program("nginx", f'exec /usr/sbin/nginx -e {walk.root}/error.log -c {main} "$@"')
    yield walk
    walk.end()


@pytest.fixture
def apache() -> Iterator[Walk]:
    """Begin the walk with a copy of Debian's Apache configuration."""
    walk = Walk("front-apache.md")
    here = walk.path("/etc/apache2")
    shutil.copytree("/etc/apache2", here, symlinks=True, dirs_exist_ok=True)
    variables = here / "envvars"
    with variables.open("a") as file:
        file.write(f"export APACHE_PID_FILE={walk.root}/apache2.pid\n")
        file.write(f"export APACHE_RUN_DIR={walk.root}\nexport APACHE_LOCK_DIR={walk.root}\n")
        file.write(f"export APACHE_LOG_DIR={walk.path('/var/log/apache2')}\n")
    for site in (here / "sites-enabled").iterdir():
        site.unlink()
    with (here / "apache2.conf").open("a") as file:
        file.write(f"<Directory {walk.path('/var/www')}>\nRequire all granted\n</Directory>\n")
        file.write(f"ServerName {DOMAIN}\n")
    for name in ("a2enmod", "a2ensite", "a2dissite", "apache2ctl"):
        walk.program(name, f'APACHE_CONFDIR={here} exec /usr/sbin/{name} "$@"')
    yield walk
    walk.end()


def test_nginx_moves_behind_and_back(nginx: Walk) -> None:
    """Trial, switch and way back work as written, and the site sees its visitors."""
    nginx.introduction()
    nginx.run("systemctl start nginx")
    nginx.section("Give the site a door on loopback")
    nginx.section("Try it on other ports")
    _look(nginx, "8443", nginx.root / "access.log")
    nginx.interrupt()
    nginx.section("Switch")
    _look(nginx, "443", nginx.root / "access.log")
    _renews(nginx)
    nginx.section("Roll back")


def test_apache_moves_behind_and_back(apache: Walk) -> None:
    """Trial, switch and way back work as written, and the site sees its visitors."""
    apache.introduction()
    apache.run("a2enmod ssl")
    apache.run("a2ensite shop")
    ports = apache.path("/etc/apache2/ports.conf")
    # The page begins with Debian's own file, which listens on these two.
    ports.write_text(apache._here("Listen 80\nListen 443\n"))
    apache.run("systemctl start apache2")
    apache.section("Give the site a door on loopback")
    apache.section("Try it on other ports")
    _look(apache, "8443", apache.path("/var/log/apache2") / "shop.log")
    apache.interrupt()
    apache.section("Switch")
    _look(apache, "443", apache.path("/var/log/apache2") / "shop.log")
    _renews(apache)
    apache.section("Roll back")


def _look(walk: Walk, port: str, log: Path) -> None:
    """See the page, a redirect to the site's own address, and the visitor in the log."""
    here = f"https://{DOMAIN}:{walk.ports[port]}"
    assert walk.run(f"curl -s {here}/") == "the shop"
    # What a visitor claims to be is not believed.
    seen = f"/?seen={port}"
    walk.run(f"curl -s --interface {VISITOR} -H 'X-Forwarded-For: 192.0.2.9' '{here}{seen}'")
    # A server may write its line after its answer.
    assert wait_until(lambda: seen in log.read_text())
    [line] = [line for line in log.read_text().splitlines() if f"{seen} " in line]
    assert line.startswith(f"{VISITOR} ")
    told = walk.run(f"curl -s -o /dev/null -w '%{{redirect_url}}' {here}/folder")
    assert told == f"{here}/folder/"


def _renews(walk: Walk) -> None:
    """A challenge of the certificate authority is answered on the plain port."""
    url = f"http://{DOMAIN}:{walk.ports['80']}/.well-known/acme-challenge/token"
    assert walk.run(f"curl -s {url}") == "proof"

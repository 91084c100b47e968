"""Pages to sign in on whose style sheets lie behind a stricter door."""

from __future__ import annotations

import re

import pytest

from sealgate.app.sheets import sheet_remarks
from sealgate.config.parse import parse

SITE = """\
[access]
countries = ["DE"]
geo_database = "country.mmdb"
[[site]]
domains = ["shop.example"]
upstream = "http://127.0.0.1:8080"
preset = "{preset}"
[[site.route]]
path = "/"
class = "public"
"""
ADMIN = """\
[[site.route]]
path = "/wp-admin"
class = "confidential"
backend = true
admit = ["group:editors"]
"""
LOGIN = """\
[[site.route]]
path = "/wp-login.php"
class = "{}"
"""
SAME = LOGIN.format("confidential") + 'backend = true\nadmit = ["group:editors"]\n'


def remarks(text: str, preset: str = "wordpress") -> tuple[str, ...]:
    """Return what is told of a site with the routes in *text*."""
    return sheet_remarks(parse(SITE.format(preset=preset) + text, "sealgate.toml"))


@pytest.mark.parametrize("preset", ["wordpress", "none", "generic"])
@pytest.mark.parametrize(
    "login",
    [
        LOGIN.format("public"),
        LOGIN.format("restricted") + 'admit = ["group:authors"]\n',
        SAME.replace("editors", "authors"),
    ],
)
def test_what_is_told_can_be_typed(preset: str, login: str) -> None:
    """The remark names the door, and with what it says to type it is gone."""
    (remark,) = remarks(ADMIN + login, preset)
    assert remark.startswith("route shop.example/wp-login.php: ")
    assert "(route shop.example/wp-admin)" in remark
    typed = re.findall(r'\[\[site\.route\]\] (path = "[^"]+") (class = "public")', remark)
    assert len(typed) == 5
    more = "".join(f"[[site.route]]\n{path}\n{kind}\n" for path, kind in typed)
    assert remarks(ADMIN + login + more, preset) == ()


@pytest.mark.parametrize("preset", ["wordpress", "none"])
def test_a_page_below_a_folder_has_its_style_there(preset: str) -> None:
    """What the page loads is looked for beside it."""
    below = (ADMIN + LOGIN.format("public")).replace('"/wp-', '"/a/blog/wp-')
    (remark,) = remarks(below, preset)
    assert remark.startswith("route shop.example/a/blog/wp-login.php: ")
    assert '[[site.route]] path = "/a/blog/wp-admin/css"' in remark
    assert "(route shop.example/a/blog/wp-admin)" in remark


def test_a_shut_backend_is_told() -> None:
    """Where the preset shut the backend and the sign-in was opened, it has no style either."""
    (remark,) = remarks(LOGIN.format("public"))
    assert "/wp-admin/load-styles.php" in remark


@pytest.mark.parametrize("preset", ["wordpress", "none"])
@pytest.mark.parametrize("text", ["", ADMIN, ADMIN + SAME])
def test_nothing_is_told_where_both_open_to_the_same(preset: str, text: str) -> None:
    """A page that is shut, or opens to whom the backend opens, has its style."""
    assert remarks(text, preset) == ()

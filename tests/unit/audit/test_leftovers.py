"""Which names have no business in a web root."""

from __future__ import annotations

import pytest

from sealgate.audit.leftovers import (
    NOWHERE,
    QUESTIONS,
    Question,
    Told,
    is_leftover_file,
    is_leftover_folder,
    told_by,
)
from sealgate.audit.model import Response
from sealgate.policy.leftovers import kinds_of_path


@pytest.mark.parametrize(
    "name",
    [
        *(".env", ".env.production", ".htpasswd", "shop.sql", "shop.SQL.gz", "db.dump", "a.sqlite"),
        *("index.php.bak", "settings.php~", ".index.php.swp", "backup-2026.tar.gz", "id_rsa"),
        *("server.key", "wp-config.php.old", "site-backup.zip", "sealgate.toml"),
    ],
)
def test_leftovers(name: str) -> None:
    """Dumps, backups, settings and keys are known by name."""
    assert is_leftover_file(name)


@pytest.mark.parametrize(
    "name",
    [
        *("index.php", "style.css", ".htaccess", ".env.example", "sql.html", "backup.php"),
        *("keyboard.js", "tilde~x.js", "environment.js", "archive.zip", "old.css"),
    ],
)
def test_what_belongs_there(name: str) -> None:
    """What sites are made of is not told."""
    assert not is_leftover_file(name)


def test_folders() -> None:
    """A repository is known by its folder."""
    assert is_leftover_folder(".git")
    assert is_leftover_folder(".sealgate")
    assert not is_leftover_folder("git")


CONTENT = {
    "/.env": b"# settings\n\nAPP_KEY=base64:x\n",
    "/.git/config": b"[core]\n\tbare = false\n",
    "/.git/HEAD": b"ref: refs/heads/main\n",
    "/.htpasswd": b"alice:$apr1$x\n",
    "/wp-config.php.bak": b"<?php define('DB_PASSWORD', 'x');",
    "/.wp-config.php.swp": b"b0VIM 9.0",
    "/backup.sql": b"-- MySQL dump 10.13\n",
    "/dump.sql": b"\nCREATE TABLE users (",
    "/db.sqlite3": b"SQLite format 3\x00",
    "/backup.zip": b"PK\x03\x04",
    "/backup.tar.gz": b"\x1f\x8b\x08",
    "/wp-content/debug.log": b"[01-Dec-2026 10:00:00 UTC] PHP Warning:",
    "/error_log": b"PHP Notice:  Undefined index",
}
BY_PATH = {question.path: question for question in QUESTIONS}
NOT_FOUND = Response(404, (), b"no")


@pytest.mark.parametrize("path", CONTENT)
def test_content_of_the_kind_is_served(path: str) -> None:
    """By what it begins with, whatever type it claims."""
    html = (("content-type", "text/html"),)
    assert told_by(BY_PATH[path], Response(200, html, CONTENT[path]), NOT_FOUND) is Told.SERVED


def asked(answer: Response, anywhere: Response = NOT_FOUND) -> Told:
    """Return what *answer* to the question for settings tells."""
    return told_by(BY_PATH["/.env"], answer, anywhere)


def test_what_a_site_shows_to_anything_is_no_such_file() -> None:
    """A refusal, a page, and an answer that only repeats the question."""
    page = Response(200, (), b"<!DOCTYPE html><title>Shop</title>")
    assert asked(page) is Told.ABSENT
    assert asked(Response(200, (), b"ok"), Response(200, (), b"ok")) is Told.ABSENT
    repeats = Response(200, (), b"you asked for /.env")
    assert asked(repeats, Response(200, (), b"you asked for " + NOWHERE.encode())) is Told.ABSENT
    for status in (401, 403, 404, 410):
        assert asked(Response(status, (), b"")) is Told.ABSENT
    home = (("location", "https://shop.example/"),)
    assert asked(Response(302, home, b"")) is Told.ABSENT


def test_what_was_not_understood_is_not_absent() -> None:
    """Something else than a page, the same file elsewhere, a fault, or too much haste."""
    elsewhere = (("location", "https://www.shop.example/.env"),)
    for answer in (
        Response(200, (), b"\x00\x01"),
        Response(200, (), b""),
        Response(301, elsewhere, b""),
        Response(302, (("location", "//["),), b""),
        Response(429, (), b""),
        Response(503, (), b""),
    ):
        assert asked(answer) is Told.UNCLEAR, answer


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.path)
def test_what_is_asked_for_is_refused_by_the_gateway(question: Question) -> None:
    """The table of names covers every question."""
    assert kinds_of_path([s for s in question.path.lower().split("/") if s])

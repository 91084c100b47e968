"""What no site wants to serve, by its name."""

from __future__ import annotations

import pytest

from sealgate.policy.leftovers import Leftover, kind_of_name, kinds_of_path

DOT, BACKUP, DUMP, LOG = Leftover


@pytest.mark.parametrize(
    ("path", "kinds"),
    [
        *(
            ("/.env", {DOT}),
            ("/.git/config", {DOT}),
            ("/a/.svn/b", {DOT}),
            ("/.x.php.bak", {DOT, BACKUP}),
        ),
        *(("/.well-known/x", set()), ("/a/.well-known/x", {DOT}), ("/.well-known/.env", {DOT})),
        *(
            ("/a.bak", {BACKUP}),
            ("/a.bak/b", set()),
            ("/a~", {BACKUP}),
            ("/~a", set()),
            ("/~", set()),
        ),
        *(("/a.sql.gz", {DUMP}), ("/a.log.1", {LOG}), ("/", set()), ("/a.b.c", set())),
    ],
)
def test_dots_count_anywhere_and_endings_at_the_end(path: str, kinds: set[Leftover]) -> None:
    """Folders that begin with a dot, but for the one that is meant for visitors."""
    assert kinds_of_path([segment for segment in path.split("/") if segment]) == kinds


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("a.bak2", BACKUP), ("a.old-1", BACKUP), ("a.php_bak", BACKUP), ("a.php-old2", BACKUP)),
        *(("a.php.1", BACKUP), ("a.php.gz", BACKUP), ("a.php.txt", BACKUP), ("#a#", BACKUP)),
        *(("backup.zip", BACKUP), ("my-backup_1.tar.gz", BACKUP), ("dump.7z", DUMP)),
        *(("a.sql-2026-01-01", DUMP), ("a.sqlite3", DUMP), ("a.db3", DUMP)),
        *(("error_log", LOG), ("a.log-20260101.gz", LOG)),
        *(("a.php", None), ("a.txt", None), ("tool.zip", None), ("jquery-3.6.0", None)),
        *(("backup-plan.html", None), ("1.2.3", None), ("log", None), ("sql", None), ("", None)),
        *(("tool_1.2.orig.tar.gz", None), ("tool_1.2.orig.tar", None), ("a.orig.gz", BACKUP)),
        *(("a.php.orig", BACKUP), ("my-backup.orig.tar.xz", BACKUP), ("primary.sqlite.bz2", DUMP)),
        *(("a.html.txt", None), ("a.v1-old", None), ("the-old", None), ("a.gz", None)),
    ],
)
def test_a_name_says_what_it_is_by_its_ending(name: str, kind: Leftover | None) -> None:
    """Numbers, dates and packing around it hide nothing."""
    assert kind_of_name(name) is kind

"""
Which names have no business in a web root.
"""

from __future__ import annotations

import pytest

from sealgate.audit.leftovers import is_leftover_file, is_leftover_folder


@pytest.mark.parametrize(
    "name",
    [
        *(".env", ".env.production", ".htpasswd", "shop.sql", "shop.SQL.gz", "db.dump", "a.sqlite"),
        *("index.php.bak", "settings.php~", ".index.php.swp", "backup-2026.tar.gz", "id_rsa"),
        *("server.key", "wp-config.php.old", "site-backup.zip", "sealgate.toml"),
    ],
)
def test_leftovers(name: str) -> None:
    """
    Dumps, backups, settings and keys are known by name.
    """
    assert is_leftover_file(name)


@pytest.mark.parametrize(
    "name",
    [
        *("index.php", "style.css", ".htaccess", ".env.example", "sql.html", "backup.php"),
        *("keyboard.js", "tilde~x.js", "environment.js", "archive.zip", "old.css"),
    ],
)
def test_what_belongs_there(name: str) -> None:
    """
    What sites are made of is not told.
    """
    assert not is_leftover_file(name)


def test_folders() -> None:
    """
    A repository is known by its folder.
    """
    assert is_leftover_folder(".git")
    assert is_leftover_folder(".sealgate")
    assert not is_leftover_folder("git")

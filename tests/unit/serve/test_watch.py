"""Replaced files are noticed once, when they stand still."""

from __future__ import annotations

from pathlib import Path

from sealgate.serve.watch import FileWatch


def test_a_replaced_file_is_named_once(tmp_path: Path) -> None:
    """At the second look that sees it the same, and never again."""
    path = tmp_path / "a"
    path.write_text("one")
    watch = FileWatch([str(path)])
    assert watch.changed() == set()
    path.write_text("two, and longer")
    assert [watch.changed() for _ in range(3)] == [set(), {str(path)}, set()]


def test_a_file_that_is_still_written_is_waited_for(tmp_path: Path) -> None:
    """As long as every look sees another file, none is told."""
    path = tmp_path / "a"
    watch = FileWatch([str(path)])
    for length in range(1, 5):
        path.write_text("x" * length)
        assert watch.changed() == set()
    assert watch.changed() == {str(path)}


def test_a_turned_link_is_a_change(tmp_path: Path) -> None:
    """Certbot leaves the files and turns the link."""
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    link = tmp_path / "live"
    link.symlink_to("one")
    watch = FileWatch([str(link)])
    link.unlink()
    link.symlink_to("two")
    assert [watch.changed() for _ in range(2)] == [set(), {str(link)}]


def test_a_file_that_goes_is_a_change(tmp_path: Path) -> None:
    """So that its absence is told, too."""
    path = tmp_path / "a"
    path.write_text("one")
    watch = FileWatch([str(path)])
    path.unlink()
    assert [watch.changed() for _ in range(2)] == [set(), {str(path)}]

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sealgate.app.web_roots import WebRoots
from sealgate.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def test_links_to_a_web_root_are_resolved(tmp_path: Path) -> None:
    """A root that is named by a link is found under its own name, and the other way round."""
    root = tmp_path / "html"
    root.mkdir()
    (root / "a.sql").write_text("x")
    (tmp_path / "link").symlink_to(root)
    roots = WebRoots(None, [str(tmp_path / "link")], [str(tmp_path)], str)
    assert roots.note(str(root / "a.sql"), "text", ()) == "dump"
    assert roots.note(str(tmp_path / "link" / "a.sql"), "text", ()) == "dump"
    ((requirement, observation),) = roots.judged("public")
    assert requirement.asset.id == observation.asset == f"file {tmp_path}/link/"
    assert observation.value == ("a.sql (dump)",)


def test_the_root_itself_and_its_neighbours_are_not_in_it(tmp_path: Path) -> None:
    """A folder whose name only begins like the root's is another one."""
    for name in ("html", "html.bak"):
        (tmp_path / name).mkdir()
    roots = WebRoots(None, [str(tmp_path / "html")], [], str)
    assert roots.note(str(tmp_path / "html.bak" / "a.sql"), "text", ()) is None
    assert roots.note(str(tmp_path / "html"), "text", ()) is None
    assert roots.judged("public") == []


def test_a_root_that_is_no_folder_is_told_as_it_is_shown(tmp_path: Path) -> None:
    """The message has the masked form of the path only."""
    with pytest.raises(UsageError, match='web root "masked" is no folder'):
        WebRoots(None, [str(tmp_path / "nowhere")], [], lambda _: "masked")

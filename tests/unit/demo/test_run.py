"""What the demo leaves for scripts."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING

from sealgate.demo.run import write_ready

if TYPE_CHECKING:
    from pathlib import Path


def test_a_link_in_the_way_of_the_ready_file_leads_nowhere(tmp_path: Path) -> None:
    """Somebody else may write where it goes, such as /tmp, and knows what it is called before."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    for name in (f".ready.json.{os.getpid()}", ".ready.json.new"):
        (tmp_path / name).symlink_to(elsewhere)
    laid = SimpleNamespace(ready=lambda: {"https": "https://localhost:1"})
    write_ready(tmp_path / "ready.json", laid)  # type: ignore[arg-type]  # all that is asked of it
    assert json.loads((tmp_path / "ready.json").read_text()) == {"https": "https://localhost:1"}
    assert (tmp_path / "ready.json").stat().st_mode & 0o777 == 0o600
    assert elsewhere.read_text() == "precious"

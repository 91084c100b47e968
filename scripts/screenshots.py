"""
Takes the pictures of the guide that show Sealgate at work, from the running demo, into docs/pictures.

Needs a browser without a window (Debian's package chromium). Pages become PNG; what ``sealgate
plan`` prints becomes SVG, so that its words stay words. Nothing compares them: they are taken anew
when a page looks different.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.terminal_theme import NIGHT_OWLISH
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
_SEALGATE = (sys.executable, "-m", "sealgate")
_START_SECONDS, _PAGE_SECONDS = 120, 60
_FINDINGS = 10
# The shop asks for passwords itself; these pages are asked for by the gateway.
_MEMBERS = '\n[[site.route]]\npath = "/members"\nclass = "restricted"\n'
_COLUMNS = 76


@contextlib.contextmanager
def demo(folder: Path) -> Iterator[dict[str, str]]:
    """Run the demo, and give what its ready file says."""
    ready = folder / "ready.json"
    command = [*_SEALGATE, "demo", "--ready-file", str(ready)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
        try:
            end = time.monotonic() + _START_SECONDS
            while not ready.exists():
                if running.poll() is not None or time.monotonic() > end:
                    sys.exit("the demo did not start: make demo")
                time.sleep(0.1)
            yield json.loads(ready.read_text())
        finally:
            running.terminate()


def page(folder: Path, url: str, name: str, size: tuple[int, int]) -> None:
    """Take the page at *url* as *name*.png; *size* is that of the window."""
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += ["--ignore-certificate-errors", f"--user-data-dir={folder / 'browser'}"]
    command += [f"--window-size={size[0]},{size[1]}", f"--screenshot={PICTURES / f'{name}.png'}"]
    subprocess.run(
        [*command, url],
        check=True,
        timeout=_PAGE_SECONDS,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def printed(*arguments: str) -> str:
    """Return what a command of Sealgate prints on a terminal, colours and all."""
    ours, its = pty.openpty()
    told = b""
    environment = os.environ | {"COLUMNS": str(_COLUMNS), "TERM": "xterm-256color"}
    with subprocess.Popen(
        [*_SEALGATE, *arguments], stdout=its, stderr=subprocess.DEVNULL, env=environment
    ):
        os.close(its)
        # The end of a terminal is an error when it is read.
        with contextlib.suppress(OSError):
            while part := os.read(ours, 1 << 16):
                told += part
    os.close(ours)
    return told.decode().replace("\r\n", "\n")


def terminal(command: str, text: str, name: str) -> None:
    """Draw *command* and the *text* that it printed as *name*.svg."""
    console = Console(record=True, width=_COLUMNS, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    console.print(Text.from_ansi(f"$ {command}\n{text}"))
    drawn = console.export_svg(title=command, theme=NIGHT_OWLISH, unique_id=name)
    # Fonts that rich would load from elsewhere; the reader's own will do.
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
    drawn = drawn.replace("Fira Code", "ui-monospace, Menlo, Consolas, DejaVu Sans Mono")
    drawn = "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"
    (PICTURES / f"{name}.svg").write_text(drawn)


def main() -> None:
    """Take all of them."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sealgate-pictures-") as name:
        folder = Path(name)
        with demo(folder) as told:
            config = told["config"]
            with Path(config).open("a") as file:
                file.write(_MEMBERS)
            subprocess.run([*_SEALGATE, "reload", "-c", config], check=True)
            page(folder, f"{told['https']}/typo3/", "refusal", (900, 350))
            page(folder, f"{told['https']}/members", "sign-in", (900, 710))
            table = printed("plan", "-c", config).partition("\n\n")[0]
            terminal("sealgate plan", table, "plan")
            shop = f"sqlite:///{Path(config).with_name('shop.sqlite')}"
            for what, size in (("audit",), (1000, 720)), (("assess", shop), (1200, 720)):
                report = folder / f"{what[0]}.html"
                command = [*_SEALGATE, *what, "--format", "html", "--output", str(report)]
                done = subprocess.run([*command, "-c", config], check=False)
                if done.returncode not in {0, _FINDINGS}:
                    sys.exit(done.returncode)
                page(folder, report.as_uri(), what[0], size)


if __name__ == "__main__":
    main()

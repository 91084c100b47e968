"""The page of troubleshooting has each message that an operator can meet, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "troubleshooting.md"
# Where the message stands among the arguments of what makes an error.
MAKERS = {
    "AcmeError": 0,
    "GatewayError": 0,
    "SourceError": 0,
    "NothingToLookAtError": 0,
    "_fault": 2,
}
SOURCES = [
    *sorted((ROOT / "src/sealgate/gateway/adapters").glob("*.py")),
    ROOT / "src/sealgate/control.py",
    *(
        ROOT / "src/sealgate/serve" / f"{n}.py"
        for n in ("deployment", "envoy_keeper", "facts", "foreground", "supervisor")
    ),
    *sorted((ROOT / "src/sealgate/serve").glob("gateway*.py")),
    ROOT / "src/sealgate/cli/reload.py",
    ROOT / "src/sealgate/gateway/guarantees.py",
    ROOT / "src/sealgate/signin/adapters/client_secrets.py",
]
# Only a program on the other side of the control socket, or one that uses Sealgate as a
# library, can meet these.
NOT_FOR_OPERATORS = {
    "the gateway is being stopped",
    "the request is no JSON",
    "the request is no JSON object",
    "the request has no command that this gateway knows",
    "the other side sent no line, or too long a one",
    "the other side sent no whole line in time",
    "no gateway is running",
    "the gateway ended before it could do that",
}


def messages() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Yield each message in the sources, as it is written there and as a pattern."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            place = MAKERS.get(node.func.id)
            if place is None or len(node.args) <= place:
                continue
            match node.args[place]:
                case ast.Constant(value=str(text)) if text not in NOT_FOR_OPERATORS:
                    yield text, re.compile(re.escape(text))
                case ast.JoinedStr(values=parts) as whole:
                    pattern = "".join(
                        re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+"
                        for part in parts
                    )
                    yield ast.unparse(whole), re.compile(pattern)


# Of these, the page explains some: those that tell of a state folder or a database that changed.
OF_STATE = [
    ROOT / "src/sealgate/app/remains.py",
    ROOT / "src/sealgate/files.py",
    *(
        ROOT / "src/sealgate/identity/adapters" / f"{n}.py"
        for n in ("database", "row_check", "row_key", "sealed_rows")
    ),
]


def texts_of_state() -> Iterator[re.Pattern[str]]:
    """Yield each text that is put together in the sources about state, as a pattern."""
    for path in OF_STATE:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield re.compile(re.escape(node.value))
            elif isinstance(node, ast.JoinedStr):
                told = [v.value if isinstance(v, ast.Constant) else None for v in node.values]
                # Something has to be said besides what is filled in.
                if sum(len(str(part)) for part in told if part is not None) > 8:
                    parts = (".+" if part is None else re.escape(str(part)) for part in told)
                    yield re.compile("".join(parts))


HEADINGS = re.findall(r"^### (.*)$", PAGE.read_text(), re.MULTILINE)
MESSAGES = sorted(messages(), key=lambda message: message[0])


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message[0])
def test_every_message_has_its_section(message: tuple[str, re.Pattern[str]]) -> None:
    """Whoever searches for what was printed finds what lies behind it."""
    assert any(message[1].fullmatch(heading) for heading in HEADINGS)


@pytest.mark.parametrize("heading", HEADINGS)
def test_every_section_is_of_a_message(heading: str) -> None:
    """A message that was reworded takes its heading along."""
    patterns = [*(pattern for _, pattern in MESSAGES), *texts_of_state()]
    assert any(pattern.fullmatch(heading) for pattern in patterns)

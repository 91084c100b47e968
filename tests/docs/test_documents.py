"""The documents tell the truth: what they show exists, and what exists they show."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from sealgate.cli import COMMANDS, cli
from sealgate.policy.assets import Asset, AssetKind
from sealgate.policy.evaluate import evaluate
from sealgate.policy.inventory import Place
from sealgate.policy.observation import Fact, Observation, Vantage
from sealgate.policy.protection import Protection
from sealgate.policy.requirements import AssetRequirement
from sealgate.report.text import render_text

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference/cli.md"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
# Options of the group itself.
GLOBAL = {"--help", "-h", "--version"}


def command_lines(page: Path) -> Iterator[str]:
    """Yield each ``sealgate …`` that *page* shows, in a block or between backticks."""
    text = page.read_text()
    for block in re.findall(r"^```(?:console|sh)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for line in block.replace("\\\n", " ").splitlines():
            shown = re.sub(r"^(?:[$#] )?(?:sudo )?(?:-u \w+ )?(?:exec )?", "", line.strip())
            if shown.startswith("sealgate "):
                yield re.split(r"\s+(?:#|\||&&|>|2>|;)\s*", shown)[0]
    for shown in re.findall(r"`(sealgate [^`\n]+)`", text):
        if "…" not in shown and "/" not in shown.split()[1]:
            yield shown


# The reference is written from the program itself, and `make docs` compares it.
@pytest.mark.parametrize(
    "page", [p for p in PAGES if p != REFERENCE], ids=lambda p: str(p.relative_to(ROOT))
)
def test_every_command_that_a_page_shows_exists(page: Path) -> None:
    """Each shown command and option is one that the program has."""
    for line in command_lines(page):
        words = shlex.split(line)[1:]
        command: click.Command = cli
        context = click.Context(cli)
        while words and isinstance(command, click.Group) and not words[0].startswith("-"):
            name = words.pop(0)
            found = command.get_command(context, name)
            assert found is not None, f"{page.name} shows {line!r}: no command {name!r}"
            command = found
        known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)} | GLOBAL
        for word in words:
            option = word.partition("=")[0]
            if re.fullmatch(r"--?[a-z][a-z0-9-]*", option):
                assert option in known, f"{page.name} shows {line!r}: no option {option!r}"


def test_every_command_stands_in_the_reference() -> None:
    """The reference has a section for each command, and none for another."""
    reference = REFERENCE.read_text()
    sections = re.findall(r"^## `sealgate ([a-z]+)`", reference, re.MULTILINE)
    assert sections == list(COMMANDS)


def test_every_extra_is_told() -> None:
    """The quickstart says what each extra is for, `all` holds it, and no page or hint names another one."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    declared = set(extras)
    assert set(re.findall(r"[a-z0-9]+", extras["all"][0])) == {"sealgate", *declared} - {"all"}
    quickstart = (ROOT / "docs/quickstart.md").read_text()
    assert not [extra for extra in declared - {"all", "demo"} if f"`{extra}`" not in quickstart]
    for path in [*PAGES, *ROOT.glob("src/**/*.py")]:
        for named in re.findall(r"sealgate\[([a-z0-9, ]+)\]", path.read_text()):
            assert set(re.split(r", ?", named)) <= declared, path.name


def test_every_json_output_is_told() -> None:
    """Each schema that a command prints has a section of its own in the reference."""
    printed = set()
    for room in ("cli", "report", "protocols"):
        for path in (ROOT / "src/sealgate" / room).rglob("*.py"):
            named = re.findall(
                r'^(?:LOG_)?SCHEMA = "(sealgate/[a-z-]+/\d)"', path.read_text(), re.MULTILINE
            )
            printed.update(named)
    assert {"sealgate/audit/1", "sealgate/verify/1", "sealgate/transfer-event/1"} <= printed
    reference = "".join(page.read_text() for page in ROOT.glob("docs/reference/*.md"))
    assert not [schema for schema in sorted(printed) if schema not in reference]


def test_every_format_of_the_audit_is_told() -> None:
    """The page about audits names each format that the command writes."""
    command = cli.get_command(click.Context(cli), "audit")
    assert command is not None
    (choice,) = [p.type for p in command.params if p.name == "form"]
    assert isinstance(choice, click.Choice)
    told = (ROOT / "docs/howto/audit-a-site.md").read_text()
    assert not [form for form in choice.choices if form != "text" and f"{form}`" not in told]


def test_the_finding_in_the_readme_is_what_the_audit_says() -> None:
    """The example is shortened, but each line of it is the program's own."""
    asset = Asset("site shop.example", AssetKind.SITE, place=Place("sealgate.toml", 14))
    requirement = AssetRequirement(asset, "public", Protection.of(0, 0, 0))
    seen = Observation(asset.id, Fact.UPSTREAM_EXPOSED, ("192.0.2.7:8080",), Vantage.HOST, "a test")
    printed = render_text(evaluate([requirement], [seen], now=0.0))
    shown = (ROOT / "README.md").read_text().partition("error[")[2].partition("1 finding")[0]
    for line in f"error[{shown}".splitlines():
        assert line in printed.splitlines(), line


def test_every_link_between_documents_leads_somewhere() -> None:
    """Relative links in all pages, also those that the site does not build, hold."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            if re.match(r"[a-z]+:", target):
                continue
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_nothing_speaks_of_the_place_where_it_was_written() -> None:
    """No path of a developer's machine and no registry host stands in a tracked text."""
    banned = re.compile(
        "|".join(
            [
                "/" + r"work/(?:main|shared|\.)",
                "pypi" + r"\.org",
                "pythonhosted" + r"\.org",
                "npmjs" + r"\.(?:org|com)",
                "deb" + r"\.debian\.org",
            ]
        )
    )
    suffixes = {".py", ".md", ".toml", ".txt", ".sh", ".yml", ".json", ".in", ".html", ".cff"}
    folders = ("src", "tests", "docs", "scripts", "benchmarks", "requirements", "examples", ".ci")
    for folder in folders:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and (path.suffix in suffixes or folder == ".ci"):
                text = path.read_text(errors="replace")
                assert not banned.search(text), path.relative_to(ROOT)

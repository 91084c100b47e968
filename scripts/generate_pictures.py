"""
The diagrams of the guide, which generate_docs.py writes into docs/pictures.

A diagram is boxes, arrows and words at places that are written down here, as SVG whose text is
text. Colours follow the reader's light or dark setting; each has a title and a description for
who does not see it. What the code decides (classes and rungs, rooms and their order) is taken from
the code.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.protection import AccessRung, Protection, StorageRung, TransitRung

ROOT = Path(__file__).parents[1]
WIDTH = 880
_MARGIN = 24
_LINE = 17.0
_STYLE = """\
text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:#1f2328}
.page{fill:#fff;stroke:#d0d7de}.plain{fill:#f6f8fa;stroke:#8c959f}.ours{fill:#ddf4ff;stroke:#0969da}
.good{fill:#dafbe1;stroke:#1a7f37}.bad{fill:#ffebe9;stroke:#cf222e}.group{fill:none;stroke:#8c959f;stroke-dasharray:4 4}
.line{fill:none;stroke:#59636e;stroke-width:1.5}.head{fill:#59636e}
.name{font-weight:600}.note{fill:#59636e;font-size:12px}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.page{fill:#0d1117;stroke:#3d444d}
.plain{fill:#151b23;stroke:#656c76}.ours{fill:#121d2f;stroke:#4493f8}.good{fill:#12261e;stroke:#3fb950}
.bad{fill:#25171c;stroke:#f85149}.group{stroke:#656c76}.line{stroke:#9198a1}.head{fill:#9198a1}.note{fill:#9198a1}}"""


@dataclass
class Picture:
    """A picture of *height*; what is added later lies above what was added before."""

    title: str
    told: str
    height: int
    parts: list[str] = field(default_factory=list)

    def box(
        self, x: float, y: float, wide: float, high: float, text: str, kind: str = "plain"
    ) -> None:
        """Add a box with *text* in its middle: the first line is its name, the others are notes."""
        self.parts.append(
            f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{wide:g}" height="{high:g}" rx="8"/>'
        )
        lines = text.splitlines()
        first = y + high / 2 - (len(lines) - 1) * _LINE / 2 + 4.5
        for number, line in enumerate(lines):
            self.say(x + wide / 2, first + number * _LINE, line, "note" if number else "name")

    def group(
        self, x: float, y: float, wide: float, high: float, name: str, *, below: float = 20
    ) -> None:
        """Add a dashed frame around what belongs together; its *name* stands *below* its top."""
        self.parts.append(
            f'<rect class="group" x="{x:g}" y="{y:g}" width="{wide:g}" height="{high:g}" rx="8"/>'
        )
        self.say(x + 16, y + below, name, "note", anchor="start")

    def say(
        self, x: float, y: float, text: str, kind: str = "note", *, anchor: str = "middle"
    ) -> None:
        """Add *text*, whose baseline is at *y*."""
        self.parts.append(
            f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    def arrow(
        self, *places: tuple[float, float], text: str = "", at: tuple[float, float] | None = None
    ) -> None:
        """Add a line through *places* with a head at its end, and *text* at a place of its own."""
        points = " ".join(f"{x:g},{y:g}" for x, y in places)
        self.parts.append(f'<polyline class="line" points="{points}" marker-end="url(#head)"/>')
        if text:
            (ax, ay), (bx, by) = places[0], places[1]
            x, y = at or ((ax + bx) / 2, (ay + by) / 2 - 7)
            self.say(x, y, text)

    def svg(self) -> str:
        """Return the file."""
        body = "\n".join(self.parts)
        return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}" \
height="{self.height}" role="img" aria-labelledby="title told">
<title id="title">{escape(self.title)}</title>
<desc id="told">{escape(self.told)}</desc>
<style>{_STYLE}</style>
<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" \
orient="auto-start-reverse"><path class="head" d="M0 0 10 5 0 10z"/></marker></defs>
<rect class="page" x=".5" y=".5" width="{WIDTH - 1}" height="{self.height - 1}" rx="10"/>
{body}
</svg>
"""


def link() -> Picture:
    """Return how the class of data decides what every channel must provide."""
    picture = Picture(
        "The class of data decides what every channel must provide",
        "Data is assessed and gets a class. A table says what each class requires in transit, for"
        " access and at rest. Sites, drops, tunnels, sending and stores must provide at least that."
        " The audit observes them from outside and compares with the same table.",
        416,
    )
    picture.box(24, 40, 150, 76, "Data\nfolders, databases,\npages, uploads")
    picture.box(24, 216, 150, 60, "Class\none of four", "ours")
    picture.arrow((99, 116), (99, 216), text="assess", at=(128, 170))
    left, wide, high = 236, 149, 40
    picture.say(left + wide / 2, 56, "class", "note")
    for number, name in enumerate(("in transit", "access", "at rest")):
        picture.say(left + wide / 2 + (number + 1) * (wide + 8), 56, name, "note")
    for row, one in enumerate(DEFAULT_MODEL.classes):
        y = 68 + row * (high + 8)
        kind = "ours" if one.id == "confidential" else "plain"
        words = [one.id, *(rung.name.lower().replace("_", " ") for rung in _rungs(one.required))]
        for column, word in enumerate(words):
            picture.box(left + column * (wide + 8), y, wide, high, word, kind)
    picture.arrow((174, 246), (205, 246), (205, 184), (left - 4, 184))
    picture.say(
        left + 310, 282, "what the class requires: one table, for who enforces and for who audits"
    )
    names = (
        "Site\nover HTTPS",
        "Drop\nSFTP, SCP, FTPS",
        "Tunnel\nTCP through SSH",
        "Send\nto other servers",
        "Store\nsealed files",
    )
    step = 125.6
    for number, name in enumerate(names):
        x = left + number * step
        picture.box(x, 326, step - 8, 56, name, "good")
        picture.arrow((x + 58.8, 294), (x + 58.8, 322))
    picture.box(24, 326, 150, 56, "Audit\nlooks from outside", "ours")
    picture.arrow((left - 4, 354), (178, 354))
    return picture


def _rungs(required: Protection) -> tuple[TransitRung, AccessRung, StorageRung]:
    return required.in_transit, required.access, required.at_rest


def request() -> Picture:
    """Return what a request meets on its way to a site."""
    picture = Picture(
        "A request through the gateway",
        "Envoy takes the connection, finds the route, judges every reading of the path, and asks for"
        " what the class of the route demands: a certificate and a country, or a session of somebody"
        " who signed in. Then the request goes to the site, through a relay where bodies are looked"
        " into. What is not let in gets a refusal with an id.",
        432,
    )
    picture.box(24, 40, 120, 60, "Client\nbrowser, program")
    picture.group(216, 24, 400, 300, "Envoy, before anything of the site")
    steps = (
        "TLS\nversion, group, client certificate",
        "Route\nby whole segments, method, credentials",
        "Strictest reading\nevery way to read an unusual path",
        "Lock\ncertificate and country, or session",
        "Site's own limits\nsize of the body, time",
    )
    for number, step in enumerate(steps):
        y = 52 + number * 54
        picture.box(236, y, 360, 42, step, "ours")
        if number:
            picture.arrow((416, y - 12), (416, y - 1))
    picture.arrow((144, 70), (232, 70), text="HTTPS")
    picture.box(696, 40, 160, 60, "Site\nyour web server", "good")
    picture.arrow((596, 289), (656, 289), (656, 70), (692, 70))
    picture.box(696, 164, 160, 60, "Relay\nmasks or blocks")
    picture.arrow((656, 194), (692, 194))
    picture.arrow((776, 164), (776, 104))
    picture.say(776, 246, "only where inspect is set")
    picture.box(24, 208, 150, 60, "Sign-in\nown pages, passkeys")
    picture.arrow((236, 235), (178, 235), text="asks", at=(197, 228))
    picture.box(24, 348, 150, 60, "Refusal\nwhy, and an id", "bad")
    picture.arrow((300, 324), (300, 378), (178, 378), text="not let in", at=(244, 370))
    picture.box(340, 348, 276, 60, "Access log\nrefusals, failures, what passed a lock")
    picture.arrow((478, 324), (478, 344))
    picture.box(696, 348, 160, 60, "Signer\nroutes in plain HTTP")
    picture.arrow((616, 306), (776, 306), (776, 344), text="port 80", at=(712, 299))
    return picture


def upload() -> Picture:
    """Return the way of an upload into sealed storage."""
    picture = Picture(
        "An upload to sealed storage",
        "A client connects over SSH or TLS. What was negotiated, who signed in and from where are"
        " compared with what the class of the drop demands. The session checks name, size and rights."
        " The store seals the bytes as they come. One transaction makes the record, and only then is"
        " the upload acknowledged.",
        420,
    )
    picture.box(24, 48, 120, 64, "Client\nSFTP, SCP, FTPS")
    picture.box(204, 48, 150, 64, "Connection\nwhat was negotiated", "ours")
    picture.box(414, 48, 150, 64, "Session\nname, size, rights", "ours")
    picture.box(624, 48, 232, 64, "Store\nseals the bytes as they come", "ours")
    for start, end in ((144, 204), (354, 414), (564, 624)):
        picture.arrow((start, 80), (end - 4, 80))
    picture.box(204, 176, 150, 64, "Authorize\nclass of the drop", "ours")
    picture.arrow((255, 112), (255, 172), text="asks", at=(233, 146))
    picture.arrow((303, 176), (303, 116), text="yes or no", at=(338, 146))
    picture.box(24, 176, 120, 64, "Refusal\nrule, what to do", "bad")
    picture.arrow((204, 208), (148, 208))
    picture.box(414, 176, 150, 64, "Key store\nclosed, kept apart")
    picture.arrow((564, 208), (656, 208), (656, 116), text="recipients", at=(604, 200))
    picture.group(624, 264, 232, 132, "folder or bucket", below=118)
    picture.box(640, 280, 94, 84, "Record\npath, class,\nowner, seal", "good")
    picture.box(746, 280, 94, 84, "Object\nage file")
    picture.arrow((793, 112), (793, 276), text="1  durable", at=(828, 226))
    picture.arrow((687, 112), (687, 276), text="2  commit", at=(722, 226))
    picture.box(414, 304, 150, 64, "Anchor\nlast change, elsewhere")
    picture.arrow((640, 336), (568, 336))
    picture.box(204, 304, 150, 64, "Confirmed\nto the client", "good")
    picture.arrow((414, 336), (358, 336))
    picture.box(24, 304, 120, 64, "Register\nchained trail")
    picture.arrow((204, 336), (148, 336))
    return picture


def finding() -> Picture:
    """Return the way of a finding from the configuration and the probes to the report."""
    picture = Picture(
        "A finding from the audit to the report",
        "The configuration becomes an inventory, and the policy says what each asset requires. Probes"
        " look from outside and on the host, and bring observations, or say why they could not look."
        " The rules compare both. What falls short is a finding, in the report, the register and the"
        " exit code.",
        400,
    )
    picture.box(24, 40, 150, 64, "sealgate.toml\nwhat you declare")
    picture.box(224, 40, 150, 64, "Inventory\nsites, routes, drops", "ours")
    picture.box(424, 40, 150, 64, "Requirements\nby class", "ours")
    picture.box(24, 176, 150, 64, "Probes\nTLS, HTTP, SSH, FTP")
    picture.box(
        224, 136, 350, 64, "Observations\none fact each: who saw what, when, from where", "ours"
    )
    picture.box(224, 216, 350, 64, "Not observed\nand why: never counts as met", "bad")
    picture.arrow((174, 72), (220, 72))
    picture.arrow((374, 72), (420, 72))
    picture.arrow((174, 208), (199, 208), (199, 168), (220, 168))
    picture.arrow((174, 208), (199, 208), (199, 248), (220, 248))
    picture.box(636, 110, 110, 116, "Rules\npure functions,\neach with its\nclause", "ours")
    picture.arrow((574, 72), (605, 72), (605, 136), (632, 136))
    picture.arrow((574, 168), (632, 168))
    picture.arrow((574, 248), (605, 248), (605, 200), (632, 200))
    picture.box(782, 110, 74, 116, "Finding\nor met", "good")
    picture.arrow((746, 168), (778, 168))
    names = (
        "Report\ntext, JSON, SARIF, JUnit, HTML",
        "Register\nevidence, chained",
        "Exit code\n10: something to fix",
    )
    for number, name in enumerate(names):
        x = 24 + number * 284
        picture.arrow((819, 226), (819, 304), (x + 132, 304), (x + 132, 320))
        picture.box(x, 324, 264, 52, name)
    return picture


def house() -> Picture:
    """Return the rooms in the order of the import contract, so that arrows point down only."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    rows = next(one for one in contracts["contracts"] if one["type"] == "layers")["layers"]
    picture = Picture(
        "The rooms, and which way imports point",
        "Each row may import what stands in the rows below it. What stands in one row does not know"
        " each other. From top to bottom: " + "; ".join(row.replace(" | ", ", ") for row in rows),
        64 + len(rows) * 50,
    )
    picture.say(_MARGIN, 36, "A row imports only from the rows below it.", anchor="start")
    for number, row in enumerate(rows):
        names = re.findall(r"\w+", row)
        room = WIDTH - 120 - (len(names) - 1) * 8
        letters = sum(len(name) + 8 for name in names)
        x = 96.0
        for name in names:
            wide = round(room * (len(name) + 8) / letters, 1)
            kind = "ours" if (ROOT / "src/sealgate" / name).is_dir() else "plain"
            picture.box(x, 52 + number * 50, wide, 38, name, kind)
            x += wide + 8
    picture.arrow((56, 56), (56, 52 + len(rows) * 50 - 14))
    return picture


PICTURES = {each.__name__: each for each in (link, request, upload, finding, house)}

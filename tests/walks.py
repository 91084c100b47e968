"""
How many files of Sealgate are called on each of the five walks of ``docs/architecture.md``.

``python -m tests.walks`` prints them. What a module does while it is imported does not count.
"""

from __future__ import annotations

import struct
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sealgate.config.load import load
from sealgate.gateway.guarantees import refusals
from sealgate.gateway.translate import translate
from sealgate.inspection.framing_bodies import LengthReader
from sealgate.policy.evaluate import evaluate
from sealgate.policy.protection import StorageRung
from sealgate.policy.requirements import declared
from sealgate.protocols.ssh.sftp_packets import PacketType, packet, string
from sealgate.protocols.ssh.sftp_service import SFTPService
from sealgate.report.formats import AUDIT, writer
from sealgate.serve.deployment import plan
from sealgate.serve.facts import Admissions
from tests.unit.config.test_load import write_config, write_database
from tests.unit.inspection.test_body import scan
from tests.unit.protocols.session.dropped import Ground
from tests.unit.protocols.ssh.test_sftp_service import Session, request
from tests.unit.serve.test_deployment import FACTS
from tests.unit.signin.adapters.test_service import Visit, backend_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.policy.inventory import Inventory

SOURCE = str(Path(__file__).parents[1] / "src/sealgate") + "/"
SITE = """\
[[site]]
domains = ["shop.example"]
upstream = "http://127.0.0.1:8080"
preset = "none"
[[site.route]]
path = "/"
class = "public"
inspect = "off"
[[site.route]]
path = "/account"
class = "confidential"
admit = ["user:anna"]
[access]
countries = ["DE"]
geo_database = "country.mmdb"
"""


def called(walk: Callable[[], object]) -> set[str]:
    """Return the files of which a function is called in *walk*, also in threads that it starts."""
    found: set[str] = set()

    def note(frame: Any, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(SOURCE) and code.co_name != "<module>":
            found.add(code.co_filename.removeprefix(SOURCE))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        walk()
    finally:
        sys.setprofile(None)
        threading.setprofile(cast("Any", None))
    return found


def configured(folder: Path) -> Inventory:
    """Return what is declared in a file that is written to *folder*."""
    write_database(folder / "country.mmdb", {"country": {"iso_code": "DE"}})
    return load(write_config(folder, SITE))


def class_to_lock(folder: Path) -> tuple[set[str], ...]:
    """From the file to the inventory, and from there to Envoy's files."""
    admitted = Admissions({"route shop.example/account": ("ab" * 32,)})
    facts = replace(FACTS, countries=str(folder / "country.mmdb"), admissions=admitted)
    inventory = configured(folder)
    material = plan(inventory, facts).material
    assert not refusals(inventory, material)
    return (
        called(lambda: load(inventory.source)),
        called(lambda: (refusals(inventory, material), translate(inventory, material))),
    )


def byte_to_disk(folder: Path) -> tuple[set[str], ...]:
    """Behind SSH: open a file, write two packets, close it."""
    ground = Ground(folder)
    ground.add(rung=StorageRung.ENCRYPTED)
    service = SFTPService(cast("Any", Session()), ground.session())
    service.feed(memoryview(packet(PacketType.INIT, struct.pack(">I", 3))))

    def ask(kind: int, *bodies: bytes) -> None:
        for body in bodies:
            service.feed(memoryview(request(kind, 1, body)))

    def upload(name: str, number: int) -> tuple[set[str], ...]:
        handle, opened = string(bytes([0, 0, 0, number])), struct.pack(">II", 0x1A, 0)
        places, sent = (struct.pack(">Q", at) for at in (0, 32_768)), string(bytes(32_768))
        return (
            called(lambda: ask(PacketType.OPEN, string(name) + opened)),
            called(lambda: ask(PacketType.WRITE, *(handle + at + sent for at in places))),
            called(lambda: ask(PacketType.CLOSE, handle)),
        )

    # With the first one the keys of those after it are made ahead.
    upload("/in/first", 1)
    files = upload("/in/next", 2)
    ground.close()
    return files


def card_to_mask(folder: Path) -> tuple[set[str], ...]:
    """Behind the proxy: a body of one message, with a card number."""
    del folder
    body = b"paid with 4111 1111 1111 1111 and more"
    reader, one = LengthReader(len(body)), scan()
    return (called(lambda: one.feed(reader.feed(body)) + one.close()),)


def finding_to_sarif(folder: Path) -> tuple[set[str], ...]:
    """From the findings of a site at which nothing could be seen."""
    report = evaluate(declared(configured(folder)), [], now=0.0)
    write = writer(AUDIT, "sarif", tool_version="1")
    return (called(lambda: write(report)),)


def password_to_token(folder: Path) -> tuple[set[str], ...]:
    """One sign-in, from the request to the cookie."""
    backend = backend_in(folder)
    # The first one loads what is imported late; another service, so that its threads are new.
    Visit(backend).sign_in()
    files = called(Visit(backend).sign_in)
    backend.close()
    return (files,)


# In the order of the page.
WALKS = (class_to_lock, byte_to_disk, card_to_mask, finding_to_sarif, password_to_token)


def main() -> None:
    """Print how many files are called on each part of each walk."""
    for walk in WALKS:
        with tempfile.TemporaryDirectory() as folder:
            print(f"{walk.__name__}: {counted(walk(Path(folder)))}")


def counted(parts: tuple[set[str], ...]) -> str:
    """Return how many files each of *parts* is."""
    return " + ".join(str(len(part)) for part in parts)


if __name__ == "__main__":
    main()

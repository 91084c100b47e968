"""
From the text of ``sealgate.toml`` to the inventory, strictly, with every fault at once.

Pure: no file is opened, nothing is looked up; whether the files exist that the text
names is :mod:`sealgate.config.load`'s part. What cannot be followed in this version
is refused and never ignored.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import PurePath
from typing import TYPE_CHECKING

from sealgate.config.classes import read_model
from sealgate.config.fields import read_admit, read_class, read_country_of
from sealgate.config.lines import Lines
from sealgate.config.listen import read_listen
from sealgate.config.reader import FileKind, Notes, Table, nearest, quoted
from sealgate.config.schema import SECTIONS, section
from sealgate.config.sites import read_sites
from sealgate.config.tls import read_tls
from sealgate.config.values import UnfitError, read_register_url
from sealgate.errors import ConfigError, Fault
from sealgate.policy.inventory import (
    AcceptedRisk,
    AccessSettings,
    Drop,
    Inventory,
    Operator,
    Site,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sealgate.policy.classification import ClassificationModel

DEFAULT_STATE_FOLDER = ".sealgate"
# A configuration that people wrote is far below this; beyond it, it is something else.
MAX_CHARACTERS = 1_000_000

_AT_LINE = re.compile(r"(?P<what>.*?) \(at line (?P<line>\d+), column (?P<column>\d+)\)", re.DOTALL)


def parse(text: str, file: str, *, folder: str | None = None) -> Inventory:
    """
    Return what *text* declares; *file* is the name that messages begin with.

    Relative paths are relative to *folder*, by default the folder of *file*.

    Raises:
        ConfigError: with every fault of the text.
    """
    inventory, notes = read(text, file, folder or str(PurePath(file).parent))
    raise_faults(file, notes.faults)
    return inventory


def read(text: str, file: str, folder: str) -> tuple[Inventory, Notes]:
    """
    Return what could be read of *text*, and the notes: its faults, the files it names.

    With faults in the notes, the inventory lacks parts and must not be followed.

    Raises:
        ConfigError: *text* is no TOML, so nothing could be read.
    """
    values = _values(text, file)
    notes = Notes(file, Lines(text))
    return _Parser(notes, values, PurePath(folder)).read(), notes


def raise_faults(file: str, faults: tuple[Fault, ...]) -> None:
    """
    Raise one error with all *faults*; none, and nothing happens.

    Raises:
        ConfigError: there is a fault.
    """
    if faults:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise ConfigError(f"{quoted(file)} has {count}; first: {faults[0]}", faults=faults)


def _values(text: str, file: str) -> dict[str, Any]:
    if len(text) > MAX_CHARACTERS:
        message = f"the file has {len(text)} characters, at most {MAX_CHARACTERS} are read"
        raise_faults(file, (Fault(file, 1, message),))
    try:
        return tomllib.loads(text)
    except RecursionError:
        fault = Fault(file, 1, "tables and lists are nested too deeply")
    except ValueError as error:
        # Most are TOMLDecodeError; a number of too many digits is a bare ValueError.
        fault = _syntax_fault(text, file, str(error))
    raise_faults(file, (fault,))
    return {}


def _syntax_fault(text: str, file: str, message: str) -> Fault:
    found = _AT_LINE.fullmatch(message)
    if found:
        line, what = int(found["line"]), f"{found['what']}, column {found['column']}"
    else:
        line, what = 1, message
        if message.endswith("(at end of document)"):
            line = text.count("\n") + 1
    what = what[:1].lower() + what[1:]
    return Fault(
        file, line, f"no valid TOML: {quoted(what)[1:-1]}", "see https://toml.io/en/v1.0.0"
    )


class _Parser:
    def __init__(self, notes: Notes, values: Mapping[str, Any], folder: PurePath) -> None:
        self._notes = notes
        self._values = values
        self._folder = folder
        self._read: dict[str, Table] = {}

    def read(self) -> Inventory:
        self._check_top()
        model = read_model(self._tables("class"))
        tls = read_tls(self._table("tls"), None, self._folder)
        listen = read_listen(self._table("listen"))
        access = self._access()
        sites = read_sites(self._tables("site"), model, tls, self._folder)
        self._check_geolocation(sites, access)
        register = self._table("register")
        return Inventory(
            source=str(self._folder / PurePath(self._notes.file).name),
            state_folder=str(
                self._folder / (self._table("state").text("folder") or DEFAULT_STATE_FOLDER)
            ),
            listen=listen,
            operator=self._operator(),
            tls=tls,
            access=access,
            sites=sites,
            drops=self._drops(model),
            accepted=self._accepted(),
            model=model,
            envoy=self._table("gateway").file("envoy", self._folder, FileKind.PROGRAM),
            register_url=self._register_url(register),
        )

    def _check_top(self) -> None:
        known = {item.name: item for item in SECTIONS if "." not in item.name}
        for key, value in self._values.items():
            item = known.get(key)
            if item is None:
                self._notes.add(
                    (key,),
                    f"{quoted(key)} is no section; known are "
                    + ", ".join(one.header for one in known.values()),
                    nearest(key, known, "did you mean {}?"),
                )
            elif item.repeated:
                if not (isinstance(value, list) and all(isinstance(one, dict) for one in value)):
                    self._notes.add(
                        (key,),
                        f"{quoted(key)} must be a list of tables",
                        f"write {item.header}",
                    )
            elif not isinstance(value, dict):
                self._notes.add((key,), f"{quoted(key)} must be a table", f"write {item.header}")

    def _table(self, name: str) -> Table:
        # Read once, so that its faults are noted once.
        if name not in self._read:
            value = self._values.get(name)
            values = value if isinstance(value, dict) else {}
            self._read[name] = Table(self._notes, (name,), values, section(name))
        return self._read[name]

    def _tables(self, name: str) -> tuple[Table, ...]:
        value = self._values.get(name)
        if not (isinstance(value, list) and all(isinstance(one, dict) for one in value)):
            return ()
        return tuple(
            Table(self._notes, (name, index), one, section(name)) for index, one in enumerate(value)
        )

    def _operator(self) -> Operator:
        table = self._table("operator")
        country = table.text("country") or ""
        if country:
            country = read_country_of(table, "country", country) or ""
        return Operator(table.text("name") or "", country, table.text("locality") or "")

    def _access(self) -> AccessSettings:
        table = self._table("access")
        countries = [
            read_country_of(table, "countries", text, index)
            for index, text in enumerate(table.texts("countries"))
        ]
        return AccessSettings(
            tuple(dict.fromkeys(code for code in countries if code)),
            table.file("geo_database", self._folder, FileKind.COUNTRY_DATABASE),
            table.place(),
        )

    def _check_geolocation(self, sites: tuple[Site, ...], access: AccessSettings) -> None:
        # DESIGN 1, access, rung 2: a key *and* the country. Shut doors let nobody in anyway.
        locked = next((r for s in sites for r in s.routes if r.admit), None)
        if locked is None:
            return
        shown = quoted(locked.door.path)
        for key, missing, hint in (
            ("countries", not access.countries, 'countries = ["DE"]'),
            ("geo_database", access.geo_database is None, 'geo_database = "country.mmdb"'),
        ):
            if missing and not self._table("access").has(key):
                self._notes.add(
                    ("access",) if "access" in self._values else (),
                    f"route {shown} at {locked.place} lets people in by country, but [access] "
                    f"has no {quoted(key)}",
                    f"add to [access]: {hint}",
                )
            elif missing and key == "countries" and self._table("access").texts(key) == ():
                self._notes.add(
                    ("access", key), '"countries" is empty, so nobody could enter', hint
                )

    def _drops(self, model: ClassificationModel) -> tuple[Drop, ...]:
        drops: list[Drop] = []
        for table in self._tables("drop"):
            name, store = table.text("name"), table.text("store")
            classification = read_class(table, "class", model)
            if name and any(drop.name == name for drop in drops):
                table.fault("name", f"drop {quoted(name)} is declared twice")
            if store and not re.match(r"(file:.|s3://.)", store):
                table.fault(
                    "store",
                    f"store {quoted(store)} must be file:FOLDER or s3://BUCKET/PREFIX",
                    'such as "file:partners"',
                )
                store = None
            if store and store.startswith("file:"):
                store = f"file:{self._folder / store.removeprefix('file:')}"
            admit = read_admit(table)
            if name and store and classification:
                drops.append(Drop(name, classification, store, admit, table.place()))
        return tuple(drops)

    def _accepted(self) -> tuple[AcceptedRisk, ...]:
        accepted: dict[tuple[str, str], AcceptedRisk] = {}
        for table in self._tables("accept"):
            rule, asset = table.text("rule"), table.text("asset")
            by, reason, until = table.text("by"), table.text("reason"), table.date("until")
            if not (rule and asset and by and reason and until):
                continue
            if (rule, asset) in accepted:
                table.fault("rule", f"rule {quoted(rule)} is accepted twice for {quoted(asset)}")
            accepted[rule, asset] = AcceptedRisk(rule, asset, by, reason, until, table.place())
        return tuple(accepted.values())

    def _register_url(self, table: Table) -> str | None:
        text = table.text("url")
        if text is None:
            return None
        try:
            url = read_register_url(text)
        except UnfitError as error:
            # The URL may hold a password: it is never quoted.
            table.fault("url", f'"url" {error}', error.hint)
            return None
        prefix = "sqlite:///"
        path = url.removeprefix(prefix)
        if url.startswith(prefix) and not path.startswith((":memory:", "file:")):
            return prefix + str(self._folder / path)
        return url

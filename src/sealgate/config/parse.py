"""
From the text of ``sealgate.toml`` to the inventory, strictly, with every fault at once.

Pure: no file is opened, nothing is looked up; whether the files exist that the text
names is :mod:`sealgate.config.load`'s part. What cannot be followed in this version
is refused and never ignored.
"""

from __future__ import annotations

import posixpath
import re
import tomllib
from pathlib import PurePath
from typing import TYPE_CHECKING

from sealgate.config.classes import read_model
from sealgate.config.drops import Taken, meet, read_drops, read_tunnels
from sealgate.config.limits import read_limits
from sealgate.config.listen import opened, read_listen
from sealgate.config.payment import read_confirmed, read_payment_gateways
from sealgate.config.providers import read_identity_providers
from sealgate.config.reader import FileKind, Lines, Notes, Table, nearest, quoted, quoted_path
from sealgate.config.schema import SECTIONS, section
from sealgate.config.site_keys import read_keys
from sealgate.config.sites import read_sites
from sealgate.config.tls import check_acme, read_acme, read_tls
from sealgate.config.values import UnfitError, read_country, read_register_url
from sealgate.errors import ConfigError, Fault
from sealgate.policy.inventory import (
    AcceptedRisk,
    AccessSettings,
    Drop,
    Inventory,
    Operator,
    Route,
    Site,
    Tunnel,
)
from sealgate.policy.protection import AccessRung
from sealgate.policy.rules import RULES, find_rule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

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
        raise ConfigError(f"{quoted_path(file)} has {count}; first: {faults[0]}", faults=faults)


def _values(text: str, file: str) -> dict[str, Any]:
    if len(text) > MAX_CHARACTERS:
        message = f"the file has {len(text)} characters, at most {MAX_CHARACTERS} are read"
        raise_faults(file, (Fault(file, 1, message),))
    try:
        return tomllib.loads(text)
    except RecursionError:
        message = "no valid configuration: tables and lists are nested too deeply"
        fault = Fault(file, 1, message, "take out the nested lists")
    except tomllib.TOMLDecodeError as error:
        fault = _syntax_fault(text, file, str(error))
    except ValueError:
        # Python reads no number of more digits than this (sys.int_info).
        digits = re.search(r"(?<![0-9_])[0-9_]{4300,}", text)
        line = text.count("\n", 0, digits.start() if digits else 0) + 1
        fault = Fault(file, line, "a number has too many digits", "write a smaller number")
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
        acme = read_acme(self._table("tls"), self._folder)
        access = self._access()
        sites = read_sites(self._tables("site"), model, tls, self._folder)
        state = self._state_folder(self._table("state"))
        self._check_web_roots(state, sites)
        drops = read_drops(self._tables("drop"), model, self._folder, _taken(state, sites))
        tunnels = read_tunnels(self._tables("tunnel"), model)
        self._check_geolocation(sites, drops, tunnels, access)
        check_acme(self._table("tls"), acme, listen, sites, by_default=tls.acme)
        register = self._table("register")
        paid = read_payment_gateways(self._tables("payment_gateway"), sites, self._folder)
        return Inventory(
            source=str(self._folder / PurePath(self._notes.file).name),
            state_folder=state,
            listen=opened(self._table("listen"), listen, sites, drops, tunnels, paid),
            limits=read_limits(self._table("limits")),
            operator=self._operator(),
            tls=tls,
            access=access,
            sites=sites,
            drops=drops,
            tunnels=tunnels,
            keys=read_keys(self._table("keys")),
            acme=acme,
            accepted=_accepted(self._tables("accept")),
            model=model,
            envoy=self._table("gateway").file("envoy", self._folder, FileKind.PROGRAM),
            register_url=self._register_url(register),
            payment_gateways=paid,
            confirmed=read_confirmed(self._tables("confirm"), paid),
            identity_providers=read_identity_providers(
                self._tables("identity_provider"), sites, self._folder
            ),
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
                    nearest(key, known, "did you mean {}?") or "remove it",
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
            try:
                country = read_country(country)
            except UnfitError as error:
                table.fault("country", f"country {quoted(country)} {error}", error.hint)
                country = ""
        return Operator(table.text("name") or "", country, table.text("locality") or "")

    def _access(self) -> AccessSettings:
        table = self._table("access")
        return AccessSettings(
            table.each("countries", read_country, "country"),
            table.file("geo_database", self._folder, FileKind.COUNTRY_DATABASE),
            table.place(),
        )

    def _check_geolocation(
        self,
        sites: tuple[Site, ...],
        drops: tuple[Drop, ...],
        tunnels: tuple[Tunnel, ...],
        access: AccessSettings,
    ) -> None:
        # DESIGN 1, access, rung 2: a key *and* the country. Shut doors let nobody in anyway.
        table = self._table("access")
        guarded: list[tuple[str, Route | Drop | Tunnel]] = [
            *((f"route {quoted(r.door.path)}", r) for s in sites for r in s.routes),
            *((f"drop {quoted(drop.name)}", drop) for drop in drops),
            *((f"tunnel {quoted(tunnel.name)}", tunnel) for tunnel in tunnels),
        ]
        locked = next(
            (
                (name, one)
                for name, one in guarded
                if one.admit and one.classification.required.access >= AccessRung.HIGH
            ),
            None,
        )
        if locked is None:
            return
        name, first = locked
        lets_in = f"{name} lets people in by key and country, but "
        if not access.countries and not table.texts("countries"):
            said = '"countries" is empty' if table.has("countries") else "no country is allowed"
            self._notes.add_at(
                first.place, f"{lets_in}{said}", 'add to [access]: countries = ["DE"]'
            )
        if access.geo_database is None and not table.has("geo_database"):
            self._notes.add_at(
                first.place,
                f"{lets_in}there is no country database",
                'add to [access]: geo_database = "country.mmdb"',
            )

    def _state_folder(self, table: Table) -> str:
        usual = str(self._folder / DEFAULT_STATE_FOLDER)
        text = table.text("folder")
        return usual if text is None else table.path_of("folder", str(self._folder / text)) or usual

    def _check_web_roots(self, state: str, sites: tuple[Site, ...]) -> None:
        for site in sites:
            if site.web_root and meet(
                *(f"file:{posixpath.normpath(p)}" for p in (state, site.web_root))
            ):
                self._notes.add_at(
                    site.place,
                    f"the web root of site {quoted(site.name)} meets the state folder, so that its "
                    "keys would be shown to everybody",
                    'add to [state]: folder = "/var/lib/sealgate"',
                )

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
        if not url.startswith(prefix) or path.startswith("file:"):
            return url
        if path.startswith(":memory:"):
            table.fault(
                "url",
                '"url" names no file, so the register would be forgotten',
                'url = "sqlite:///register.sqlite"',
            )
            return None
        place = table.path_of("url", str(self._folder / path))
        return None if place is None else prefix + place


def _taken(state: str, sites: tuple[Site, ...]) -> Taken:
    # The state folder holds keys, and a web root is shown to everybody.
    roots = {
        f"file:{posixpath.normpath(site.web_root)}": f"the web root of site {quoted(site.name)}"
        for site in sites
        if site.web_root
    }
    return Taken({f"file:{posixpath.normpath(state)}": "the state folder, with its keys"} | roots)


def _accepted(tables: Sequence[Table]) -> tuple[AcceptedRisk, ...]:
    """
    Return the risks that *tables* accept; one whose last day is over is returned too.

    Whether the asset exists is not known here: a report shows what met no finding.
    """
    accepted: dict[tuple[str, str], AcceptedRisk] = {}
    for table in tables:
        rule, asset = table.text("rule"), table.text("asset")
        by, reason, until = table.text("by"), table.text("reason"), table.date("until")
        if rule and find_rule(rule) is None:
            table.fault(
                "rule",
                f"rule {quoted(rule)} does not exist",
                nearest(rule, [known.id for known in RULES], "rule = {}")
                or "docs/rules.md has every rule",
            )
        if not (rule and asset and by and reason and until):
            continue
        if (rule, asset) in accepted:
            first = accepted[rule, asset].place
            table.fault(
                "rule",
                f"rule {quoted(rule)} is accepted twice for {quoted(asset)}; first at {first}",
                "remove one",
            )
        accepted[rule, asset] = AcceptedRisk(rule, asset, by, reason, until, table.place())
    return tuple(accepted.values())

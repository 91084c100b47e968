"""
Card numbers of every scheme, the wrappings that they stand in, and numbers that are none.

Made up with a seed: valid by Luhn and by the issuers' ranges, and no published test numbers. What a
wrapping writes is a whole file of one number after the other; near misses are such files as well.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
import re
import uuid
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sealgate.detect.checksums import luhn

# Scheme: prefixes and lengths, as the schemes and ISO/IEC 7812 have them.
SCHEMES: dict[str, tuple[str, tuple[int, ...]]] = {
    "visa": ("4", (16,)),
    "mastercard": ("51 52 53 54 55", (16,)),
    "mastercard-2": ("2221 2300 2459 2610 2719 2720", (16,)),
    "amex": ("34 37", (15,)),
    "discover": ("6011 644 649 65", (16,)),
    "diners": ("300 305 36 38 39", (14,)),
    "jcb": ("3528 3550 3589", (16,)),
    "unionpay": ("62", (16, 17, 18, 19)),
    "maestro": ("5018 5020 5038 5893 6304 6759 6761 6763", (16,)),
    "mir": ("2200 2201 2202 2203 2204", (16,)),
    "rupay": ("60 6521 81 82 508 353 356", (16,)),
    "elo": ("401178 438935 457631 504175 506699 509000 627780 636297 650031 655000", (16,)),
    "hipercard": ("606282", (16,)),
    "verve": ("506099 507865 650002", (16, 19)),
    "dankort": ("5019 4571", (16,)),
    "troy": ("979200 979289", (16,)),
    "uzcard": ("8600", (16,)),
    "humo": ("9860", (16,)),
    "interpayment": ("636", (16, 19)),
    "discover-19": ("6011 65", (19,)),
}
# Lengths that many other numbers have; one alone is not told from them, a file of them is.
LONG_AND_SHORT: dict[str, tuple[str, tuple[int, ...]]] = {
    "visa-13": ("4", (13,)),
    "visa-19": ("4", (19,)),
    "maestro-12": ("5018 5020 5038 6304 6759", (12,)),
    "maestro-19": ("5018 5020 5038 6304 6759", (18, 19)),
    "jcb-15": ("1800 2131", (15,)),
}
_ALL = {**SCHEMES, **LONG_AND_SHORT}
FILE = 200
_DOCUMENTED = re.compile(r"4111111111111111|4242424242424242|5555555555554444|378282246310005")


def number(rng: random.Random, prefix: str, length: int) -> str:
    """Return a number of *length* that begins with *prefix* and passes Luhn."""
    while True:
        body = prefix + "".join(rng.choices("0123456789", k=length - len(prefix) - 1))
        whole = next(body + c for c in "0123456789" if luhn((body + c).encode()))
        if not _DOCUMENTED.fullmatch(whole) and len(set(whole)) > 2:
            return whole


def numbers(scheme: str, count: int = FILE) -> list[str]:
    """Return *count* numbers of *scheme*."""
    rng = random.Random(scheme)  # noqa: S311 - made-up values
    prefixes, lengths = _ALL[scheme]
    return [number(rng, rng.choice(prefixes.split()), rng.choice(lengths)) for _ in range(count)]


def mixed(count: int = FILE, seed: int = 1) -> list[str]:
    """Return *count* numbers of all schemes in turn."""
    rng = random.Random(seed)  # noqa: S311 - made-up values
    chosen = []
    for place in range(count):
        prefixes, lengths = list(SCHEMES.values())[place % len(SCHEMES)]
        chosen.append(number(rng, rng.choice(prefixes.split()), rng.choice(lengths)))
    return chosen


def parts(pan: str) -> list[str]:
    """Return *pan* in the groups that it is printed in."""
    if len(pan) in {14, 15}:
        return [pan[:4], pan[4:10], pan[10:]]
    return [pan[at : at + 4] for at in range(0, len(pan), 4)]


class Wrapping(NamedTuple):
    """How a file of numbers is written: *write* returns it whole, *ending* is its name's."""

    write: Callable[[Sequence[str]], bytes]
    ending: str = ".txt"


def _lines(form: Callable[[str, int], str], ending: str = ".txt", head: str = "") -> Wrapping:
    return Wrapping(
        lambda pans: (
            head + "".join(form(pan, place) + "\n" for place, pan in enumerate(pans))
        ).encode(),
        ending,
    )


def _grouped(separator: str, form: str = "{}", ending: str = ".txt") -> Wrapping:
    return _lines(lambda pan, _: form.format(separator.join(parts(pan))), ending)


def _name(place: int) -> str:
    return ("Ada Quist", "Bo Renner", "Cleo Sand")[place % 3]


def _digits(pan: str, zero: str) -> str:
    return "".join(chr(ord(zero) + int(c)) if c.isdigit() else c for c in pan)


def _latin(separator: bytes) -> Wrapping:
    return Wrapping(
        lambda pans: b"".join(
            b"caf\xe9 " + separator.join(p.encode() for p in parts(pan)) + b" \xfcber\n"
            for pan in pans
        )
    )


def _expiry(place: int, form: str) -> str:
    return dt.date(2027 + place % 6, 1 + place % 12, 1).strftime(form)


_SPACES_AND_DASHES = (
    "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\u2028"
    "\u00ad\u200b\u200c\u200d\u2060\u2061\u2063\ufeff\u061c\u180e\u200e"
    "\u058a\u05be\u1400\u1806\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2e3a\u2e40\u301c\u3030\u30a0\ufe31\ufe58\ufe63\uff0d"
)  # fmt: skip
_ZEROS = "\u0660\u06f0\u07c0\u0966\u09e6\u0a66\u0ae6\u0be6\u0c66\u0d66\u0e50\u0ed0\u0f20\u1040\u17e0\u1810\uff10\U0001d7ce\U0001d7f6"

WRAPPINGS: dict[str, Wrapping] = {
    "alone": _lines(lambda pan, _: pan),
    "one line, spaces": Wrapping(lambda pans: " ".join(pans).encode()),
    "one line, commas": Wrapping(lambda pans: ",".join(pans).encode()),
    "one line, bars": Wrapping(lambda pans: "|".join(pans).encode()),
    "one line, semicolons": Wrapping(lambda pans: "; ".join(pans).encode()),
    "two in a line": Wrapping(
        lambda pans: "".join(f"{a} {b}\n" for a, b in zip(pans[::2], pans[1::2], strict=True)).encode()
    ),
    "two joined by a dash": Wrapping(
        lambda pans: "".join(f"{a}-{b}\n" for a, b in zip(pans[::2], pans[1::2], strict=True)).encode()
    ),
    "two joined by a dot": Wrapping(
        lambda pans: "".join(f"{a}.{b}\n" for a, b in zip(pans[::2], pans[1::2], strict=True)).encode()
    ),
    "groups": _grouped(" "),
    "groups by dashes": _grouped("-"),
    "groups by dots": _grouped("."),
    "groups by underscores": _grouped("_"),
    "groups by apostrophes": _grouped("'"),
    "groups by tildes": _grouped("~"),
    "groups by slashes": _grouped("/"),
    "groups by colons": _grouped(":"),
    "groups by slashes and spaces": _grouped(" / "),
    "groups by dashes, expiry behind": _lines(lambda pan, n: f"{'-'.join(parts(pan))}-{_expiry(n, '%m%y')}-{100 + n}"),
    "groups by dots, year behind": _lines(lambda pan, n: f"{'.'.join(parts(pan))}.{_expiry(n, '%m.%Y')}"),
    "groups behind a year and a dash": _lines(lambda pan, n: f"2026-{' '.join(parts(pan))}-{_expiry(n, '%m%y')}"),
    "groups, colon and year": _lines(lambda pan, n: f"{' '.join(parts(pan))}:{_expiry(n, '%m:%Y')}"),
    "groups by two spaces": _grouped("  "),
    "groups by dash and spaces": _grouped(" - "),
    "groups in a row": Wrapping(lambda pans: " ".join(" ".join(parts(p)) for p in pans).encode()),
    "groups in a row, dashes": Wrapping(lambda pans: " ".join("-".join(parts(p)) for p in pans).encode()),
    "groups in a row, all dashes": Wrapping(lambda pans: "-".join("-".join(parts(p)) for p in pans).encode()),
    "groups in a row, dots": Wrapping(lambda pans: " ".join(".".join(parts(p)) for p in pans).encode()),
    "groups in a row, commas": Wrapping(lambda pans: ",".join(" ".join(parts(p)) for p in pans).encode()),
    "three groups of numbers a line": Wrapping(
        lambda pans: "".join(
            "  ".join(" ".join(parts(p)) for p in pans[at : at + 3]) + "\n" for at in range(0, len(pans), 3)
        ).encode()
    ),
    "in pairs of eight": _lines(lambda pan, _: f"{pan[:8]} {pan[8:]}"),
    "six and the rest": _lines(lambda pan, _: f"{pan[:6]} {pan[6:]}"),
    "values": _lines(lambda pan, n: f"INSERT INTO t VALUES ({n},{pan},'A');", ".sql"),  # noqa: S608  # a dump
    "values in one statement": Wrapping(
        lambda pans: (
            "INSERT INTO t (id,n,x) VALUES " + ",".join(f"({n},{p},'A',{n % 7}.5)" for n, p in enumerate(pans)) + ";\n"  # noqa: S608  # a dump
        ).encode(),
        ".sql",
    ),
    "values as text": _lines(lambda pan, n: f"INSERT INTO `t` VALUES ({n},'{pan}',NULL);", ".sql"),  # noqa: S608  # a dump
    "copy": Wrapping(
        lambda pans: ("COPY t (a, b) FROM stdin;\n" + "".join(f"{n}\t{p}\n" for n, p in enumerate(pans)) + "\\.\n").encode(),
        ".sql",
    ),
    "csv with expiry": _lines(lambda pan, n: f"{n},{pan},{_expiry(n, '%m/%y')}", ".csv"),
    "csv with a header": _lines(
        lambda pan, n: f"{n},{pan},{_expiry(n, '%m/%y')},{_name(n)}", ".csv", "id,value,until,who\n"
    ),
    "csv with numbers beside": _lines(lambda pan, n: f"{n},{n * 7919},{pan},{n % 5},{n * 1.25}", ".csv", "a,b,c,d,e\n"),
    "csv in a text": _lines(lambda pan, n: f"row {n}: 17,{pan},{n}.25,3"),
    "csv, quoted": _lines(lambda pan, n: f'"{n}","{pan}","x"', ".csv"),
    "csv, semicolons and groups": _lines(lambda pan, n: f"{n};{' '.join(parts(pan))};{n},50", ".csv"),
    "csv for a spreadsheet": _lines(lambda pan, n: f'{n},="{pan}",x', ".csv"),
    "csv with an apostrophe": _lines(lambda pan, n: f"{n},'{pan},x", ".csv"),
    "tabs": _lines(lambda pan, n: f"{n}\t{pan}\t{_expiry(n, '%m%y')}", ".tsv"),
    "bars": _lines(lambda pan, n: f"{n}|{pan}|{_expiry(n, '%m%y')}"),
    "bars, expiry and code": _lines(lambda pan, n: f"{pan}|{_expiry(n, '%m|%Y')}|{100 + n}"),
    "colons": _lines(lambda pan, n: f"{pan}:{_expiry(n, '%m')}:{_expiry(n, '%y')}:{100 + n}"),
    "slashes": _lines(lambda pan, n: f"{pan}/{_expiry(n, '%m/%y')}/{100 + n}"),
    "fixed width": _lines(lambda pan, n: f"{n:06d} {pan:<19} {_expiry(n, '%m%y')} {_name(n):<12}"),
    "fixed width, no header, right": _lines(lambda pan, n: f"{_name(n):<12}{pan:>20}{n:>8}"),
    "groups before expiry": _lines(lambda pan, n: f"{' '.join(parts(pan))} {_expiry(n, '%m/%y')}"),
    "groups before expiry and code": _lines(lambda pan, n: f"{' '.join(parts(pan))} {_expiry(n, '%m/%y')} {100 + n}"),
    "groups before a year": _lines(lambda pan, n: f"{' '.join(parts(pan))} {_expiry(n, '%m %Y')}"),
    "groups before four digits": _lines(lambda pan, n: f"{' '.join(parts(pan))} {_expiry(n, '%m%y')}"),
    "groups behind a number": _lines(lambda pan, n: f"{n:04d} {' '.join(parts(pan))} {_expiry(n, '%m/%y')}"),
    "groups behind a short number": _lines(lambda pan, n: f"{n} {' '.join(parts(pan))} x"),
    "date before, expiry behind": _lines(lambda pan, n: f"2026-11-{1 + n % 28:02d} {pan} {_expiry(n, '%m/%y')}"),
    "date and groups": _lines(lambda pan, n: f"2026-11-{1 + n % 28:02d} {' '.join(parts(pan))} {_expiry(n, '%m/%y')}"),
    "day first and groups": _lines(lambda pan, n: f"{1 + n % 28:02d}.11.2026 {' '.join(parts(pan))}"),
    "log line": _lines(lambda pan, n: f"2026-11-01T10:{n % 60:02d}:07.123Z INFO [worker-{n}] charge {pan} amount=12.{n % 90 + 10} ok"),
    "log line, bracketed": _lines(lambda pan, n: f"[01/Nov/2026:10:00:{n % 60:02d} +0000] ({pan}) <{n}>"),
    "syslog": _lines(lambda pan, n: f"Nov  1 10:00:{n % 60:02d} pos{n} app[{n}]: n={pan},t=12.5"),
    "access log": _lines(
        lambda pan, n: f'10.0.0.{n % 250} - - [01/Nov/2026:10:00:00 +0000] "GET /pay?n={"%20".join(parts(pan))}&e=12 HTTP/1.1" 200 {n}', ".log"
    ),
    "access log, plus": _lines(
        lambda pan, n: f'10.0.0.{n % 250} - - [01/Nov/2026:10:00:00 +0000] "GET /pay?n={"+".join(parts(pan))}&e=12 HTTP/1.1" 200 {n}', ".log"
    ),
    "escaped dashes": _grouped("%2D", "n={}&e=1"),
    "escaped dashes, small": _grouped("%2d", "n={}&e=1"),
    "escaped no-break spaces": _grouped("%C2%A0", "n={}&e=1"),
    "escaped twice": _grouped("%2520", "n={}&e=1"),
    "behind an escape": _lines(lambda pan, _: f"q=%7B%22n%22%3A%22{pan}%22%7D"),
    "behind an escaped equals": _lines(lambda pan, _: f"u=%2Fpay%3Fn%3D{pan}%26e%3D12"),
    "json list": Wrapping(lambda pans: json.dumps([[n, int(p)] for n, p in enumerate(pans)]).encode(), ".json"),
    "json list, close": Wrapping(
        lambda pans: json.dumps([[n, int(p)] for n, p in enumerate(pans)], separators=(",", ":")).encode(), ".txt"
    ),
    "json objects": _lines(lambda pan, n: json.dumps({"id": n, "v": pan}), ".jsonl"),
    "json, floats": _lines(lambda pan, n: f'{{"id":{n},"v":{pan}.0}}', ".jsonl"),
    "json in json": _lines(lambda pan, n: json.dumps({"m": json.dumps({"v": pan, "n": n})}), ".log"),
    "behind a line end of json": _lines(lambda pan, n: json.dumps({"m": f"number:\n{pan}\nend {n}"}), ".log"),
    "floats": _lines(lambda pan, n: f"{n},{pan}.0,x", ".csv"),
    "floats with two places": _lines(lambda pan, n: f"{n} {pan}.00 x"),
    "xml": Wrapping(
        lambda pans: ("<r>" + "".join(f'<c id="{n}">{p}</c>' for n, p in enumerate(pans)) + "</r>").encode(), ".xml"
    ),
    "xml attribute, groups": Wrapping(
        lambda pans: ("<r>" + "".join(f"<c n='{' '.join(parts(p))}' i='{n}'/>" for n, p in enumerate(pans)) + "</r>").encode(), ".xml"
    ),
    "html": Wrapping(
        lambda pans: ("<table>" + "".join(f"<tr><td>{n}</td><td>{'&nbsp;'.join(parts(p))}</td></tr>\n" for n, p in enumerate(pans)) + "</table>").encode(),
        ".html",
    ),
    "yaml": _lines(lambda pan, n: f"- id: {n}\n  v: {pan}\n  e: {_expiry(n, '%m/%y')}", ".yaml"),
    "yaml flow": _lines(lambda pan, n: f"- [{n}, {pan}]", ".yaml"),
    "python": _lines(lambda pan, n: f"    ({n}, {pan}, Decimal('{pan}')),", ".py"),
    "code with underscores": _lines(lambda pan, n: f"long c{n} = {'_'.join(parts(pan))}L;", ".java"),
    "brackets": _lines(lambda pan, _: f"[{pan}]({pan}){{{pan}}}<{pan}>"),
    "quotes": _lines(lambda pan, _: f"\u201e{pan}\u201c \u00ab{pan}\u00bb"),
    "sentence": _lines(lambda pan, n: f"Please take it from {pan}, it ends in {_expiry(n, '%B %Y')}."),
    "masked beside": _lines(lambda pan, _: f"**** **** **** {pan[-4:]} {' '.join(parts(pan))}"),
    "masked beside, compact": _lines(lambda pan, _: f"{pan[:6]}******{pan[-4:]} {pan}"),
    "track 1": _lines(lambda pan, n: f"%B{pan}^{_name(n).upper().replace(' ', '/')}^{_expiry(n, '%y%m')}101{n:010d}?"),
    "track 1 without a sentinel": _lines(lambda pan, n: f"B{pan}^{_name(n).upper().replace(' ', '/')}^{_expiry(n, '%y%m')}101"),
    "track 1, groups": _lines(lambda pan, n: f"%B{' '.join(parts(pan))}^QUIST/ADA^{_expiry(n, '%y%m')}101?"),
    "track 2": _lines(lambda pan, n: f";{pan}={_expiry(n, '%y%m')}101{n:010d}?"),
    "track 2 of a chip": _lines(lambda pan, n: f"57 13 {pan}D{_expiry(n, '%y%m')}101{n:010d}F"),
    "track 2 of a chip, small": _lines(lambda pan, n: f"tag57={pan}d{_expiry(n, '%y%m')}201{n:05d}f"),
    "behind its word": _lines(lambda pan, _: f"PAN{pan} CARD{pan} visa{pan}"),
    "latin-1 no-break spaces": _latin(b"\xa0"),
    "latin-1 soft hyphens": _latin(b"\xad"),
    "windows-1252 dashes": _latin(b"\x96"),
    "no-break spaces and commas": _lines(lambda pan, n: f"{n},{chr(0xA0).join(parts(pan))},12/28", ".csv"),
    "no-break spaces in a row": Wrapping(lambda pans: "\u00a0".join("\u00a0".join(parts(p)) for p in pans).encode()),
    "zero width between all": _lines(lambda pan, _: "\u200b".join(pan)),
    "zero width and spaces": _grouped("\u200b \u200b"),
    "byte order mark before": _lines(lambda pan, _: f"\ufeff{pan}\ufeff"),
    "words of other scripts around": _lines(lambda pan, _: f"\u043a\u0430\u0440\u0442\u0430 {pan} \u0433\u043e\u0442\u043e\u0432\u043e, \u30ab\u30fc\u30c9{pan}\u3002"),
    "utf-16": Wrapping(lambda pans: ("\ufeff" + "\n".join(pans) + "\n").encode("utf-16-le")),
    "carriage returns": Wrapping(lambda pans: "\r\n".join(f"{n};{p}" for n, p in enumerate(pans)).encode(), ".csv"),
    "null bytes around": _lines(lambda pan, n: f"\x00{pan}\x00{n}\x00", ".bin"),
    "settings": _lines(lambda pan, n: f"c{n}={pan}", ".ini"),
    "url path": _lines(lambda pan, n: f"https://shop.example/c/{pan}/edit?n={n}"),
    "file names": _lines(lambda pan, n: f"export_{pan}_{n}.pdf"),
    "markdown": _lines(lambda pan, n: f"| {n} | {pan} | {_expiry(n, '%m/%y')} |", ".md"),
    "edifact": _lines(lambda pan, n: f"FII+{pan}:{n}'DTM+137:20261101:102'"),
    "iso 8583, fields": _lines(lambda pan, n: f"<field id=\"2\" value=\"{pan}\"/><field id=\"14\" value=\"{_expiry(n, '%y%m')}\"/>"),
    "phone beside": _lines(lambda pan, n: f"+49 30 90182{n:03d} {' '.join(parts(pan))} {_expiry(n, '%m/%y')}"),
    "amounts beside": _lines(lambda pan, n: f"{n}.50 {' '.join(parts(pan))} 1,234.50"),
    **{
        f"groups by U+{ord(sign):04X}": _grouped(sign)
        for sign in _SPACES_AND_DASHES
    },
    **{f"digits from U+{ord(zero):04X}": _lines(lambda pan, _, zero=zero: _digits(" ".join(parts(pan)), zero)) for zero in _ZEROS},  # type: ignore[misc]
    **{f"digits from U+{ord(zero):04X}, close": _lines(lambda pan, n, zero=zero: f"{n},{_digits(pan, zero)}") for zero in _ZEROS[:6]},  # type: ignore[misc]
}  # fmt: skip


def _ean(rng: random.Random, prefix: str, length: int = 13) -> str:
    body = prefix + "".join(rng.choices("0123456789", k=length - 1 - len(prefix)))
    weighed = sum(int(c) * (3 if place % 2 == 0 else 1) for place, c in enumerate(reversed(body)))
    return body + str(-weighed % 10)


def _d(rng: random.Random, count: int) -> str:
    return "".join(rng.choices("0123456789", k=count))


def _rows(rng: random.Random, columns: int, separator: str) -> str:
    return separator.join(str(rng.randint(1000, 9999)) for _ in range(columns))


class NearMiss(NamedTuple):
    """What writes one of so many lines, and how many of ``FILE`` may be taken for cards at most."""

    line: Callable[[random.Random, int], str]
    most: int = 0


# A number of 16 digits passes Luhn one time in ten, and a third of them begin like a card.
_CHANCE = 20
NEAR_MISSES: dict[str, NearMiss] = {
    "timestamps in seconds": NearMiss(lambda _, n: f"{1_700_000_000 + n * 37} start {1_800_000_000 + n}"),
    "timestamps in milliseconds": NearMiss(lambda r, _: f"t={1_690_000_000_000 + r.randrange(10**11)}"),
    "timestamps in microseconds": NearMiss(lambda r, n: f'{{"ts":{1_690_000_000_000_000 + r.randrange(10**14)},"v":{n}}}'),
    "timestamps in nanoseconds": NearMiss(lambda r, n: f"{1_690_000_000_000_000_000 + r.randrange(10**17)} {n}"),
    "compact dates": NearMiss(lambda _, n: f"2026{1 + n % 12:02d}{1 + n % 28:02d}{n % 24:02d}{n % 60:02d}{n % 60:02d} job {n}"),
    "compact dates with milliseconds": NearMiss(lambda r, n: f"2026{1 + n % 12:02d}{1 + n % 28:02d}{n % 24:02d}{n % 60:02d}{n % 60:02d}{r.randrange(100):02d}"),
    "dates and times": NearMiss(lambda _, n: f"2026-11-{1 + n % 28:02d} 10:{n % 60:02d}:07 2026-12-01 2027 2028 2029"),
    "imei": NearMiss(lambda r, _: number(r, r.choice(["35", "86", "01", "99"]), 15)),
    "imei, named": NearMiss(lambda r, _: f"IMEI: {number(r, r.choice(['35', '86']), 15)}"),
    "iccid": NearMiss(lambda r, _: number(r, "8949", r.choice([19, 20]))),
    "ean": NearMiss(lambda r, n: f"{_ean(r, r.choice(['40', '43', '50', '76', '978', '979']))},{n % 90}.99"),
    "ean of one country": NearMiss(lambda r, _: _ean(r, "40")),
    "isbn": NearMiss(lambda r, n: f"ISBN 978-{r.randint(0, 9)}-{_d(r, 3)}-{_d(r, 5)}-{n % 10}"),
    "sscc": NearMiss(lambda r, _: f"(00){_ean(r, '340', 18)}", 4),
    "gtin-14": NearMiss(lambda r, _: _ean(r, "1", 14)),
    "upc": NearMiss(lambda r, _: f"{_ean(r, '0', 12)} {_ean(r, '6', 12)}"),
    "floats": NearMiss(lambda r, _: f"{r.random()!r},{r.uniform(-180, 180)!r}"),
    "floats with four places before": NearMiss(lambda r, _: f"{r.uniform(1000, 9999)!r};{r.uniform(4000, 6999)!r}"),
    "floats in scientific form": NearMiss(lambda r, _: f"{r.random():.18e} {r.uniform(4, 6):.16E}"),
    "coordinates": NearMiss(lambda r, _: f"POINT({r.uniform(4, 7):.15f} {r.uniform(40, 60):.14f})"),
    "money with thousands": NearMiss(lambda r, _: f"{r.randint(10**6, 10**9):,}.00 EUR {r.randint(10**6, 10**9):,}"),
    "phones": NearMiss(lambda r, _: f"+49 {r.randint(30, 999)} {_d(r, 4)} {_d(r, 3)} +44 20 {_d(r, 4)} {_d(r, 4)}", 1),
    "phones in a row": NearMiss(lambda r, _: " ".join(f"0{r.randint(30, 89)} {_d(r, 4)} {_d(r, 4)}" for _ in range(3)), 1),
    "phones of Spain": NearMiss(lambda r, _: f"6{_d(r, 2)} {_d(r, 2)} {_d(r, 2)} {_d(r, 2)} / 9{_d(r, 2)} {_d(r, 3)} {_d(r, 3)}"),
    "phones of America": NearMiss(lambda r, _: f"({r.randint(200, 999)}) {r.randint(200, 999)}-{_d(r, 4)} {r.randint(200, 999)}-{r.randint(200, 999)}-{_d(r, 4)}"),
    "years": NearMiss(lambda _, n: f"{2000 + n % 20} {2001 + n % 20} {2002 + n % 20} {2003 + n % 20} {2004 + n % 20}"),
    "year ranges": NearMiss(lambda _, n: f"{1990 + n % 30}\u2013{2000 + n % 30}, {2010 + n % 10}\u20132026 and 4000\u20136000"),
    "table of six columns": NearMiss(lambda r, _: _rows(r, 6, " "), 1),
    "table of nine columns": NearMiss(lambda r, _: _rows(r, 9, " "), 1),
    "table of commas": NearMiss(lambda r, _: _rows(r, 6, ",")),
    "table of four, tabs": NearMiss(lambda r, _: _rows(r, 4, "\t")),
    "prices with no-break spaces": NearMiss(lambda r, _: f"{r.randint(1, 999)}\u00a0{_d(r, 3)}\u00a0{_d(r, 3)}\u202f\u20ac"),
    "uuids": NearMiss(lambda r, _: str(uuid.UUID(int=r.getrandbits(128)))),
    "uuids of digits": NearMiss(lambda r, _: f"{_d(r, 8)}-{_d(r, 4)}-4{_d(r, 3)}-8{_d(r, 3)}-{_d(r, 12)}"),
    "digests": NearMiss(lambda _, n: hashlib.sha256(str(n).encode()).hexdigest() + "  " + hashlib.md5(str(n).encode()).hexdigest()),  # noqa: S324  # no security in it
    "hexadecimal numbers": NearMiss(lambda r, _: f"0x{_d(r, 16)} {_d(r, 16)}f3"),
    "serials of five groups": NearMiss(lambda r, _: "-".join(_d(r, 4) for _ in range(5))),
    "serials of six groups": NearMiss(lambda r, _: "-".join(_d(r, 4) for _ in range(6))),
    "serials of letters": NearMiss(lambda r, _: "-".join(f"{_d(r, 3)}{r.choice('ABCDEF')}" for _ in range(4))),
    "ibans in groups": NearMiss(lambda _, n: f"FR76 3000 6000 0112 3456 7890 189 {n}"),
    "tracking numbers": NearMiss(lambda r, _: f"1Z{_d(r, 16)} JD{_d(r, 18)} 00{_d(r, 18)} RR{_d(r, 9)}DE"),
    "tracking of twenty digits": NearMiss(lambda r, _: f"003404{_d(r, 14)} 9400{_d(r, 18)}"),
    "snowflakes": NearMiss(lambda r, _: str(1_200_000_000_000_000_000 + r.randrange(10**17))),
    "versions": NearMiss(lambda r, n: f"v{n}.{_d(r, 4)}.{_d(r, 4)}.{_d(r, 4)} 10.{r.randint(0, 255)}.{r.randint(0, 255)}.{n % 255}"),
    "order numbers": NearMiss(lambda r, _: f"ORD-{_d(r, 10)} INV2026{_d(r, 6)}"),
    "order numbers of 16 digits": NearMiss(lambda r, _: f"order {_d(r, 16)} done", _CHANCE),
    "order numbers of 14 digits": NearMiss(lambda r, _: f"order {_d(r, 14)} done", 6),
    "numbers of 19 digits": NearMiss(lambda r, _: str(r.randrange(10**18, 9 * 10**18)), 12),
    "numbers of 13 digits": NearMiss(lambda r, _: f"{_d(r, 13)} {_d(r, 12)} x"),
    "invalid cards": NearMiss(lambda r, _: str(int(number(r, "4", 16)) ^ 1)),
    "invalid cards in groups": NearMiss(lambda r, _: " ".join(parts(str(int(number(r, "4", 16)) ^ 1)))),
    "invalid cards before an expiry": NearMiss(lambda r, n: " ".join(parts(str(int(number(r, "4", 16)) ^ 1))) + f" {1 + n % 12:02d}/28", 24),
    "digits of other scripts": NearMiss(lambda r, n: _digits(f"2026/{1 + n % 12:02d}/{1 + n % 28:02d} {_d(r, 8)}", "\u0660")),
    "escapes": NearMiss(lambda r, n: f"/a%20{_d(r, 4)}%2C{_d(r, 4)}+{_d(r, 4)}?t={1_700_000_000_000 + n}"),
    "sums": NearMiss(lambda r, _: f"{_d(r, 4)}+{_d(r, 4)}={_d(r, 5)}; {_d(r, 3)} - {_d(r, 4)} - {_d(r, 2)}"),
}  # fmt: skip


def near_misses(name: str, count: int = FILE) -> bytes:
    """Return a file of *count* lines called *name*."""
    rng = random.Random(name)  # noqa: S311 - made-up values
    line = NEAR_MISSES[name].line
    return "".join(f"{line(rng, place)}\n" for place in range(count)).encode()

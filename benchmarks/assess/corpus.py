"""
The text that the benchmark reads: seeded, the same on every machine, near to real.

``quiet`` is prose and application logs with few values in them; ``mixed`` is prose,
access logs, mails and CSV lines with personal data at the density of an office share.
Every value is made up: domains, numbers and names point at nobody.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

_WORDS = """
the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which
one you were all her she there would their we him been has when who will no more if out so up said what its about
than into them can only other time new some could these two may first then do any like my now over such our man me
even most made after also did many off before must well back through years where much your way down should because
long each just state those people too mr how little good world make very year still see own work men day get here
between both life being under three never know same last another while us might great go come since against right
came take used himself few house use during without again place around however home small found mrs thought part
general high upon say every don't does got united number hand course water until always away public something fact
less through system report service request invoice customer delivery contract meeting project budget quarter team
server update release account manager office street order payment product market process review change document
""".split()  # noqa: SIM905 - a list of words
FIRST = "Anna Peter Maria Johan Sofia Luca Emma Paul Laura Marco Julia Thomas Clara David Ines Erik".split()  # noqa: SIM905
LAST = "Schmidt Jansen Rossi Garcia Martin Weber Novak Silva Dubois Larsen Moreau Keller Bauer Costa".split()  # noqa: SIM905
_MODULES = "billing auth.session shop.cart worker.mail cache http.server scheduler indexer".split()  # noqa: SIM905
_EVENTS = (
    "request finished in {ms} ms with status 200",
    "cache miss for key product:{n}, loading from store",
    "job {n} done, {ms} rows written, 0 failed",
    "connection pool at {p}% of 64",
    "retrying upstream in {ms} ms (attempt 2 of 5)",
    "index segment {n} merged into {m}",
    "template checkout/summary.html rendered in {ms} ms",
    "worker 3 heartbeat, queue depth {p}",
)


def sentence(rng: random.Random) -> str:
    """Return some words that look like a sentence."""
    words = rng.choices(_WORDS, k=rng.randint(6, 22))
    return words[0].capitalize() + " " + " ".join(words[1:]) + "."


def _stamp(rng: random.Random) -> str:
    return (
        f"2026-{rng.randint(1, 12):02}-{rng.randint(1, 28):02} "
        f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02},{rng.randint(0, 999):03}"
    )


def _log(rng: random.Random) -> str:
    event = rng.choice(_EVENTS).format(
        ms=rng.randint(1, 900),
        n=rng.randint(1000, 99999),
        m=rng.randint(1, 400),
        p=rng.randint(0, 99),
    )
    return f"{_stamp(rng)} INFO  [{rng.choice(_MODULES)}] {event}"


def _paragraph(rng: random.Random) -> str:
    return " ".join(sentence(rng) for _ in range(rng.randint(2, 6)))


def _person(rng: random.Random) -> tuple[str, str, str]:
    first, last = rng.choice(FIRST), rng.choice(LAST)
    return (
        first,
        last,
        f"{first.lower()}.{last.lower()}{rng.randint(1, 99)}@mail{rng.randint(1, 9)}.example.com",
    )


def luhn_number(rng: random.Random, prefix: str = "4", length: int = 16) -> str:
    """Return a made-up card number of *length* digits that passes Luhn."""
    body = prefix + "".join(str(rng.randint(0, 9)) for _ in range(length - len(prefix) - 1))
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return body + str(-total % 10)


def iban_number(rng: random.Random) -> str:
    """Return a made-up German IBAN with a right checksum."""
    body = "".join(str(rng.randint(0, 9)) for _ in range(18))
    check = 98 - int(body + "131400") % 97
    return f"DE{check:02}{body}"


def _access(rng: random.Random) -> str:
    ip = f"{rng.randint(20, 220)}.{rng.randint(0, 255)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}"
    return (
        f"{ip} - - [{rng.randint(1, 28):02}/Nov/2026:{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:07 +0100] "
        f'"GET /{rng.choice(_WORDS)}/{rng.randint(1, 9999)} HTTP/1.1" 200 {rng.randint(200, 99999)} "-" '
        f'"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"'
    )


def _csv(rng: random.Random) -> str:
    first, last, mail = _person(rng)
    return (
        f"{rng.randint(1000, 99999)},{first},{last},{mail},+49 30 {rng.randint(1000000, 9999999)},"
        f"Lindenstraße {rng.randint(1, 200)},{rng.randint(10000, 99999)},Berlin,{rng.randint(1, 5000)}.{rng.randint(0, 99):02}"
    )


def _mail(rng: random.Random) -> str:
    first, last, mail = _person(rng)
    lines = [
        f"From: {first} {last} <{mail}>",
        f"Subject: {' '.join(rng.choices(_WORDS, k=5))}",
        "",
        _paragraph(rng),
    ]
    if rng.random() < 0.2:
        lines.append(f"Please pay to {iban_number(rng)} until the end of the month.")
    if rng.random() < 0.05:
        lines.append(f"My card is {luhn_number(rng)}, cvv: {rng.randint(100, 999)}.")
    if rng.random() < 0.05:
        lines.append(f"The new login is password={rng.choice(_WORDS)}{rng.randint(100, 999)}!")
    lines.append(f"Regards, {first}")
    return "\n".join(lines)


_QUIET: tuple[tuple[Callable[[random.Random], str], int], ...] = ((_paragraph, 4), (_log, 12))
_MIXED: tuple[tuple[Callable[[random.Random], str], int], ...] = (
    (_paragraph, 12),
    (_log, 30),
    (_access, 8),
    (_csv, 6),
    (_mail, 3),
)
# One mail address or less per page of quiet text.
_QUIET_VALUES_PER_LINE = 0.002


def lines(name: str, seed: int = 2) -> Iterator[bytes]:
    """Yield the lines of the text called *name* (``quiet`` or ``mixed``) without end."""
    rng = random.Random(seed)  # noqa: S311 - a benchmark's text, not a secret
    makers = _QUIET if name == "quiet" else _MIXED
    kinds, weights = [m for m, _ in makers], [w for _, w in makers]
    while True:
        line = rng.choices(kinds, weights)[0](rng)
        if name == "quiet" and rng.random() < _QUIET_VALUES_PER_LINE:
            line += f" Write to {_person(rng)[2]}."
        yield line.encode("utf-8") + b"\n"


def text(name: str, size: int, seed: int = 2) -> bytes:
    """Return *size* bytes of the text called *name*."""
    parts: list[bytes] = []
    length = 0
    for line in lines(name, seed):
        parts.append(line)
        length += len(line)
        if length >= size:
            break
    return b"".join(parts)[:size]

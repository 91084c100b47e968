"""
Other ways to write a path that some server would read as the same place.

A lock that compares paths letter by letter is open to whoever spells the path
differently. The probe in :mod:`sealgate.audit.adapters.lock` asks for each of these
and every one has to be refused. What each spelling means to a server is told in
:mod:`sealgate.policy.routing`, which the gateway is compiled from.
"""

from __future__ import annotations

from sealgate.policy.routing import is_script

# One that most servers hand whatever stands behind it.
SCRIPT = "index.php"


def spellings(path: str) -> tuple[str, ...]:
    """
    Return the other spellings of *path* (``/typo3``), each once, *path* not among them.

    At least twenty for any path with a letter in it. The result holds request targets
    to be sent as they stand: no client may tidy them up.
    """
    bare = path.rstrip("/") or "/"
    if bare == "/":
        return ("//", "/./", "/.", "/%2e/", "/x/..", "/x/%2e%2e/", "/;x", "/%2f", "/index.php/")
    inner = bare[1:]
    first, rest = inner[0], inner[1:]
    found = (
        # Letter case: file systems and routers that fold it.
        bare.upper(),
        f"/{inner.capitalize()}",
        f"/{inner[:-1]}{inner[-1].swapcase()}",
        # RFC 3986, 2.1: a percent-encoded letter is the same letter; some decode twice.
        f"/%{ord(first):02X}{rest}",
        f"/%{ord(first):02x}{rest}",
        f"/{_encoded(inner, '%')}",
        f"/%25{ord(first):02X}{rest}",
        f"/{_encoded(inner, '%25')}",
        # Slashes: doubled, encoded, turned round.
        f"/{bare}",
        f"//{bare}",
        f"{bare}//",
        f"{bare}%2f",
        f"/%2f{inner}",
        f"/%2F{inner}",
        f"/%252f{inner}",
        f"/%5c{inner}",
        f"/\\{inner}",
        # RFC 3986, 5.2.4: dot segments, plain and encoded.
        f"/.{bare}",
        f"/%2e{bare}",
        f"/x/..{bare}",
        f"/x/%2e%2e{bare}",
        f"/x/..%2f{inner}",
        f"/x/%252e%252e{bare}",
        f"/x\\..\\{inner}",
        f"{bare}/.",
        f"{bare}/x/..",
        # RFC 3986, 3.3: parameters, which Java servers cut off before they resolve.
        f"{bare};x",
        f"{bare};x=1/",
        f"/;x{bare}",
        f"/x/..;{bare}",
        f"{bare}%3bx",
        # RFC 3875, 4.1.5: PATH_INFO behind a script.
        f"/{SCRIPT}{bare}",
        f"/{SCRIPT}{bare}/",
        *([f"{bare}/x"] if is_script(bare.rpartition("/")[2].lower()) else []),
        # What file systems, C strings and careless parsers drop.
        f"{bare}.",
        f"{bare}%2e",
        f"{bare}%20",
        f"{bare}%00",
        f"{bare}%3f",
        f"{bare}%23",
        f"{bare}?x",
        f"{bare}/",
    )
    return tuple(dict.fromkeys(spelling for spelling in found if spelling != path))


def query_spellings(path: str, name: str, value: str | None) -> tuple[str, ...]:
    """
    Return the other spellings of a door that the query parameter *name* opens.

    PHP decodes names, drops leading spaces and turns dots into underscores.
    """
    base = path.rstrip("/") + "/"
    tail = f"={value}" if value else ""
    found = (
        f"{base}?x&{name}{tail}",
        f"{base}?x=1&{name}{tail}",
        f"{base}?{name}{tail or '='}",
        f"{base}?{name}={value or '1'}",
        f"{base}?%{ord(name[0]):02X}{name[1:]}{tail}",
        f"{base}?%20{name}{tail}",
        f"{base}?+{name}{tail}",
        f"{base}?{name.replace('_', '.')}{tail}",
        f"{base}?{name}[]{tail}",
        f"{base}index.php?{name}{tail}",
        f"{base}?{_encoded(name, '%')}{tail}",
        f"/{base}?{name}{tail}",
    )
    return tuple(dict.fromkeys(s for s in found if s != f"{base}?{name}{tail}"))


def _encoded(text: str, mark: str) -> str:
    return "".join(c if c == "/" else f"{mark}{ord(c):02X}" for c in text if ord(c) < 256)  # noqa: PLR2004  # one byte

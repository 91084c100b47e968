"""
Rows of the matrix about certificates: each path that a client refuses, and those that it takes.

Chromium, which trusts the same authority, is asked about each of them.
"""

from __future__ import annotations

import ssl
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.peers.certified import CLIENT_AUTH, SERVER_AUTH, Made, Wish, authority, general, made
from tests.peers.matrix import HOST, Row, Yard

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Sequence

    from tests.peers.audited import Files
    from tests.peers.browsed import Browser

CHAIN = frozenset(["transit-untrusted-chain"])
NAME = frozenset(["transit-wrong-name"])
DATES = frozenset(["transit-expired-certificate"])
WEAK_KEY = frozenset(["transit-weak-key"])
ENDS_SOON = frozenset(["transit-expires-soon"])
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=63072000\r\n"
    b"Content-Type: text/html\r\nContent-Length: 3\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\n\r\nyes"
)


_FETCH = """
const [urls, done] = arguments;
Promise.all(urls.map((url) =>
    fetch(url, {mode: "no-cors", cache: "no-store"}).then(() => true, () => false)
)).then(done);
"""


class Refusals:
    """What Chromium says of addresses: all are fetched at once from the page of a sound one."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._urls: list[str] = []
        self._taken: dict[str, bool] = {}
        self._lock = threading.Lock()

    def second(self, url: str, *, refused: bool) -> Callable[[], bool]:
        """Return what tells whether the browser refuses *url*, or not, as expected."""
        self._urls.append(url)
        return lambda: self._takes(url) is not refused

    def _takes(self, url: str) -> bool:
        with self._lock:
            if not self._taken:
                self._browser.open(self._urls[0])
                assert self._browser.text == "yes", "the first address is a sound one"
                content = {"script": _FETCH, "args": [self._urls]}
                answers = self._browser.call("/execute/async", content)
                self._taken = dict(zip(self._urls, answers, strict=True))
            return self._taken[url]


def served_by(*files: Files, tls12: bool = False) -> ssl.SSLContext:
    """Return how Python serves with *files*, weak ones too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=0")
    if tls12:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    for one in files:
        context.load_cert_chain(one.chain, one.key)
    return context


def answering(context: ssl.SSLContext, peer: socket.socket) -> None:
    """Answer one request."""
    with context.wrap_socket(peer, server_side=True) as tls:
        asked = b""
        while b"\r\n\r\n" not in asked:
            more = tls.recv(65536)
            if not more:
                return
            asked += more
        tls.sendall(_ANSWER)
        tls.unwrap()


@dataclass(frozen=True)
class _Rows:
    """What all rows share: where they run, who is trusted, and who else is asked."""

    yard: Yard
    root: Made
    between: Made
    rsa_between: Made
    refusals: Refusals

    def row(
        self,
        name: str,
        one: Made | Sequence[Made],
        broken: frozenset[str] = frozenset(),
        *,
        sent: Sequence[x509.Certificate] | None = None,
        backed: str = "",
    ) -> Row:
        """
        Return the row of a server with *one* certificate, or several.

        *backed* names a clause where the browser is not asked: it takes what it should not.
        """
        several = (one,) if isinstance(one, Made) else tuple(one)
        files = [
            each.written(self.yard.folder, f"{name}-{number}".replace("/", "-"), sent)
            for number, each in enumerate(several)
        ]
        port = self.yard.scripted(partial(answering, served_by(*files)))
        url = f"https://{HOST}:{port}/"
        refused = not broken.isdisjoint(CHAIN | NAME | DATES)
        second = None if backed else self.refusals.second(url, refused=refused)
        return Row(name, url, broken, backed, second)


def certificate_rows(yard: Yard, root: Made, refusals: Refusals) -> Iterator[Row]:
    """Yield the rows; *root* is the authority that the audit and the browser trust."""
    between = authority("Between", root)
    rows = _Rows(yard, root, between, authority("RSA between", root, key="RSA-2048"), refusals)
    yield from _sound(rows)
    yield from _refused_paths(rows)
    yield from _refused_certificates(rows)
    yield from _several(rows)


def _sound(rows: _Rows) -> Iterator[Row]:
    """Yield paths that clients take."""
    row, root, between = rows.row, rows.root, rows.between
    wish = Wish(names=(HOST,))
    rsa_wish = Wish(names=(HOST,), key="RSA-2048")
    yield row("under the root", made(wish, root))
    yield row("under an intermediate", made(wish, between))
    yield row("under two intermediates", made(wish, authority("Second", between)))
    yield row("RSA under RSA", made(rsa_wish, rows.rsa_between))
    yield row("P-384", made(Wish(names=(HOST,), key="P-384"), between))
    yield row("wildcard", made(Wish(names=("*.localhost",)), root), NAME, backed="RFC 9525, 6.3")
    yield row(
        "the root is sent too", made(wish, between), sent=(between.certificate, root.certificate)
    )
    yield row(
        "sent in another order",
        made(wish, authority("Lower", between)),
        sent=(between.certificate, *made(wish, between).above),
        broken=CHAIN,
    )
    stranger = authority("Stranger")
    yield row(
        "something else is sent too",
        made(wish, between),
        sent=(stranger.certificate, between.certificate),
    )
    # The same authority certified twice: by a root that nobody trusts, and by one that is.
    twice = authority("Twice", stranger)
    crossed = made(
        Wish(
            common_name="Twice", ca=True, usages=None, organisation="", key=twice.key, ends_days=400
        ),
        root,
    )
    yield row(
        "cross-signed",
        made(wish, twice),
        sent=(twice.certificate, stranger.certificate, crossed.certificate),
    )
    limited = authority(
        "Limited", root, more=[(x509.NameConstraints([general("localhost")], None), True)]
    )
    yield row("inside its name constraints", made(wish, limited))
    yield row(
        "an intermediate for servers", made(wish, authority("Servers", root, usages=(SERVER_AUTH,)))
    )


def _refused_paths(rows: _Rows) -> Iterator[Row]:
    """Yield paths of which a part above the certificate is refused."""
    row, root = rows.row, rows.root
    wish = Wish(names=(HOST,))
    yield row("a stranger's", made(wish, authority("Stranger")), CHAIN)
    yield row("signed by itself", made(wish), CHAIN)
    yield row("the intermediate is missing", made(wish, authority("Lost", root)), CHAIN, sent=())
    weak = authority("Weak", root, key="RSA-1024")
    yield row(
        "an intermediate of RSA 1024",
        made(wish, weak),
        CHAIN,
        backed="CA/Browser Forum Baseline Requirements, 6.1.5",
    )
    old = authority("Old", authority("Old's", root, key="RSA-2048"), key="RSA-2048", digest="sha1")
    yield row("an intermediate signed with SHA-1", made(wish, old), CHAIN)
    older = authority("Older", authority("Older's", root, key="RSA-2048"), digest="md5")
    yield row("an intermediate signed with MD5", made(wish, older), CHAIN)
    yield row(
        "an intermediate of P-224",
        made(wish, authority("P-224", root, key="P-224")),
        CHAIN,
        backed="CA/Browser Forum Baseline Requirements, 6.1.5",
    )
    yield row("an intermediate of secp256k1", made(wish, authority("K", root, key="K-256")), CHAIN)
    yield row(
        "an intermediate that ended", made(wish, authority("Ended", root, ends_days=-1)), CHAIN
    )
    yield row(
        "an intermediate that begins tomorrow",
        made(wish, authority("Begins", root, begins_days=1)),
        CHAIN,
    )
    yield row("an intermediate that is none", made(wish, authority("None", root, ca=False)), CHAIN)
    bare = authority("Bare", root, ca=None, key_usage=frozenset({"none"}))
    yield row("an intermediate without basic constraints", made(wish, bare), CHAIN)
    short = authority("Short", root, path_length=0)
    yield row("a path that is too long", made(wish, authority("Long", short)), CHAIN)
    yield row(
        "an intermediate that may not sign",
        made(wish, authority("Mute", root, key_usage=frozenset({"digital_signature"}))),
        CHAIN,
    )
    yield row(
        "an intermediate for clients",
        made(wish, authority("Clients", root, usages=(CLIENT_AUTH,))),
        CHAIN,
    )
    elsewhere = authority(
        "Elsewhere", root, more=[(x509.NameConstraints([general("example.org")], None), True)]
    )
    yield row("outside its name constraints", made(wish, elsewhere), CHAIN)
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")
    yield row(
        "an intermediate with an unknown critical extension",
        made(wish, authority("Unknown", root, more=[(unknown, True)])),
        CHAIN,
    )
    yield row(
        "an unknown critical extension",
        made(Wish(names=(HOST,), more=[(unknown, True)]), root),
        CHAIN,
    )
    yield row("an unknown extension", made(Wish(names=(HOST,), more=[(unknown, False)]), root))


def _refused_certificates(rows: _Rows) -> Iterator[Row]:
    """Yield certificates that are refused by themselves."""
    row, root = rows.row, rows.root
    yield row("for clients", made(Wish(names=(HOST,), usages=(CLIENT_AUTH,)), root), CHAIN)
    yield row(
        "for code",
        made(Wish(names=(HOST,), usages=(ExtendedKeyUsageOID.CODE_SIGNING,)), root),
        CHAIN,
    )
    yield row(
        "may not sign",
        made(Wish(names=(HOST,), key="RSA-2048", key_usage=frozenset({"key_encipherment"})), root),
        CHAIN,
    )
    yield row(
        "SHA-1",
        made(Wish(names=(HOST,), digest="sha1"), rows.rsa_between),
        CHAIN | WEAK_KEY,
    )
    yield row(
        "RSA 1024",
        made(Wish(names=(HOST,), key="RSA-1024"), root),
        CHAIN | WEAK_KEY,
        backed="RFC 9325, 4.5",
    )
    yield row("another name", made(Wish(names=("other.localhost",)), root), NAME)
    yield row("a common name only", made(Wish(common_name=HOST), root), NAME)
    yield row("a wildcard for more labels", made(Wish(names=("*.shop.localhost",)), root), NAME)
    yield row("a wildcard inside a label", made(Wish(names=("sh*.localhost",)), root), NAME)
    yield row("ended", made(Wish(names=(HOST,), begins_days=-90, ends_days=-1), root), DATES)
    yield row("begins tomorrow", made(Wish(names=(HOST,), begins_days=1), root), DATES)
    yield row("ends soon", made(Wish(names=(HOST,), begins_days=-80, ends_days=3), root), ENDS_SOON)


def _several(rows: _Rows) -> Iterator[Row]:
    """Yield servers with two certificates: which one a client sees hangs on what it can verify."""
    row, root, between = rows.row, rows.root, rows.between
    wish = Wish(names=(HOST,))
    rsa_wish = Wish(names=(HOST,), key="RSA-2048")
    old = authority("Old", authority("Old's", root, key="RSA-2048"), key="RSA-2048", digest="sha1")
    good = made(wish, between)
    yield row("ECDSA and RSA", (good, made(rsa_wish, rows.rsa_between)))
    yield row(
        "ECDSA, and RSA that ended",
        (good, made(Wish(names=(HOST,), key="RSA-2048", begins_days=-90, ends_days=-2), root)),
        DATES,
        backed="RFC 5280, 4.1.2.5: a client that verifies RSA only gets it",
    )
    yield row(
        "ECDSA, and RSA under SHA-1",
        (good, made(rsa_wish, old)),
        CHAIN,
        backed="RFC 9325, 4.5",
    )
    yield row(
        "ECDSA, and RSA of 1024 bits",
        (good, made(Wish(names=(HOST,), key="RSA-1024"), root)),
        CHAIN | WEAK_KEY,
        backed="RFC 9325, 4.5",
    )
    yield row(
        "ECDSA, and RSA for another name",
        (good, made(Wish(names=("other.localhost",), key="RSA-2048"), root)),
        NAME,
        backed="RFC 9525, 6",
    )
    yield row(
        "ECDSA, and Ed25519 of a stranger",
        (good, made(Wish(names=(HOST,), key="Ed25519"), authority("Stranger"))),
        CHAIN,
        backed="RFC 5280, 6",
    )

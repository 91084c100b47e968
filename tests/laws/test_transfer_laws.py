"""Laws of file transfer: a stricter class never admits more, and no path leaves the root."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from sealgate.identity.grants import Grant
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import AccessSettings, Drop
from sealgate.protocols.authorize import CODES, KEYS, access_rung, refusal, transit_rung
from sealgate.protocols.model import Caller, Channel, Method
from sealgate.protocols.table import PROTOCOLS
from sealgate.storage.model import StorageError
from sealgate.storage.paths import MAX_PATH_BYTES, MAX_SEGMENT_BYTES, checked_segment, resolve

ACCESS = AccessSettings(("DE",))
NOW = 1_800_000_000.0
METHODS = st.frozensets(st.sampled_from(Method))
COUNTRIES = st.sampled_from(["DE", "NZ", None])
GRANTS = st.lists(
    st.builds(
        Grant,
        id=st.just("1"),
        person=st.sampled_from(["anna", "ben"]),
        asset=st.sampled_from(["drop d", "drop e", "tunnel d"]),
        reason=st.just("a reason"),
        minutes=st.just(60),
        asked_by=st.just("op"),
        asked_at=st.just(NOW - 7200),
        approved_at=st.sampled_from([None, NOW - 3600, NOW - 3599, NOW, NOW + 1]),
        denied_at=st.sampled_from([None, NOW - 1]),
        ended_at=st.sampled_from([None, NOW - 1]),
    ),
    max_size=1,
).map(tuple)
CHANNELS = st.builds(
    Channel,
    protocol=st.sampled_from(PROTOCOLS),
    peer=st.just("192.0.2.1"),
    version=st.sampled_from(["SSH-2.0", "SSH-1.99", "TLSv1.3", "TLSv1.2", "TLSv1.1", ""]),
    group=st.sampled_from(
        ["mlkem768x25519-sha256", "curve25519-sha256", "X25519MLKEM768", "x25519", "", "other"]
    ),
    cipher=st.sampled_from(
        [
            "aes256-gcm@openssh.com",
            "chacha20-poly1305@openssh.com",
            "aes128-ctr",
            "TLS_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "other",
        ]
    ),
    mac=st.sampled_from(["", "hmac-sha2-256-etm@openssh.com", "hmac-md5"]),
    strict_kex=st.booleans(),
)
DANGEROUS = st.sampled_from(
    [
        "..",
        ".",
        "/",
        "\\",
        "\0",
        "%2e",
        "\u202e",
        "u\u0308",
        " ",
        "nul",
        "C:",
        ".sealgate",
        "\ud800",
    ]
)
TEXTS = st.lists(st.one_of(DANGEROUS, st.text(max_size=6)), max_size=12).map("".join)
CWDS = st.lists(st.sampled_from(["a", "b c", "\u00fc"]), max_size=3).map(tuple)


@given(raw=st.one_of(TEXTS, st.binary(max_size=40)), cwd=CWDS)
def test_no_path_leaves_the_root(raw: bytes | str, cwd: tuple[str, ...]) -> None:
    """Whatever comes in, what comes out has only good segments, in normal form and in bounds."""
    try:
        path = resolve(raw, cwd)
    except StorageError:
        return
    assert sum(len(s.encode()) + 1 for s in path) <= MAX_PATH_BYTES
    for segment in path:
        assert segment not in {"", ".", ".."}
        assert not set(segment) & set("/\\\0")
        assert unicodedata.is_normalized("NFC", segment)
        assert len(segment.encode()) <= MAX_SEGMENT_BYTES
        assert checked_segment(segment) == segment
    # What was resolved means the same from anywhere.
    assert resolve("/" + "/".join(path), ("elsewhere",)) == path


@given(channel=CHANNELS, methods=METHODS, more=METHODS)
def test_more_proof_is_never_worth_less(
    channel: Channel, methods: frozenset[Method], more: frozenset[Method]
) -> None:
    """Another method lowers neither rank; strict key exchange does not either."""
    assert transit_rung(channel, methods | more) >= transit_rung(channel, methods)
    for country in ("DE", "NZ", None):
        one, both = (access_rung(m, country, ["DE"]) for m in (methods, methods | more))
        assert both >= one


@given(channel=CHANNELS, methods=METHODS, country=COUNTRIES, grants=GRANTS)
def test_a_stricter_class_never_admits_more(
    channel: Channel, methods: frozenset[Method], country: str | None, grants: tuple[Grant, ...]
) -> None:
    """Whoever is refused by a class is refused by each stricter one."""
    caller = Caller("anna", (), methods, country, grants=grants)
    refused = [
        refusal(Drop("d", c, "file:/d", ("user:anna",)), caller, channel, ACCESS, NOW) is not None
        for c in DEFAULT_MODEL.classes
    ]
    assert refused == sorted(refused)


@given(channel=CHANNELS, methods=METHODS, country=COUNTRIES)
def test_nobody_comes_in_below_the_floor(
    channel: Channel, methods: frozenset[Method], country: str | None
) -> None:
    """Even a public drop is refused over a channel below "encrypted", and to nobody in particular."""
    caller = Caller("anna", (), methods, country)
    public = Drop("d", DEFAULT_MODEL.weakest, "file:/d", ("user:anna",))
    if refusal(public, caller, channel, ACCESS, NOW) is None:
        assert methods - CODES, "a code alone proves nothing"
        assert transit_rung(channel, methods) >= 2


@given(channel=CHANNELS, methods=METHODS, country=COUNTRIES, grants=GRANTS)
def test_the_top_needs_everything(
    channel: Channel, methods: frozenset[Method], country: str | None, grants: tuple[Grant, ...]
) -> None:
    """Without a key, another kind of proof, a country and a running grant of their own, none opens."""
    caller = Caller("anna", (), methods, country, grants=grants)
    top = Drop("d", DEFAULT_MODEL.strictest, "file:/d", ("user:anna",))
    if refusal(top, caller, channel, ACCESS, NOW) is None:
        assert methods & KEYS
        assert methods & (CODES | {Method.PASSWORD})
        assert country in ACCESS.countries
        assert [(g.person, g.asset, g.is_running(NOW)) for g in grants] == [
            ("anna", "drop d", True)
        ]
        assert transit_rung(channel, methods) == 3

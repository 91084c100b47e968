from __future__ import annotations

from sealgate.signing.passing import answered_fields, asked_fields


def test_only_what_tells_nothing_of_a_person_is_asked() -> None:
    """Names are folded; what is not known stays behind."""
    fields = (
        ("Host", "a.example"),
        ("Accept", "*/*"),
        ("COOKIE", "sid=1"),
        ("Authorization", "Basic eDp5"),
        ("X-Api-Key", "k"),
        ("Range", "bytes=0-1"),
        ("If-None-Match", '"v1"'),
        ("Connection", "keep-alive"),
    )
    assert asked_fields(fields) == (
        ("host", "a.example"),
        ("accept", "*/*"),
        ("if-none-match", '"v1"'),
    )


def test_each_name_is_one_line_that_a_signature_can_cover() -> None:
    """Lines of one name are joined in their order; cookies, odd bytes and hop fields go."""
    fields = (
        ("Vary", "a"),
        ("Set-Cookie", "sid=1"),
        ("Content-Type", "text/plain"),
        ("VARY", "b"),
        ("X-Odd", "caf\xe9"),
        ("X-Empty", ""),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "9"),
        ("Signature", "x=:AAAA:"),
        ("WWW-Authenticate", "Basic"),
    )
    assert answered_fields(fields) == (
        ("vary", "a, b"),
        ("content-type", "text/plain"),
        ("x-empty", ""),
    )

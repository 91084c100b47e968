"""What a page runs, what it lets run, and how that compares with what was approved."""

from __future__ import annotations

import base64
import hashlib
import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.audit.model import Response
from sealgate.audit.scripts import (
    Script,
    compare,
    digest_of,
    nonces_of,
    read_scripts,
    says_no_store,
    script_policy,
    with_digest,
)

URL = "https://shop.example/checkout/pay?cart=7"
JS = "https://js.pay.example/v1"
PINNED = "sha384-" + "A" * 64


def names(markup: str) -> list[str]:
    """Return the names of the scripts of *markup*, digests of inline ones left out."""
    return [script.name.partition(" sha256-")[0] for script in read_scripts(markup, URL)]


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        (f'<script src="{JS}"></script>', [JS]),
        (f"<SCRIPT SRC={JS}?key=secret#x></SCRIPT>", [JS]),
        ('<script src="/a.js"></script>', ["https://shop.example/a.js"]),
        ('<script src="a.js"></script>', ["https://shop.example/checkout/a.js"]),
        (
            '<base href="https://cdn.example/"><script src="a.js"></script>',
            ["https://cdn.example/a.js"],
        ),
        ('<script src="//cdn.example/a.js"></script>', ["https://cdn.example/a.js"]),
        ("<script>pay()</script>", ["inline script"]),
        ("<script> </script>", []),
        ('<script type="module">pay()</script>', ["inline script"]),
        ('<script type="importmap">{}</script>', ["inline script"]),
        ('<script type="Text/JavaScript; charset=utf-8">pay()</script>', ["inline script"]),
        ('<script type="application/json">{"a": 1}</script>', []),
        ('<script type="text/template"><b onclick="x()"></script>', []),
        ("<!-- <script>pay()</script> -->", []),
        ('<button onClick="pay()">', ["onclick of a button"]),
        ('<a href=" JavaScript:pay()">', ["javascript: in a a"]),
        ('<a href="java&#9;script&#10;:pay()">', ["javascript: in a a"]),
        ('<a href="&#1;javascript:pay()">', ["javascript: in a a"]),
        ('<iframe srcdoc="&lt;script>pay()&lt;/script>"></iframe>', ["inline script"]),
        (
            "<base href='/x/'><iframe srcdoc='<script src=a.js></script>'></iframe>",
            ["https://shop.example/x/a.js"],
        ),
        ("<svg><title><script>pay()</script></title></svg>", ["inline script"]),
        ("<svg><style><img onerror=pay()></style></svg>", ["onerror of a img"]),
        ("<svg></svg><title><script>pay()</script></title>", []),
        # To a browser this space is a letter, and the quote behind it none.
        ('<img a=\u00a0" onerror=pay() b="">', ["onerror of a img"]),
        ('<script src="data:text/javascript,pay()"></script>', ["data: script"]),
        ('<svg><script xlink:href="/a.js"></script></svg>', ["https://shop.example/a.js"]),
        ("<textarea><script>pay()</script></textarea>", []),
        ("<script>pay()", ["inline script"]),
        ('<script src="https://[/x"></script>', ["script with a broken address"]),
        ("<p>hello</p>", []),
    ],
)
def test_scripts_are_found_as_a_browser_finds_them(markup: str, expected: list[str]) -> None:
    """Elements, handlers and addresses that run; data and comments do not."""
    assert names(markup) == expected


def test_frames_in_frames_end_somewhere() -> None:
    """However deep pages stand in attributes of pages, something is told of them."""
    markup = "<script>pay()</script>"
    for _ in range(12):
        markup = f'<iframe srcdoc="{html.escape(markup)}"></iframe>'

    assert names(markup) == ["page of a frame"]


def test_a_script_that_stands_in_the_page_has_the_digest_of_its_bytes() -> None:
    """It is the hash that CSP would be given."""
    (script,) = read_scripts("<script>pay('ä')</script>", URL)

    expected = base64.b64encode(hashlib.sha256("pay('ä')".encode()).digest()).decode()
    assert script.digest == f"sha256-{expected}" == digest_of("pay('ä')".encode())


@pytest.mark.parametrize(
    ("attribute", "pinned"),
    [
        (f'integrity="{PINNED}"', True),
        (f'integrity="md5-x {PINNED}?ct=application/javascript"', True),
        ('integrity=""', False),
        ('integrity="sha384-short"', False),
        ("", False),
    ],
)
def test_only_a_digest_that_a_browser_checks_pins_a_script(attribute: str, pinned: bool) -> None:  # noqa: FBT001
    """SRI 2, 3.2: other words are ignored by browsers."""
    scripts = read_scripts(f'<script src="{JS}" {attribute}></script>', URL)

    assert scripts[0].pinned is pinned
    assert compare(scripts, {}).unpinned == (() if pinned else (JS,))


def test_own_scripts_need_no_integrity() -> None:
    """Who can change the script could change the page."""
    assert compare(read_scripts('<script src="/a.js"></script>', URL), {}).unpinned == ()


def test_new_changed_and_approved_are_told_apart() -> None:
    """By the name it was approved under, and the digest of what was looked at."""
    known = with_digest(Script(JS, url=JS, foreign=True), b"one")
    other = with_digest(Script(JS, url=JS, foreign=True), b"two")
    inline = read_scripts("<script>pay()</script>", URL)
    approved = {JS: frozenset([known.digest])}

    assert compare((known,), approved).unapproved == ()
    assert compare((known,), approved).changed == ()
    assert compare((other,), approved).changed == (f"{JS} {other.digest}",)
    assert compare((other,), approved).unapproved == ()
    assert compare((known,), {}).unapproved == (f"{JS} {known.digest}",)
    assert compare(inline, approved).unapproved == (inline[0].shown,)
    assert compare(inline, {inline[0].name: frozenset([inline[0].digest])}).unapproved == ()


def answer(*headers: tuple[str, str]) -> Response:
    """Return a page with *headers*."""
    return Response(200, headers, b"")


CSP = "content-security-policy"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("script-src 'self'", "enforced"),
        ("default-src 'none'", "enforced"),
        ("SCRIPT-SRC 'self' https://js.pay.example; object-src 'none'", "enforced"),
        ("img-src *", "none"),
        ("script-src *", "none"),
        ("script-src https:", "none"),
        ("script-src 'self' data:", "none"),
        ("script-src 'unsafe-inline' 'self'", "none"),
        ("script-src 'unsafe-inline' 'nonce-abc'", "enforced"),
        ("script-src https: 'strict-dynamic' 'nonce-abc'", "enforced"),
        ("default-src 'none'; script-src *", "none"),
        ("default-src *; script-src 'self'", "enforced"),
        ("script-src 'self'; script-src *", "enforced"),
        ("script-src 'self'; script-src-elem *", "none"),
        ("img-src *, script-src 'self'", "enforced"),
        ("script-src https://*", "none"),
        ("script-src 'self' *:443", "none"),
        ("script-src 'self' http://*:*/x", "none"),
        ("script-src *.com", "none"),
        ("script-src 'self' filesystem:", "none"),
        ("script-src https://*.pay.example https://a.example:*", "enforced"),
        ("script-src 'self' 'unsafe-inline' 'nonce-'", "none"),
        ("script-src 'self' 'unsafe-inline' 'sha256-?'", "none"),
        ("script-src 'self'; script-src-attr 'unsafe-inline'", "none"),
        ("script-src-elem 'self'", "none"),
        ("script-src-elem 'self'; script-src-attr 'none'", "enforced"),
        ("", "none"),
    ],
)
def test_a_policy_counts_when_it_keeps_other_scripts_out(policy: str, expected: str) -> None:
    """CSP 3: the more specific directive, the first of two, and what takes wide words back."""
    assert script_policy(answer((CSP, policy))) == expected
    reported = script_policy(answer((f"{CSP}-report-only", policy)))
    assert reported == ("reported" if expected == "enforced" else "none")
    both = answer((CSP, "script-src 'self'"), (f"{CSP}-report-only", policy))
    assert script_policy(both) == "enforced"


@pytest.mark.parametrize(
    ("headers", "kept_by_nobody"),
    [
        ((("cache-control", "no-store"),), True),
        ((("cache-control", "private, No-Store"),), True),
        ((("cache-control", "private"), ("cache-control", "no-store")), True),
        ((("cache-control", "no-cache, private, max-age=0"),), False),
        ((("pragma", "no-cache"),), False),
        ((), False),
    ],
)
def test_only_no_store_keeps_a_page_from_being_kept(
    headers: tuple[tuple[str, str], ...],
    kept_by_nobody: bool,  # noqa: FBT001
) -> None:
    """RFC 9111, 5.2.2: no-cache and private still allow to keep it."""
    assert says_no_store(answer(*headers)) is kept_by_nobody


@given(
    st.text(alphabet=st.sampled_from(list("<>/\"'= scriptonhefajvx:#&;-![]@\n\0ä")), max_size=200)
)
def test_no_page_makes_it_raise(markup: str) -> None:
    """Whatever a page holds, it has scripts or none."""
    for script in read_scripts(markup, URL):
        assert script.name
        assert script.shown


@given(st.text(max_size=200))
def test_no_policy_makes_it_raise(policy: str) -> None:
    """Whatever stands in the header."""
    assert script_policy(answer((CSP, policy))) in {"enforced", "none"}


@pytest.mark.parametrize(
    "policy",
    [
        "script-src 'nonce-Abc1'",
        "default-src 'self'; script-src-elem 'self' 'NONCE-Abc1'",
        "script-src 'strict-dynamic' 'nonce-Abc1'",
    ],
)
def test_a_nonce_that_two_answers_have_is_none(policy: str) -> None:
    """Whoever knows it runs any script (CSP 3, 7.1); another one, and no nonce, are as good as before."""
    first = answer((CSP, policy))
    assert script_policy(first) == "enforced"
    assert script_policy(first, nonces_of(first)) == "none"
    assert script_policy(first, nonces_of(answer((CSP, "script-src 'nonce-b2'")))) == "enforced"
    beside = answer((CSP, f"{policy}, script-src 'self'"))
    assert script_policy(beside, nonces_of(beside)) == "enforced"

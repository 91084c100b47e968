from __future__ import annotations

import pytest

from sealgate.policy.conditions import (
    MAX_BODY_BYTES,
    Request,
    carried,
    fits,
    fits_literally,
    is_formless,
)
from sealgate.policy.inventory import Credential, CredentialKind, CredentialPart, Door

BY_NAME = Door("/", query="rest_route", query_value="/wp/v2/users")
BY_METHOD = Door("/", methods=("DELETE",))
FORM = ("content-type", "application/x-www-form-urlencoded")
MULTIPART = ("content-type", "multipart/form-data; boundary=b")


def meant(door: Door, request: Request, *, overrides: bool = False) -> bool:
    """Return whether *door* may be meant."""
    return fits(door, carried(request, overrides=overrides))


def test_parameters_of_url_and_body_count_both() -> None:
    """Whichever the backend prefers, each of them opens the door."""
    named = b"a=1&rest_route=/wp/v2/users"
    assert meant(BY_NAME, Request("/?rest_route=/wp/v2/users", "POST", (FORM,), b"rest_route=/x"))
    assert meant(BY_NAME, Request("/?rest_route=/x", "POST", (FORM,), named))
    assert not meant(BY_NAME, Request("/", "POST", (FORM,), b"rest_route=/x"))
    assert not fits_literally(BY_NAME, Request("/", "POST", (FORM,), named))


@pytest.mark.parametrize(
    "value", ["lo%00gin", "%20login", "+login", "%09%0alogin", "LOG%0din", "%256C%00ogin"]
)
def test_a_value_is_read_as_who_drops_characters_reads_it(value: str) -> None:
    """Some software drops control characters anywhere, other white space at the ends."""
    assert meant(Door("/", query="do", query_value="login"), Request(f"/?do={value}"))
    assert not meant(Door("/", query="do", query_value="login"), Request(f"/?do=x{value}"))


@pytest.mark.parametrize(
    ("kind", "coding", "body"),
    [
        ("application/x-www-form-urlencoded", None, None),
        ("application/x-www-form-urlencoded", "br", b"x"),
        ("application/x-www-form-urlencoded; charset=utf-16", None, b"x"),
        ("application/x-www-form-urlencoded,application/json", None, b"x"),
        ("multipart/form-data", None, b"x"),
        ("multipart/form-data; boundary=b", None, b"--b\n\nx"),
        ("multipart/mixed; boundary=b", None, b"--b--"),
        ("text/plain", None, b"Content-Disposition: form-data"),
    ],
)
def test_what_cannot_be_read_may_mean_anything(
    kind: str, coding: str | None, body: bytes | None
) -> None:
    """Too long, compressed, in an odd charset or badly formed: every door may be meant."""
    more = (("content-encoding", coding),) if coding else ()
    request = Request("/", "POST", (("content-type", kind), *more), body)
    assert meant(BY_NAME, request)
    assert meant(BY_METHOD, request)


def test_methods_are_read_in_every_way() -> None:
    """A method is what was sent, what an override names where it passes, and any unknown word."""
    override = (("x-http-method-override", "delete"),)
    assert not meant(BY_METHOD, Request("/", "POST", override))
    assert meant(BY_METHOD, Request("/", "POST", override), overrides=True)
    assert meant(BY_METHOD, Request("/?_method=DELETE"))
    assert meant(BY_METHOD, Request("/", "POST", (FORM,), b"_method=Delete"))
    assert meant(BY_METHOD, Request("/", "delete"))
    assert meant(BY_METHOD, Request("/", "FOO"))
    assert meant(Door("/", methods=("GET",)), Request("/", "HEAD"))
    assert not meant(BY_METHOD, Request("/", "GET"))


def test_a_credential_is_all_of_its_parts() -> None:
    """A cookie without its nonce is none, where the door asks for both."""
    cookie = CredentialPart(CredentialKind.COOKIE, "in_*")
    nonce = CredentialPart(CredentialKind.HEADER, "x-nonce")
    door = Door("/", credentials=(Credential((cookie, nonce)),))
    sent = ("cookie", "a=b; in.1=x")
    assert not meant(door, Request("/", headers=(sent,)))
    assert meant(door, Request("/", headers=(sent, ("x-nonce", ""))))
    basic = Door(
        "/", credentials=(Credential((CredentialPart(CredentialKind.AUTHORIZATION, "basic"),)),)
    )
    assert meant(basic, Request("/", headers=(("authorization", "BASIC x"),)))
    assert not meant(basic, Request("/", headers=(("authorization", "Bearer x"),)))


def test_members_of_json_count_where_the_door_says_so() -> None:
    """Escapes are resolved; another charset than UTF-8 is not read."""
    kind = ("content-type", "application/json")
    door = Door("/", query="task", json=True)
    for body, wanted in ((b'{"t\\u0061sk": 1}', True), (b'{"x": "task"}', False), (b"t\0", True)):
        assert meant(door, Request("/", "POST", (kind,), body)) is wanted
        assert not meant(Door("/", query="task"), Request("/", "POST", (kind,), body))


def test_what_no_software_reads_as_a_form() -> None:
    """JSON and media are no forms, nor is GET without a type; a body without a type may be one."""
    for kind, wanted in (("application/json", True), ("image/png", True), ("text/plain", False)):
        assert is_formless(Request("/", "POST", (("content-type", kind),)), json=False) is wanted
    assert is_formless(Request("/"), json=True)
    assert not is_formless(Request("/", "POST"), json=False)
    assert not is_formless(Request("/", "POST", (("content-type", "application/json"),)), json=True)
    assert MAX_BODY_BYTES == 65536


def test_a_form_in_parts_is_read() -> None:
    """What browsers write is read part by part."""
    body = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n/wp/v2/users\r\n--b--\r\n'
    assert meant(BY_NAME, Request("/", "POST", (MULTIPART,), body % b"rest_route[]"))
    assert not meant(BY_NAME, Request("/", "POST", (MULTIPART,), body % b"x"))


@pytest.mark.parametrize(("spaces", "read"), [(900, True), (1000, False), (5073, False)])
def test_the_head_of_a_part_is_short(spaces: int, read: bool) -> None:  # noqa: FBT001  # a case
    """PHP cuts a line of it after 5,120 bytes, so a long one may hold any name."""
    head = b'Content-Disposition: form-data; name="' + b" " * spaces + b'rest_route:x"'
    body = b"--b\r\n" + head + b"\r\n\r\n/wp/v2/users\r\n--b--\r\n"
    assert meant(BY_NAME, Request("/", "POST", (MULTIPART,), body)) is not read


def test_methods_of_the_registry_are_whole_words() -> None:
    """One letter is no method of it, and so means any."""
    door = Door("/", methods=("DELETE",))
    assert not meant(door, Request("/", "VERSION-CONTROL"))
    assert meant(door, Request("/", "V"))

from __future__ import annotations

from lupa.luajit21 import LuaRuntime

from sealgate.gateway.translate.conditions import (
    apart_from,
    condition_fields,
    condition_tables,
    lua_text,
    lua_truth,
)
from sealgate.policy.inventory import Credential, CredentialKind, CredentialPart, Door

COOKIE = CredentialPart(CredentialKind.COOKIE, "in_*")
NONCE = CredentialPart(CredentialKind.PARAMETER, "nonce")


def test_a_door_is_told_by_what_is_rarest() -> None:
    """A parameter, then a credential, then the method keeps a door apart."""
    assert apart_from(Door("/", query="q", methods=("POST",))).parameters == ("q",)
    told = apart_from(Door("/", credentials=(Credential((NONCE, COOKIE)),)))
    assert (told.parts, told.parameters) == ((COOKIE,), ())
    told = apart_from(Door("/", methods=("POST",)))
    assert (told.methods, told.parameters) == (("POST",), ("_method",))


def test_tables_are_lua() -> None:
    """Whatever a door asks for is a table that LuaJIT reads."""
    door = Door(
        "/", query='"]]', methods=("POST",), credentials=(Credential((COOKIE, NONCE)),), json=True
    )
    runtime = LuaRuntime()
    runtime.execute(condition_tables([door]))
    runtime.execute(f"door = {{{','.join(condition_fields(door))}}}")
    assert runtime.eval("door.name") == '"]]'
    assert runtime.eval("door.credentials[1][2].name") == "nonce"
    assert (lua_truth(True), lua_text("a\n")) == ("true", '"a\\010"')

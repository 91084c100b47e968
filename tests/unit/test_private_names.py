"""
Names that libraries keep to themselves and that are used here all the same.

What is used stands in the table, and each is looked for in the installed version.
"""

from __future__ import annotations

import ast
import importlib.util
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

USED = {
    "OpenSSL": ["_ssl", "_context", "_ffi", "_from_ssl", "_into_ssl", "_lib", "_raise_ssl_error"],
    "asyncssh": [
        "_cipher",
        "_auth",
        "_auth_complete",
        "_auth_final",
        "_channels",
        "_conn",
        "_decompressor",
        "_deliver_data",
        "_enc_alg_cs",
        "_enc_alg_sc",
        "_feed",
        "_finish_recv_packet",
        "_flush_send_buf",
        "_force_close",
        "_inpbuf",
        "_iv",
        "_kex",
        "_kex_complete",
        "_key",
        "_loop",
        "_matching",
        "_max_recv_pktlen",
        "_packet",
        "_packet_handlers",
        "_pause_resume_writing",
        "_peer_addr",
        "_peer_host",
        "_pktlen",
        "_recv_blocksize",
        "_recv_buf",
        "_recv_encryption",
        "_recv_handler",
        "_recv_packet",
        "_recv_paused",
        "_recv_pkthdr",
        "_recv_seq",
        "_recv_state",
        "_recv_window",
        "_rekey_bytes",
        "_rekey_bytes_sent",
        "_rekey_seconds",
        "_rekey_time",
        "_reset_keepalive_timer",
        "_send",
        "_send_buf",
        "_send_buf_len",
        "_send_chan",
        "_send_deferred_packets",
        "_send_disconnect",
        "_send_encryption",
        "_send_pktsize",
        "_send_seq",
        "_send_state",
        "_send_window",
        "_session",
        "_session_id",
        "_strict_kex",
        "_transport",
        "_update_recv_pktlen",
    ],
    "pyftpdlib": ["_closed"],
}


def _trees(folder: Path) -> Iterator[ast.Module]:
    for path in sorted(folder.rglob("*.py")):
        if "test" not in path.parts:
            yield ast.parse(path.read_text(encoding="utf-8"))


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


@cache
def _known(library: str) -> set[str]:
    """Return every private name that the installed *library* defines or reaches for."""
    spec = importlib.util.find_spec(library)
    assert spec is not None
    assert spec.origin is not None
    found = set()
    for tree in _trees(Path(spec.origin).parent):
        for node in ast.walk(tree):
            match node:
                case (
                    ast.Attribute(attr=name)
                    | ast.Name(id=name)
                    | ast.FunctionDef(name=name)
                    | ast.AsyncFunctionDef(name=name)
                    | ast.ClassDef(name=name)
                ) if _is_private(name):
                    found.add(name)
    return found


def _imports(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found |= {one.name.partition(".")[0] for one in names}
            case ast.ImportFrom(module=str() as module):
                found.add(module.partition(".")[0])
    return found


def _reached(tree: ast.Module) -> set[str]:
    """Return the private names that *tree* reaches for on something that is not itself."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and _is_private(node.attr)
        and not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"})
    }


@cache
def _ours() -> list[tuple[set[str], set[str]]]:
    """Return what each of our files imports, and the private names that it reaches for."""
    return [(_imports(tree), _reached(tree)) for tree in _trees(Path("src/sealgate"))]


@pytest.mark.parametrize("library", sorted(USED))
def test_every_private_name_is_in_the_installed_version(library: str) -> None:
    """One that is missing is a version for which this was not written."""
    assert USED[library], "the table is empty"
    assert sorted(set(USED[library]) - _known(library)) == []


@pytest.mark.parametrize("library", sorted(USED))
def test_no_other_private_name_is_reached_for(library: str) -> None:
    """What is used newly is put in the table."""
    used = {name for imports, reached in _ours() if library in imports for name in reached}
    assert sorted((used & _known(library)) - set(USED[library])) == []

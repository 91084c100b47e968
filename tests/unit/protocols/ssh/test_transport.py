"""What is used of asyncssh's insides is still there, and nothing else is used of them."""

from __future__ import annotations

import ast
import asyncio
import logging
import re
from pathlib import Path

import asyncssh
import pytest
from asyncssh import auth, channel, connection, crypto, encryption

from sealgate.protocols.ssh import transport as ssh_transport
from sealgate.protocols.ssh.transport import QUIET, Owner, Transport

SOURCE = Path(__file__).parents[4] / "src/sealgate"
# By the module of asyncssh that has them. A new asyncssh is let in once each is looked at.
PRIVATE = {
    connection: """
        _auth _auth_complete _auth_final _channels _decompressor _enc_alg_cs _enc_alg_sc
        _finish_recv_packet _force_close _inpbuf _kex _kex_complete _logger _loop
        _max_recv_pktlen _packet _packet_handlers _peer_addr _peer_host _pktlen
        _recv_blocksize _recv_encryption _recv_handler _recv_packet _recv_pkthdr _recv_seq
        _rekey_bytes _rekey_bytes_sent _rekey_seconds _rekey_time _reset_keepalive_timer
        _send_deferred_packets _send_disconnect _send_encryption _send_seq _session_id
        _strict_kex _transport _update_recv_pktlen
    """,
    channel: """
        _conn _deliver_data _flush_send_buf _pause_resume_writing _recv_buf _recv_paused
        _recv_state _recv_window _send_buf _send_buf_len _send_chan _send_pktsize _send_state
        _send_window _session
    """,
    auth: "_method",
    encryption: "_cipher",
    crypto.cipher: "_iv _key",
}
# Names of ours in that file; none may be one of asyncssh's by chance.
OURS = {
    Transport: """
        _began_at _complete _congested _facts _feed _group _packet_size _rekey_is_due _settled
        _take_data _take_other _take_packets
    """,
    ssh_transport.DataChannel: "_next_data",
    Owner: "",
}
PUBLIC = """
    client data_channels keys_agreed may_answer may_send_data measured new_data_channel peer
    read_on receive send_data sessions settings signed user
"""


def _private(tree: ast.AST) -> set[str]:
    """Return the private names that *tree* reads, sets or defines on objects."""
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            names |= {
                one.name if isinstance(one, ast.FunctionDef) else ast.unparse(one.target)
                for one in node.body
                if isinstance(one, ast.FunctionDef | ast.AnnAssign)
            }
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "getattr":
            names.add(ast.literal_eval(node.args[1]))
    return {name for name in names if name.startswith("_") and not name.startswith("__")}


def test_the_names_are_all_that_is_used() -> None:
    """A private name that is used and not listed here fails, and so does one too many."""
    tree = ast.parse(Path(ssh_transport.__file__).read_text(encoding="utf-8"))
    listed = {name for names in (*PRIVATE.values(), *OURS.values()) for name in names.split()}
    # `_cipher` of asyncssh's cipher is not that of ours.
    assert _private(tree) - {"_cipher"} == listed - {"_cipher"}


@pytest.mark.parametrize("module", PRIVATE, ids=lambda module: module.__name__)
def test_each_name_is_there(module: object) -> None:
    """An asyncssh without one of them is found here, and not in a transfer."""
    source = Path(str(module.__file__)).read_text(encoding="utf-8")  # type: ignore[attr-defined]
    for name in PRIVATE[module].split():  # type: ignore[index]
        assert re.search(rf"(self\.{name}\b[^(\n]*[:=]|\b{name} = |def {name}\()", source), name


def test_no_name_of_ours_is_one_of_theirs() -> None:
    """What a subclass adds hides nothing."""

    async def made() -> asyncssh.SSHServerConnection:
        key = asyncssh.generate_private_key("ssh-ed25519")
        options = asyncssh.SSHServerConnectionOptions(server_host_keys=[key], config=[])
        return asyncssh.SSHServerConnection(asyncio.get_running_loop(), options)

    theirs = set(dir(asyncio.run(made())))
    assert not theirs & {*OURS[Transport].split(), *PUBLIC.split()}
    assert not set(dir(asyncssh.SSHServerChannel)) & {"_next_data", "go_on", "put", "take"}
    added = {name for name in vars(Transport) if not hasattr(asyncssh.SSHServerConnection, name)}
    assert added <= {*OURS[Transport].split(), *PUBLIC.split(), *vars(Transport)["__annotations__"]}


def test_no_other_module_looks_inside() -> None:
    """Elsewhere asyncssh is used by its public names."""
    for path in SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "asyncssh" not in text or path == Path(ssh_transport.__file__):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
                assert ast.unparse(node.value) in {"self", "cls"} or node.attr.startswith("__"), (
                    f"{path}: {ast.unparse(node)}"
                )


def test_a_new_asyncssh_is_not_let_in_unseen() -> None:
    """The version is capped where it is named."""
    settings = (SOURCE.parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'"asyncssh>=2\.\d+,<2\.\d+"', settings)


def test_nothing_is_kept_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    """Not by a logger of its own either, as one is made for each channel."""
    child = QUIET.get_child("sftp", "conn=1")
    assert child is QUIET
    with caplog.at_level(logging.NOTSET, "asyncssh"):
        for say in (child.debug, child.info, child.warning, child.error, child.critical):
            say("a %s", "name")
        child.debug1("a %s", "name")
        child.debug2("a %s", "name")
        child.packet(1, b"a name", "%s", "sent")
        logging.getLogger("asyncssh").warning("this one is seen")
    assert caplog.messages == ["this one is seen"]

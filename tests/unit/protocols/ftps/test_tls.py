import hashlib
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
from OpenSSL import SSL

from sealgate.errors import ConfigError
from sealgate.protocols.ftps.tls import (
    TLS_1_2_SUITES,
    Contexts,
    ReceiveBuffer,
    TLSBrokenError,
    TLSClosedError,
    TLSConnection,
    TLSFiles,
    TLSNeed,
    server_context,
)
from tests.unit.protocols.ftps.ftps_served import (
    PASSWORD,
    Raw,
    certificate,
    client,
    served,
    trusting,
)
from tests.waiting import PATIENCE_SECONDS, wait_until


def test_the_private_names_of_pyopenssl_exist() -> None:
    """An update of pyOpenSSL that takes them away is noticed here."""
    for name in (
        "SSL_CTX_set1_curves_list",
        "SSL_CTX_set_session_id_context",
        "SSL_session_reused",
        "SSL_read",
        "SSL_set_fd",
    ):
        assert hasattr(getattr(SSL, "_lib"), name)  # noqa: B009
    assert hasattr(SSL.Connection, "_raise_ssl_error")


def test_a_missing_certificate_is_the_operators_to_mend(tmp_path: Path) -> None:
    """The file is named."""
    with pytest.raises(ConfigError, match=r"none\.pem"):
        server_context(TLSFiles(str(tmp_path / "none.pem"), str(tmp_path / "none.key")))


def test_a_foreign_key_is_the_operators_to_mend(tmp_path: Path) -> None:
    """A key that does not belong to the certificate is refused before anybody connects."""
    chain, _, _ = certificate(tmp_path, "one")
    _, key, _ = certificate(tmp_path, "two")
    with pytest.raises(ConfigError, match="cannot be used for FTPS"):
        server_context(TLSFiles(str(chain), str(key)))


def test_the_hybrid_group_comes_first(tmp_path: Path) -> None:
    """With a client that speaks it, X25519MLKEM768 is used on both connections."""
    with served(tmp_path) as where:
        with client(where):
            pass
        assert where.context.channels[0].group == "X25519MLKEM768"


def test_where_the_hybrid_group_is_required_nothing_else_is_spoken(tmp_path: Path) -> None:
    """A classical client gets an alert, one of TLS 1.2 too; a hybrid one comes in."""
    with served(tmp_path, hybrid_required=True) as where:
        for arguments in (("-groups", "X25519"), ("-tls1_2",)):
            run = subprocess.run(
                [
                    "openssl",
                    "s_client",
                    "-connect",
                    f"127.0.0.1:{where.implicit_port}",
                    *arguments,
                ],
                input=b"",
                capture_output=True,
                timeout=20,
                check=False,
            )
            assert run.returncode != 0
            assert b"alert" in run.stderr
        with client(where) as one:
            assert one.pwd() == "/"


@pytest.mark.parametrize("suite", [*TLS_1_2_SUITES, "ECDHE-ECDSA-AES128-SHA", "AES128-GCM-SHA256"])
def test_tls_1_2_has_forward_secret_aead_and_nothing_else(tmp_path: Path, suite: str) -> None:
    """Each allowed suite of the certificate's kind is told by its IANA name; others fail."""
    with served(tmp_path) as where:
        context = trusting(where.chain)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(suite)
        if suite in TLS_1_2_SUITES and "ECDSA" in suite:
            with client(where, context=context) as one:
                assert one.nlst() == []
            channel = where.context.channels[0]
            assert (channel.version, channel.cipher) == ("TLSv1.2", TLS_1_2_SUITES[suite])
        else:
            with pytest.raises(ssl.SSLError), Raw(where.port) as raw:
                raw.secure(context)


def test_older_versions_are_refused(tmp_path: Path) -> None:
    """TLS 1.1 is not spoken."""
    with served(tmp_path) as where:
        run = subprocess.run(
            [
                "openssl",
                "s_client",
                "-connect",
                f"127.0.0.1:{where.implicit_port}",
                "-tls1_1",
                "-cipher",
                "ALL:@SECLEVEL=0",
            ],
            input=b"",
            capture_output=True,
            timeout=20,
            check=False,
        )
        assert run.returncode != 0


def test_renegotiation_is_refused(tmp_path: Path) -> None:
    """A client of TLS 1.2 that asks for a new handshake gets none (RFC 9325, 3.5)."""
    with served(tmp_path) as where:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        with socket.create_connection(
            ("127.0.0.1", where.implicit_port), PATIENCE_SECONDS
        ) as plain:
            plain.settimeout(None)
            connection = SSL.Connection(context, plain)
            connection.set_connect_state()
            connection.do_handshake()
            assert connection.recv(100).startswith(b"220 ")
            assert connection.renegotiate()
            with pytest.raises(SSL.Error):
                connection.do_handshake()
            assert connection.total_renegotiations() <= 1


def test_a_changed_certificate_is_taken_over(tmp_path: Path) -> None:
    """New connections see it; those that are open go on, data connections included."""
    with served(tmp_path) as where, client(where) as old:
        (tmp_path / "new").mkdir()
        chain, key, fingerprint = certificate(tmp_path / "new", "localhost")
        key.replace(where.key)
        chain.replace(where.chain)
        assert old.nlst() == []
        with Raw(where.port) as raw:
            raw.secure(trusting(where.chain))
            assert isinstance(raw.sock, ssl.SSLSocket)
            der = raw.sock.getpeercert(binary_form=True)
            assert hashlib.sha256(der or b"").hexdigest() == fingerprint


def test_half_a_change_keeps_the_old_certificate(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While chain and key do not match, the old pair stays in force, and the log says so."""
    chain, key, _ = certificate(tmp_path, "one")
    other, _, _ = certificate(tmp_path, "two")
    contexts = Contexts(TLSFiles(str(chain), str(key)))
    first = contexts.current()
    assert contexts.current() is first
    shutil.copy(other, chain)
    assert contexts.current() is first
    assert "kept the old certificate" in caplog.text


def _pair(tmp_path: Path) -> tuple[TLSConnection, ssl.SSLSocket]:
    chain, key, _ = certificate(tmp_path, "localhost")
    ours, theirs = socket.socketpair()
    tls = TLSConnection(server_context(TLSFiles(str(chain), str(key))), ours)
    box: list[ssl.SSLSocket] = []
    context = trusting(chain)
    thread = threading.Thread(target=lambda: box.append(context.wrap_socket(theirs)))
    thread.start()
    while tls.handshake() is not TLSNeed.NOTHING:
        pass
    thread.join(10)
    ours.setblocking(False)
    tls.kept = ours  # type: ignore[attr-defined]
    return tls, box[0]


def test_an_end_with_and_one_without_close_notify(tmp_path: Path) -> None:
    """close_notify is the end of the data; an end of the line without it is none."""
    buffer = ReceiveBuffer(4096)
    for clean in (True, False):
        (tmp_path / str(clean)).mkdir()
        tls, theirs = _pair(tmp_path / str(clean))
        theirs.sendall(b"all of it")
        leaving = threading.Thread(target=theirs.unwrap if clean else theirs.close)
        leaving.start()
        got = bytearray()

        def read(got: bytearray = got, tls: TLSConnection = tls) -> None:
            while True:
                got += buffer.view[: tls.read_into(buffer, 0)]

        with pytest.raises(TLSClosedError if clean else TLSBrokenError):
            read()
        assert got == b"all of it"
        tls.say_goodbye()
        leaving.join(10)
        tls.kept.close()  # type: ignore[attr-defined]
        theirs.close()


def test_implicit_tls_is_private_from_the_start(tmp_path: Path) -> None:
    """TLS comes before the greeting, and data connections need no PROT."""
    with served(tmp_path) as where, Raw(where.implicit_port) as raw:
        raw.sock = trusting(where.chain).wrap_socket(raw.sock, server_hostname="localhost")
        assert raw.reply().startswith("220 ")
        assert raw.ask("USER anna").startswith("331 ")
        assert raw.ask(f"PASS {PASSWORD}").startswith("230 ")
        assert raw.ask("AUTH TLS").startswith("503 ")
        assert raw.ask("EPSV").startswith("229 ")


@pytest.mark.parametrize(
    ("arguments", "lacks"),
    [
        # Of Mozilla's list for old clients, all but DHE is taken.
        (("-tls1_2", "-cipher", "DHE-RSA-AES256-GCM-SHA384"), "no ECDHE suite"),
        (("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"), "no ECDHE suite"),
        (("-tls1_2", "-cipher", "AES128-GCM-SHA256"), "no ECDHE suite"),
        (("-tls1_1", "-cipher", "ALL@SECLEVEL=0"), "speaks no TLS 1.2"),
        (("-tls1_3", "-groups", "ffdhe2048"), "no key exchange that is taken"),
    ],
)
def test_the_log_says_what_an_older_client_lacks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, arguments: tuple[str, ...], lacks: str
) -> None:
    """Which setting would let it in: none, so whoever looks need not search."""
    caplog.set_level("INFO", "sealgate.transfer.ftps")
    with served(tmp_path) as where:
        run = _s_client(where.implicit_port, *arguments)
        assert run.returncode != 0
        assert wait_until(lambda: lacks in caplog.text)
    assert "no setting lets it in, so update the client, or let it use SFTP" in caplog.text


@pytest.mark.parametrize("group", ["X25519", "P-256", "P-384"])
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_clients_of_mozillas_intermediate_list_get_in(
    tmp_path: Path, version: str, group: str
) -> None:
    """Each of its groups, in both versions."""
    # In TLS 1.2 the list also says which certificates are read (RFC 8422, 5.1); this one is P-256.
    groups = group if version == "-tls1_3" else f"{group}:P-256"
    with served(tmp_path) as where:
        assert _s_client(where.implicit_port, version, "-groups", groups).returncode == 0


def _s_client(port: int, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *arguments],
        input=b"QUIT\r\n",
        capture_output=True,
        timeout=20,
        check=False,
    )

"""``sealgate send`` and ``sealgate get`` against OpenSSH's sshd."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncssh
import pytest

from sealgate.app.sending import SendOptions, SignInOptions, send
from sealgate.app.sending_checks import Way
from sealgate.audit.adapters.methods import ask_methods
from sealgate.audit.model import Limits
from sealgate.cli import run
from sealgate.client import sftp
from sealgate.client.sending import RemoteError
from sealgate.client.sftp_remote import SFTPRemote, SFTPUpload
from sealgate.errors import PeerError, SourceError
from sealgate.register.adapters.store import Register
from sealgate.storage.age.keys import HybridIdentity, X25519Identity
from tests.peers.fileservers import make_key, sshd
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.peer("openssh-server")

CARDS = "name,card\n" + "Anna Berg,4111111111111111\n" * 9
PLAIN = "nothing of note\n" * 5000


@dataclass(frozen=True, slots=True)
class Ground:
    """A folder with a host key, a client key that sshd knows, and files to send."""

    folder: Path

    @property
    def drop(self) -> Path:
        """Return where files go."""
        return self.folder / "drop"

    @property
    def fingerprint(self) -> str:
        """Return that of the host key."""
        shown = subprocess.check_output(["ssh-keygen", "-lf", str(self.folder / "host.pub")])
        return shown.decode().split()[1]

    def file(self, name: str, text: str) -> str:
        """Return the path of a new file with *text*."""
        path = self.folder / name
        path.write_text(text)
        return str(path)

    @contextmanager
    def serving(self, **settings: str) -> Iterator[tuple[str, list[str]]]:
        """Yield a URL of the drop and the options that are needed, while sshd runs."""
        with sshd(self.folder / "s", self.folder / "host", **settings) as port:
            known = self.folder / "known_hosts"
            known.write_text(f"[127.0.0.1]:{port} {(self.folder / 'host.pub').read_text()}")
            options = ["--known-hosts", str(known), "-i", str(self.folder / "client")]
            yield f"sftp://127.0.0.1:{port}{self.drop}/", options


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    """Make the keys and the folder, and be in it."""
    make_key(tmp_path / "host")
    make_key(tmp_path / "client")
    (tmp_path / "s").mkdir()
    shutil.copy(tmp_path / "client.pub", tmp_path / "s/authorized_keys")
    (tmp_path / "drop").mkdir()
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return Ground(tmp_path)


def signing(options: list[str]) -> SignInOptions:
    """Return what *options* of :meth:`Ground.serving` say, for calls below the command line."""
    assert options[0::2] == ["--known-hosts", "-i"]
    user = os.environ.get("USER") or "root"
    return SignInOptions(lambda _what: "", user, (options[3],), known_hosts=(options[1],))


def test_files_go_and_come_back(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    """Several files are sent, compared by reading them back, and fetched again."""
    one, two = ground.file("one.txt", PLAIN), ground.file("two.csv", CARDS)
    with ground.serving() as (url, options):
        assert run(["send", one, two, url, *options]) == 0
        said = capsys.readouterr().out
        assert run(["get", f"{url}two.csv", "-o", "back.csv", *options]) == 0
    assert (ground.drop / "one.txt").read_text() == PLAIN
    assert (ground.folder / "back.csv").read_text() == CARDS
    assert said.count("read back and compared") == 2
    assert "two.csv: confidential" in said
    assert "mlkem768x25519-sha256" in said
    assert not list(ground.folder.glob(".part-*"))


def test_finite_fields_are_used_without_a_notice(ground: Ground) -> None:
    """A server that has nothing else gets its file, and stderr nothing of what a library plans."""
    note = ground.file("note.txt", PLAIN)
    with ground.serving(KexAlgorithms="diffie-hellman-group16-sha512") as (url, options):
        command = [sys.executable, "-m", "sealgate", "send", note, url, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Deprecat" not in done.stderr
    assert (ground.drop / "note.txt").read_text() == PLAIN


def test_a_channel_below_the_class_is_refused(
    ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weak ciphers are refused with the rule, before a user name or a byte of any file goes."""
    cards = ground.file("cards.csv", CARDS)
    weak = {"Ciphers": "aes256-cbc,3des-cbc", "MACs": "hmac-sha1"}
    with ground.serving(**weak) as (url, options):
        assert run(["send", cards, url, *options]) == 10
    assert "transit-ssh-weak-cipher" in capsys.readouterr().err
    assert not list(ground.drop.iterdir())
    assert "user" not in (ground.folder / "s/sshd.log").read_text().lower()


@pytest.mark.parametrize(
    ("settings", "code", "told"),
    [
        ({"Ciphers": "aes256-cbc"}, 10, "transit-ssh-weak-cipher"),
        ({"Ciphers": "aes128-ctr", "MACs": "hmac-sha1"}, 10, "transit-ssh-weak-mac"),
        ({"KexAlgorithms": "diffie-hellman-group14-sha1"}, 10, "transit-ssh-weak-kex"),
        ({}, 1, "connection lost"),
    ],
    ids=["ciphers", "MACs", "exchange", "nothing"],
)
def test_a_server_that_resets_is_judged_by_what_it_offers(
    ground: Ground,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    code: int,
    told: str,
) -> None:
    """As one does that takes nothing of ours, before we have read why; else it is just lost."""

    async def reset(*_args: object) -> None:
        raise sftp._ResetError("connection lost")

    monkeypatch.setattr(sftp, "_signed_in", reset)
    cards = ground.file("cards.csv", CARDS)
    with ground.serving(**settings) as (url, options):
        assert run(["send", cards, url, *options]) == code
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"KexAlgorithms": "curve25519-sha256"}, "transit-ssh-no-hybrid"),
        ({"Ciphers": "aes128-gcm@openssh.com,aes256-ctr"}, "transit-ssh-old-cipher"),
        ({"PubkeyAuthentication": "no", "PasswordAuthentication": "yes"}, "transit-ssh-password"),
    ],
)
def test_secret_takes_the_top_rung(
    ground: Ground, capsys: pytest.CaptureFixture[str], settings: dict[str, str], rule: str
) -> None:
    """A server that is fine for everything else is refused for "secret", with the rule."""
    file = ground.file("plan.txt", PLAIN)
    recipient = str(HybridIdentity.generate().recipient())
    with ground.serving(**settings) as (url, options):
        secret = ["--class", "secret", "-r", recipient]
        assert run(["send", file, url, *options, *secret]) == 10
        assert rule in capsys.readouterr().err
        assert not list(ground.drop.iterdir())
        if "PubkeyAuthentication" not in settings:
            assert run(["send", file, url, *options]) == 0, "it is fine for others"


def test_secret_leaves_sealed_only(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a recipient it stays; sealed it arrives with .age, and its identity opens it."""
    file, identity = ground.file("plan.txt", PLAIN), HybridIdentity.generate()
    key = ground.file("identity", f"{identity.secret_text()}\n")
    classical = str(X25519Identity.generate().recipient())
    with ground.serving() as (url, options):
        secret = ["--class", "secret"]
        assert run(["send", file, url, *options, *secret]) == 2
        assert "-r age1pq1" in capsys.readouterr().err
        assert run(["send", file, url, *options, *secret, "-r", classical]) == 2
        assert not list(ground.drop.iterdir())
        assert run(["send", file, url, *options, *secret, "-r", str(identity.recipient())]) == 0
    [sealed] = ground.drop.iterdir()
    assert sealed.name == "plan.txt.age"
    assert b"nothing of note" not in sealed.read_bytes()
    assert run(["open", "-i", key, "-o", "opened.txt", str(sealed)]) == 0
    assert (ground.folder / "opened.txt").read_text() == PLAIN


def test_what_is_sealed_already_is_not_sealed_again(ground: Ground) -> None:
    """A file that only post-quantum recipients open goes as it is; one for others does not."""
    file = ground.file("plan.txt", PLAIN)
    good, weak = HybridIdentity.generate().recipient(), X25519Identity.generate().recipient()
    assert run(["seal", "-r", str(good), "-o", "good.age", file]) == 0
    assert run(["seal", "-r", str(weak), "-o", "weak.age", file]) == 0
    with ground.serving() as (url, options):
        assert run(["send", "good.age", url, *options]) == 0
        assert run(["send", "weak.age", url, *options]) == 2
    assert [path.name for path in ground.drop.iterdir()] == ["good.age"]
    assert (ground.drop / "good.age").read_bytes() == Path("good.age").read_bytes()


def test_an_unknown_host_key_is_refused(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    """The fingerprint and the option are shown; with it, and with it alone, the file goes."""
    file, nothing = ground.file("one.txt", PLAIN), ground.file("empty", "")
    with ground.serving() as (url, options):
        unknown = ["--known-hosts", nothing, *options[2:]]
        assert run(["send", file, url, *unknown]) == 10
        said = capsys.readouterr().err
        assert f"--host-key {ground.fingerprint}" in said
        assert run(["send", file, url, *unknown, "--host-key", "SHA256:" + "A" * 43]) == 10
        assert not list(ground.drop.iterdir())
        assert run(["send", file, url, *unknown, "--host-key", ground.fingerprint]) == 0
    assert (ground.drop / "one.txt").exists()


def test_a_changed_host_key_is_refused(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    """A key other than the known one is told as that."""
    file = ground.file("one.txt", PLAIN)
    other = make_key(ground.folder / "other")
    with ground.serving() as (url, options):
        port = url.split(":")[2].split("/")[0]
        Path(options[1]).write_text(f"[127.0.0.1]:{port} {other.with_suffix('.pub').read_text()}")
        assert run(["send", file, url, *options]) == 10
    assert "somebody may sit in between" in capsys.readouterr().err
    assert not list(ground.drop.iterdir())


def test_a_known_key_of_another_kind_is_asked_for(ground: Ground) -> None:
    """Where only the RSA key of a host is known, that one is asked for and believed."""
    file, rsa = ground.file("one.txt", PLAIN), make_key(ground.folder / "rsa", "rsa")
    keys = f"{ground.folder / 'host'}\nHostKey {rsa}"
    with ground.serving(HostKey=keys, HostKeyAlgorithms="") as (url, options):
        port = url.split(":")[2].split("/")[0]
        Path(options[1]).write_text(f"[127.0.0.1]:{port} {rsa.with_suffix('.pub').read_text()}")
        assert run(["send", file, url, *options]) == 0


def test_an_authority_for_hosts_is_believed(ground: Ground) -> None:
    """A host whose key an authority in known_hosts has signed needs no line of its own."""
    file, authority = ground.file("one.txt", PLAIN), make_key(ground.folder / "authority")
    sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "x", "-h", "-n", "127.0.0.1"]
    subprocess.run([*sign, str(ground.folder / "host.pub")], check=True)
    settings = {
        "HostCertificate": str(ground.folder / "host-cert.pub"),
        "HostKeyAlgorithms": "ssh-ed25519-cert-v01@openssh.com",
    }
    with ground.serving(**settings) as (url, options):
        trusted = f"@cert-authority * {authority.with_suffix('.pub').read_text()}"
        Path(options[1]).write_text(trusted)
        assert run(["send", file, url, *options]) == 0


def test_a_stranger_is_not_let_in(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    """A key that the server does not know ends with 1 and something to type."""
    file, other = ground.file("one.txt", PLAIN), make_key(ground.folder / "other")
    with ground.serving() as (url, options):
        assert run(["send", file, url, *options[:2], "-i", str(other)]) == 1
    assert "-i KEY" in capsys.readouterr().err


@pytest.mark.parametrize("flag", [[], ["--resume"]])
def test_an_upload_goes_on(
    ground: Ground, capsys: pytest.CaptureFixture[str], flag: list[str]
) -> None:
    """What is there already is compared or, when asked for, believed, and not sent again."""
    file = ground.file("one.txt", PLAIN)
    (ground.drop / "one.txt").write_text(PLAIN[:30_000])
    with ground.serving() as (url, options):
        assert run(["send", file, url, *options, *flag]) == 0
    assert "resumed at 30000" in capsys.readouterr().out
    assert (ground.drop / "one.txt").read_text() == PLAIN


@pytest.mark.parametrize("flag", [[], ["--no-resume"]])
def test_something_else_is_not_gone_on_with(
    ground: Ground, capsys: pytest.CaptureFixture[str], flag: list[str]
) -> None:
    """A file that begins otherwise, or that is longer, is replaced."""
    file = ground.file("one.txt", PLAIN)
    (ground.drop / "one.txt").write_text("x" * 30_000)
    (ground.drop / "two.txt").write_text("x" * 300_000)
    with ground.serving() as (url, options):
        assert run(["send", file, url, *options, *flag]) == 0
        assert run(["send", file, f"{url}two.txt", *options, *flag]) == 0
    assert "resumed" not in capsys.readouterr().out
    assert (ground.drop / "one.txt").read_text() == PLAIN
    assert (ground.drop / "two.txt").read_text() == PLAIN


def test_a_wrong_resume_is_noticed(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    """Who insists on going on with something else is told at the end."""
    file = ground.file("one.txt", PLAIN)
    (ground.drop / "one.txt").write_text("x" * 30_000)
    with ground.serving() as (url, options):
        assert run(["send", file, url, *options, "--resume"]) == 1
    assert "--no-resume" in capsys.readouterr().err


def test_the_server_goes_away(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that breaks in mid-file is an error, and the next try goes on from there."""
    data = os.urandom(24 * 1024 * 1024)
    path = ground.folder / "big.bin"
    path.write_bytes(data)
    with ground.serving() as (url, options):
        manner = SendOptions(1.0, "a test", "restricted", "random bytes", resume=None)
        whole = SFTPRemote.upload

        def breaking(self: SFTPRemote, path: str, *, offset: int, size: int | None) -> object:
            upload = whole(self, path, offset=offset, size=size)
            sent = upload.write

            def write(piece: bytes) -> int:
                if upload._offset >= 8 * 1024 * 1024:
                    self._connection.abort()
                return sent(piece)

            upload.write = write  # type: ignore[method-assign,assignment]
            return upload

        with monkeypatch.context() as patched:
            patched.setattr(SFTPRemote, "upload", breaking)
            with pytest.raises(RemoteError):
                list(send([str(path)], url, manner, signing(options)))
        there = (ground.drop / "big.bin").stat().st_size
        assert 0 < there < len(data)
        [moved] = send([str(path)], url, manner, signing(options))
    assert moved.resumed_at == there
    assert moved.checked.way is Way.READ_BACK
    assert moved.checked.digest == hashlib.sha256(data).hexdigest()
    assert (ground.drop / "big.bin").read_bytes() == data


def test_a_connection_that_ends_before_the_last_answer_is_no_success(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the answer to CLOSE says that the server has the file; asyncssh is silent without one."""
    note = ground.file("note.txt", PLAIN)
    finish = SFTPUpload.finish

    def ending(self: SFTPUpload) -> None:
        self._send()
        self._remote._connection.abort()
        self._remote.run(asyncio.sleep(0.1))
        finish(self)

    monkeypatch.setattr(SFTPUpload, "finish", ending)
    with ground.serving() as (url, options), pytest.raises(RemoteError):
        list(send([note], url, SendOptions(1.0, "a test"), signing(options)))


def test_a_weaker_class_is_kept_in_the_register(
    ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    """It takes a reason, and who gave which is in the register; the floor of card data stays."""
    cards = ground.file("cards.csv", CARDS)
    config = ground.folder / "sealgate.toml"
    config.write_text(
        '[[site]]\ndomains = ["shop.localhost"]\nupstream = "http://127.0.0.1:1"\n'
        '[[site.route]]\npath = "/"\nclass = "public"\n'
    )
    with ground.serving() as (url, options):
        assert run(["send", cards, url, *options, "-c", str(config), "--class", "public"]) == 2
        assert "--because" in capsys.readouterr().err
        weaker = ["-c", str(config), "--class", "public", "--because", "test cards only"]
        assert run(["send", cards, url, *options, *weaker]) == 0
    assert "public" in capsys.readouterr().out
    [state] = ground.folder.rglob("register.sqlite")
    with Register(f"sqlite:///{state}") as register:
        [decision] = register.decisions()
    assert (decision.classification, decision.reason) == ("public", "test cards only")


def test_a_file_that_changes_is_not_sent(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was assessed is what is sent, or nothing is."""
    file = ground.file("one.txt", PLAIN)
    with ground.serving() as (url, options):

        def changing(*_: object) -> None:
            Path(file).write_text(CARDS)

        monkeypatch.setattr("sealgate.app.sending.check_channel", changing)
        with pytest.raises(SourceError, match="changed after it was assessed"):
            list(send([file], url, SendOptions(1.0, "a test"), signing(options)))
    assert not list(ground.drop.iterdir())


def test_get_leaves_nothing_half(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be fetched leaves no file; an old one stays."""
    (ground.folder / "old.txt").write_text("old")
    with ground.serving() as (url, options):
        assert run(["get", f"{url}missing.txt", "-o", "old.txt", *options]) == 1
        assert run(["get", url, *options]) == 2
        assert run(["get", f"{url}x", "-o", "no/such/folder", *options]) == 1
    assert (ground.folder / "old.txt").read_text() == "old"
    assert not list(ground.folder.glob(".part-*"))
    assert "Traceback" not in capsys.readouterr().err


def test_what_came_over_too_weak_a_channel_is_told(
    ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that turns out to be secret came over a channel that is not: exit code 10."""
    people = "name,diagnosis\n" + "Anna Berg,E11.9\nPeter Smith,I10\n" * 9
    (ground.drop / "people.csv").write_text(people)
    with ground.serving(KexAlgorithms="curve25519-sha256") as (url, options):
        assert run(["get", f"{url}people.csv", *options]) == 10
        said = capsys.readouterr()
        assert "people.csv: secret" in said.out
        assert "transit-ssh-no-hybrid" in said.err
        assert run(["get", f"{url}people.csv", "--class", "secret", *options]) == 10
        assert "nothing was sent" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["ftp://127.0.0.1/in/"], 10, "in clear"),
        (["http://127.0.0.1/in/"], 10, "in clear"),
        (["sftp://u:p@127.0.0.1/in/"], 2, "password"),
        (["scp://127.0.0.1/in/"], 2, "no URL of"),
        (["sftp://127.0.0.1:1/in/"], 1, "refused"),
        (["sftp://127.0.0.1:1/in/", "-i", "/nonexistent"], 2, "cannot be read"),
        (["sftp://127.0.0.1:1/in/", "--host-key", "MD5:aa"], 2, "fingerprint"),
        (["sftp://127.0.0.1:1/in/", "-r", "age1nope"], 2, "recipient"),
        (["sftp://127.0.0.1:1/in/", "--class", "nope"], 2, "does not exist"),
    ],
)
def test_bad_input(
    ground: Ground, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    """Each ends with its code and a sentence, and never with a traceback."""
    file = ground.file("one.txt", PLAIN)
    assert run(["send", file, *arguments]) == code
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err
    assert "contradicts" not in err


def test_a_folder_is_no_file(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder, a missing file, and several files for one name are refused."""
    file = ground.file("one.txt", PLAIN)
    assert run(["send", str(ground.folder), "sftp://127.0.0.1/in/"]) == 2
    assert run(["send", "missing", "sftp://127.0.0.1/in/"]) == 2
    assert run(["send", file, file, "sftp://127.0.0.1/in"]) == 2
    assert run(["send", file]) == 2
    assert "the URL must end in /" in capsys.readouterr().err


def test_passwords_come_from_a_file_or_a_person(
    ground: Ground, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key with a passphrase takes it from the named file; nobody to ask is told."""
    file = ground.file("one.txt", PLAIN)
    locked = ground.folder / "client"
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "pass", "-f", str(locked)], check=True)
    with ground.serving() as (url, options):
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        assert run(["send", file, url, *options]) == 2
        assert "SEALGATE_PASSWORD_FILE" in capsys.readouterr().err
        monkeypatch.setenv("SEALGATE_PASSWORD_FILE", ground.file("wrong", "wrong\n"))
        assert run(["send", file, url, *options]) == 2
        monkeypatch.setenv("SEALGATE_PASSWORD_FILE", ground.file("right", "pass\n"))
        assert run(["send", file, url, *options]) == 0


def test_a_server_that_wants_no_proof(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    """Where everybody is let in, nobody has proved anything, and "secret" does not go."""
    program = (
        "import asyncio, asyncssh, sys\n"
        "class S(asyncssh.SSHServer):\n"
        "    def begin_auth(self, username): return False\n"
        "async def main():\n"
        "    await asyncssh.listen('127.0.0.1', int(sys.argv[1]), server_factory=S,\n"
        "        server_host_keys=[sys.argv[2]], sftp_factory=True)\n"
        "    print('on', flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    port = free_port()
    command = [sys.executable, "-c", program, str(port), str(ground.folder / "host")]
    file, recipient = ground.file("plan.txt", PLAIN), str(HybridIdentity.generate().recipient())
    with subprocess.Popen(command, stdout=subprocess.PIPE) as peer:
        try:
            assert peer.stdout is not None
            peer.stdout.readline()
            url = f"sftp://127.0.0.1:{port}{ground.drop}/"
            options = ["--host-key", ground.fingerprint, "-i", str(ground.folder / "client")]
            secret = ["--class", "secret", "-r", recipient]
            assert run(["send", file, url, *options, *secret]) == 10
            assert "with no proof" in capsys.readouterr().err
            assert not list(ground.drop.iterdir())
            assert run(["send", file, url, *options]) == 0
        finally:
            peer.terminate()


def test_without_the_extra(
    ground: Ground, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the SSH library is missing, the command to install it is shown."""
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    for name in ("sftp", "host_keys"):
        monkeypatch.delitem(sys.modules, f"sealgate.client.{name}", raising=False)
    file = ground.file("one.txt", PLAIN)
    assert run(["send", file, "sftp://127.0.0.1:1/in/"]) == 2
    assert "sealgate[transfer]" in capsys.readouterr().err
    with pytest.raises(PeerError, match="transfer"):
        ask_methods("127.0.0.1", 1, Limits())


def test_the_library_knows_what_it_agreed_on() -> None:
    """What is read from inside asyncssh is there; a version that renames it fails here."""
    assert hasattr(asyncssh.SSHClientConnection, "send_newkeys")
    assert hasattr(asyncssh.SSHClientConnection, "get_server_auth_methods")


@contextlib.contextmanager
def resetting(port: int, first: int) -> Iterator[tuple[int, list[int]]]:
    """Yield a port that resets the *first* connections and leads others to *port*, and their count."""
    came: list[int] = []
    threads: list[threading.Thread] = []

    def lead() -> None:
        while True:
            try:
                theirs, _ = listener.accept()
            except OSError:
                return
            came.append(1)
            if len(came) <= first:
                theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                theirs.close()
                continue
            threads.append(threading.Thread(target=pair, args=(theirs,)))
            threads[-1].start()

    def pair(theirs: socket.socket) -> None:
        with theirs, socket.create_connection(("127.0.0.1", port)) as ours:
            back = threading.Thread(target=hand_on, args=(ours, theirs))
            back.start()
            hand_on(theirs, ours)
            back.join()

    def hand_on(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads.append(threading.Thread(target=lead))
        threads[0].start()
        yield listener.getsockname()[1], came
        listener.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


@pytest.mark.parametrize(("first", "code", "tries"), [(2, 0, 3), (3, 1, 3)])
def test_a_connection_that_is_reset_before_anything_is_agreed_on_is_tried_again(
    ground: Ground, first: int, code: int, tries: int
) -> None:
    """A server that takes nothing of what is offered may hang up before it is read: asked anew."""
    (ground.drop / "note.txt").write_text(PLAIN)
    with ground.serving() as (url, options):
        port = url.split(":")[2].partition("/")[0]
        with resetting(int(port), first) as (there, came):
            known = Path(options[1])
            known.write_text(known.read_text().replace(port, str(there)))
            assert run(["get", f"{url}note.txt".replace(port, str(there)), *options]) == code
            assert len(came) == tries

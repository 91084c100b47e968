"""The class "secret" over SFTP, SCP, tunnels and FTPS: a key, a code, a country and a grant."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.demo.geography import OTHER
from sealgate.identity.totp import code_at
from sealgate.storage.age.stream import open_stream
from tests.peers.granted_files import Vault, echo_service, echoed, prepare
from tests.peers.test_transfer_core import says
from tests.peers.transferred import PASSWORD, file_place
from tests.waiting import wait_until

pytestmark = [pytest.mark.peer("sftp"), pytest.mark.peer("curl")]
GRANT = "a grant that another person approved is required"
SECOND = "a second factor that is independent of the key and at most 5 minutes old is required"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """Give the drop and the tunnel while they are served."""
    with echo_service() as port, file_place(tmp_path_factory.mktemp("granted")) as place:
        vault = Vault(place, port)
        vault.write()
        prepare(vault, place.folder)
        with place.serving():
            yield vault


@pytest.fixture
def vault(served: Vault) -> Vault:
    """Give it without any grant."""
    served.end_all()
    return served


def test_key_code_and_grant_open_a_secret_drop(vault: Vault) -> None:
    """What is put there is sealed for its recipient; the trail tells the rung and the grant."""
    grant = vault.grant()
    done = vault.sftp("put plan.txt /plans/plan.txt", "ls -1 /", answer=vault.app())
    assert done.returncode == 0, done.stderr
    assert "plans" in done.stdout
    assert '"drop plans": a second factor opens it beside your key' in done.stderr
    [question] = vault.questions()
    assert "One-time code or recovery code (empty to go on without):" in question
    got = vault.sftp("get /plans/plan.txt.age", answer=vault.codes[0])
    assert got.returncode == 0, got.stderr
    with (vault.place.folder / "plan.txt.age").open("rb") as sealed:
        plain = b"".join(bytes(b) for b in open_stream(sealed, [vault.identity]).blocks())
    assert plain == (vault.place.folder / "plan.txt").read_bytes()

    def noted() -> bool:
        return {"login", "upload", "download"} <= {
            e.action for e in vault.place.events() if e.grant == grant
        }

    assert wait_until(noted, 20)
    assert {e.access for e in vault.place.events() if e.grant == grant} == {3}


def test_scp_of_the_old_kind_asks_as_well(vault: Vault) -> None:
    """A code signs in whatever comes over the connection; without a grant the rule is told."""
    vault.grant()
    for answer, status in ((vault.app(), 0), ("", 1)):
        done = subprocess.run(
            [
                *("scp", "-O", "-F", "none", *vault.options("anna")),
                *("plan.txt", "127.0.0.1:/plans/by-scp.txt"),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
            cwd=vault.place.folder,
            env=vault.asking(answer),
        )
        assert done.returncode == status, done.stderr
        assert (SECOND in done.stderr) is bool(status)


def test_who_needs_no_code_is_not_asked_for_one(vault: Vault) -> None:
    """Without a grant a code would open nothing, and without an app there is none to give."""
    vault.app()
    done = vault.sftp("ls /inbox", "-ls /plans")
    assert done.returncode == 0, done.stderr
    assert vault.questions() == []
    assert f'"plans" is secret: {SECOND}; {GRANT}' in done.stderr
    vault.grant(person="ben")
    done = vault.sftp("ls /inbox", "-ls /plans", name="ben")
    assert done.returncode == 0, done.stderr
    assert vault.questions() == []
    assert f'"plans" is secret: {SECOND}' in done.stderr


def test_an_empty_answer_goes_on_by_the_key_alone(vault: Vault) -> None:
    """Other drops stay reachable, and the secret one says what it lacks."""
    vault.grant()
    vault.app()
    done = vault.sftp("put plan.txt /inbox/plan.txt", "-ls /plans")
    assert done.returncode == 0, done.stderr
    assert len(vault.questions()) == 1
    assert f'"plans" is secret: {SECOND}' in done.stderr
    batch = subprocess.run(
        ["sftp", "-F", "none", *vault.ssh_words("anna"), "-b", "-", "127.0.0.1"],
        input="ls /inbox\n",
        capture_output=True,
        text=True,
        check=False,
        cwd=vault.place.folder,
    )
    assert batch.returncode != 0
    assert '"drop plans": a second factor opens it' in batch.stderr


@pytest.mark.parametrize("kind", ["wrong", "replayed", "of another recovery"])
def test_a_code_that_does_not_count_lets_nobody_in(vault: Vault, kind: str) -> None:
    """A wrong one, one that was used already, and a recovery code that was used already."""
    vault.grant()
    code = vault.app()
    answer = {"wrong": "000000", "replayed": code, "of another recovery": vault.codes[0]}[kind]
    if kind == "wrong" and code == answer:
        answer = "000001"
    if kind != "wrong":
        assert vault.sftp("ls /plans", answer=answer).returncode == 0
    done = vault.sftp("ls /inbox", answer=answer)
    assert done.returncode != 0
    assert "Permission denied" in done.stderr
    assert wait_until(
        lambda: any(
            e.result == "wrong second factor" and e.caller == "anna" for e in vault.place.events()
        ),
        20,
    )


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        (("KexAlgorithms=curve25519-sha256",), "transit-ssh-no-hybrid"),
        (("Ciphers=aes128-gcm@openssh.com",), "transit-ssh-old-cipher"),
        ((f"BindAddress={OTHER}",), "access-no-key"),
    ],
)
def test_a_weak_channel_and_another_country_are_refused(
    vault: Vault, options: tuple[str, ...], rule: str
) -> None:
    """A code would not open it then, so none is asked for; the rule is named."""
    vault.grant()
    vault.app()
    done = vault.sftp("ls /inbox", "-ls /plans", options=options)
    assert done.returncode == 0, done.stderr
    assert vault.questions() == []
    assert '"plans" is secret: ' in done.stderr
    assert wait_until(lambda: any(e.rule == rule for e in vault.place.events()), 20)


def test_an_ended_grant_ends_what_it_opened(vault: Vault) -> None:
    """When the command that ends it returns, the open session has lost the drop, and no other."""
    grant = vault.grant()
    with vault.session(vault.app()) as session:
        says(session, "put plan.txt /plans/mid.txt\npwd", "Remote working directory: /")
        assert "mid.txt.age" in says(session, "ls -1 /plans", "mid.txt.age")
        done = vault.place.sealgate("grant", "end", grant)
        assert done.returncode == 0, done.stderr
        told = says(session, "ls /plans", GRANT)
        assert "and yours is ended" in told
        assert "plans" not in says(session, "ls -1 /\npwd", "Remote working directory: /").split()
    done = vault.sftp("-ls /plans", answer=code_at(vault.secret, int(time.time() // 30) + 1))
    assert f'"plans" is secret: {SECOND}; {GRANT}, and yours is ended' in done.stderr


def test_another_app_takes_the_code_of_the_old_one_away(vault: Vault) -> None:
    """The session goes on by its key, without the secret drop."""
    vault.grant()
    with vault.session(vault.app()) as session:
        says(session, "ls -1 /\npwd", "Remote working directory: /")
        vault.app()
        assert wait_until(
            lambda: "second factor" in says(session, "-ls /plans\npwd", "working directory"), 20
        )
        assert "inbox" in says(session, "ls -1 /", "inbox")


def test_a_tunnel_of_class_secret(vault: Vault) -> None:
    """A tunnel (ssh -L) reaches its service with key, code and grant, and is cut when the grant is ended."""
    grant = vault.grant("tunnel console")
    with vault.tunnel(vault.app()) as (port, _):
        held: list[socket.socket] = []

        def open_through() -> bool:
            try:
                held.append(socket.create_connection(("127.0.0.1", port), 5))
            except OSError:
                return False
            return echoed(held[-1], b"hello")

        assert wait_until(open_through, 30)
        done = vault.place.sealgate("grant", "end", grant)
        assert done.returncode == 0, done.stderr
        assert wait_until(lambda: not echoed(held[-1], b"still"), 20)
        assert not open_through()
        for one in held:
            one.close()
    # The trail is written in batches, a moment after what it tells.
    assert wait_until(
        lambda: any(
            e.place == "console" and e.rule == "access-no-approval" for e in vault.place.events()
        )
    )
    tunnels = [e for e in vault.place.events() if e.action == "tunnel"]
    assert {(e.place, e.access, e.grant) for e in tunnels} == {("console", 3, grant)}


@pytest.mark.parametrize("second", ["code", "recovery", "password"])
def test_certificate_second_factor_and_grant_open_it_over_ftps(vault: Vault, second: str) -> None:
    """With TLS 1.3 and the hybrid group on both connections, as curl agrees on by itself."""
    vault.grant()
    typed = {"code": vault.app(), "recovery": vault.codes[1], "password": PASSWORD}[second]
    done = vault.curl(f"/plans/{second}.txt", "-T", "plan.txt", typed=typed)
    assert done.returncode == 0, done.stderr
    assert '331 "drop plans" opens with' in done.stderr.replace("the password, please: ", "")
    listed = vault.curl("/plans/", "--list-only", typed=vault.codes[2])
    assert f"{second}.txt.age" in listed.stdout.split()


def test_an_empty_password_goes_on_by_the_certificate_alone(vault: Vault) -> None:
    """Over FTPS other drops stay reachable; the secret one is not listed and tells what it lacks."""
    vault.grant()
    vault.app()
    listed = vault.curl("/", "--list-only")
    assert listed.stdout.split() == ["inbox"], listed.stderr
    refused = vault.curl("/plans/x.txt", "-T", "plan.txt")
    assert refused.returncode != 0
    assert SECOND in refused.stderr
    vault.end_all()
    listed = vault.curl("/", "--list-only")
    assert "232 signed in by certificate" in listed.stderr


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("wrong code", "530 that is no password and no code of yours"),
        ("no grant", GRANT),
        ("tls 1.2", "TLS 1.3 is required"),
        ("classical group", "a post-quantum key exchange is required"),
        ("another country", "you come from NZ"),
    ],
)
def test_what_is_missing_over_ftps_is_told(vault: Vault, case: str, told: str) -> None:
    """In the sentence of the reply; nothing is stored."""
    code = vault.app()
    if case != "no grant":
        vault.grant()
    typed = {"wrong code": "000000" if code != "000000" else "000001", "no grant": ""}
    options = {
        "tls 1.2": ("--tls-max", "1.2"),
        "classical group": ("--curves", "X25519"),
        "another country": ("--interface", OTHER),
    }
    sent = vault.curl(
        f"/plans/{case.replace(' ', '-')}.txt",
        "-T",
        "plan.txt",
        *options.get(case, ()),
        typed=typed.get(case, ""),
    )
    assert sent.returncode != 0
    assert told in sent.stderr


def test_lftp_without_the_hybrid_group_reaches_other_drops(vault: Vault) -> None:
    """GnuTLS of lftp speaks no post-quantum group: refused with the rule, and only there."""
    vault.grant()
    vault.app()
    folder: Path = vault.place.folder
    script = [
        "set cmd:fail-exit true; set net:max-retries 1; set ftp:ssl-force true",
        f"set ssl:ca-file {vault.place.ca}",
        f"set ssl:cert-file {folder}/anna.crt; set ssl:key-file {folder}/anna.key",
        f"open -u anna, -p {vault.place.ftps} localhost",
    ]
    for command, good in (("put plan.txt -o /inbox/by-lftp.txt", True), ("ls /plans", False)):
        done = subprocess.run(
            ["lftp", "-d", "-c", "; ".join([*script, command])],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=folder,
        )
        assert (done.returncode == 0) is good, done.stderr
    assert "a post-quantum key exchange is required" in done.stderr


def test_send_asks_for_the_code_when_the_key_was_taken(vault: Vault) -> None:
    """Sealed for the recipient, over the channel of the class; a wrong code sends nothing."""
    vault.grant()
    code = vault.app()
    folder, recipient = vault.place.folder, str(vault.identity.recipient())
    typed = folder / "typed"
    (folder / "sent.txt").write_bytes(b"another plan")
    vault.options("anna")  # writes the known hosts
    host = f"sftp://anna@127.0.0.1:{vault.place.sftp}/plans/"
    for answer, status, told in (
        ("000000" if code != "000000" else "1", 1, "takes the key"),
        (code, 0, "sealed"),
    ):
        typed.write_text(answer)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "sealgate", "send", "sent.txt", host, "--class", "secret"),
                *("-r", recipient, "-i", "anna", "--known-hosts", "known_hosts"),
                *("-c", str(vault.place.config)),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
            cwd=folder,
            env={**vault.place.environment, "SEALGATE_PASSWORD_FILE": str(typed)},
        )
        assert done.returncode == status, done.stderr
        assert told in done.stdout + done.stderr


def test_plan_and_audit_have_nothing_to_say(vault: Vault) -> None:
    """All that the class demands is given, as configured and as seen from outside."""
    vault.app()
    planned = vault.place.sealgate("plan")
    assert planned.returncode == 0, planned.stdout + planned.stderr
    lines = [" ".join(line.split()) for line in planned.stdout.splitlines()]
    at = lines.index("drop plans (secret)")
    assert lines[at + 1] == "in transit highly encrypted highly encrypted met"
    assert lines.count("access very high very high met") == 2
    assert "yet:" not in planned.stdout
    audited = vault.place.sealgate("audit")
    assert audited.returncode == 0, audited.stdout + audited.stderr
    assert audited.stdout.startswith("0 findings, 0 accepted, 0 not observed, ")

"""Client certificates from issue to revocation, as the application handles them."""

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from sealgate.app import keys
from sealgate.app.keys import (
    Delivery,
    IssuedKey,
    checked_password,
    issue_key,
    list_keys,
    new_password,
    revoke_key,
)
from sealgate.app.users import add_user, list_users, open_identities, remove_user
from sealgate.errors import GatewayError, SourceError, UsageError
from sealgate.identity.adapters.credentials import Credentials
from sealgate.identity.model import admitted
from sealgate.policy.inventory import Inventory, Operator

NOW = 1_800_000_000.0
DAY = 86400.0


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """Return an inventory with a state folder of its own."""
    operator = Operator("Shop Ltd", "DE", "Kassel")
    return Inventory(str(tmp_path / "s.toml"), str(tmp_path / ".sealgate"), operator=operator)


def issue(
    inventory: Inventory,
    name: str,
    delivery: Delivery,
    *groups: str,
    days: float = 30,
) -> IssuedKey:
    """Issue a certificate to *name*."""
    return issue_key(inventory, name, delivery, groups=groups, days=days, by="me", now=NOW)


def let_in(inventory: Inventory, *admit: str, now: float = NOW) -> tuple[str, ...]:
    """Return the fingerprints that a route would admit."""
    with open_identities(inventory) as store:
        return admitted(*store.everything(), admit, now)


def test_pem_files_hold_a_matching_pair(inventory: Inventory, tmp_path: Path) -> None:
    """The key is for its owner only, the certificate is what was recorded."""
    issued = issue(inventory, "anna", Delivery(prefix=str(tmp_path / "out")))
    crt, key = (Path(path) for path in issued.files)
    certificate = x509.load_pem_x509_certificate(crt.read_bytes())
    private = load_pem_private_key(key.read_bytes(), None)
    assert private.public_key() == certificate.public_key()
    assert certificate.fingerprint(hashes.SHA256()).hex() == issued.certificate.fingerprint
    assert [stat.S_IMODE(p.stat().st_mode) for p in (crt, key)] == [0o644, 0o600]
    assert issued.password is None


def test_a_browsers_file_opens_with_the_password_that_was_made(
    inventory: Inventory, tmp_path: Path
) -> None:
    """The password is told once, and is nowhere on the disk; nor is the key in the clear."""
    issued = issue(inventory, "änna", Delivery(p12=str(tmp_path / "anna.p12")))
    assert issued.password is not None
    (path,) = (Path(path) for path in issued.files)
    key, certificate, others = pkcs12.load_key_and_certificates(
        path.read_bytes(), issued.password.encode()
    )
    assert key is not None
    assert certificate is not None
    assert key.public_key() == certificate.public_key()
    assert others == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    everything = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert issued.password.encode() not in everything
    with pytest.raises(ValueError, match=r"(?i)password"):
        pkcs12.load_key_and_certificates(path.read_bytes(), b"another one")


def test_a_given_password_is_used_and_not_told(inventory: Inventory, tmp_path: Path) -> None:
    """With both forms asked for, three files are written."""
    delivery = Delivery(str(tmp_path / "a.p12"), str(tmp_path / "a"), "correct horse")
    issued = issue(inventory, "anna", delivery)
    assert issued.password is None
    assert [Path(p).suffix for p in issued.files] == [".crt", ".key", ".p12"]
    assert pkcs12.load_key_and_certificates(Path(issued.files[2]).read_bytes(), b"correct horse")[0]


@pytest.mark.parametrize("name", ["a/../../b", ".", "..", "-rf", "ä b"])
def test_a_name_never_leads_out_of_the_current_folder(
    inventory: Inventory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Files that are named like the user stay here, whatever the user is called."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    issued = issue(inventory, name, Delivery())
    assert {here / path for path in issued.files} == set(here.iterdir())


def test_an_unknown_user_is_added_and_a_known_one_joins(
    inventory: Inventory, tmp_path: Path
) -> None:
    """Groups are joined on top; without any, a route has to name the user."""
    first = issue(inventory, "anna", Delivery(prefix=str(tmp_path / "1")), "editors")
    second = issue(inventory, "anna", Delivery(prefix=str(tmp_path / "2")), "staff")
    assert (first.user_added, second.user_added) == (True, False)
    (line,) = list_users(inventory, NOW)
    assert (line.groups, line.living_certificates) == (("editors", "staff"), 2)
    both = sorted([first.certificate.fingerprint, second.certificate.fingerprint])
    assert list(let_in(inventory, "group:staff")) == both


def test_a_file_is_never_overwritten_and_then_nothing_is_issued(
    inventory: Inventory, tmp_path: Path
) -> None:
    """What stands in the way stays; what was begun beside it is taken away."""
    (tmp_path / "a.key").write_text("precious")
    with pytest.raises(UsageError, match="exists already"):
        issue(inventory, "anna", Delivery(prefix=str(tmp_path / "a")))
    assert (tmp_path / "a.key").read_text() == "precious"
    assert not (tmp_path / "a.crt").exists()
    assert list_keys(inventory, NOW) == ()
    assert list_users(inventory, NOW) == ()


@pytest.mark.parametrize(
    ("name", "groups", "days", "password"),
    [
        ("an\nna", (), 30, "correct horse"),
        ("anna", ("no group",), 30, "correct horse"),
        ("anna", (), 0, "correct horse"),
        ("anna", (), 30, "short"),
        ("anna", (), 30, "tab\tin the password"),
    ],
)
def test_a_refused_issue_leaves_nothing(
    inventory: Inventory,
    tmp_path: Path,
    name: str,
    groups: tuple[str, ...],
    days: float,
    password: str,
) -> None:
    """No file, no user, no record."""
    target = tmp_path / "anna.p12"
    with pytest.raises(UsageError):
        issue(inventory, name, Delivery(str(target), None, password), *groups, days=days)
    assert not target.exists()
    assert list_users(inventory, NOW) == ()
    assert list_keys(inventory, NOW) == ()


def test_a_password_is_shown_before_anything_is_issued(
    inventory: Inventory, tmp_path: Path
) -> None:
    """Then the file is whole; where it cannot be shown, neither file nor record stays."""
    target = tmp_path / "anna.p12"

    def refuse(password: str) -> None:
        assert pkcs12.load_key_and_certificates(target.read_bytes(), password.encode())[0]
        raise OSError

    with pytest.raises(OSError, match=r"^$"):
        issue_key(
            inventory,
            "anna",
            Delivery(p12=str(target)),
            groups=("editors",),
            days=30,
            by="me",
            now=NOW,
            show=refuse,
        )
    assert not target.exists()
    assert list_keys(inventory, NOW) == ()
    assert list_users(inventory, NOW) == ()


@pytest.mark.parametrize("gone", [SourceError("the disk is full"), KeyboardInterrupt()])
def test_a_record_has_its_file(
    inventory: Inventory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    gone: BaseException,
) -> None:
    """A file goes when nothing could be recorded; when that was interrupted it may be on record."""
    target = tmp_path / "anna.p12"

    def fail(*_: object, **_named: object) -> None:
        raise gone

    monkeypatch.setattr(Credentials, "add_certificate", fail)
    with pytest.raises(type(gone)):
        issue(inventory, "anna", Delivery(p12=str(target)))
    assert target.exists() is isinstance(gone, KeyboardInterrupt)
    assert list_keys(inventory, NOW) == ()


@pytest.mark.parametrize(
    "delivery", [Delivery(legacy=True), Delivery("a.p12", None, "correct horse", legacy=True)]
)
def test_the_old_form_rests_on_a_password_that_is_made(
    inventory: Inventory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, delivery: Delivery
) -> None:
    """Its encryption is weak, so a password that a person chose would not do."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="legacy"):
        issue(inventory, "anna", delivery)
    assert list_keys(inventory, NOW) == ()


def test_a_folder_that_is_not_there_is_said_so(inventory: Inventory, tmp_path: Path) -> None:
    """The file cannot be made, so nothing is issued."""
    with pytest.raises(SourceError, match="No such file"):
        issue(inventory, "anna", Delivery(p12=str(tmp_path / "no" / "a.p12")))
    with pytest.raises(SourceError, match="no valid path"):
        issue(inventory, "anna", Delivery(p12="a\0b"))
    assert list_keys(inventory, NOW) == ()


def test_revoked_and_ended_certificates_admit_nobody(inventory: Inventory, tmp_path: Path) -> None:
    """A fingerprint is dropped by revocation, by its end, and with its user."""
    paths = [Delivery(prefix=str(tmp_path / str(n))) for n in range(3)]
    issued = [issue(inventory, "anna", path, days=n + 1) for n, path in enumerate(paths)]
    assert len(let_in(inventory, "user:anna")) == 3
    revoked = revoke_key(inventory, issued[2].certificate.serial, by="me", now=NOW)
    assert [c.handle for c in revoked.keys] == [issued[2].certificate.serial]
    assert len(let_in(inventory, "user:anna")) == 2
    assert let_in(inventory, "user:anna", now=NOW + 1.5 * DAY) == (
        issued[1].certificate.fingerprint,
    )
    states = [line.state for line in list_keys(inventory, NOW + 1.5 * DAY)]
    assert sorted(states) == ["ended", "living", "revoked"]
    assert [line.state for line in list_keys(inventory, NOW - DAY)].count("not yet valid") == 2
    remove_user(inventory, "anna", by="me", now=NOW)
    assert let_in(inventory, "user:anna") == ()


def test_a_gateway_that_does_not_confirm_is_not_passed_over(
    inventory: Inventory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A revocation is recorded and still fails; an issue tells its password and the refusal."""

    def silent(_inventory: Inventory) -> str:
        raise GatewayError("no answer")

    add_user(inventory, "anna", [], by="me", now=NOW)
    monkeypatch.setattr(keys, "tell_gateway", silent)
    issued = issue(inventory, "anna", Delivery(p12=str(tmp_path / "a.p12")))
    assert issued.password is not None
    assert isinstance(issued.refusal, GatewayError)
    for _ in range(2):
        with pytest.raises(GatewayError):
            revoke_key(inventory, "anna", by="me", now=NOW)
    assert let_in(inventory, "user:anna") == ()


def test_made_passwords_are_fit_and_differ() -> None:
    """100 bits, in groups that can be read aloud."""
    made = {new_password() for _ in range(100)}
    assert len(made) == 100
    assert all(checked_password(password) and len(password) == 23 for password in made)

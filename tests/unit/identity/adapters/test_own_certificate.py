"""A given chain and key: each fault is told, together with the others, with what to type."""

import datetime as dt
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sealgate.errors import ConfigError
from sealgate.identity.adapters.own_certificate import (
    check_own_certificate,
    look_at_own_certificate,
)
from sealgate.policy.inventory import Place

NOW = 1_800_000_000.0
DAY = 86400.0
DOMAINS = ("shop.example", "www.shop.example")
PLACE = Place("sealgate.toml", 7)

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class Issuer:
    """A name and key that sign."""

    name: x509.Name
    key: PrivateKey


def named(text: str) -> x509.Name:
    """Return a subject with the common name *text*."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


ROOT = Issuer(named("root"), ec.generate_private_key(ec.SECP256R1()))
MIDDLE = Issuer(named("middle"), ec.generate_private_key(ec.SECP256R1()))
KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(
    subject: str,
    key: PrivateKey,
    issuer: Issuer,
    *,
    names: tuple[str, ...] = (),
    begin: float = NOW - DAY,
    days: float = 60,
    usage: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.SERVER_AUTH,
    authority: bool = False,
) -> x509.Certificate:
    """Return a certificate as somebody else's authority may make it."""
    start = dt.datetime.fromtimestamp(begin, tz=dt.UTC)
    builder = (
        x509.CertificateBuilder(issuer.name, named(subject), key.public_key(), 4711)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
    )
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(alternative, critical=False)
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if isinstance(issuer.key, ed25519.Ed25519PrivateKey):
        return builder.sign(issuer.key, None)
    return builder.sign(issuer.key, hashes.SHA256())


INTERMEDIATE = certificate("middle", MIDDLE.key, ROOT, authority=True, usage=None)
LEAF = certificate("shop", KEY, MIDDLE, names=DOMAINS)


class Files:
    """A chain and a key on the disk."""

    def __init__(self, folder: Path) -> None:
        """Write a pair that is right in every respect."""
        self.chain = folder / "fullchain.pem"
        self.key = folder / "privkey.pem"
        self.put(LEAF, INTERMEDIATE)
        self.put_key(KEY)

    def put(self, *chain: x509.Certificate) -> None:
        """Write the chain."""
        self.chain.write_bytes(b"".join(c.public_bytes(Encoding.PEM) for c in chain))

    def put_key(self, key: PrivateKey, password: bytes | None = None) -> None:
        """Write the key, with mode 0600."""
        how = BestAvailableEncryption(password) if password else NoEncryption()
        self.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))
        self.key.chmod(0o600)

    def complaints(self) -> list[str]:
        """Return the faults, after looking that each has a hint."""
        _, found = look_at_own_certificate(str(self.chain), str(self.key), DOMAINS, now=NOW)
        assert all(complaint.hint for complaint in found)
        assert all(complaint.message.isprintable() for complaint in found)
        return [complaint.message for complaint in found if complaint.is_fault]

    def warnings(self) -> list[str]:
        """Return what is told but does not stop."""
        found = check_own_certificate(str(self.chain), str(self.key), DOMAINS, now=NOW, place=PLACE)
        return [complaint.message for complaint in found.warnings]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Return a good chain and key on the disk, to be spoiled."""
    return Files(tmp_path)


def test_a_good_pair_tells_its_facts(files: Files) -> None:
    """What was judged is handed on as bytes, so that nothing changes in between."""
    found = check_own_certificate(str(files.chain), str(files.key), DOMAINS, now=NOW, place=PLACE)
    assert found.chain == files.chain.read_bytes()
    assert found.key == files.key.read_bytes()
    assert found.fingerprint == LEAF.fingerprint(hashes.SHA256()).hex()
    assert (found.dns_names, found.addresses, found.warnings) == (DOMAINS, (), ())
    assert (found.subject, found.issuer) == ("CN=shop", "CN=middle")
    assert found.not_after == NOW + 59 * DAY


def test_files_that_are_not_there_are_both_told(files: Files) -> None:
    """One look finds every fault."""
    files.chain.unlink()
    files.key.unlink()
    first, second = files.complaints()
    assert "fullchain.pem" in first
    assert "privkey.pem" in second
    assert all("No such file" in text for text in (first, second))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "holds no certificate in PEM"),
        (b"\x30\x82\x01\x00", "holds no certificate in PEM"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "is damaged"),
        (b"x" * ((1 << 20) + 1), "larger than 1 MiB"),
    ],
)
def test_a_chain_that_is_none_is_told(files: Files, content: bytes, told: str) -> None:
    """Empty, DER, damaged, or something else entirely."""
    files.chain.write_bytes(content)
    (message,) = files.complaints()
    assert told in message


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "holds no private key in PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "is damaged"),
    ],
)
def test_a_key_that_is_none_is_told(files: Files, content: bytes, told: str) -> None:
    """The content of a key file is never quoted."""
    files.key.write_bytes(content)
    (message,) = files.complaints()
    assert told in message


def test_a_truncated_chain_is_told(files: Files) -> None:
    """A copy that was cut off would be served without its intermediate."""
    files.chain.write_bytes(files.chain.read_bytes()[:-200])
    (message,) = files.complaints()
    assert "is cut off" in message


def test_an_encrypted_key_is_refused_with_the_way_out(files: Files) -> None:
    """Nobody is there to type a passphrase when a gateway starts by itself."""
    files.put_key(KEY, b"secret")
    (message,) = files.complaints()
    assert "is encrypted" in message


def test_a_key_of_another_certificate_is_told(files: Files) -> None:
    """The key must match the leaf."""
    files.put_key(ec.generate_private_key(ec.SECP256R1()))
    (message,) = files.complaints()
    assert "does not match" in message


def test_a_chain_in_the_wrong_order_is_told(files: Files) -> None:
    """The key belongs to the second certificate, and the first is not issued by it."""
    files.put(INTERMEDIATE, LEAF)
    told = "\n".join(files.complaints())
    assert "belongs to certificate 2" in told
    assert "certificate 1 is not issued by certificate 2" in told


def test_a_foreign_intermediate_is_told(files: Files) -> None:
    """A signature that does not verify is not taken for the name's sake."""
    false = Issuer(ROOT.name, ec.generate_private_key(ec.SECP256R1()))
    files.put(LEAF, certificate("middle", false.key, false, authority=True, usage=None))
    (message,) = files.complaints()
    assert "not issued by certificate 2" in message


def test_a_lone_leaf_is_a_warning(files: Files) -> None:
    """It may be issued by a root directly; usually an intermediate was forgotten."""
    files.put(LEAF)
    assert not files.complaints()
    (message,) = files.warnings()
    assert "no intermediate" in message


@pytest.mark.parametrize(
    ("begin", "days", "told"),
    [
        (NOW - 61 * DAY, 60, "ended on 2027-01-14 08:00 UTC"),
        (NOW + DAY, 60, "begins only on 2027-01-16 08:00 UTC"),
    ],
)
def test_dates_are_judged_by_the_clock_that_is_passed_in(
    files: Files, begin: float, days: float, told: str
) -> None:
    """Expired and not yet valid are faults."""
    files.put(certificate("shop", KEY, MIDDLE, names=DOMAINS, begin=begin, days=days), INTERMEDIATE)
    (message,) = files.complaints()
    assert told in message


def test_an_expired_intermediate_is_a_fault_too(files: Files) -> None:
    """A chain is as good as its weakest part."""
    ended = certificate(
        "middle", MIDDLE.key, ROOT, authority=True, usage=None, begin=NOW - 90 * DAY
    )
    files.put(LEAF, ended)
    (message,) = files.complaints()
    assert "certificate 2" in message
    assert "ended on" in message


def test_an_end_that_is_near_is_a_warning(files: Files) -> None:
    """Whoever renews it by hand has a week."""
    files.put(certificate("shop", KEY, MIDDLE, names=DOMAINS, days=5), INTERMEDIATE)
    assert not files.complaints()
    (message,) = files.warnings()
    assert "ends on" in message


def test_each_domain_that_is_not_covered_is_told(files: Files) -> None:
    """The common name counts for nothing, and a wildcard does not cover its own domain."""
    files.put(certificate("shop.example", KEY, MIDDLE), INTERMEDIATE)
    assert len(files.complaints()) == 2
    files.put(certificate("shop", KEY, MIDDLE, names=("*.shop.example",)), INTERMEDIATE)
    (message,) = files.complaints()
    assert '"shop.example"' in message
    assert "*.shop.example" in message


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 1024),  # noqa: S505  # weak on purpose
        ec.generate_private_key(ec.SECP224R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["rsa-1024", "p-224", "ed25519"],
)
def test_keys_that_are_weak_or_that_browsers_refuse_are_told(files: Files, key: PrivateKey) -> None:
    """RFC 9325, 4.5, and the curves that browsers take."""
    files.put(certificate("shop", key, MIDDLE, names=DOMAINS), INTERMEDIATE)
    files.put_key(key)
    (message,) = files.complaints()
    assert "must be ECDSA on P-256" in message


@pytest.mark.parametrize(
    "key",
    [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())],
    ids=["rsa-2048", "p-384"],
)
def test_strong_keys_of_either_kind_are_taken(files: Files, key: PrivateKey) -> None:
    """RSA of 2048 bits and the larger curve are fine."""
    files.put(certificate("shop", key, MIDDLE, names=DOMAINS), INTERMEDIATE)
    files.put_key(key)
    assert not files.complaints()
    assert not files.warnings()


@pytest.mark.peer("openssl")
def test_a_signature_over_sha_1_is_told(files: Files, tmp_path: Path) -> None:
    """Browsers refuse it; openssl makes one, since nothing else does any more."""
    (tmp_path / "root.key").write_bytes(
        ROOT.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    root = certificate("root", ROOT.key, ROOT, authority=True, usage=None)
    (tmp_path / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
    files.put_key(KEY)
    request = f"openssl req -new -key {files.key} -subj /CN=shop -addext subjectAltName="
    request += ",".join(f"DNS:{name}" for name in DOMAINS)
    sign = f"openssl x509 -req -sha1 -copy_extensions copyall -days 4000 -out {files.chain}"
    sign += f" -CA {tmp_path}/root.pem -CAkey {tmp_path}/root.key"
    made = subprocess.run(request.split(), check=True, capture_output=True)
    subprocess.run(sign.split(), input=made.stdout, check=True, capture_output=True)
    (message,) = [text for text in files.complaints() if "begins" not in text]
    assert "sha1" in message


def test_a_client_certificate_is_told(files: Files) -> None:
    """The extended key usage must allow servers, where there is one."""
    client = certificate("shop", KEY, MIDDLE, names=DOMAINS, usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    files.put(client, INTERMEDIATE)
    (message,) = files.complaints()
    assert "serverAuth" in message
    files.put(certificate("shop", KEY, MIDDLE, names=DOMAINS, usage=None), INTERMEDIATE)
    assert not files.complaints()


def test_a_self_signed_authority_is_a_warning(files: Files) -> None:
    """What a short openssl command makes works, but its key could vouch for any site."""
    self_signed = certificate(
        "shop", KEY, Issuer(named("shop"), KEY), names=DOMAINS, authority=True
    )
    files.put(self_signed)
    assert not files.complaints()
    (message,) = files.warnings()
    assert "authority itself" in message


@pytest.mark.parametrize(
    ("mode", "is_fault", "is_warning"),
    [
        (0o600, False, False),
        (0o400, False, False),
        (0o640, False, True),
        (0o660, True, False),
        (0o644, True, False),
        (0o604, True, False),
    ],
)
def test_a_key_that_others_can_read_is_told(
    files: Files,
    mode: int,
    is_fault: bool,  # noqa: FBT001  # a table
    is_warning: bool,  # noqa: FBT001  # a table
) -> None:
    """Others are a fault; a group that reads (Debian's ssl-cert) is a warning."""
    files.key.chmod(mode)
    assert any(f"mode {mode:04o}" in text for text in files.complaints()) == is_fault
    if not is_fault:
        assert any("group" in text for text in files.warnings()) == is_warning


def test_every_fault_is_raised_at_its_place(files: Files) -> None:
    """The configuration's file and line lead each fault."""
    ended = certificate("shop", KEY, MIDDLE, names=("other.example",), begin=NOW - 90 * DAY)
    files.put(ended, INTERMEDIATE)
    files.put_key(ec.generate_private_key(ec.SECP256R1()))
    files.key.chmod(0o644)
    with pytest.raises(ConfigError) as refused:
        check_own_certificate(str(files.chain), str(files.key), DOMAINS, now=NOW, place=PLACE)
    faults = [str(fault) for fault in refused.value.faults]
    assert len(faults) == 5
    assert all(fault.startswith("sealgate.toml:7: ") for fault in faults)

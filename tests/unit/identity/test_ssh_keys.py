"""SSH public keys: which are taken, which are refused and why."""

import base64
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sealgate.errors import UsageError
from sealgate.identity.ssh_keys import fingerprint_of, read_ssh_key

# RFC 8709, 4: the public key in its example of the format.
RFC_8709 = "AAAAC3NzaC1lZDI1NTE5AAAAIIHKQ9TG5ZWVAwHdCe26sGwHRWTBbEp0Ge5pXG4MxdO0"


def strings(*parts: bytes) -> str:
    """Return *parts* as SSH strings (RFC 4251, 5), in base64."""
    return base64.b64encode(b"".join(struct.pack(">I", len(p)) + p for p in parts)).decode()


def openssh(key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey) -> bytes:
    """Return *key* as OpenSSH writes it."""
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)


def rsa_line(bits: int) -> bytes:
    """Return an RSA key of *bits* that nobody has, which is enough to be looked at."""
    return openssh(rsa.RSAPublicNumbers(65537, (1 << (bits - 1)) | 1).public_key())


ED25519 = openssh(ed25519.Ed25519PrivateKey.generate().public_key())
POINT = (
    ec.generate_private_key(ec.SECP256R1())
    .public_key()
    .public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
)
SK_ED25519 = (
    b"sk-ssh-ed25519@openssh.com "
    + strings(b"sk-ssh-ed25519@openssh.com", bytes(32), b"ssh:").encode()
)
SK_ECDSA = (
    b"sk-ecdsa-sha2-nistp256@openssh.com "
    + strings(b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", POINT, b"ssh:").encode()
)


@pytest.mark.parametrize(
    "line",
    [
        ED25519,
        openssh(ec.generate_private_key(ec.SECP256R1()).public_key()),
        openssh(ec.generate_private_key(ec.SECP384R1()).public_key()),
        openssh(ec.generate_private_key(ec.SECP521R1()).public_key()),
        SK_ED25519,
        SK_ECDSA,
        rsa_line(3072),
        rsa_line(4096),
    ],
    ids=lambda line: line.split()[0].decode() + str(len(line)),
)
def test_a_good_key_is_taken(line: bytes) -> None:
    """Every algorithm of the list, as it is written into a .pub file."""
    key = read_ssh_key(b"# mine\n\n" + line + b" anna@laptop at home\r\n", "anna", 7)
    assert key.line.encode() == line + b" anna@laptop at home"
    assert (key.identity, key.added_at, key.is_living) == ("anna", 7, True)
    assert key.fingerprint == fingerprint_of(base64.b64decode(line.split()[1]))


def test_a_known_key_has_the_known_fingerprint() -> None:
    """SHA-256 over the blob, in base64 without padding, as OpenSSH prints it."""
    key = read_ssh_key(f"ssh-ed25519 {RFC_8709}".encode(), "anna", 0)
    assert key.fingerprint == fingerprint_of(base64.b64decode(RFC_8709))
    assert key.fingerprint.startswith("SHA256:")
    assert len(key.fingerprint) == 50
    assert key.comment == ""


def test_a_comment_cannot_steer_a_terminal() -> None:
    """What cannot be seen is left out of it, and its length is bounded."""
    key = read_ssh_key(ED25519 + b" \x1b[31mred\xe2\x80\xae" + b"x" * 500, "anna", 0)
    assert key.comment.startswith("[31mredx")
    assert len(key.comment) == 200


OTHER = base64.b64encode(base64.b64decode(ED25519.split()[1])[:-1]).decode()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"ssh-dss AAAA", "is DSA, which is broken"),
        (rsa_line(2048), "RSA of 2048 bits, but must have at least 3072"),
        (rsa_line(1024), "RSA of 1024 bits"),
        (b"", "there is no key"),
        (ED25519 + b"\n" + SK_ED25519, "there is 2 lines"),
        (b"hello", "no public key of OpenSSH"),
        (b"hello world", 'of the type "hello"'),
        (b"\xff\xfe\x00", "it is no text"),
        (b"ssh-ed25519 !!!!", "damaged"),
        (b"ssh-ed25519 AAAA", "damaged"),
        (f"ssh-ed25519 {OTHER}".encode(), "damaged"),
        (b"ssh-rsa " + ED25519.split()[1], "damaged"),
        (b"ssh-ed25519 " + rsa_line(3072).split()[1], "damaged"),
        (ED25519 + b"=", "damaged"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA", "is a private key"),
        (b'command="ls" ' + ED25519, "of the type"),
        (b"ssh-ed25519-cert-v01@openssh.com AAAA", "of the type"),
        (b"x" * 20000, "too large"),
        (
            b"ecdsa-sha2-nistp256 "
            + strings(b"ecdsa-sha2-nistp256", b"nistp256", bytes(65)).encode(),
            "damaged",
        ),
    ],
    ids=range(19),
)
def test_a_bad_key_is_refused_with_the_reason(content: bytes, told: str) -> None:
    """Weak, damaged, foreign, private or too many: the message says which."""
    with pytest.raises(UsageError, match=told):
        read_ssh_key(content, "anna", 0)

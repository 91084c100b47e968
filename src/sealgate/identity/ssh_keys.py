"""
SSH public keys that let a user in: read from one line, judged, known by a fingerprint.

Pure. The line is that of ``authorized_keys`` without options, as ``ssh-keygen`` writes it
into ``.pub`` files (RFC 4253, 6.6; RFC 5656; RFC 8709; PROTOCOL.u2f of OpenSSH).
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from sealgate.errors import UsageError

# RFC 9142, 1.1.2 gives RSA of 3072 bits the strength of the curves beside it.
LEAST_RSA_BITS = 3072
MOST_LINE_BYTES = 16384
MOST_COMMENT_CHARACTERS = 200
ALGORITHMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)
_HINT = "ssh-keygen -t ed25519"
_REFUSED = {
    "ssh-dss": "is DSA, which is broken (1024 bits, SHA-1)",
    "ssh-rsa1": "is of SSH 1",
}


@dataclass(frozen=True, slots=True)
class SSHKey:
    """
    One public key of *identity*.

    *fingerprint* is ``SHA256:…`` as OpenSSH prints it. *public* is the key in base64 (RFC
    4253 blob), *comment* what its owner wrote behind it.
    """

    fingerprint: str
    algorithm: str
    public: str
    comment: str
    identity: str
    added_at: float
    revoked_at: float | None = None

    @property
    def handle(self) -> str:
        """Return what a person names it by, such as to revoke it."""
        return self.fingerprint

    @property
    def is_living(self) -> bool:
        """Return whether nobody revoked it; SSH keys do not end by themselves."""
        return self.revoked_at is None

    @property
    def line(self) -> str:
        """Return it as a line of ``authorized_keys``."""
        return f"{self.algorithm} {self.public} {self.comment}".rstrip()


def read_ssh_key(content: bytes, identity: str, now: float) -> SSHKey:
    """
    Return the one public key in *content* (the bytes of a ``.pub`` file) as *identity*'s.

    Raises:
        UsageError: it is no public key, more than one, or one that is too weak.
    """
    algorithm, encoded, comment = _split(content)
    if algorithm in _REFUSED:
        raise UsageError(f"the key {_REFUSED[algorithm]}", hint=_HINT)
    if algorithm not in ALGORITHMS:
        shown = algorithm if algorithm.isprintable() and len(algorithm) < 80 else "…"  # noqa: PLR2004
        message = f'the key is of the type "{shown}", but must be one of {", ".join(ALGORITHMS)}'
        raise UsageError(message, hint=_HINT)
    try:
        blob = base64.b64decode(encoded, validate=True)
        # It refuses a blob that names another type than the line does.
        key = load_ssh_public_key(f"{algorithm} {encoded}".encode("ascii"))
        public = base64.b64encode(blob).decode("ascii")
    except Exception as error:  # a damaged key makes the parser raise anything
        raise UsageError("the public key is damaged", hint="ssh-keygen -lf FILE") from error
    if public != encoded:
        raise UsageError("the public key is damaged: base64", hint="ssh-keygen -lf FILE")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
        message = f"the key is RSA of {key.key_size} bits, but must have at least {LEAST_RSA_BITS}"
        raise UsageError(message, hint=_HINT)
    return SSHKey(fingerprint_of(blob), algorithm, public, comment, identity, now)


def fingerprint_of(blob: bytes) -> str:
    """Return the fingerprint of a key *blob* (RFC 4253, 6.6), as OpenSSH prints it."""
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii")
    return f"SHA256:{digest.rstrip('=')}"


def _split(content: bytes) -> tuple[str, str, str]:
    if b"PRIVATE KEY-----" in content:
        raise UsageError(
            "that is a private key, which stays with its owner",
            hint="give the file that ends in .pub",
        )
    if len(content) > MOST_LINE_BYTES:
        raise UsageError("that is no public key: it is too large", hint=_HINT)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise UsageError("that is no public key: it is no text", hint=_HINT) from error
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if len(lines) != 1:
        found = "no key" if not lines else f"{len(lines)} lines"
        message = f"there must be one public key, but there is {found}"
        raise UsageError(message, hint="give a file with one line, as ssh-keygen writes it")
    parts = lines[0].split(None, 2)
    if len(parts) == 1:
        raise UsageError("that is no public key of OpenSSH", hint="ssh-keygen -i -f FILE")
    comment = parts[2].strip() if len(parts) > 2 else ""  # noqa: PLR2004
    # It is printed in lists: what cannot be seen, or would steer a terminal, is left out.
    seen = "".join(c for c in comment if unicodedata.category(c)[0] != "C")
    return parts[0], parts[1], seen[:MOST_COMMENT_CHARACTERS]

"""
AWS KMS as a key service, through boto3 (the extra ``s3``).

Credentials and region are found as boto3 finds them: environment, profile, or the role
of the machine.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from sealgate.errors import ConfigError, PeerError, SourceError
from sealgate.storage.adapters.keystore_envelope import ServiceProtector
from sealgate.storage.keyring import Detail, KeyProtection

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.policy.inventory import KeySettings

# Bound to what is encrypted (additional authenticated data) and written to CloudTrail.
CONTEXT = {"application": "sealgate", "purpose": "site-keys"}
CONNECT_SECONDS = 5
READ_SECONDS = 10
ATTEMPTS = 3
_HINTS = {
    "AccessDeniedException": "its policy must allow kms:Encrypt and kms:Decrypt on this key",
    "NotFoundException": "aws kms describe-key --key-id ID",
    "DisabledException": "aws kms enable-key --key-id ID",
    "KMSInvalidStateException": "aws kms describe-key --key-id ID",
    "InvalidCiphertextException": "see whether key in [keys] is the one that sealed the key file",
    "IncorrectKeyException": "see whether key in [keys] is the one that sealed the key file",
    "UnrecognizedClientException": "aws sts get-caller-identity",
    "ExpiredTokenException": "aws sts get-caller-identity",
}


class AWSKMS:
    """
    The symmetric KMS key *key* (id, ARN or alias), at another *address* where given.

    Raises:
        ConfigError: no key is named, or boto3 is not installed or not told where.
    """

    def __init__(self, key: str, address: str = "") -> None:
        if not key:
            hint = 'key = "alias/sealgate" under [keys]'
            raise ConfigError("[keys] names no key in AWS KMS", hint=hint)
        self._key = key
        self.name = f'AWS KMS key "{key}"'
        self._client = _client(address)

    def encrypt(self, content: bytes) -> str:
        """Return *content* encrypted, in base64."""
        answer = self._ask("encrypt", Plaintext=content)
        return base64.b64encode(answer["CiphertextBlob"]).decode("ascii")

    def decrypt(self, encrypted: str) -> bytes:
        """Return what KMS encrypted."""
        try:
            blob = base64.b64decode(encrypted, validate=True)
        except binascii.Error as error:
            message = f"the key file is damaged: what {self.name} sealed cannot be read"
            raise SourceError(message, hint="restore it from a backup") from error
        return bytes(self._ask("decrypt", CiphertextBlob=blob)["Plaintext"])

    def _ask(self, verb: str, **question: bytes) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # an extra

        try:
            answer: dict[str, Any] = getattr(self._client, verb)(
                KeyId=self._key, EncryptionContext=CONTEXT, **question
            )
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            hint = _HINTS.get(code, "see CloudTrail")
            raise PeerError(f"{self.name} refused: {code}", hint=hint) from error
        except BotoCoreError as error:
            raise PeerError(
                f"{self.name} does not answer: {type(error).__name__}",
                hint="aws sts get-caller-identity",
            ) from error
        return answer


def _client(address: str) -> Any:
    try:
        import boto3  # noqa: PLC0415  # an extra
        from botocore.config import Config  # noqa: PLC0415  # an extra
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        message = "AWS KMS needs boto3, which is not installed"
        raise ConfigError(message, hint="pip install 'sealgate[s3]'") from error
    settings = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
    )
    try:
        return boto3.client("kms", endpoint_url=address or None, config=settings)
    except (BotoCoreError, ValueError) as error:
        message = f"AWS KMS cannot be reached as configured: {type(error).__name__}"
        raise ConfigError(message, hint="set AWS_REGION, or region in ~/.aws/config") from error


def _open(settings: KeySettings, _ask: Callable[[], str] | None) -> ServiceProtector:
    return ServiceProtector(AWSKMS(settings.key, settings.address))


PROTECTION = KeyProtection(
    "aws-kms",
    _open,
    key=Detail("alias/sealgate", "the name of a key"),
    address=Detail("https://kms.eu-central-1.amazonaws.com"),
)

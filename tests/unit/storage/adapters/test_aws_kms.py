"""AWS KMS, for which moto stands: the key file closes and opens, and each refusal is told."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from sealgate.errors import ConfigError, PeerError, SourceError
from sealgate.policy.inventory import KeySettings
from sealgate.storage.adapters import aws_kms
from sealgate.storage.adapters.aws_kms import AWSKMS
from sealgate.storage.adapters.keystore import add_key, open_keyring
from tests.ports import free_port

NOW = 1_800_000_000.0


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no credentials but made-up ones, and no file of settings."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def kms() -> Iterator[Any]:
    """Return a client of the stand-in, which has the key ``alias/sealgate``."""
    with mock_aws():
        client = boto3.client("kms")
        key = client.create_key()["KeyMetadata"]["KeyId"]
        client.create_alias(AliasName="alias/sealgate", TargetKeyId=key)
        yield client
        client.close()


@pytest.mark.usefixtures("kms")
def test_the_keyring_lives_behind_it(tmp_path: Path) -> None:
    """Made, opened and rotated; kept apart, and no secret is in the file."""
    settings = KeySettings("aws-kms", "alias/sealgate")
    made = open_keyring(str(tmp_path), settings, passphrase=None, now=NOW)
    assert made.is_apart
    rotated = add_key(str(tmp_path), settings, passphrase=None, now=NOW + 1)
    again = open_keyring(str(tmp_path), settings, passphrase=None, now=NOW + 2)
    assert again.keyring == rotated.keyring
    assert again.record_key == made.record_key
    assert b"AGE-SECRET-KEY" not in (tmp_path / "site-keys.json").read_bytes()


def test_what_is_encrypted_is_bound_to_its_purpose(kms: Any) -> None:
    """Another program with the same key, and another context, does not get it back."""
    service = AWSKMS("alias/sealgate")
    encrypted = service.encrypt(b"content")
    assert service.decrypt(encrypted) == b"content"
    blob = base64.b64decode(encrypted)
    with pytest.raises(kms.exceptions.InvalidCiphertextException):
        kms.decrypt(CiphertextBlob=blob, KeyId="alias/sealgate")


def test_a_refusal_is_told(kms: Any) -> None:
    """An unknown key, what another key sealed, and what was never sealed."""
    with pytest.raises(PeerError, match="refused: NotFoundException"):
        AWSKMS("alias/other").encrypt(b"x")
    sealed = AWSKMS("alias/sealgate").encrypt(b"x")
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    with pytest.raises(PeerError, match="refused: "):
        AWSKMS(other).decrypt(sealed)
    with pytest.raises(SourceError, match="is damaged"):
        AWSKMS("alias/sealgate").decrypt("no base64!")


def test_a_key_that_is_switched_off_is_told() -> None:
    """Moto decrypts with a disabled key, so botocore's own stub answers as AWS documents it."""
    service = AWSKMS("alias/sealgate")
    with Stubber(service._client) as stub:
        stub.add_client_error("encrypt", "DisabledException", "arn:aws:kms:… is disabled.")
        with pytest.raises(PeerError, match="refused: DisabledException") as caught:
            service.encrypt(b"x")
    assert caught.value.hint == "aws kms enable-key --key-id ID"


def test_it_may_be_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens at the address: the reason, and exit code 1."""
    monkeypatch.setattr(aws_kms, "ATTEMPTS", 1)
    port = free_port()
    with pytest.raises(PeerError, match="does not answer: EndpointConnectionError") as caught:
        AWSKMS("alias/sealgate", f"http://127.0.0.1:{port}").encrypt(b"x")
    assert caught.value.exit_code == 1


def test_settings_that_are_missing_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, no region, no boto3."""
    with pytest.raises(ConfigError, match="names no key"):
        AWSKMS("")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(ConfigError, match="as configured: NoRegionError"):
        AWSKMS("alias/sealgate")
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ConfigError, match="boto3, which is not installed"):
        AWSKMS("alias/sealgate")

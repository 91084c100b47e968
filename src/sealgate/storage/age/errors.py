"""
What can be wrong with a sealed file or a key, split by what the caller does about it.

No message carries content, a passphrase or a secret key.
"""

from __future__ import annotations

from sealgate.errors import ExitCode, SealgateError


class AgeError(SealgateError):
    """A sealed file cannot be opened, or a key cannot be used."""


class DamagedError(AgeError):
    """The bytes are not what somebody sealed: changed, cut off, or never a sealed file."""


class HeaderError(DamagedError):
    """The header breaks the format."""


class NotAgeError(HeaderError):
    """The bytes do not begin as a file of the age v1 format does."""


class HeaderMacError(DamagedError):
    """The header is well formed, but somebody changed it after it was sealed."""


class PayloadError(DamagedError):
    """
    A chunk of the payload was changed, moved or left out.

    *opened* is how many plain bytes of the same call were verified before it.
    """

    opened = 0


class TruncatedError(PayloadError):
    """The payload ends before its final chunk."""


class ArmorError(DamagedError):
    """The ASCII armour breaks the format."""


class NoMatchError(AgeError):
    """The file is sealed for somebody else: none of the identities opens it."""


class PassphraseError(NoMatchError):
    """A passphrase is needed and was not given, or it is not the right one."""


class KeyTextError(AgeError):
    """What was given as a recipient or an identity is none: the caller must act."""

    exit_code = ExitCode.USAGE


class MixError(AgeError):
    """These recipients must not share one file: the caller must act."""

    exit_code = ExitCode.USAGE

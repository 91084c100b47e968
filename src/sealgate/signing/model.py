"""
What a signature over an answer is about, and the ways in which one is not to be trusted.

Header fields are pairs of name and value, in the order and with the repetitions of the wire;
values are the wire's bytes read as Latin-1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sealgate.errors import ExitCode, SealgateError

# Says what a signature is for, so that one made with the same key for something else is
# not taken for this (RFC 9421, 2.3 and 7.2.1).
TAG = "sealgate-response"
LABEL = "sealgate"
# So long a signature holds. Whoever stands in between may show an old answer until then.
VALID_SECONDS = 300
# Clocks may differ by so much.
SKEW_SECONDS = 60
# Where a site publishes its keys, over TLS (draft-meunier-http-message-signatures-directory).
DIRECTORY_PATH = "/.well-known/http-message-signatures-directory"
DIRECTORY_TYPE = "application/http-message-signatures-directory+json"

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: *authority* as in Host, *target* as in the request line."""

    method: str
    authority: str
    target: str
    fields: Fields = ()
    scheme: str = "http"


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of what was answered."""

    status: int
    fields: Fields

    def values(self, name: str) -> tuple[str, ...]:
        """Return every value of the field *name* (lower case), in order."""
        return tuple(value for known, value in self.fields if known.lower() == name)


class Defect(StrEnum):
    """Why an answer is not verified."""

    MISSING = "missing signature"
    MALFORMED = "malformed signature"
    OTHER_PURPOSE = "signature for another purpose"
    UNKNOWN_KEY = "unknown key"
    ALGORITHM = "other algorithm"
    NOT_COVERED = "not covered"
    NOT_YET = "not valid yet"
    EXPIRED = "expired"
    NO_FIT = "signature does not fit"
    NO_DIGEST = "no usable digest"
    BODY = "other body"


class UnverifiedError(SealgateError):
    """
    An answer that is not what its site signed, or not signed at all; *defect* says why.

    Nothing of the body is in the message.
    """

    exit_code = ExitCode.FINDINGS

    def __init__(self, defect: Defect, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.defect = defect

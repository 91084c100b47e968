"""What people are told over SSH: why they are not let in, and what is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.protocols.model import Method, TransferError
from sealgate.storage.model import Trouble

if TYPE_CHECKING:
    from sealgate.errors import SealgateError
    from sealgate.protocols.model import MoreProof

_TOLD = {
    Method.ONE_TIME_CODE: "a one-time code or a recovery code",
    Method.PASSWORD: "your password",
}


def question(asked: MoreProof) -> str:
    """Return what a person is told of what is asked for."""
    assets = ", ".join(f'"{asset}"' for asset in asked.assets)
    ways = " or ".join(told for way, told in _TOLD.items() if way in asked.ways)
    return f"{assets}: a second factor opens it beside your key: {ways}; or answer nothing\n"


def as_transfer(error: SealgateError) -> TransferError:
    """Return *error* as a refusal."""
    if isinstance(error, TransferError):
        return error
    return TransferError(Trouble.DENIED, error.message, hint=error.hint)


def sentence(refusal: TransferError) -> str:
    """Return what a person is shown: what is missing, and the rule that asks for it."""
    rule = f" (rule {refusal.rule})" if refusal.rule else ""
    hint = f"\n{refusal.hint}" if refusal.hint else ""
    return f"{refusal.message}{rule}{hint}\n"

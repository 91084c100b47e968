"""What a store's fault becomes for the client: its kind, the client's own name, no place here."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sealgate.errors import SealgateError
from sealgate.protocols.model import TransferError
from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SENTENCES = {
    Trouble.NOT_FOUND: "there is no such file or folder",
    Trouble.EXISTS: "there is one of that name already",
    Trouble.IS_FOLDER: "it is a folder",
    Trouble.NOT_FOLDER: "it is not a folder",
    Trouble.NOT_EMPTY: "the folder is not empty",
    Trouble.DENIED: "that is not allowed",
    Trouble.QUOTA: "the quota of this drop is used up",
    Trouble.NO_SPACE: "the server has no space left",
    Trouble.BUSY: "somebody else writes it now",
    Trouble.UNSUPPORTED: "that cannot be done here",
    Trouble.SEALED_ELSEWHERE: "it can be opened only where its key is",
    Trouble.TAMPERED: "what lies there is not what was stored",
    Trouble.FAILED: "the store failed",
}


def told(error: StorageError) -> TransferError:
    """
    Return *error* as the client is told it.

    The store's own message may name folders of this machine, so only those about the
    client's own spelling are passed on.
    """
    message = _SENTENCES.get(error.trouble, error.message)
    return TransferError(error.trouble, message, hint=None)


@contextlib.contextmanager
def guarded(complain: Callable[[str], None]) -> Iterator[None]:
    """Let nothing out but :class:`TransferError`; what is our own fault goes to *complain*."""
    try:
        yield
    except TransferError:
        raise
    except StorageError as error:
        if error.trouble in {Trouble.FAILED, Trouble.TAMPERED}:
            complain(error.message)
        raise told(error) from error
    except SealgateError as error:
        complain(error.message)
        raise TransferError(Trouble.FAILED, "the server failed") from error
    except Exception as error:
        # Its words may quote what it stumbled over.
        complain(f"{type(error).__name__} in a session")
        raise TransferError(Trouble.FAILED, "the server failed") from error

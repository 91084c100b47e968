"""Work for a control connection, here or in a thread, one piece at a time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from sealgate.errors import SealgateError
from sealgate.protocols.ftps.loop import LOG, Errands, Outcome, outcome_of
from sealgate.protocols.ftps.replies import CODES, told
from sealgate.storage.model import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.protocols.ftps.channel import ControlChannel


class Tasks:
    """
    Keeps commands in order: while something is done for one, the next one waits.

    *done* is called behind each piece of work, and *left* when the client has gone meanwhile.
    """

    def __init__(
        self,
        errands: Errands,
        channel: ControlChannel,
        done: Callable[[], None],
        left: Callable[[], None],
    ) -> None:
        """Use the threads of *errands* for the client on *channel*."""
        self._errands = errands
        self._channel = channel
        self._done = done
        self._left = left
        self.is_busy = False

    def do(
        self,
        work: Callable[[], Any],
        then: Callable[[Any], None],
        *,
        off_loop: bool,
        otherwise: Callable[[Exception], None] | None = None,
        lost: Callable[[Any], None] | None = None,
        sign_in: bool = False,
        usual: bool = False,
    ) -> None:
        """
        Do *work*, then call *then* with its value, or *otherwise* with its exception.

        Commands wait meanwhile. *lost* gets the value when the client has gone.
        """
        self.is_busy = True
        back = partial(self._back, then, otherwise or self.refuse, lost)
        if off_loop:
            self._errands.run(work, back, sign_in=sign_in, usual=usual)
        else:
            back(outcome_of(work))

    def _back(
        self,
        then: Callable[[Any], None],
        otherwise: Callable[[Exception], None],
        lost: Callable[[Any], None] | None,
        outcome: Outcome,
    ) -> None:
        self.is_busy = False
        if self._channel.is_closed:
            if lost is not None and outcome.error is None:
                lost(outcome.value)
            self._left()
            return
        if outcome.error is None:
            then(outcome.value)
        else:
            otherwise(outcome.error)
        self._done()

    def refuse(self, error: Exception) -> None:
        """Reply by what *error* tells."""
        self._channel.reply(reply_to(error))


def reply_to(error: Exception) -> str:
    """Return the reply to *error*; a fault of ours tells nothing."""
    trouble = getattr(error, "trouble", None)
    if isinstance(error, SealgateError) and isinstance(trouble, Trouble):
        return f"{CODES[trouble]} {told(error)}"
    LOG.error("a fault behind the FTPS server: %s", type(error).__name__)
    LOG.debug("where it happened", exc_info=error)
    return "451 the server failed"

"""Work for a control connection, here or in a thread, one piece at a time."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from sealgate.errors import SealgateError
from sealgate.storage.model import Trouble
from sealgate.transfer.adapters.ftps_loop import LOG, Outcome, outcome_of
from sealgate.transfer.adapters.ftps_replies import CODES, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.transfer.adapters.ftps import FTPSServer
    from sealgate.transfer.model import FileSession


class Working:
    """Keeps commands in order: while something is done for one, the next one waits."""

    server: FTPSServer
    session: FileSession | None
    heard_at: float
    is_closed: Any
    reply: Callable[[str], None]
    drain: Callable[[], None]
    _busy: bool

    def work(
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
        self._busy = True
        back = partial(self._back, then, otherwise or self.refuse, lost)
        if off_loop:
            self.server.errands.run(work, back, sign_in=sign_in, usual=usual)
        else:
            back(outcome_of(work))

    def _back(
        self,
        then: Callable[[Any], None],
        otherwise: Callable[[Exception], None],
        lost: Callable[[Any], None] | None,
        outcome: Outcome,
    ) -> None:
        self._busy = False
        if self.is_closed:
            if lost is not None and outcome.error is None:
                lost(outcome.value)
            self._let_go()
            return
        if outcome.error is None:
            then(outcome.value)
        else:
            otherwise(outcome.error)
        self.heard_at = time.monotonic()
        if not self._busy:
            self.drain()

    def refuse(self, error: Exception) -> None:
        """Reply by what *error* tells."""
        self.reply(self.reply_to(error))

    def reply_to(self, error: Exception) -> str:
        """Return the reply to *error*; a fault of ours tells nothing."""
        trouble = getattr(error, "trouble", None)
        if isinstance(error, SealgateError) and isinstance(trouble, Trouble):
            return f"{CODES[trouble]} {told(error)}"
        LOG.error("a fault behind the FTPS server: %s", type(error).__name__)
        LOG.debug("where it happened", exc_info=error)
        return "451 the server failed"

    def _let_go(self) -> None:
        """Give the session back; it may have to wait for a disk."""
        session, self.session = self.session, None
        if session is not None:
            self.server.errands.run(session.close, _nothing)


def _nothing(_: Outcome) -> None:
    """Do nothing more."""

"""One thing that serves, as the supervisor sees it: Envoy, relays, the sign-in service, and others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.serve.deployment import Deployment


class Service(Protocol):
    """
    One thing that serves a deployment, and takes another one over in steps.

    A change goes through all services step by step: all prepare, all commit, all confirm; when
    one fails before, all that began roll back. Each is called by one thread, between ticks.
    """

    def prepare(self, wanted: Deployment) -> None:
        """
        Have ready for *wanted* whatever may fail; what is served, and by what, stays.

        Raises:
            SealgateError: it cannot be had.
        """

    def commit(self) -> tuple[str, ...]:
        """
        Serve what was prepared; return what changed. What was served before is still there.

        Raises:
            GatewayError: it cannot be served.
        """

    def confirm(self, drain_seconds: float) -> None:
        """Let go of what was served before; what it is at may go on for *drain_seconds*."""

    def roll_back(self) -> None:
        """
        Serve what was served before :meth:`prepare`, whatever was done since.

        Raises:
            GatewayError: that cannot be served any more.
        """

    def status(self) -> dict[str, object]:
        """Return what runs, as plain values."""

    def request_stop(self, drain_seconds: float) -> None:
        """Begin to end what is reached from outside; returns at once."""

    def await_end(self, hurry: Callable[[], bool]) -> bool:
        """End; return whether everything ended by itself. *hurry* may cut the wait short."""

    def kill(self) -> None:
        """End now."""

"""
A log for asyncssh's connections that keeps nothing.

What asyncssh would tell (names, paths, sizes of packets) is not kept in any case: what is to be
known stands in the trail. But it makes the words first and then finds out that nobody wants
them, some sixty times for each session.
"""

from __future__ import annotations

from asyncssh.logging import SSHLogger


class QuietLogger(SSHLogger):
    """Takes every line and keeps none."""

    def get_child(self, child: str = "", context: str = "") -> SSHLogger:  # noqa: ARG002
        """Return itself: a channel is as quiet as its connection."""
        return self

    def log(self, level: int, msg: object, *args: object, **kwargs: object) -> None:
        """Keep nothing."""

    def debug1(self, msg: str, *args: object, **kwargs: object) -> None:
        """Keep nothing."""

    def debug2(self, msg: str, *args: object, **kwargs: object) -> None:
        """Keep nothing."""

    def packet(
        self, pktid: int | None, packet: bytes, msg: str, *args: object, **kw: object
    ) -> None:
        """Keep nothing."""


QUIET = QuietLogger()

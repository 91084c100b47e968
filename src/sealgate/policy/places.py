"""Where a declaration stands, and where a listener binds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where a declaration stands, for messages: *line* counts from 1, 0 is unknown."""

    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        """Return ``file:line``."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener binds. *host* is an IP address; "::" means all, IPv4 too."""

    host: str
    port: int

    @property
    def text(self) -> str:
        """Return it as it is typed in a configuration."""
        if self.host == "::":
            return f":{self.port}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

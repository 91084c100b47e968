"""What a setting and a section of ``sealgate.toml`` are: the words of the schema."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Type(StrEnum):
    """What a value may be; the word is what messages say is required."""

    TEXT = "a string"
    INTEGER = "a whole number"
    BOOLEAN = "true or false"
    DATE = "a date such as 2027-03-31, without quotes"
    TEXTS = "a list of strings"
    TEXT_OR_TEXTS = "a string or a list of strings"
    TEXT_OR_TABLE = "a string or a table"
    TABLE = "a table"
    TABLES = "a list of tables"


@dataclass(frozen=True, slots=True)
class Setting:
    """
    One key of a table.

    *default* is how the documents print it ("" when *required*).
    """

    key: str
    type: Type
    meaning: str
    default: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """One table: *name* as in a header, *repeated* when it is written ``[[name]]``."""

    name: str
    meaning: str
    settings: tuple[Setting, ...]
    repeated: bool = False

    @property
    def header(self) -> str:
        """Return the header as it is typed."""
        return f"[[{self.name}]]" if self.repeated else f"[{self.name}]"

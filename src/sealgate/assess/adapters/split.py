"""
Rows of delimited text, split a block at a time where that gives what the csv module would.

Most lines of most tables have no quotes and one number of fields. Those are split all
at once, without a row ever standing alone; the other lines are read by the csv module.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass

# The csv module refuses longer fields; whoever reads line by line tells so.
_LONGEST_LINE = 131_072


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one width, column by column."""

    cells: tuple[list[str], ...]
    rows: int


@dataclass(frozen=True, slots=True)
class Split:
    """
    What a block holds: *whole* tables, and *odd* rows of other widths.

    The order of rows is not kept between them.
    """

    whole: tuple[Table, ...]
    odd: list[list[str]]


def split_block(block: bytes, delimiter: str, width: int) -> Split | None:
    """
    Return the records in *block*, whole lines of UTF-8 of which most have *width* fields.

    ``None``: they have to be read line by line, because a record spans lines or is
    broken, or because that would be no slower.
    """
    if width < 2:  # noqa: PLR2004  # a single field needs no splitting
        return None
    text = block.decode("utf-8", "surrogatepass")
    end = "\r\n" if text.endswith("\r\n") else "\n"
    if not text.endswith("\n"):
        text += "\n"
    read = _quoted_table if text.startswith('"') else _table
    table = read(text, delimiter, width, end)
    if table is not None:
        return Split((table,), [])
    text = text.replace("\r\n", "\n")
    return None if "\r" in text else _sorted(text.split("\n"), delimiter, width)


def _sorted(lines: list[str], delimiter: str, width: int) -> Split | None:
    """Return the records in *lines* after reading those with quotes one by one."""
    plain, others = [], []
    for line in lines:
        if '"' not in line and line.count(delimiter) == width - 1:
            plain.append(line)
        elif line:
            others.append(line)
    rows = _records(others, delimiter)
    if rows is None:
        return None
    tables = []
    if plain:
        table = _table("\n".join((*plain, "")), delimiter, width, "\n")
        if table is None:
            return None
        tables.append(table)
    whole = [row for row in rows if len(row) == width]
    if whole:
        tables.append(Table(tuple(map(list, zip(*whole, strict=True))), len(whole)))
    return Split(tuple(tables), [row for row in rows if len(row) != width])


def _table(text: str, delimiter: str, width: int, end: str) -> Table | None:
    """
    Return the rows of *text*, lines without quotes, or ``None`` unless all have *width* fields.

    Each line is to end in *end*.
    """
    rows = text.count("\n")
    if '"' in text or not _ends_in(end, text, rows):
        return None
    # Each end of line is put in front of the first field of the next row, where it tells
    # whether the row before it had its number of fields.
    cells = text.replace(end, f"{delimiter}\n").split(delimiter)
    if len(cells) != rows * width + 1:
        return None
    first = "".join(cells[::width])
    if first.count("\n") != rows or _has_long_line(text):
        return None
    return Table(
        (first.split("\n")[:rows], *(cells[n : rows * width : width] for n in range(1, width))),
        rows,
    )


def _quoted_table(text: str, delimiter: str, width: int, end: str) -> Table | None:
    """
    Return the rows of *text*, or ``None`` unless all have *width* fields, all in quotes.

    No field may have a quote or an end of line in it. Each line is to end in *end*.
    """
    rows = text.count("\n")
    if text.count('"') != 2 * width * rows or not _ends_in(end, text, rows):
        return None
    between, over = f'"{delimiter}"', f'"{end}"'
    inner = text[1 : -len(end) - 1]
    cells = inner.replace(over, f"{between}\n").split(between)
    # With as many fields as that, every quote is the beginning or the end of one; and
    # every end of line stands between two.
    if not text.endswith(f'"{end}') or len(cells) != rows * width or inner.count(over) != rows - 1:
        return None
    first = "".join(cells[::width])
    if first.count("\n") != rows - 1 or _has_long_line(text):
        return None
    return Table((first.split("\n"), *(cells[n::width] for n in range(1, width))), rows)


def _ends_in(end: str, text: str, rows: int) -> bool:
    returns = text.count("\r")
    if end == "\n":
        return not returns
    return returns == rows == text.count(end)


def _has_long_line(text: str) -> bool:
    return len(text) > _LONGEST_LINE and max(map(len, text.split("\n"))) > _LONGEST_LINE


def _records(lines: list[str], delimiter: str) -> list[list[str]] | None:
    """Return the record in each of *lines*, or ``None`` when one is broken or spans lines."""
    reader = csv.reader([f"{line}\n" for line in lines], delimiter=delimiter, strict=True)
    rows = []
    try:
        for row in reader:
            rows.append(row)
            if reader.line_num != len(rows):
                return None
    except csv.Error:
        return None
    return rows if len(rows) == len(lines) else None

"""Parquet, row group by row group (extra ``parquet``: pyarrow)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealgate.assess.model import Columns, Missed, Sampled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.assess.adapters.opened import OpenableFile
    from sealgate.assess.model import Cell, Content

MAGIC = b"PAR1"
_BATCH_ROWS = 4096


def parquet_contents(file: OpenableFile, sample: int | None) -> Iterator[Content]:
    """
    Yield the rows of *file* as columns; with *sample* only that many of them.

    Structures are taken apart: a field of a struct is a column, a list's elements are
    its cells. What is broken is recorded; what was read before it stands.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415  # an extra: only who reads Parquet needs it
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError:
        yield Missed('Parquet needs an extra: pip install "sealgate[parquet]"')
        return
    read = 0
    try:
        with file.open() as stream, pq.ParquetFile(stream) as parquet:
            total = parquet.metadata.num_rows
            if sample is not None and sample < total:
                yield Sampled(sample, total)
            for batch in parquet.iter_batches(batch_size=_BATCH_ROWS):
                taken = batch if sample is None else batch.slice(0, sample - read)
                if not taken.num_rows:
                    break
                columns = [
                    plain
                    for name, array in zip(batch.schema.names, taken.columns, strict=True)
                    for plain in _plain(name, array, pa)
                ]
                yield Columns(
                    tuple(name for name, _ in columns),
                    tuple(cells for _, cells in columns),
                    taken.num_rows,
                    from_schema=True,
                )
                read += taken.num_rows
            if not total:
                names = tuple(parquet.schema_arrow.names)
                yield Columns(names, tuple(() for _ in names), 0, from_schema=True)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        # Arrow's messages quote the file; only the kind of failure is told.
        yield Missed(f"it is damaged after {read} rows ({type(error).__name__})")


def _plain(name: str, array: Any, pa: Any) -> Iterator[tuple[str, list[Cell]]]:
    kind = array.type
    if pa.types.is_dictionary(kind):
        yield from _plain(name, array.dictionary_decode(), pa)
    elif pa.types.is_struct(kind):
        for field, child in zip(kind, array.flatten(), strict=True):
            yield from _plain(f"{name}.{field.name}", child, pa)
    elif pa.types.is_map(kind):
        yield from _plain(f"{name}.key", array.keys, pa)
        yield from _plain(f"{name}.value", array.items, pa)
    elif (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    ):
        yield from _plain(name, array.flatten(), pa)
    else:
        yield name, [_cell(value) for value in array.to_pylist()]


def _cell(value: Any) -> Cell:
    if value is None or isinstance(value, str | bytes):
        return value
    return str(value)

"""Some columns of a data file that lies on S3, brought to this machine without the bytes of the others.

A file's footer says where each column lies. What is fetched is written where it lies in the file; the rest is a hole,
which takes no space on a disk and which nobody reads who asks for these columns alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from obstore.store import ObjectStore

WHOLE = 1 << 20
"""Bytes of a file that is fetched whole: a second request takes longer than the columns that nobody asked for."""

_FOOTER = 64 << 10
"""Bytes at a file's end in which its footer lies, as a rule."""

_TRAILER = 8
"""Bytes at its very end: the footer's length, and Parquet's mark."""


def fetch_columns(store: ObjectStore, path: str, size: int, columns: Sequence[str], target: Path) -> None:
    """Write a file of `size` bytes to `target`, these of its columns at least; obstore's errors where it cannot."""
    if size <= WHOLE:
        target.write_bytes(obstore.get(store, path).bytes())
        return
    with target.open("w+b") as file:
        file.truncate(size)
        begin = max(0, size - _FOOTER)
        _fetch(store, path, file, [(begin, size)])
        file.seek(size - _TRAILER)
        footer = size - _TRAILER - int.from_bytes(file.read(4), "little")
        if 0 < footer < begin:
            _fetch(store, path, file, [(footer, begin)])
        _fetch(store, path, file, _spans(pq.read_metadata(pa.PythonFile(file)), columns))


def _spans(footer: pq.FileMetaData, columns: Sequence[str]) -> list[tuple[int, int]]:
    """Where the columns lie: a span for each of them in each row group."""
    found = []
    for group in map(footer.row_group, range(footer.num_row_groups)):
        for chunk in map(group.column, range(group.num_columns)):
            if chunk.path_in_schema in columns:
                start = min(chunk.data_page_offset, chunk.dictionary_page_offset or chunk.data_page_offset)
                found.append((start, start + chunk.total_compressed_size))
    return found


def _fetch(store: ObjectStore, path: str, file: BinaryIO, spans: Sequence[tuple[int, int]]) -> None:
    """Put these spans of the file in their places."""
    parts = obstore.get_ranges(store, path, starts=[start for start, _ in spans], ends=[end for _, end in spans])
    for (start, _), part in zip(spans, parts, strict=True):
        file.seek(start)
        file.write(memoryview(part))
    file.flush()

"""Some columns of a data file that lies on S3, brought to this machine without the bytes of the others.

A file's footer says where each column lies. What is fetched is written where it lies in the file; the rest is a hole,
which takes no space on a disk and which nobody reads who asks for these columns alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from obstore.store import ObjectStore

from ingest.answers import whole
from ingest.lake.store import fetch

WHOLE = 1 << 20
"""Bytes of a file that is fetched whole: a second request takes longer than the columns that nobody asked for."""

_FILES_AT_ONCE = 32
"""Files that are fetched at a time: each is waited for, two or three times if it is large."""

_BYTES_AT_ONCE = 256 << 20
"""Sizes of the files that lie here at a time; a column, a fifth to a half of one, is in memory until it is written."""

_FOOTER = 64 << 10
"""Bytes at a file's end in which its footer lies, as a rule."""

_TRAILER = 8
"""Bytes at its very end: the footer's length, and Parquet's mark."""


def fetched(
    store: ObjectStore, table: str, sizes: Mapping[str, int], columns: Sequence[str]
) -> Iterator[dict[str, Path]]:
    """These files of a table (a folder in `store`; paths in it and sizes), some at a time, and where they lie here.

    Each holds these of its columns at least, until the next ones are asked for. obstore's errors where one cannot be
    fetched.
    """
    for some in _groups(sizes):
        with TemporaryDirectory(prefix="eastwest-") as folder:
            # By their own names, which a reader tells of what it cannot read.
            targets = {path: Path(folder, Path(path).name) for path in some}
            with ThreadPoolExecutor(_FILES_AT_ONCE, thread_name_prefix="columns") as pool:
                fetching = [
                    pool.submit(fetch_columns, store, f"{table}/{path}", sizes[path], columns, target)
                    for path, target in targets.items()
                ]
            for done in fetching:
                done.result()
            yield targets


def _groups(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """The files in groups of so many bytes, in their order."""
    group: list[str] = []
    total = 0
    for path, size in sizes.items():
        if group and total + size > _BYTES_AT_ONCE:
            yield group
            group, total = [], 0
        group.append(path)
        total += size
    if group:
        yield group


def fetch_columns(store: ObjectStore, path: str, size: int, columns: Sequence[str], target: Path) -> None:
    """Write a file of `size` bytes to `target`, these of its columns at least; obstore's errors where it cannot."""
    if size <= WHOLE:
        target.write_bytes(fetch(store, path))
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
    starts, ends = ([span[at] for span in spans] for at in (0, 1))
    parts = whole(lambda: obstore.get_ranges(store, path, starts=starts, ends=ends))
    for (start, _), part in zip(spans, parts, strict=True):
        file.seek(start)
        file.write(memoryview(part))
    file.flush()

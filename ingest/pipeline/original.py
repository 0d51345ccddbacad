"""One line of a source object as it was written: what a row's `log_object` and `log_line` lead back to."""

from __future__ import annotations

from itertools import islice

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.errors import SourceError
from ingest.formats.compression import PARQUET
from ingest.pipeline.pieces import Damage, begun, pieces
from ingest.sources import Source, SourceObject


def original(source: Source, found: SourceObject, line: int) -> bytes:
    """The line (from 1) of the object without its end; of Parquet, the row as JSON.

    Raises:
        SourceError: the object cannot be read, or has no such line.
    """
    body = next(body for _, body in source.read([found]))
    if isinstance(body, SourceError):
        raise body
    head, body = begun(body)
    if head.startswith(PARQUET):
        return _row(found.uri, body if isinstance(body, bytes) else b"".join(body), line)
    before, damage = 0, ""
    for piece in pieces(body):
        if isinstance(piece, Damage):
            damage = f"; it is damaged: {piece.what}"
            continue
        lines = piece.data.count(b"\n")
        if before < line <= before + lines:
            return next(islice(_split(piece.data), line - before - 1, None)).removesuffix(b"\r")
        before += lines
    raise SourceError(f"{found.uri}:{line}: there is no such line. The object has {before:,}{damage}")


def _split(data: bytes) -> list[bytes]:
    return data.split(b"\n")


def _row(uri: str, body: bytes, line: int) -> bytes:
    try:
        file = pq.ParquetFile(pa.BufferReader(body))
        if not 1 <= line <= file.metadata.num_rows:
            raise SourceError(f"{uri}:{line}: there is no such row. The object has {file.metadata.num_rows:,}")
        first = 1
        for group in range(file.metadata.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if line < first + rows:
                return orjson.dumps(file.read_row_group(group).slice(line - first, 1).to_pylist()[0], default=str)
            first += rows
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{uri}: not readable as Parquet: {error}") from error
    raise SourceError(f"{uri}:{line}: there is no such row")

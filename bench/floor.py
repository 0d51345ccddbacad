"""The floor of an ingest: gunzip every object, and write the rows that came of it as Parquet. Nothing is parsed.

`python -m bench.floor OBJECTS LAKE TABLE` prints the seconds of both on two threads, rows already in memory.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from isal import isal_zlib

from ingest.lake.declarations import TABLES
from ingest.lake.tables import Lake

_THREADS = 2


def gunzip(path: Path) -> int:
    """Decompressed size of one object."""
    return len(isal_zlib.decompress(path.read_bytes(), wbits=31))


def write(rows: pa.Table) -> int:
    """Size of the rows as Parquet, compressed as the lake does."""
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd", compression_level=1)
    return int(sink.getvalue().size)


def main(objects: str, lake_uri: str, table_name: str) -> None:
    """Print the seconds of gunzip and of Parquet writing."""
    paths = [path for path in Path(objects).rglob("*.gz") if path.is_file()]
    files = [file.uri for file in Lake(lake_uri).snapshot(TABLES[table_name]).files]
    with ThreadPoolExecutor(_THREADS) as pool:
        started = time.monotonic()
        sum(pool.map(gunzip, paths))
        unzipped = time.monotonic()
        seconds = unzipped - started
        for at in range(0, len(files), 8):
            # A few files at a time: the floor should not need more memory than the ingest it is compared with.
            batch = [pq.read_table(file, partitioning=None) for file in files[at : at + 8]]
            begun = time.monotonic()
            sum(pool.map(write, batch))
            seconds += time.monotonic() - begun
    print(f"{unzipped - started:.3f} {seconds:.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:4])

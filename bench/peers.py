"""The same logs by other engines and by the Python parsers that people use: gunzip, parse, type, write Parquet.

    python bench/peers.py ENGINE FOLDER OUT < fields.json

Prints how many rows it wrote. Bare scripts: one column for each of AWS's fields, typed, NULL for `-`; addresses and
request lines are left whole, and there is no lineage, no reject, no rollup and no commit. `fields.json` is
`{"table": ..., "fields": [[name, type], ...]}` with types text, long, real and time, in the order of a line.
Needs nothing of eastwest: it runs in an environment of its own (see bench/ingest.py).
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LATTICE, ALB, FLOW = "lattice_access", "alb_access", "vpc_flow"
Fields = list[tuple[str, str]]

_CHUNK = 50_000


def run_duckdb(table: str, fields: Fields, folder: Path, out: Path) -> int:
    """DuckDB's own readers."""
    import duckdb

    types = {"text": "varchar", "long": "bigint", "real": "double", "time": "timestamptz"}
    columns = "{" + ", ".join(f"'{name}': '{types[type_]}'" for name, type_ in fields) + "}"
    if table == LATTICE:
        source = f"read_json('{folder}/**/*.gz', format = 'newline_delimited', columns = {columns})"
    else:
        quote = '"' if table == ALB else ""
        source = (
            f"read_csv('{folder}/**/*.gz', columns = {columns}, delim = ' ', quote = '{quote}', escape = '', "
            f"header = {table == FLOW}, nullstr = '-', auto_detect = false)"
        )
    connection = duckdb.connect(config={"threads": 2})
    copy = f"copy (from {source}) to '{out}' (format parquet, compression zstd, compression_level 1)"
    [(rows,)] = connection.execute(copy).fetchall()
    return int(rows)


def run_polars(table: str, fields: Fields, folder: Path, out: Path) -> int:
    """Polars, a file at a time, two at once."""
    import polars as pl

    types = {"text": pl.String, "long": pl.Int64, "real": pl.Float64, "time": pl.String}
    schema: dict[str, Any] = {name: types[type_] for name, type_ in fields}
    times = [name for name, type_ in fields if type_ == "time"]

    def read(path: Path) -> Any:
        if table == LATTICE:
            frame = pl.read_ndjson(gzip.decompress(path.read_bytes()), schema=schema)
            frame = frame.with_columns(pl.when(pl.col(pl.String) != "-").then(pl.col(pl.String)).name.keep())
        else:
            frame = pl.read_csv(
                path,
                has_header=table == FLOW,
                schema=schema,
                separator=" ",
                quote_char='"' if table == ALB else None,
                null_values="-",
            )
        return frame.with_columns(pl.col(times).str.to_datetime(time_zone="UTC", time_unit="us", strict=False))

    def write(numbered: tuple[int, Path]) -> int:
        frame = read(numbered[1])
        frame.write_parquet(out / f"{numbered[0]}.parquet", compression="zstd", compression_level=1)
        return int(frame.height)

    return _in_threads(write, folder, out)


def run_pyarrow(table: str, fields: Fields, folder: Path, out: Path) -> int:
    """Arrow's readers, isal's gunzip, a file at a time, two at once."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.json
    import pyarrow.parquet
    from isal import isal_zlib

    types: dict[str, pa.DataType] = {
        "text": pa.string(),
        "long": pa.int64(),
        "real": pa.float64(),
        "time": pa.timestamp("us", "UTC"),
    }
    schema = pa.schema([(name, types[type_]) for name, type_ in fields])

    def write(numbered: tuple[int, Path]) -> int:
        data: Any = pa.BufferReader(isal_zlib.decompress(numbered[1].read_bytes(), wbits=31))
        if table == LATTICE:
            parse = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
            rows = pyarrow.json.read_json(data, pyarrow.json.ReadOptions(use_threads=False), parse)
        else:
            rows = pyarrow.csv.read_csv(
                data,
                pyarrow.csv.ReadOptions(column_names=schema.names, skip_rows=int(table == FLOW), use_threads=False),
                pyarrow.csv.ParseOptions(delimiter=" ", quote_char='"' if table == ALB else False, double_quote=False),
                pyarrow.csv.ConvertOptions(column_types=schema, null_values=["-"], strings_can_be_null=True),
            )
        pyarrow.parquet.write_table(rows, out / f"{numbered[0]}.parquet", compression="zstd", compression_level=1)
        return int(rows.num_rows)

    return _in_threads(write, folder, out)


def _in_threads(write: Callable[[tuple[int, Path]], int], folder: Path, out: Path) -> int:
    from concurrent.futures import ThreadPoolExecutor

    out.mkdir()
    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(write, enumerate(sorted(folder.rglob("*.gz")))))


def run_chdb(table: str, fields: Fields, folder: Path, out: Path) -> int:
    """ClickHouse in the process."""
    import chdb

    types = {"text": "Nullable(String)", "long": "Nullable(Int64)", "real": "Nullable(Float64)"}
    types["time"] = types["text"]
    times = [
        f"parseDateTime64BestEffortOrNull(`{name}`, 6, 'UTC') as `{name}`" for name, type_ in fields if type_ == "time"
    ]
    wanted = f"* replace({', '.join(times)})" if times else "*"
    columns = ", ".join(f"`{name}` {types[type_]}" for name, type_ in fields)
    settings = "max_threads = 2, output_format_parquet_compression_method = 'zstd'"
    form = "JSONEachRow"
    if table != LATTICE:
        form = "CustomSeparatedWithNames" if table == FLOW else "CustomSeparated"
        settings += ", format_custom_escaping_rule = 'CSV', format_custom_field_delimiter = ' '"
        settings += ", format_csv_null_representation = '-'"
    source = f"file('{folder}/**/*.gz', {form}, '{columns}')"
    chdb.query(f"insert into function file('{out}', Parquet) select {wanted} from {source} settings {settings}")
    return int(str(chdb.query(f"select count() from file('{out}', Parquet)", "TSV")))


def run_python(table: str, fields: Fields, folder: Path, out: Path) -> int:
    """What people write: json for Lattice, aws-log-parser for load balancers, flowlogs-reader for flow logs."""
    warnings.simplefilter("ignore")
    records = {LATTICE: _lattice_records, ALB: _alb_records, FLOW: _flow_records}[table]
    return _write(records(fields, folder), out)


def _lattice_records(fields: Fields, folder: Path) -> Iterator[dict[str, object]]:
    times = [name for name, type_ in fields if type_ == "time"]
    for path in sorted(folder.rglob("*.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                record = {name: None if value == "-" else value for name, value in json.loads(line).items()}
                for name in times:
                    record[name] = datetime.fromisoformat(str(record[name]))
                yield record


def _alb_records(_: Fields, folder: Path) -> Iterator[dict[str, object]]:
    from aws_log_parser import AwsLogParser, LogType

    for entry in AwsLogParser(log_type=LogType.LoadBalancer, file_suffix=".log.gz").read_url(f"file://{folder}"):
        yield {name: _plain(value) for name, value in vars(entry).items()}


def _plain(value: object) -> object:
    if value is None or isinstance(value, str | int | float | datetime):
        return value
    return str(value)


def _flow_records(_: Fields, folder: Path) -> Iterator[dict[str, object]]:
    from flowlogs_reader import FlowRecord

    for path in sorted(folder.rglob("*.gz")):
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines, delimiter=" "):
                yield FlowRecord({name.replace("-", "_"): value for name, value in row.items()}).to_dict()


def _write(records: Iterable[dict[str, object]], out: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows, writer, chunk = 0, None, list[dict[str, object]]()

    def flush() -> None:
        nonlocal writer
        table = pa.Table.from_pylist(chunk, schema=None if writer is None else writer.schema)
        if writer is None:
            # A column without a value in the first chunk may have texts later.
            types = [pa.string() if pa.types.is_null(field.type) else field.type for field in table.schema]
            table = table.cast(pa.schema(list(zip(table.schema.names, types, strict=True))))
            writer = pq.ParquetWriter(out, table.schema, compression="zstd", compression_level=1)
        writer.write_table(table)
        chunk.clear()

    for record in records:
        chunk.append(record)
        rows += 1
        if len(chunk) == _CHUNK:
            flush()
    if chunk:
        flush()
    if writer is not None:
        writer.close()
    return rows


ENGINES = {
    "duckdb": run_duckdb,
    "polars": run_polars,
    "pyarrow": run_pyarrow,
    "chdb": run_chdb,
    "python": run_python,
}


def main(engine: str, folder: str, out: str) -> None:
    """Run one engine and print its rows."""
    spec = json.load(sys.stdin)
    fields = [(str(name), str(type_)) for name, type_ in spec["fields"]]
    started = datetime.now(UTC)
    rows = ENGINES[engine](spec["table"], fields, Path(folder), Path(out))
    print(f"{rows} {(datetime.now(UTC) - started).total_seconds():.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:4])

"""The vocabulary's statements, planned once and asked of another batch each time.

Promises: an answer is that of the rows given last under each name. To plan a select takes 10 to 20 ms, whatever the
number of rows: as long as to answer it for 50,000.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import duckdb
import pyarrow as pa

from ingest.lake import vocabulary
from ingest.lake.declarations import ALB_ACCESS, ALB_CONNECTION, LATTICE_ACCESS, VPC_FLOW
from ingest.lake.schema import Table

SOURCES = (LATTICE_ACCESS, ALB_ACCESS, ALB_CONNECTION, VPC_FLOW)
NORMALISED = {LATTICE_ACCESS: "lattice_requests", ALB_ACCESS: "alb_requests"}
"""The select that puts each front door's requests into the common vocabulary."""
_NORMALISED = {**NORMALISED, VPC_FLOW: "connections"}
"""The same for every source that has one."""


class _Given:
    """Rows that DuckDB reads through Arrow's stream interface, anew for each answer."""

    def __init__(self, rows: pa.Table) -> None:
        self.rows = rows

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        return self.rows.__arrow_c_stream__(requested_schema)  # type: ignore[no-untyped-call]


class Prepared:
    """A connection with the vocabulary in it, to be used for many batches by one thread.

    It knows the sources that `schemas` names (all of them as they are held, when none are named) and the selects that
    read them: making one costs as much as counting 10,000 rows.
    """

    def __init__(self, schemas: Mapping[Table, pa.Schema] | None = None) -> None:
        """Nothing is given yet: the sources are empty."""
        # One thread: batches are worked on side by side, and a second thread on one of them cost half more CPU.
        self.connection = duckdb.connect(config={"threads": "1"})
        self.connection.execute("set TimeZone = 'UTC'")
        # A filter that is handed down to Arrow has it copy every column of the rows that pass, which are nearly all.
        self.connection.execute("set disabled_optimizers = 'filter_pushdown'")
        self.connection.execute(vocabulary.sql(vocabulary.MACROS))
        self._given: dict[str, _Given] = {}
        self._planned: set[str] = set()
        known = schemas or {table: table.held for table in SOURCES}
        self.give({table.name: schema.empty_table() for table, schema in known.items()})
        for name in (select for table, select in _NORMALISED.items() if table in known):
            self.connection.execute(f"create temp view {name} as {vocabulary.sql(name)}")
        numbered = " union all by name from ".join(select for table, select in NORMALISED.items() if table in known)
        if numbered:
            self.connection.execute(f"create temp view numbered_requests as from {numbered}")

    def give(self, rows: Mapping[str, pa.Table]) -> None:
        """Have the statements read these rows under these names from now on.

        Raises ValueError where they have other columns than those given first: what was planned for those would not see
        them.
        """
        for name, table in rows.items():
            given = self._given.get(name)
            if given is None:
                self._given[name] = _Given(table)
                self.connection.register(name, self._given[name])
            elif given.rows.schema.equals(table.schema):
                given.rows = table
            else:
                raise ValueError(f"{name}: other columns than those that its statements were planned for")

    def ask(self, name: str) -> pa.Table:
        """The answer to the vocabulary's statement of that name."""
        if name not in self._planned:
            self.connection.execute(f"prepare {name} as {vocabulary.sql(name)}")
            self._planned.add(name)
        return self.connection.execute(f"execute {name}").to_arrow_table(vocabulary.ROWS_AT_ONCE)

    def forget(self) -> None:
        """Let go of all rows."""
        for given in self._given.values():
            given.rows = given.rows.schema.empty_table()

    def __enter__(self) -> Prepared:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

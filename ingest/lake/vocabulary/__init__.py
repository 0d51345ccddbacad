"""The words that writer and reader share, as SQL: macros, one normalising select a source, one aggregation a rollup.

Rollups are made of them while ingesting and views are made of them while reading, so a request is 'denied' for the same
reason on both sides. Every file reads relations named like the tables of the lake.
"""

from importlib.resources import files

MACROS = "macros"
SELECTS = ("lattice_requests", "alb_requests", "connections")
"""Normalising selects, in the order in which they build on each other."""
ROWS_AT_ONCE = 8 * 2048
"""For an answer to either: DuckDB takes memory for so many rows of each of its columns; a million unless told."""


def sql(name: str) -> str:
    """Text of `<name>.sql` in this folder; FileNotFoundError when there is none."""
    return (files(__package__) / f"{name}.sql").read_text(encoding="utf-8")


def added_up(rollup: str) -> str:
    """The select that makes a rollup of the one that it adds up, where the lake has only that."""
    return sql(f"{rollup}_added_up")

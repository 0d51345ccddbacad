"""Arrow without pandas, which nothing here uses.

Given a list, pyarrow asks whether it is one of pandas' own, and imports pandas to find out wherever that is installed
(the dashboard needs it): half a second of CPU and 57 MiB in every process. Its datasets, which DuckDB imports, do
likewise. Each asks once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

import pyarrow as pa


class _Absent:
    """A finder to which pandas is not installed."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        """None, so that the next finder is asked; an error for pandas."""
        if name == "pandas":
            raise ModuleNotFoundError(name)


def leave_out_pandas() -> None:
    """Let pyarrow look for pandas now and not find it; unless it is there already. A later import of it succeeds."""
    if "pandas" in sys.modules:
        return
    absent = _Absent()
    sys.meta_path.insert(0, absent)
    try:
        pa.array([None])
        import_module("pyarrow.dataset")
    finally:
        sys.meta_path.remove(absent)

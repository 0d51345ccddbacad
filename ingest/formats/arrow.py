"""pyarrow without its type stubs, which know few of the arguments that these modules pass."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

pa: Any = pyarrow
pc: Any = pyarrow.compute
csv: Any = pyarrow.csv
parquet: Any = pyarrow.parquet
ArrowError: type[Exception] = pyarrow.ArrowException
ArrowInvalidError: type[Exception] = pyarrow.ArrowInvalid


class _NoPandas(MetaPathFinder):
    """Says that there is no pandas."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> None:
        """Nothing for any other module: the finders after this one are asked."""
        if name == "pandas":
            raise ModuleNotFoundError(name)


def spare_pandas() -> None:
    """Keep pyarrow from importing pandas, for commands that have no use for it.

    pyarrow does so when it is first given a NumPy array, to ask whether that is a Series, and when its datasets are
    imported, as DuckDB does: half a second of a command's start. It asks once in the life of a process, and is told no;
    whoever imports pandas later gets it.
    """
    if "pandas" not in sys.modules:
        finder = _NoPandas()
        sys.meta_path.insert(0, finder)
        try:
            pa.array(np.zeros(1))
            importlib.import_module("pyarrow.dataset")
        finally:
            sys.meta_path.remove(finder)

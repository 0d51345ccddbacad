"""pyarrow without its type stubs, which know few of the arguments that these modules pass."""

from __future__ import annotations

from typing import Any

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

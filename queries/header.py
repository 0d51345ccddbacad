"""The TOML header of a .sql file: what it answers, with which parameters and columns.

    -- ---
    -- title = "..."
    -- [params]
    -- since = { type = "timestamptz", about = "start of the window" }
    -- ---
    select ...

The header is comment lines, so the file stays SQL for every editor, formatter and shell.
"""

from __future__ import annotations

import tomllib
from typing import Any

from ingest.errors import QueryError

_FENCE = "-- ---"


def split_header(text: str, where: str) -> tuple[dict[str, Any], str]:
    """The header as a dict, and the SQL after it; `where` names the file in errors.

    Raises:
        QueryError: no header, no end of it, or not TOML.
    """
    lines = text.splitlines()
    if not lines or lines[0].rstrip() != _FENCE:
        raise QueryError(f"{where}:1: a header is missing; begin with '{_FENCE}'")
    try:
        end = next(number for number, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE)
    except StopIteration:
        raise QueryError(f"{where}: the header has no end; close it with '{_FENCE}'") from None
    for number, line in enumerate(lines[1:end], 2):
        if not line.startswith("--"):
            raise QueryError(f"{where}:{number}: a header line begins with '-- '")
    toml = "\n".join(line[2:].removeprefix(" ") for line in lines[1:end])
    try:
        header = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise QueryError(f"{where}: the header is not TOML: {error}") from error
    return header, "\n".join(lines[end + 1 :]).strip() + "\n"

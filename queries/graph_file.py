"""The graph as a file: who is expected to call whom, kept in a repository and compared with what the logs show.

    [callees]
    payments = ["orders", "refunds"]
    "ledger" = ["*-batch"]              # a glob stands for every caller that fits
    "edge" = ["[*].example.com"]        # a bracket around *, ? or [ stands for the character itself

Promises: an exported file, read again, expects exactly the edges it was made of; a wrong file is an error that names
file and key.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path
from typing import Any

from ingest.errors import SettingsError
from ingest.terminal import visible

_SECTION = "callees"


@dataclass(frozen=True)
class Edge:
    """An edge as the logs show it, with its requests and how many of these were refused; `state` as in call_graph."""

    caller: str
    callee: str
    requests: int = 0
    denied: int = 0
    state: str = "ok"


@dataclass(frozen=True)
class Expected:
    """Who may call whom: by callee, globs of its callers. A name is one of itself, save for what `escape` is for."""

    callees: Mapping[str, Sequence[str]]

    def fits(self, edge: Edge) -> bool:
        """Whether the edge is expected."""
        # By nothing but the globs: callers may call themselves what a glob is written as.
        return any(fnmatchcase(edge.caller, pattern) for pattern in self.callees.get(edge.callee, ()))

    def unseen(self, edges: Iterable[Edge]) -> list[tuple[str, str]]:
        """Expected (caller or glob, callee) that no edge fits."""
        seen: dict[str, set[str]] = {}
        for edge in edges:
            seen.setdefault(edge.callee, set()).add(edge.caller)
        return [
            (pattern, callee)
            for callee, patterns in self.callees.items()
            for pattern in patterns
            if not any(fnmatchcase(name, pattern) for name in seen.get(callee, ()))
        ]


def read_graph(file: Path) -> Expected:
    """The edges a file expects. Raises SettingsError when it cannot be read or is none."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{file}: no such file; make one with eastwest graph export -o {file}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: is not TOML: {error}") from None
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read ({error.strerror})") from None
    for key in content:
        if key != _SECTION:
            raise SettingsError(f"{file}:{key}: unknown key. There is one section, [{_SECTION}]")
    callees = content.get(_SECTION, {})
    if not isinstance(callees, dict):
        raise SettingsError(f'{file}:{_SECTION}: expected a section of callee = ["caller", ...]')
    for callee, callers in callees.items():
        if not isinstance(callers, list) or not all(isinstance(caller, str) for caller in callers):
            raise SettingsError(f"{file}:{_SECTION}.{callee}: {callers!r} is wrong; expected a list of callers")
    return Expected(callees)


def as_toml(edges: Sequence[Edge]) -> str:
    """The edges as a file that `read_graph` reads. Names are data of the logs: a `*` in one stands for itself."""
    lines = [f"[{_SECTION}]"]
    for callee in sorted({edge.callee for edge in edges}):
        callers = sorted({edge.caller for edge in edges if edge.callee == callee})
        lines.append(f"{_quoted(callee)} = [{', '.join(_quoted(escape(caller)) for caller in callers)}]")
    return "\n".join(lines) + "\n"


def as_dot(edges: Sequence[Edge]) -> str:
    """The edges as a Graphviz digraph: refused ones dashed, failing ones bold, requests as labels.

    What cannot be shown of a name (control and direction characters, which could rewrite a terminal) is spelled out.
    """
    style = {"denied": "dashed", "failing": "bold"}
    lines = ["digraph calls {", "  rankdir=LR;", "  node [shape=box];"]
    for edge in sorted(edges, key=lambda edge: (edge.caller, edge.callee)):
        look = f", style={style[edge.state]}" if edge.state in style else ""
        lines.append(f'  {_dot(edge.caller)} -> {_dot(edge.callee)} [label="{edge.requests}"{look}];')
    return "\n".join([*lines, "}"]) + "\n"


def as_json(edges: Sequence[Edge]) -> str:
    """The edges as a JSON list."""
    rows: list[dict[str, Any]] = [asdict(edge) for edge in sorted(edges, key=lambda e: (e.caller, e.callee))]
    return json.dumps(rows, indent=2) + "\n"


def _quoted(text: str) -> str:
    # A JSON string is a TOML string. What no terminal and no reviewer shows as it is (DEL, which TOML wants escaped,
    # directions, line separators) is spelled out.
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(
        c if c.isprintable() else f"\\u{ord(c):04x}" if c <= "\uffff" else f"\\U{ord(c):08x}" for c in quoted
    )


def _dot(text: str) -> str:
    escaped = visible(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

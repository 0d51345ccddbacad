"""Which columns of a table stand beside each other in so many characters, and how wide each is.

No word is broken, but one longer than `LONGEST_WORD`: a cell goes on in the next line after a space, a column's name
after an underscore.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.cells import cell_len

LONGEST_WORD = 40
"""Characters of a word that is never broken."""
_GAP = 2


def widths(names: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> dict[int, int]:
    """The columns that fit into `width` by their place, the first ones rather than others, and how wide each is.

    Spare room goes to those that need least of it.
    """
    least = [max(_longest(name.replace("_", "_ ")), *_longest_of(rows, k), 1) for k, name in enumerate(names)]
    wanted = unbroken(names, rows)
    found: dict[int, int] = {}
    for k, needed in enumerate(least):
        if taken([*found.values(), needed]) <= width:
            found[k] = needed
    spare = width - taken(found.values())
    for k in sorted(found, key=lambda k: wanted[k] - found[k]):
        more = min(spare, wanted[k] - found[k])
        found[k] += more
        spare -= more
    return found


def unbroken(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """The widths at which every cell is one line."""
    return [max(cell_len(name), *(cell_len(row[k]) for row in rows), 1) for k, name in enumerate(names)]


def taken(columns: Collection[int]) -> int:
    """Characters that columns of these widths take together."""
    return sum(columns) + _GAP * max(len(columns) - 1, 0)


def broken(name: str, width: int) -> str:
    """A column's name in lines of at most `width`, broken after underscores."""
    lines = [""]
    for part in name.replace("_", "_ ").split(" "):
        if lines[-1] and cell_len(lines[-1] + part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _longest_of(rows: Sequence[Sequence[str]], column: int) -> list[int]:
    return [_longest(row[column]) for row in rows]


def _longest(text: str) -> int:
    return min(max((cell_len(word) for word in text.split(" ")), default=0), LONGEST_WORD)

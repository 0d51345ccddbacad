"""The colour and the line of every state, for light and for dark.

A state is told by colour and by line, so that it can be read without colour: solid, thick, dashed or dotted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["failing", "denied", "reject", "degraded", "ok"]

STATES: tuple[State, ...] = ("failing", "denied", "reject", "degraded", "ok")
"""Worst first; a tie between two edges is decided by what they carry."""

MEANING: dict[State, str] = {
    "reject": "packets rejected",
    "denied": "denied",
    "failing": "failing",
    "degraded": "degraded",
    "ok": "healthy",
}


@dataclass(frozen=True)
class Stroke:
    """How an edge of a state is drawn: width in px, ECharts line type, opacity 0 to 1."""

    colour: str
    width: float
    line: Literal["solid", "dashed", "dotted"]
    opacity: float


@dataclass(frozen=True)
class Palette:
    """Colours of one theme."""

    strokes: dict[State, Stroke]
    surface: str
    ink: str
    faint: str
    halo: str


LIGHT = Palette(
    strokes={
        "reject": Stroke("#111827", 3, "dotted", 1),
        "denied": Stroke("#7e3fb0", 3, "dashed", 1),
        "failing": Stroke("#d03030", 4, "solid", 1),
        "degraded": Stroke("#b87400", 2.5, "solid", 1),
        "ok": Stroke("#5a9a84", 1.2, "solid", 0.75),
    },
    surface="#ffffff",
    ink="#1f2937",
    faint="#6b7280",
    halo="#2f6fed",
)

DARK = Palette(
    strokes={
        "reject": Stroke("#f3f4f6", 3, "dotted", 1),
        "denied": Stroke("#c490f0", 3, "dashed", 1),
        "failing": Stroke("#ff6b6b", 4, "solid", 1),
        "degraded": Stroke("#f0b040", 2.5, "solid", 1),
        "ok": Stroke("#5fa890", 1.2, "solid", 0.7),
    },
    surface="#12161d",
    ink="#e5e7eb",
    faint="#9ca3af",
    halo="#6ea2ff",
)


def palette_of(theme: str | None) -> Palette:
    """The palette of the browser's theme, 'light' or 'dark'; light where the browser has not said."""
    return DARK if theme == "dark" else LIGHT

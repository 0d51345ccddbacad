"""A sign of life for who waits: on stderr, and nothing where the answer comes soon."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from ingest.terminal import visible

SOON = 3.0
"""Seconds after which somebody at a terminal is told."""
LATE = 30.0
"""Seconds after which it is said anywhere, and again each time: a store that never answers takes minutes to give up."""


@contextmanager
def said_when_slow(text: str, lake: str) -> Iterator[None]:
    """Say it on a terminal, should the block take long; anywhere, should it take very long, with the lake's name."""
    done = threading.Event()
    threading.Thread(target=_wait, args=(done, text, lake), daemon=True).start()
    try:
        yield
    finally:
        done.set()


def say(text: str) -> None:
    """Write a line to stderr."""
    Console(stderr=True, highlight=False).print(Text(visible(text), style="dim"), soft_wrap=True)


def is_watched() -> bool:
    """Whether somebody sees it at once."""
    return sys.stderr.isatty()


def _wait(done: threading.Event, text: str, lake: str) -> None:
    if done.wait(SOON):
        return
    if is_watched():
        say(text)
    seconds = SOON
    while not done.wait(LATE - SOON if seconds == SOON else LATE):
        seconds = LATE if seconds == SOON else seconds + LATE
        say(f"no answer after {seconds:.0f} s, still at it; lake {lake}")

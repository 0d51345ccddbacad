"""How an ingest run shows that it moves: a bar on a terminal, one log line a batch elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from ingest.pipeline.run import Progress, Summary


class _Quiet:
    """Nothing: batches log their own line."""

    def found(self, objects: int, bytes_: int) -> None:
        """Ignored."""

    def done(self, batch: Summary) -> None:
        """Ignored."""


class _OnTerminal:
    """Objects, bytes, rows, rejects and the time left."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task = bar.add_task("ingest", total=None, objects=0, of=0, rows=0, rejects=0)
        self._found = self._of = self._objects = self._rows = self._rejects = 0

    def found(self, objects: int, bytes_: int) -> None:
        """Count new work in."""
        self._found += bytes_
        self._of += objects
        self._bar.update(self._task, total=self._found, of=self._of)

    def done(self, batch: Summary) -> None:
        """Count a batch as done."""
        self._objects += batch.objects
        self._rows += batch.rows.total()
        self._rejects += batch.rejects
        self._bar.update(self._task, advance=batch.bytes, objects=self._objects, rows=self._rows, rejects=self._rejects)


@contextmanager
def progress_on(console: Console) -> Iterator[Progress]:
    """The progress display that suits the console."""
    if not console.is_terminal:
        yield _Quiet()
        return
    columns = (
        TextColumn("{task.fields[objects]:,}/{task.fields[of]:,} objects"),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TextColumn("{task.fields[rejects]:,} rejects", style="yellow"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        yield _OnTerminal(bar)

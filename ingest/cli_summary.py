"""What an ingest or a replay did, as a table on stdout."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from ingest.lake.tables import Lake
from ingest.pipeline.run import Summary


def print_summary(total: Summary, lake: Lake) -> None:
    """Print rows by table, rejects, what rules did, and the rate."""
    console = Console(highlight=False)
    if not total.objects and not total.failed:
        said = f"every listed object is in the lake {escape(lake.uri)}" if total.listed else "no log object was found"
        console.print(f"Nothing new: {said}", soft_wrap=True)
        return
    table = RichTable("table", "rows")
    table.columns[1].justify = "right"
    for name, rows in sorted(total.rows.items()):
        table.add_row(name, f"{rows:,}")
    table.add_row("rejects", f"{total.rejects:,}", style="yellow" if total.rejects else None)
    if total.dropped:
        table.add_row("dropped by rules", f"{total.dropped:,}")
    console.print(table)
    rate = total.rows.total() / total.seconds if total.seconds else 0
    console.print(
        f"{total.objects:,} objects, {total.bytes / 1e6:,.1f} MB, {total.rows.total():,} rows in {total.seconds:.1f} s"
        f" ({rate:,.0f} rows/s) into {escape(lake.uri)}",
        soft_wrap=True,
    )
    for rule, count in sorted(total.rules.items()):
        console.print(f"rule {rule}: {count:,}", markup=False, soft_wrap=True)
    if total.rejects:
        console.print("Lines that could not be read, with object, line and reason: `eastwest rejects`", soft_wrap=True)

"""The command: joins the layers' command lines, sets up logging, turns an error into its exit code.

stdout is data; everything else, logs and errors included, goes to stderr. Nobody imports this module.
"""

# ruff: noqa: E402

from __future__ import annotations

import gc
import os

# Nobody multiplies matrices here: NumPy's threads for it would only wait, and each looks for work in vain at first.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# What Arrow frees it takes again for the next batch: to hand the pages back between cost a twentieth of an ingest.
os.environ.setdefault("MIMALLOC_PURGE_DELAY", "-1")
# Nothing that is imported is garbage: to look for it took a sixth of the start of every command.
gc.disable()

import logging
import sys
from pathlib import Path

import typer
from rich.console import Console

import dashboard.cli
import ingest.cli
import ingest.cli_lake
import ingest.cli_rejects
import queries.cli
import queries.cli_checks
import queries.cli_graph
import queries.cli_guide
from ingest import logs
from ingest.errors import EastwestError
from ingest.invocation import Invocation
from ingest.settings import Settings, load_settings
from ingest.without_pandas import leave_out_pandas

gc.freeze()
gc.enable()

app = typer.Typer(
    name="eastwest",
    help="Service-to-service traffic on AWS, from logs to answers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for layer in (
    ingest.cli,
    ingest.cli_lake,
    ingest.cli_rejects,
    queries.cli,
    queries.cli_checks,
    queries.cli_graph,
    queries.cli_guide,
    dashboard.cli,
):
    app.add_typer(layer.app)


_ALONE = object()
"""Says to the commands that `main` called them, and nobody who does other things in the same process."""


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # it takes 30 ms that no other command needs

        print(version("eastwest"))
        raise typer.Exit


@app.callback()
def configure(
    context: typer.Context,
    config: Path | None = typer.Option(None, help="Settings file; ./eastwest.toml where there is one."),
    show_version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print it."),
) -> None:
    """Read the settings and set up logging to stderr before any command runs."""
    settings = load_settings(config)
    if context.invoked_subcommand != "dashboard":
        leave_out_pandas()
    context.obj = Invocation(settings, _storage_options, config, is_alone=context.obj is _ALONE)
    logs.configure(_level(settings), as_json=settings.json_logs)


def _level(settings: Settings) -> int:
    """The level of the settings; on a terminal the progress bar says what info lines would."""
    if settings.log_level == "info" and sys.stderr.isatty() and not settings.json_logs:
        return logging.WARNING
    return logging.getLevelNamesMapping()[settings.log_level.upper()]


def _storage_options(uri: str, settings: Settings) -> dict[str, str]:
    from ingest.sources.s3_access import storage_options  # boto3 takes 0.3 s to import; a local lake needs none of it

    return storage_options(uri, settings)


def main() -> None:
    """Run the command line; an error of eastwest's own is one message and its exit code."""
    try:
        app(obj=_ALONE)
    except EastwestError as error:
        Console(stderr=True, highlight=False).print(f"eastwest: {error}", markup=False, style="red", soft_wrap=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of a pipe (head, less) has gone; Python would complain once more when it flushes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()

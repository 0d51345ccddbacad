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
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from ingest import logs
from ingest.errors import EastwestError
from ingest.invocation import Invocation
from ingest.settings import Settings, load_settings
from ingest.terminal import message
from ingest.without_pandas import leave_out_pandas

gc.freeze()  # else the first thing that is made has it look through all of that after all
gc.enable()

_LAYERS = (
    "ingest.cli",
    "ingest.cli_lake",
    "ingest.cli_rejects",
    "queries.cli",
    "queries.cli_checks",
    "queries.cli_graph",
    "queries.cli_guide",
    "dashboard.cli",
)


class _Commands(TyperGroup):
    """The layers' commands; those of a layer are imported when none before it has the one that is asked for."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._left: Iterator[str] = iter(_LAYERS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name; None when no layer has it."""
        while cmd_name not in self.commands and self._import_next():
            pass
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: Any) -> list[str]:
        """All of them, layer after layer."""
        while self._import_next():
            pass
        return super().list_commands(ctx)

    def _import_next(self) -> bool:
        layer = next(self._left, None)
        if layer is not None:
            self.commands = {**self.commands, **typer.main.get_group(import_module(layer).app).commands}
        return layer is not None


app = typer.Typer(
    cls=_Commands,
    name="eastwest",
    help="Service-to-service traffic on AWS, from logs to answers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


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
    if context.obj is _ALONE:
        gc.freeze()
        gc.enable()
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
    gc.disable()  # until the command's layer is imported, too
    try:
        app(obj=_ALONE)
    except EastwestError as error:
        said = f"eastwest: {message(error)}"
        Console(stderr=True, highlight=False).print(said, markup=False, style="red", soft_wrap=True)
        if error.details != str(error):
            logs.Log().debug("all that was said", details=error.details)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of a pipe (head, less) has gone; Python would complain once more when it flushes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()

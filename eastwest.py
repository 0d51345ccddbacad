"""The command: joins the layers' command lines, sets up logging, turns an error into its exit code.

stdout is data; everything else, logs and errors included, goes to stderr. Nobody imports this module.
"""

from __future__ import annotations

import logging
import os
import sys
from importlib.metadata import version

import structlog
import typer
from rich.console import Console

import dashboard.cli
import ingest.cli
import queries.cli
from ingest.errors import EastwestError

app = typer.Typer(
    name="eastwest",
    help="Service-to-service traffic on AWS, from logs to answers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for layer in (ingest.cli, queries.cli, dashboard.cli):
    app.add_typer(layer.app)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(version("eastwest"))
        raise typer.Exit


@app.callback()
def configure(
    log_level: str = typer.Option("warning", envvar="EASTWEST_LOG_LEVEL", help="debug, info, warning or error."),
    json_logs: bool = typer.Option(False, envvar="EASTWEST_JSON_LOGS", help="Logs as JSON, one object a line."),
    show_version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print it."),
) -> None:
    """Set up logging to stderr before any command runs."""
    levels = logging.getLevelNamesMapping()
    if log_level.upper() not in levels:
        raise typer.BadParameter(f"{log_level}: one of debug, info, warning, error", param_hint="--log-level")
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if json_logs else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(levels[log_level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )


def main() -> None:
    """Run the command line; an error of eastwest's own is one message and its exit code."""
    try:
        app()
    except EastwestError as error:
        Console(stderr=True, highlight=False).print(f"eastwest: {error}", markup=False, style="red", soft_wrap=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of a pipe (head, less) has gone; Python would complain once more when it flushes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()

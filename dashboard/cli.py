"""`eastwest dashboard`: starts the dashboard's server."""

from __future__ import annotations

import typer

app = typer.Typer()

"""`eastwest dashboard`: starts the dashboard's server."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import typer

app = typer.Typer()

_THEME = {
    "light": {
        "primaryColor": "#2f6fed",
        "backgroundColor": "#ffffff",
        "secondaryBackgroundColor": "#f3f4f6",
        "textColor": "#1f2937",
        "baseRadius": "0.3rem",
    },
    "dark": {
        "primaryColor": "#6ea2ff",
        "backgroundColor": "#12161d",
        "secondaryBackgroundColor": "#1c222c",
        "textColor": "#e5e7eb",
        "baseRadius": "0.3rem",
    },
}
_OPTIONS = {
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.runOnSave": "false",
    "server.enableXsrfProtection": "true",
    "server.enableAgentApi": "false",
    "server.enableStaticServing": "false",
    "server.maxUploadSize": "1",
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "viewer",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "client.disableDataExport": "true",
    "runner.magicEnabled": "false",
    "logger.level": "warning",
    "logger.hideWelcomeMessage": "true",
}


@app.command("dashboard")
def dashboard_command(
    context: typer.Context,
    lake: str | None = typer.Option(None, "--lake", help="Folder or s3://bucket/prefix of the lake."),
    port: int = typer.Option(8501, min=1, max=65535, help="Port to listen on."),
    address: str = typer.Option("127.0.0.1", help="Address to listen on."),
    behind_proxy: bool = typer.Option(
        False, "--i-have-a-proxy", help="Allow an address that others can reach: a proxy before it asks who they are."
    ),
) -> None:
    """Serve the dashboard on this machine alone, and print its address once it answers.

    Stop it with Ctrl-C. It has no login of its own, so an address that others can reach needs --i-have-a-proxy.
    """
    _refuse_what_others_can_reach(address, behind_proxy)
    _refuse_a_taken_port(address, port)
    invocation = context.obj
    target = invocation.lake(lake)  # a lake that cannot be named is an error now, not on the first page
    # It may be made while the page is open, which then shows it. To ask S3 could hold up the server.
    if target.is_local and not target.exists():
        print(f"lake {target.uri}: there is none yet", file=sys.stderr)
    from dashboard import data
    from queries.names_file import read_names
    from queries.session import Session, open_session

    def opened(since: str | None, history_hours: float) -> Session:
        # Each session asks for the lake again, so credentials that expire are renewed.
        options = {"memory_limit": invocation.settings.memory_limit}
        names = read_names(invocation.settings.names)
        return open_session(invocation.lake(lake), since, history_hours=history_hours, options=options, names=names)

    data.use(opened)
    threading.Thread(target=_announce, args=(address, port), daemon=True).start()
    _serve(address, port, behind_proxy)


def _refuse_what_others_can_reach(address: str, behind_proxy: bool) -> None:
    try:
        loopback = address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        raise typer.BadParameter(f"{address} is no IP address; use 127.0.0.1", param_hint="--address") from None
    if not loopback and not behind_proxy:
        raise typer.BadParameter(
            f"{address} can be reached by others and the dashboard has no login; keep 127.0.0.1, or put a proxy that "
            "asks who they are before it and add --i-have-a-proxy",
            param_hint="--address",
        )


def _refuse_a_taken_port(address: str, port: int) -> None:
    try:
        family, *_, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as error:
        raise typer.BadParameter(
            f"{address}:{port} cannot be listened on: {error.strerror}; name another --port", param_hint="--port"
        ) from None


def _url(address: str, port: int) -> str:
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def _announce(address: str, port: int) -> None:
    """Print the address on stdout when the server answers."""
    from urllib.error import URLError  # with the next 20 ms of the start of every command
    from urllib.request import ProxyHandler, build_opener

    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
    # Straight to the port: a proxy in the environment has nothing to do with this machine's own server.
    opener = build_opener(ProxyHandler({}))
    for _ in range(600):
        try:
            with opener.open(f"{_url(reachable, port)}/_stcore/health", timeout=2):
                print(_url(address, port), flush=True)
                return
        except (URLError, OSError):
            time.sleep(0.1)


def _serve(address: str, port: int, behind_proxy: bool) -> None:
    """Run Streamlit in this process until it is stopped."""
    from click.exceptions import Abort  # Streamlit's own; Typer has another
    from streamlit.web.cli import main as streamlit

    from dashboard import data

    script = str(Path(__file__).with_name("app.py"))
    with suppress(Abort):
        streamlit(["run", script, *_flags(address, port, behind_proxy)], prog_name="streamlit", standalone_mode=False)
    if data.is_making():
        # The interpreter's end does not wait for it, and DuckDB aborts a process that ends in the middle of a question.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _flags(address: str, port: int, behind_proxy: bool) -> Iterator[str]:
    options = {**_OPTIONS, "server.address": address, "server.port": str(port)}
    for theme, values in _THEME.items():
        options |= {f"theme.{theme}.{key}": value for key, value in values.items()}
    for key, value in options.items():
        yield f"--{key}={value}"
    if not behind_proxy:
        # A page of another name that resolves to this machine must not talk to it.
        for host in dict.fromkeys(("localhost", "127.0.0.1", address)):
            yield f"--server.allowedHosts={host}"

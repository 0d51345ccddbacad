import signal
import socket

import pytest
from typer.testing import CliRunner

from dashboard.cli import app
from ingest.lake.tables import Lake
from tests import lakes


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.10", "::"])
def test_an_address_that_others_can_reach_is_refused(address: str) -> None:
    result = CliRunner().invoke(app, ["--address", address])
    assert result.exit_code == 2
    assert "--i-have-a-proxy" in result.output


def test_a_name_is_no_address() -> None:
    result = CliRunner().invoke(app, ["--address", "dashboard.example.com"])
    assert result.exit_code == 2
    assert "127.0.0.1" in result.output


def test_a_taken_port_is_an_error_that_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = CliRunner().invoke(app, ["--port", str(taken.getsockname()[1])])
    assert result.exit_code == 2
    assert "--port" in result.output


def test_ctrl_c_ends_it_in_order(sample_lake: Lake) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    process = lakes.start("dashboard", "--lake", sample_lake.uri, "--port", port)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == f"http://127.0.0.1:{port}"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors

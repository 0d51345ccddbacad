"""Fixtures shared by all tests: S3 servers on loopback, and an environment that holds nobody's credentials."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from ingest.lake.tables import Lake
from sample_logs.simulation.run import simulate
from tests import lakes, servers


@pytest.fixture(scope="session", autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No setting, profile, role or region of whoever runs the tests; TEST_S3_URL keeps the credentials it needs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("EASTWEST_") or (name.startswith("AWS_") and "TEST_S3_URL" not in os.environ):
                patch.delenv(name)
        patch.setenv("EASTWEST_COPIES", str(tmp_path_factory.mktemp("copies")))
        if "TEST_S3_URL" not in os.environ:
            nowhere = tmp_path_factory.mktemp("aws")
            patch.setenv("AWS_CONFIG_FILE", str(nowhere / "config"))
            patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere / "credentials"))
            patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
            patch.setenv("AWS_ACCESS_KEY_ID", servers.ACCESS_KEY)
            patch.setenv("AWS_SECRET_ACCESS_KEY", servers.SECRET_KEY)
        yield


@pytest.fixture(scope="session")
def moto_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.S3Server]:
    """Moto's S3 (and IAM, STS, SQS) over HTTP."""
    with servers.run_moto(tmp_path_factory.mktemp("moto") / "log") as server:
        yield server


@pytest.fixture(scope="session")
def rclone_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.S3Server]:
    """rclone's S3: no conditional writes, so never a lake."""
    folder = tmp_path_factory.mktemp("rclone")
    with servers.run_rclone(folder, tmp_path_factory.mktemp("rclone-log") / "log") as server:
        yield server


@pytest.fixture(scope="session")
def sample_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake holding the committed sample logs; read it, never write it."""
    return lakes.ingested(lakes.SAMPLE, tmp_path_factory.mktemp("sample") / "lake")


@pytest.fixture(scope="session")
def quiet_logs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Logs of two hours in which nothing goes wrong, by seed; read them, never write them."""
    nine = datetime(2026, 3, 10, 9, tzinfo=UTC).timestamp()

    @cache
    def simulated(seed: int) -> Path:
        folder = tmp_path_factory.mktemp("quiet")
        simulate(folder, seed=seed, start=nine, minutes=120, incidents=[])
        return folder

    return simulated


@pytest.fixture
def empty_lake(tmp_path: Path) -> Lake:
    """A lake that does not exist yet."""
    return Lake(str(tmp_path / "empty"))

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.sample_logs import reading

SAMPLE = Path(__file__).resolve().parents[2] / "sample_logs"


@dataclass
class Sample:
    folder: Path
    truth: dict[str, Any]
    logs: reading.Logs

    def incident(self, kind: str) -> dict[str, Any]:
        found: dict[str, Any] = next(i for i in self.truth["incidents"] if i["kind"] == kind)
        return found

    def service(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(s for s in self.truth["services"] if s["name"] == name)
        return found


def load(folder: Path) -> Sample:
    return Sample(folder, json.loads((folder / "truth.json").read_text()), reading.read(folder))


@pytest.fixture(scope="session")
def sample() -> Sample:
    """The committed sample."""
    return load(SAMPLE)


@pytest.fixture(scope="session")
def quiet(quiet_logs: Callable[[int], Path]) -> Sample:
    """Two hours in which nothing goes wrong."""
    return load(quiet_logs(3))

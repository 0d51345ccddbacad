"""The wheel, outside the checkout, and the pinned dependencies."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PACKAGES = ("ingest", "queries", "dashboard")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PIN = re.compile(r"(?m)^([a-z0-9.-]+)==([^ \\]+)([^\\]*) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)], out)
    [built] = out.glob("eastwest-*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel unpacked by pip; its dependencies are those of the running Python."""
    site = tmp_path_factory.mktemp("site")
    run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)], site)
    return site


def run(command: list[str], folder: Path, **environ: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def pins(file: str) -> dict[str, set[str]]:
    """Versions of each package in a constraints file; several where the Python version decides."""
    found: dict[str, set[str]] = {}
    for name, version, _, _ in PIN.findall((ROOT / file).read_text()):
        found.setdefault(name, set()).add(version)
    return found


def test_wheel_holds_the_packages_with_their_sql_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}

    expected = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and ".so." not in path.name  # one that is being made
    }
    assert held == expected | {"eastwest.py"}
    assert any(name.startswith("queries/") and name.endswith(".sql") for name in held)


@pytest.mark.parametrize("compiler", ["no-such-compiler", "false", "'"])
def test_wheel_without_a_compiler_is_python_alone(tmp_path: Path, compiler: str) -> None:
    tree, out = tmp_path / "tree", tmp_path / "dist"
    for name in (*PACKAGES, "eastwest.py", "hatch_build.py", "pyproject.toml", "README.md"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        tree.mkdir(exist_ok=True)
        copy(ROOT / name, tree / name)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(tree)]

    run(command, tmp_path, CC=compiler)

    [built] = out.glob("*.whl")
    assert built.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(built) as archive:
        held = archive.namelist()
    assert "ingest/formats/cutter.c" in held
    assert not [name for name in held if name.endswith(".so")]


@pytest.mark.parametrize("command", [[], ["ingest"], ["sql"], ["dashboard"]])
def test_installed_command_runs_outside_the_checkout(installed: Path, tmp_path: Path, command: list[str]) -> None:
    said = run([str(installed / "bin" / "eastwest"), *command, "--help"], tmp_path, PYTHONPATH=str(installed))

    assert "Usage: eastwest" in said


def test_installed_command_is_the_wheels(installed: Path, tmp_path: Path) -> None:
    where = "import ingest, queries, dashboard, eastwest as e; print(ingest.__file__, queries.__file__, e.__file__)"

    files = run([sys.executable, "-c", where], tmp_path, PYTHONPATH=str(installed)).split()

    assert [Path(file).is_relative_to(installed) for file in files] == [True, True, True]


@pytest.mark.parametrize("file", ["constraints.txt", "constraints-dev.txt"])
def test_every_pin_has_hashes_and_no_host_is_named(file: str) -> None:
    text = (ROOT / file).read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]

    assert PIN.sub("", "\n".join(lines) + "\n") == ""
    assert not re.search(r"https?:|file:|--index|--find-links|--trusted-host", text)


def test_pins_are_what_the_project_asks_for() -> None:
    runtime, dev = pins("constraints.txt"), pins("constraints-dev.txt")

    for requirements, pinned in (
        (PROJECT["project"]["dependencies"], runtime),
        (PROJECT["dependency-groups"]["build"], runtime),
        (PROJECT["project"]["optional-dependencies"]["dev"], dev),
    ):
        for requirement in map(Requirement, requirements):
            versions = pinned.get(canonicalize_name(requirement.name), set())
            assert versions, f"{requirement} is not pinned. Run make lock"
            assert all(requirement.specifier.contains(version) for version in versions), f"{requirement}: {versions}"
    assert {name: dev.get(name) for name in runtime} == runtime

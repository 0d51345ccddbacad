"""Compiles ingest/formats/cutter.c when the project is installed or its wheel is built, if there is a C compiler.

Without one (`cc`, or what CC names) the wheel is one of Python alone: the same rows, read more slowly.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = "ingest/formats/cutter.c"
LIBRARY = "ingest/formats/_cutter.so"
FLAGS = ("-std=c99", "-O3", "-fPIC", "-shared", "-Wall", "-Wextra")


def compile_library(source: Path, library: Path, *more: str) -> None:
    """Compile it, with the source's SHA-256 inside.

    Raises:
        OSError, ValueError, CalledProcessError: that is not possible here; the library is as it was.
    """
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    command = [*shlex.split(os.environ.get("CC", "cc")), *FLAGS, *more, f'-DSOURCE="{digest}"']
    with tempfile.TemporaryDirectory() as folder:
        made, near = Path(folder, library.name), library.with_name(f"{library.name}.{os.getpid()}")
        subprocess.run([*command, "-o", made, source], check=True, capture_output=True, text=True, errors="replace")
        try:
            # Whoever has the old one open keeps it.
            shutil.copy(made, near)
            near.replace(library)
        finally:
            near.unlink(missing_ok=True)


class CustomBuildHook(BuildHookInterface[Any]):
    """What hatchling calls before it builds a wheel, or an editable install's."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the compiled library to the wheel, which is then one of this machine's kind."""
        if self.target_name != "wheel":
            return
        library = Path(self.root, LIBRARY)
        try:
            compile_library(Path(self.root, SOURCE), library)
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            with suppress(OSError):  # one of another source is not loaded
                library.unlink(missing_ok=True)
            said = getattr(error, "stderr", "") or error
            self.app.display_warning(f"no compiled reader, logs are read more slowly: {said}")
            return
        build_data["artifacts"].append(LIBRARY)
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"

"""What DuckDB needs to read a lake on S3: its extensions from installed wheels, and a secret."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import duckdb

from ingest.errors import LakeError
from ingest.lake.tables import Lake
from queries.scans import literal

FILE_SIZES = "set global enable_http_metadata_cache = true"
"""A file's size is asked for once, not once a question: files of a lake never change. Others may."""

_KEYS = {
    "access_key_id": "key_id",
    "secret_access_key": "secret",
    "session_token": "session_token",
    "region": "region",
    "default_region": "region",
}


def extension_statements() -> list[str]:
    """Statements that load httpfs and aws from their wheels: nothing is downloaded."""
    return [f"load {literal(str(_extension(name)))}" for name in ("httpfs", "aws")]


def _extension(name: str) -> Path:
    package = find_spec(f"duckdb_extension_{name}")
    if package is None or package.origin is None:
        raise LakeError(
            f"DuckDB's {name} extension is not installed; install duckdb-extension-{name}=={duckdb.__version__}"
        )
    path = Path(package.origin).parent / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if not path.is_file():
        raise LakeError(f"{path}: no such file; install duckdb-extension-{name}=={duckdb.__version__}")
    return path


def secret_statement(lake: Lake, *, with_keys: bool = True) -> str | None:
    """The statement that lets DuckDB read this lake; None for a local one.

    With keys in the lake's storage options these are used, else AWS's own chain (environment, profile, role).
    `with_keys=False` leaves them out whatever is there, for scripts that are printed.
    """
    if lake.is_local:
        return None
    options = {key.lower().removeprefix("aws_"): value for key, value in lake.storage.items()}
    parts = ["type s3"]
    if not (with_keys and "access_key_id" in options):
        parts.append("provider credential_chain")
    for option, name in _KEYS.items():
        if option in options and (with_keys or name == "region") and f"{name} " not in " ".join(parts):
            parts.append(f"{name} {literal(options[option])}")
    endpoint = options.get("endpoint_url") or options.get("endpoint")
    if endpoint:
        scheme, _, host = endpoint.rpartition("://")
        parts += [f"endpoint {literal(host.rstrip('/'))}", "url_style 'path'"]
        parts += ["use_ssl false"] if scheme == "http" else []
    return f"create or replace temporary secret lake ({', '.join(parts)})"

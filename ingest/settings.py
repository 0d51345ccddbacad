"""Every setting, declared once: read from `eastwest.toml` and from `EASTWEST_*`, which wins.

Promises: a key nobody knows and a value of the wrong type are errors that name the file (or variable), the key, and the
nearest known key or what is expected. `eastwest.example.toml` lists exactly these keys; a test compares them.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnparsableVariable

from ingest.errors import SettingsError

FILE_NAME = "eastwest.toml"
PREFIX = "EASTWEST_"


class SourceSettings(BaseModel):
    """One `[[sources]]` table: where logs come from, and as whom they are read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    uri: str = Field(description="Folder, file or s3://bucket/prefix.", min_length=1)
    role_arn: str | None = Field(
        default=None, description="Role to assume for this source.", pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$"
    )
    region: str | None = Field(default=None, description="The bucket's region; asked of S3 when absent.")
    profile: str | None = Field(default=None, description="Profile of ~/.aws/config.")
    requester_pays: bool = Field(default=False, description="Accept the cost of requests to a requester-pays bucket.")
    endpoint_url: str | None = Field(
        default=None, description="S3 endpoint other than AWS's; addressed path-style.", pattern=r"^https?://"
    )
    queue_url: str | None = Field(
        default=None, description="SQS queue with the bucket's events, for `ingest --follow`.", pattern=r"^https?://"
    )


class DropSettings(BaseModel):
    """One `[[drop]]` table: rows that are not kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str = Field(description="Source table the rule is for.")
    where: str = Field(description="SQL predicate over its columns; rows for which it is true go.", min_length=1)
    mode: Literal["drop", "count"] = Field(default="drop", description="`count` keeps the rows and says how many.")


class RedactSettings(BaseModel):
    """One `[[redact]]` table: what is blotted out of a table's texts before they are written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str = Field(description="Source table the rule is for.")
    columns: list[str] = Field(description="Its text columns to search; `extra` and rejects always are.", min_length=1)
    pattern: str = Field(description="Regular expression (RE2); every match is replaced.", min_length=1)
    replacement: str = Field(default="[redacted]", description=r"What takes its place; \\1 is the first group.")
    mode: Literal["redact", "count"] = Field(default="redact", description="`count` changes nothing and says how many.")


class Settings(BaseSettings):
    """All of eastwest's settings, with their defaults."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    lake: str = Field(default="lake", description="Where the lake is: a folder or s3://bucket/prefix.", min_length=1)
    sources: list[SourceSettings] = Field(
        default=[], description="What `eastwest ingest` reads when no source is named."
    )
    drop: list[DropSettings] = Field(default=[], description="Rows that are not kept.")
    redact: list[RedactSettings] = Field(default=[], description="What is blotted out before it is written.")
    region: str | None = Field(default=None, description="AWS region of the lake and of sources that name none.")
    profile: str | None = Field(default=None, description="AWS profile of the lake and of sources that name none.")
    endpoint_url: str | None = Field(
        default=None, description="S3 endpoint of the lake and of sources that name none.", pattern=r"^https?://"
    )
    lookback_days: int = Field(
        default=3, description="Days, counted back from now, that a run lists again for late objects.", ge=1, le=366
    )
    batch_objects: int = Field(
        default=1_000, description="Source objects in one batch, so in one Delta commit, at most.", ge=1, le=10_000
    )
    batch_megabytes: int = Field(
        default=24, description="Megabytes (MiB, as stored) of source objects in one batch, at most.", ge=1, le=4_096
    )
    visibility_seconds: int = Field(
        default=120, description="Seconds until another worker gets the messages of one that died.", ge=5, le=43_200
    )
    workers: int = Field(
        default=2, description="Batches read at a time; on Linux each in a process of its own.", ge=1, le=64
    )
    memory_limit: str = Field(
        default="1GiB", description="Memory that DuckDB may take.", pattern=r"^\d+(\.\d+)?\s?([KMGT]i?B)$"
    )
    flow_format: str | None = Field(
        default=None, description="Header line for VPC Flow Log files that have none.", min_length=1
    )
    names: str | None = Field(
        default=None, description="File of display names and merges that overrule the logs (names.toml).", min_length=1
    )
    prices: str | None = Field(
        default=None, description="File of AWS's prices that replaces queries/prices.toml.", min_length=1
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="warning", description="Least severe message on stderr."
    )
    json_logs: bool = Field(default=False, description="Messages on stderr as JSON lines.")

    @field_validator("flow_format")
    @classmethod
    def _names_fields(cls, line: str | None) -> str | None:
        if line is not None and len(line.split()) < 2:
            raise ValueError("a header line of VPC Flow Log field names, such as 'version account-id ...'")
        return line

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """`EASTWEST_*` over the file; no .env file and no secrets folder."""
        return (env_settings, init_settings)


_ENTRIES: dict[str, type[BaseModel]] = {"sources": SourceSettings, "drop": DropSettings, "redact": RedactSettings}
"""The keys that are lists of tables, and what each table holds."""


def load_settings(path: Path | None = None) -> Settings:
    """The settings of `path`, else of ./eastwest.toml if there is one, with `EASTWEST_*` over them.

    A relative path in the file (lake, names, a source's folder) is meant from the working directory, as on the command
    line.

    Raises:
        SettingsError: no such file, not TOML, an unknown key, or a value of the wrong type.
    """
    file = path or Path(FILE_NAME)
    values: dict[str, Any] = {}
    if path is not None or file.is_file():
        values = _read(file)
        _refuse_unknown(file, values, Settings.model_fields, "")
        for key, model in _ENTRIES.items():
            for place, entry in enumerate(_tables(values.get(key))):
                _refuse_unknown(file, entry, model.model_fields, f"{key}[{place}].")
    _refuse_unknown_variables()
    try:
        return Settings(**values)
    except ValidationError as error:
        raise _explained(error, file) from None
    except UnparsableVariable as error:
        raise _not_json(error) from error


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{file}: no such file. Copy eastwest.example.toml there, or leave --config out") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: is not TOML: {error}") from None
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read ({error.strerror})") from None


def _tables(value: object) -> Iterable[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _refuse_unknown(file: Path, values: Mapping[str, Any], known: Iterable[str], under: str) -> None:
    for key in values:
        if key not in known:
            raise SettingsError(f"{file}:{under}{key}: unknown key. {nearest(key, known)}")


def _refuse_unknown_variables() -> None:
    known = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            raise SettingsError(f"{name}: unknown variable. {nearest(name, known)}")


def nearest(key: str, known: Iterable[str]) -> str:
    """What was probably meant by a key that nobody knows; all that are known when none is like it."""
    names = sorted(known)
    begun = [name for name in names if name.startswith(key)]
    close = begun or difflib.get_close_matches(key, names, n=1, cutoff=0.6)
    return f"Did you mean {close[0]}?" if close else f"Known: {', '.join(names)}"


def whereabouts(key: str, file: Path | None = None) -> str:
    """Where a key such as `drop[0].where` was set: the variable that wins, else the file."""
    top = re.split(r"[.\[]", key, maxsplit=1)[0]
    variable = f"{PREFIX}{top.upper()}"
    return variable + key.removeprefix(top) if variable in os.environ else f"{file or FILE_NAME}:{key}"


def _not_json(error: UnparsableVariable) -> SettingsError:
    """Which variable that holds a list is no JSON."""
    for key, needed in (("sources", '"uri"'), ("drop", '"table" and "where"'), ("redact", '"table" and "columns"')):
        if f'"{key}"' in str(error):
            return SettingsError(f"{PREFIX}{key.upper()}: is not JSON. Expected a list of objects with a {needed} each")
    return SettingsError(f"{PREFIX}*: {error}")


def _explained(error: ValidationError, file: Path) -> SettingsError:
    """The first wrong value: where it was set, what it is, what is expected."""
    wrong = error.errors(include_url=False)
    first = next((e for e in wrong if e["type"] == "extra_forbidden"), wrong[0])
    key = str(first["loc"][0])
    dotted = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    where = whereabouts(dotted, file)
    if first["type"] == "extra_forbidden":
        return SettingsError(f"{where}: unknown key. {nearest(str(first['loc'][-1]), _ENTRIES[key].model_fields)}")
    if first["type"] == "missing":
        return SettingsError(f"{where}: is missing. See eastwest.example.toml")
    expected = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return SettingsError(f"{where}: {first['input']!r} is wrong; expected {expected}. See eastwest.example.toml")

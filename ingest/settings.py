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
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

from ingest.errors import SettingsError

FILE_NAME = "eastwest.toml"
PREFIX = "EASTWEST_"


def _text(about: str) -> Meta:
    return Meta(min_length=1, description=about)


class SourceSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One `[[sources]]` table: where logs come from, and as whom they are read."""

    uri: Annotated[str, _text("Folder, file or s3://bucket/prefix.")]
    role_arn: (
        Annotated[
            str, Meta(description="Role to assume for this source.", pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$")
        ]
        | None
    ) = None
    region: Annotated[str | None, Meta(description="The bucket's region; asked of S3 when absent.")] = None
    profile: Annotated[str | None, Meta(description="Profile of ~/.aws/config.")] = None
    requester_pays: Annotated[bool, Meta(description="Accept the cost of requests to a requester-pays bucket.")] = False
    endpoint_url: (
        Annotated[str, Meta(description="S3 endpoint other than AWS's; addressed path-style.", pattern=r"^https?://")]
        | None
    ) = None
    queue_url: (
        Annotated[
            str, Meta(description="SQS queue with the bucket's events, for `ingest --follow`.", pattern=r"^https?://")
        ]
        | None
    ) = None


class DropSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One `[[drop]]` table: rows that are not kept."""

    table: Annotated[str, Meta(description="Source table the rule is for.")]
    where: Annotated[str, _text("SQL predicate over its columns; rows for which it is true go.")]
    mode: Annotated[Literal["drop", "count"], Meta(description="`count` keeps the rows and says how many.")] = "drop"


class RedactSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One `[[redact]]` table: what is blotted out of a table's texts before they are written."""

    table: Annotated[str, Meta(description="Source table the rule is for.")]
    columns: Annotated[
        list[str], Meta(description="Its text columns to search; `extra` and rejects always are.", min_length=1)
    ]
    pattern: Annotated[str, _text("Regular expression (RE2); every match is replaced.")]
    replacement: Annotated[str, Meta(description=r"What takes its place; \\1 is the first group.")] = "[redacted]"
    mode: Annotated[Literal["redact", "count"], Meta(description="`count` changes nothing and says how many.")] = (
        "redact"
    )


class Settings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All of eastwest's settings, with their defaults. Made by hand they are not checked (`load_settings` does)."""

    lake: Annotated[str, _text("Where the lake is: a folder or s3://bucket/prefix.")] = "lake"
    sources: Annotated[
        list[SourceSettings], Meta(description="What `eastwest ingest` reads when no source is named.")
    ] = []
    drop: Annotated[list[DropSettings], Meta(description="Rows that are not kept.")] = []
    redact: Annotated[list[RedactSettings], Meta(description="What is blotted out before it is written.")] = []
    region: Annotated[str | None, Meta(description="AWS region of the lake and of sources that name none.")] = None
    profile: Annotated[str | None, Meta(description="AWS profile of the lake and of sources that name none.")] = None
    endpoint_url: (
        Annotated[
            str, Meta(description="S3 endpoint of the lake and of sources that name none.", pattern=r"^https?://")
        ]
        | None
    ) = None
    lookback_days: Annotated[
        int, Meta(description="Days, counted back from now, that a run lists again for late objects.", ge=1, le=366)
    ] = 3
    batch_objects: Annotated[
        int, Meta(description="Source objects in one batch, so in one Delta commit, at most.", ge=1, le=10_000)
    ] = 1_000
    batch_megabytes: Annotated[
        int, Meta(description="Megabytes (MiB, as stored) of source objects in one batch, at most.", ge=1, le=4_096)
    ] = 24
    visibility_seconds: Annotated[
        int, Meta(description="Seconds until another worker gets the messages of one that died.", ge=5, le=43_200)
    ] = 120
    workers: Annotated[
        int, Meta(description="Batches read at a time; on Linux each in a process of its own.", ge=1, le=64)
    ] = 2
    memory_limit: Annotated[
        str, Meta(description="Memory that DuckDB may take.", pattern=r"^\d+(\.\d+)?\s?([KMGT]i?B)\Z")
    ] = "1GiB"
    copies: Annotated[
        str,
        Meta(
            description=(
                "Folder for what sessions keep of a lake: copies of its small files, when it lies on S3, and who was"
                " who on days that are over. Nothing is kept when empty."
            )
        ),
    ] = "~/.cache/eastwest"
    flow_format: (
        Annotated[str, Meta(description="Header line for VPC Flow Log files that have none.", pattern=r"\S\s+\S")]
        | None
    ) = None
    names: Annotated[str, _text("File of display names and merges that overrule the logs (names.toml).")] | None = None
    prices: Annotated[str, _text("File of AWS's prices that replaces queries/prices.toml.")] | None = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least severe message on stderr.")
    ] = "warning"
    json_logs: Annotated[bool, Meta(description="Messages on stderr as JSON lines.")] = False


_SHAPES = {
    "role_arn": "a role's ARN, such as arn:aws:iam::123456789012:role/logs",
    "endpoint_url": "an address that begins with http:// or https://",
    "queue_url": "an address that begins with http:// or https://",
    "memory_limit": "a number with KB, MB, GB, TB, KiB, MiB, GiB or TiB, such as 2GiB",
    "flow_format": "a header line of VPC Flow Log field names, such as 'version account-id ...'",
}
"""What a text has to look like, for those that have a pattern."""
_TYPES = {"int": "a whole number", "str": "a text", "bool": "true or false", "array": "a list", "object": "a table"}
_ENTRIES: dict[str, type[Struct]] = {"sources": SourceSettings, "drop": DropSettings, "redact": RedactSettings}
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
        _refuse_unknown(file, values, Settings.__struct_fields__, "")
        for key, model in _ENTRIES.items():
            for place, entry in enumerate(_tables(values.get(key))):
                _refuse_unknown(file, entry, model.__struct_fields__, f"{key}[{place}].")
    _refuse_unknown_variables()
    values |= _variables()
    try:
        # Not strict: what a variable says is a text.
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise _explained(str(error), values, file) from None


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
    known = [f"{PREFIX}{name.upper()}" for name in Settings.__struct_fields__]
    for name in sorted(_environment()):
        if name.startswith(PREFIX) and name not in known:
            raise SettingsError(f"{name}: unknown variable. {nearest(name, known)}")


def _environment() -> dict[str, str]:
    """The variables by their names in capitals; a name that is written so goes before another spelling."""
    spelled = sorted(os.environ.items(), key=lambda variable: variable[0].isupper())
    return {name.upper(): text for name, text in spelled}


def _variables() -> dict[str, Any]:
    """What the environment sets; lists are JSON."""
    found: dict[str, Any] = {}
    environment = _environment()
    for name in Settings.__struct_fields__:
        text = environment.get(f"{PREFIX}{name.upper()}")
        if text is None:
            continue
        if not text.isprintable() and any("\ud800" <= character <= "\udfff" for character in text):
            raise SettingsError(f"{PREFIX}{name.upper()}: is not UTF-8")
        try:
            found[name] = msgspec.json.decode(text) if name in _ENTRIES else text
        except msgspec.DecodeError:
            needed = " and ".join(
                f'"{field.name}"' for field in msgspec.structs.fields(_ENTRIES[name]) if field.required
            )
            raise SettingsError(
                f"{PREFIX}{name.upper()}: is not JSON. Expected a list of objects with a {needed} each"
            ) from None
    return found


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
    return variable + key.removeprefix(top) if variable in _environment() else f"{file or FILE_NAME}:{key}"


def _explained(error: str, values: Mapping[str, Any], file: Path) -> SettingsError:
    """What msgspec says of the first wrong value: where it was set, what it is, what is expected."""
    what, _, path = error.removesuffix("`").rpartition(" - at `$.")
    steps = [int(step) if step.isdigit() else step for step in re.split(r"[.\[\]]+", path) if step]
    model = _ENTRIES.get(str(steps[0]), Settings) if len(steps) > 1 else Settings
    named = re.fullmatch(r"Object (?:missing required|contains unknown) field `(.*)`", what)
    if named:
        steps.append(named[1])
    dotted = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")
    where = whereabouts(dotted, file)
    if what.startswith("Object contains unknown field"):
        return SettingsError(f"{where}: unknown key. {nearest(str(steps[-1]), model.__struct_fields__)}")
    if named:
        return SettingsError(f"{where}: is missing. See eastwest.example.toml")
    value: Any = values
    for step in steps:
        value = value[step]
    expected = _expected(what, model, str(steps[-1]))
    return SettingsError(f"{where}: {value!r} is wrong; expected {expected}. See eastwest.example.toml")


def _expected(what: str, model: type[Struct], key: str) -> str:
    """In words what msgspec says that it expected of a key."""
    if "matching regex" in what:
        return _SHAPES[key]
    allowed = get_args(get_type_hints(model).get(key))
    if allowed and all(isinstance(value, str) for value in allowed):
        *others, last = map(repr, allowed)
        return f"{', '.join(others)} or {last}"
    found = re.fullmatch(r"Expected `(\w+)(?: \| null)?`(?:,.*| (of length )?([<>])= (\d+))", what)
    if found is None:
        return what
    kind, length, relation, bound = found.groups()
    if length:
        return f"{_TYPES[kind]} that is not empty"
    return _TYPES[kind] + (f" of at {'least' if relation == '>' else 'most'} {bound}" if relation else "")

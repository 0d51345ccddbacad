"""names.toml: names and merges that overrule what the logs say.

    [[names]]
    arn = "arn:aws:iam::123456789012:role/batch-*"    # or host = "*.example.com", or cidr = "10.4.0.0/16"
    name = "batch"

Promises: entries are tried in the file's order and the first that fits wins; everything with the same name is one node;
an unknown key, two patterns in one entry or an address range that is none is an error that names file and key.
"""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.errors import SettingsError
from ingest.settings import nearest
from queries.scans import literal

_PATTERNS = ("arn", "host", "cidr")
_KEYS = (*_PATTERNS, "vpc", "name")


@dataclass(frozen=True)
class GivenName:
    """One entry. `kind`: arn, host or cidr. `bits`: a range's leading bits as `address_bits` writes them, else None."""

    kind: str
    pattern: str
    name: str
    vpc: str | None = None
    bits: str | None = None


def read_names(file: Path | str | None) -> tuple[GivenName, ...]:
    """The entries of a names file (the setting `names`); none without one. Raises SettingsError."""
    if file is None:
        return ()
    try:
        content = tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{file}: no such file; the setting `names` says to read it") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: is not TOML: {error}") from None
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read ({error.strerror})") from None
    for key in content:
        if key != "names":
            raise SettingsError(f"{file}:{key}: unknown key. {nearest(key, ['names'])}")
    entries = content.get("names", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise SettingsError(f"{file}:names: expected tables: [[names]]")
    return tuple(_entry(f"{file}:names[{place}]", entry) for place, entry in enumerate(entries))


def _entry(where: str, entry: Mapping[str, Any]) -> GivenName:
    for key, value in entry.items():
        if key not in _KEYS:
            raise SettingsError(f"{where}.{key}: unknown key. {nearest(key, _KEYS)}")
        if not isinstance(value, str) or not value.strip():
            raise SettingsError(f"{where}.{key}: {value!r} is wrong; expected a text")
    kinds = [key for key in _PATTERNS if key in entry]
    if len(kinds) != 1:
        raise SettingsError(f"{where}: expected exactly one of {', '.join(_PATTERNS)}")
    if "name" not in entry:
        raise SettingsError(f"{where}.name: is missing")
    (kind,) = kinds
    if "vpc" in entry and kind != "cidr":
        raise SettingsError(f"{where}.vpc: goes with cidr only")
    pattern = entry[kind].lower() if kind == "host" else entry[kind]
    bits = _leading_bits(f"{where}.cidr", pattern) if kind == "cidr" else None
    return GivenName(kind, pattern, entry["name"], entry.get("vpc"), bits)


def _leading_bits(where: str, cidr: str) -> str:
    try:
        network = ipaddress.ip_network(cidr)
    except ValueError as error:
        raise SettingsError(f"{where}: {cidr!r} is wrong; expected a range such as 10.4.0.0/16 ({error})") from None
    address = f"{int(network.network_address):0{network.max_prefixlen}b}"
    return f"{network.version}:{address[: network.prefixlen]}"


def names_statement(names: tuple[GivenName, ...]) -> str:
    """The statement that makes `given_names(place, kind, pattern, bits, vpc, name)`; empty without entries."""
    rows = [
        "union all select "
        + ", ".join([str(place), *("null" if text is None else literal(text) for text in _texts(given))])
        for place, given in enumerate(names)
    ]
    empty = (
        "select null::integer as place, null::varchar as kind, null::varchar as pattern, null::varchar as bits, "
        "null::varchar as vpc, null::varchar as name where false"
    )
    return "\n".join(["create or replace temp table given_names as", empty, *rows])


def _texts(given: GivenName) -> tuple[str | None, ...]:
    return given.kind, given.pattern, given.bits, given.vpc, given.name

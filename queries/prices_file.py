"""prices.toml: what AWS charges for a path, each price with its page and date. A user's own file replaces ours.

    [prices.lattice_gb]
    value = 0.025
    unit = "USD per GB processed"
    page = "https://aws.amazon.com/vpc/lattice/pricing/"
    as_of = 2026-09-20

Promises: a file without one of the shipped prices, with an unknown one, or with a value that is no number from 0 up is
an error that names file and key; what was not looked up is never filled in.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

from ingest.errors import SettingsError
from ingest.settings import nearest
from queries.scans import literal

SHIPPED = "queries/prices.toml"
_TEXTS = ("unit", "page")
_KEYS = ("value", *_TEXTS, "as_of", "rests_on")


@dataclass(frozen=True)
class Price:
    """One price or allowance: `value` in `unit`, read from `page` as it was on `as_of`; `rests_on`: the evidence."""

    name: str
    value: float
    unit: str
    page: str
    as_of: date
    rests_on: str


@dataclass(frozen=True)
class Prices:
    """A price table: of which region, in which currency, from which file."""

    region: str
    currency: str
    where: str
    prices: tuple[Price, ...]

    @property
    def oldest(self) -> date:
        """Date of the price that was looked up longest ago."""
        return min(price.as_of for price in self.prices)


def read_prices(file: Path | str | None) -> Prices:
    """The prices of a file (the setting `prices`), else the shipped ones. Raises SettingsError."""
    shipped = _parse(SHIPPED, (files("queries") / "prices.toml").read_text(encoding="utf-8"), None)
    if file is None:
        return shipped
    try:
        text = Path(file).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(f"{file}: no such file; copy {SHIPPED} and change it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: cannot be read: {error}") from None
    return _parse(str(file), text, [price.name for price in shipped.prices])


def _parse(where: str, text: str, wanted: list[str] | None) -> Prices:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where}: is not TOML: {error}") from None
    for key in content:
        if key not in ("region", "currency", "prices"):
            raise SettingsError(f"{where}:{key}: unknown key. {nearest(key, ['region', 'currency', 'prices'])}")
    for key in ("region", "currency"):
        if not isinstance(content.get(key), str):
            raise SettingsError(f"{where}:{key}: expected a text")
    entries = content.get("prices")
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise SettingsError(f"{where}:prices: expected tables: [prices.lattice_gb]")
    for name in entries:
        if wanted is not None and name not in wanted:
            raise SettingsError(f"{where}:prices.{name}: unknown price. {nearest(name, wanted)}")
    for name in wanted or ():
        if name not in entries:
            raise SettingsError(f"{where}:prices.{name}: is missing. See {SHIPPED}")
    made = tuple(_price(f"{where}:prices.{name}", name, entry) for name, entry in entries.items())
    return Prices(content["region"], content["currency"], where, made)


def _price(where: str, name: str, entry: Mapping[str, Any]) -> Price:
    for key in entry:
        if key not in _KEYS:
            raise SettingsError(f"{where}.{key}: unknown key. {nearest(key, _KEYS)}")
    value = entry.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise SettingsError(f"{where}.value: {value!r} is wrong; expected a number from 0 up")
    for key in _TEXTS:
        if not isinstance(entry.get(key), str):
            raise SettingsError(f"{where}.{key}: expected a text")
    if type(entry.get("as_of")) is not date:
        raise SettingsError(f"{where}.as_of: expected a date such as 2026-09-20")
    return Price(name, float(value), entry["unit"], entry["page"], entry["as_of"], str(entry.get("rests_on", "")))


def prices_statement(prices: Prices) -> str:
    """The statement that makes `prices`: one row, a column a price."""
    columns = ", ".join(f"{price.value!r}::double as {price.name}" for price in prices.prices)
    return f"create or replace temp table prices as\nselect {columns}, {literal(prices.currency)} as currency"

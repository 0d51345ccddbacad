"""prices.toml: every price with its page and date; what is wrong is named by file and key."""

from __future__ import annotations

from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from ingest.errors import SettingsError
from queries.prices_file import read_prices

SHIPPED = (files("queries") / "prices.toml").read_text(encoding="utf-8")


def test_every_shipped_price_has_its_page_and_date() -> None:
    prices = read_prices(None)
    assert {price.name: price.value for price in prices.prices}["lattice_free_requests_hour"] == 300_000
    for price in prices.prices:
        assert price.page.startswith("https://aws.amazon.com/"), price.name
        assert price.unit, price.name
        assert price.rests_on, price.name
    assert prices.oldest == date(2026, 9, 17)


def test_a_users_file_replaces_the_shipped_one(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(SHIPPED.replace("value = 300000", "value = 5").replace('us-east-1"', 'eu-central-1"'))
    prices = read_prices(file)
    assert (prices.region, prices.where) == ("eu-central-1", str(file))
    assert {price.name: price.value for price in prices.prices}["lattice_free_requests_hour"] == 5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("value = 300000", "value = -1", "lattice_free_requests_hour.value: -1 is wrong; expected a number from 0 up"),
        ("value = 300000", "value = nan", "lattice_free_requests_hour.value: nan is wrong"),
        ("value = 300000", "value = true", "lattice_free_requests_hour.value: True is wrong"),
        ("[prices.lattice_gb]", "[prices.latice_gb]", "prices.latice_gb: unknown price. Did you mean lattice_gb"),
        ("[prices.lattice_gb]", "[prices.lattice_gb]\nusd = 1", "prices.lattice_gb.usd: unknown key"),
        ("as_of = 2026-09-20", 'as_of = "soon"', "as_of: expected a date such as 2026-09-20"),
        ('unit = "free', 'unit = 3 # "free', "lattice_free_requests_hour.unit: expected a text"),
        ('currency = "USD"', 'curency = "USD"', "curency: unknown key. Did you mean currency"),
        ('currency = "USD"', "", "currency: expected a text"),
        ('currency = "USD"', "currency =", "is not TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(SHIPPED.replace(old, new, 1))
    with pytest.raises(SettingsError, match="^" + str(file)) as raised:
        read_prices(file)
    assert message in str(raised.value)


def test_a_missing_price_is_not_filled_in(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(SHIPPED[: SHIPPED.index("[prices.nat_gateway_gb]")])
    with pytest.raises(SettingsError, match=r"prices.nat_gateway_gb: is missing. See queries/prices.toml"):
        read_prices(file)


def test_no_file() -> None:
    with pytest.raises(SettingsError, match=r"nowhere.toml: no such file; copy queries/prices.toml"):
        read_prices("nowhere.toml")

"""The real server in a real browser: what is seen, what is asked of whom, and how it is stopped."""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from dashboard.app import HEADERS
from dashboard.palette import DARK, LIGHT, Palette
from ingest.lake.tables import Lake
from tests import lakes
from tests.dashboard.hostile import MARK, hostile_lake
from tests.queries.lake_of import NINE, denied, lake_of, lattice, service

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: apt-get install chromium)"),
]


@contextmanager
def served(lake: Lake) -> Iterator[str]:
    """The dashboard's address while it runs; the process is stopped by its id and leaves no other."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    process = lakes.start("dashboard", "--lake", lake.uri, "--port", port)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address == f"http://127.0.0.1:{port}", process.stderr and process.stderr.read()
        yield address
    finally:
        process.terminate()
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
    assert process.returncode in {0, -15}


@pytest.fixture(scope="module")
def sample_address(sample_lake: Lake) -> Iterator[str]:
    """A dashboard on the sample lake; every page of it is another reader's."""
    with served(sample_lake) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@contextmanager
def opened(browser: Browser, address: str, scheme: str, **query: str) -> Iterator[Page]:
    """A page on which the graph stands; afterwards: no request to another host, no error in the console."""
    context = browser.new_context(viewport={"width": 1600, "height": 1000}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    hosts: set[str] = set()
    errors: list[str] = []
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.on("websocket", lambda socket_: hosts.add(urlsplit(socket_.url).netloc))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{address}/?{urlencode(query)}")
    page.locator('[data-testid="stEChartsChart"] canvas').first.wait_for(timeout=60_000)
    page.locator('[data-testid="stDataFrame"]').nth(1).wait_for(timeout=60_000)
    page.wait_for_timeout(1500)
    yield page
    context.close()
    assert hosts - {""} == {urlsplit(address).netloc}
    assert errors == []


def colours(page: Page) -> set[tuple[int, ...]]:
    """Every colour in the picture of the graph."""
    picture = Image.open(io.BytesIO(page.locator('[data-testid="stEChartsChart"]').screenshot())).convert("RGB")
    return {colour for _, colour in picture.getcolors(1 << 24) or []}  # type: ignore[misc]


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))


def cells(page: Page, table: int) -> list[str]:
    """What a screen reader hears of the first row of a table."""
    row = page.locator('[data-testid="stDataFrame"]').nth(table).locator("tbody tr").first
    return [cell.strip() for cell in row.locator("td").all_text_contents()]


@pytest.mark.parametrize(("scheme", "palette"), [("light", LIGHT), ("dark", DARK)])
def test_the_graph_and_the_top_denied_caller_are_seen(
    sample_address: str, browser: Browser, tmp_path: Path, scheme: str, palette: Palette
) -> None:
    top = max(lakes.truth()["incidents"], key=lambda incident: incident["denials"])
    with urllib.request.urlopen(sample_address) as answer:
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    with opened(browser, sample_address, scheme, window="all") as page:
        page.screenshot(path=tmp_path / f"now_{scheme}.png")
        assert rgb(palette.strokes["denied"].colour) in colours(page)
        assert cells(page, 0)[:2] == [top["caller"], top["callee"]]
        assert page.get_by_text("edges wrong").is_visible()
        page.locator('[data-testid="stDataFrame"]').first.click(position={"x": 60, "y": 52})
        page.get_by_text(f"{top['caller']} → {top['callee']}", exact=True).wait_for(timeout=30_000)
        assert urlsplit(page.url).query == f"window=all&{urlencode({k: top[k] for k in ('caller', 'callee')})}"


def test_another_window_is_a_click_away(sample_address: str, browser: Browser) -> None:
    """A real click: whatever lies over the selector would take it."""
    with opened(browser, sample_address, "light", window="1h") as page:
        page.get_by_text("all", exact=True).first.click(timeout=10_000)
        page.wait_for_url("**window=all**", timeout=30_000)
        page.locator('[data-testid="stMainMenu"] button').click(timeout=10_000)


def test_in_half_a_window_the_graph_has_all_of_its_width(sample_address: str, browser: Browser) -> None:
    with opened(browser, sample_address, "light", window="all") as page:
        page.set_viewport_size({"width": 800, "height": 1000})
        page.wait_for_timeout(1000)
        graph = page.locator('[data-testid="stEChartsChart"]').bounding_box()
        table = page.locator('[data-testid="stDataFrame"]').first.bounding_box()
    assert graph is not None
    assert table is not None
    assert graph["width"] > 700
    assert table["y"] > graph["y"] + graph["height"]


def test_what_worked_days_ago_comes_by_itself(browser: Browser, tmp_path: Path) -> None:
    worked = lattice("orders", "payments", ip="10.0.0.5", start_time=NINE - timedelta(days=3))
    refused = denied("orders", "payments", "Service", ip="10.0.0.5")
    lake = lake_of(tmp_path / "lake", {"lattice_access": [worked, refused]})
    edge = {"caller": "orders", "callee": service("payments").rpartition("/")[-1]}
    with served(lake) as address, opened(browser, address, "light", **edge) as page:
        page.get_by_text("until 03-07 09:00").wait_for(timeout=60_000)
        page.get_by_text("more is being read").wait_for(state="detached", timeout=60_000)


def test_hostile_names_make_the_browser_call_nobody(browser: Browser, tmp_path: Path) -> None:
    with (
        served(hostile_lake(tmp_path)) as address,
        opened(browser, address, "light", window="all") as page,
    ):
        assert MARK in cells(page, 0)[0]
        page.locator('[data-testid="stDataFrame"]').first.click(position={"x": 60, "y": 52})
        page.get_by_text("Show SQL").wait_for(timeout=30_000)
        page.locator('[data-testid="stEChartsChart"]').hover(position={"x": 90, "y": 60})
        assert page.locator(f'[src*="{MARK}"], [href*="{MARK}"]').count() == 0

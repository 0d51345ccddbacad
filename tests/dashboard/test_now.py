"""The page in Streamlit's own test harness: on the sample lake, on an empty one, and on logs an attacker wrote."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import data
from ingest.errors import LakeError
from ingest.lake.tables import Lake
from queries.session import Session, open_session
from tests import lakes
from tests.dashboard.hostile import MARK, hostile_lake
from tests.queries.lake_of import NINE, at, delivered, denied, lake_of, lattice, service

SCRIPT = Path(data.__file__).with_name("navigation.py")
SHOW_TEXT_AS_TEXT = {"dataframe", "code", "text", "echarts_chart"}


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    data.forget()


def page(lake: Lake, **query: str) -> AppTest:
    data.use(lambda since, hours: open_session(lake, since, history_hours=hours))
    app = AppTest.from_file(SCRIPT, default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def everything(app: AppTest) -> list[tuple[str, str]]:
    """Type and content of every element on the page."""
    found = []
    waiting = list(app._tree.children.values())
    while waiting:
        node = waiting.pop()
        waiting += list(getattr(node, "children", {}).values())
        if getattr(node, "proto", None) is not None:
            found.append((node.type, str(node.proto)))
    return found


def test_the_sample_s_top_denied_caller_is_the_true_one(sample_lake: Lake) -> None:
    app = page(sample_lake, window="all")
    denied, edges = (frame.value for frame in app.dataframe)
    top = max(lakes.truth()["incidents"], key=lambda incident: incident["denials"])
    assert (denied["caller"][0], denied["callee"][0]) == (top["caller"], top["callee"])
    assert denied["count"][0] == top["denials"]
    assert denied["layer"][0] == top["layer"].replace("_", " ")
    assert list(edges.columns[:3]) == ["caller", "callee", "state"]
    assert (edges["caller"][0], edges["callee"][0]) == (top["caller"], top["callee"])


def test_the_page_says_how_old_the_data_is_and_what_is_wrong(sample_lake: Lake) -> None:
    app = page(sample_lake)
    assert "data to 2026-03-10 12:00:00 UTC" in app.caption[0].value
    assert "windows count back from there" in app.caption[0].value
    assert "edges wrong" in app.error[0].value
    assert len(app.code[1].value.splitlines()) == 3
    assert "silent" not in app.warning[0].value


def test_the_page_says_how_complete_the_data_of_the_window_is(sample_lake: Lake) -> None:
    app = page(sample_lake, window="15m")
    assert "12 sources, 93.9% complete; windows" in app.caption[0].value
    assert "Logs are missing" in app.warning[0].value
    assert "(1 of 3 deliveries, until 12:00Z)" in app.code[0].value
    whole = page(sample_lake, window="all")
    assert "12 sources, 98.9% complete" in whole.caption[0].value
    assert not whole.warning, "of each kind of log enough is there"


def test_nothing_wrong_in_half_of_the_data_is_not_well(tmp_path: Path) -> None:
    source = "123456789012_VpcLatticeAccessLogs_us-east-1_sn-1"
    objects = [delivered(source, at(5 * k), format="lattice_access") for k in (*range(-24, 9), 11)]
    calls = [lattice("orders", "payments", ip="10.0.0.5", start_time=at(minute)) for minute in (50, 59)]
    app = page(lake_of(tmp_path, {"lattice_access": calls, "objects": objects}), window="15m")
    assert not app.success
    assert "In the logs that are there: 1 edges" in app.info[0].value
    assert source in app.code[0].value


def test_a_window_is_chosen_in_the_page_or_in_the_url(sample_lake: Lake) -> None:
    app = page(sample_lake)
    hour = len(app.dataframe[0].value)
    app.segmented_control(key="window").set_value("all").run()
    assert not app.exception
    whole = len(app.dataframe[0].value)
    assert whole > hour
    assert len(page(sample_lake, window="all").dataframe[0].value) == whole
    assert len(page(sample_lake, window="nonsense").dataframe[0].value) == hour


def test_problems_or_all_edges_are_drawn(sample_lake: Lake) -> None:
    app = page(sample_lake, window="all")
    problems = app.caption[1].value
    wrong = [state for state in app.dataframe[1].value["state"] if state != "healthy"]
    assert problems.startswith(f"{len(wrong)} wrong and ")
    app.segmented_control(key="view").set_value("All").run()
    edges = len(app.dataframe[1].value)
    assert app.caption[1].value.startswith(f"all {edges} edges drawn")
    assert problems != app.caption[1].value


def test_an_edge_in_the_url_opens_its_numbers_and_its_sql(sample_lake: Lake) -> None:
    app = page(sample_lake, window="all", caller="catalog", callee="pricing")
    assert app.text[0].value == "catalog → pricing"
    numbers, sql = app.code[1].value, app.code[2].value
    denied = next(e for e in lakes.truth()["edges"] if (e["caller"], e["callee"]) == ("catalog", "pricing"))["denied"]
    assert f"{denied} by service policy" in numbers
    assert "worked    until 09:59:00" in numbers
    assert "from edge_health(since := timestamptz '2026-03-10 09:00:00+00:00'" in sql
    app.button[0].click().run()
    assert not app.text
    assert "caller" not in app.query_params


def test_an_edge_nobody_knows_is_no_edge(sample_lake: Lake) -> None:
    app = page(sample_lake, caller=f"![x](http://{MARK}/)", callee="pricing")
    assert not app.text
    assert "caller" not in app.query_params


def test_a_picture_of_a_day_says_how_far_it_looked_back(tmp_path: Path) -> None:
    worked = lattice("orders", "payments", ip="10.0.0.5", start_time=NINE - timedelta(days=3))
    refused = denied("orders", "payments", "Service", ip="10.0.0.5")
    lake = lake_of(tmp_path, {"lattice_access": [worked, refused]})
    gate = threading.Event()

    def opener(since: str | None, hours: float) -> Session:
        if hours > data.FIRST_HISTORY:
            assert gate.wait(60)
        return open_session(lake, since, history_hours=hours)

    data.use(opener)
    app = AppTest.from_file(SCRIPT, default_timeout=60)
    app.query_params["caller"], app.query_params["callee"] = "orders", service("payments").rpartition("/")[-1]
    app.run()
    first = data.view("1h")
    assert not app.exception
    assert any("24 hours so far" in caption.value for caption in app.caption)
    assert app.dataframe[0].value["worked until"][0] == "not in 24 h"
    assert "not in 24 h before" in app.code[0].value
    gate.set()
    while not data.is_another_there("1h", first):
        time.sleep(0.02)
    app.run()
    assert not app.exception
    assert not any("so far" in caption.value for caption in app.caption)
    assert app.dataframe[0].value["worked until"][0].startswith("03-07 09:00")
    assert "worked    until 03-07 09:00" in app.code[0].value


def test_a_week_that_cannot_be_read_leaves_the_day_and_says_why(tmp_path: Path) -> None:
    worked = lattice("orders", "payments", ip="10.0.0.5", start_time=NINE - timedelta(days=3))
    lake = lake_of(tmp_path, {"lattice_access": [worked, denied("orders", "payments", "Service", ip="10.0.0.5")]})

    def opener(since: str | None, hours: float) -> Session:
        if hours > data.FIRST_HISTORY:
            raise LakeError(f"![x](http://{MARK}/): the store is away")
        return open_session(lake, since, history_hours=hours)

    data.use(opener)
    app = AppTest.from_file(SCRIPT, default_timeout=60)
    for _ in range(2):
        app.run()
        assert not app.exception
        assert not app.error
        assert list(app.dataframe[0].value["worked until"]) == ["not in 24 h"]
        end = time.monotonic() + 30
        while data.view("1h").is_coming and time.monotonic() < end:
            time.sleep(0.02)
    assert "last that could be read" in app.warning[0].value
    assert any("the store is away" in code.value for code in app.code)
    assert {kind for kind, content in everything(app) if MARK in content} == {"code"}


def test_an_empty_lake_says_what_to_do(empty_lake: Lake) -> None:
    app = page(empty_lake)
    assert "No data yet" in app.info[0].value
    assert f"eastwest ingest sample_logs --lake {empty_lake.uri}\n" in app.code[0].value
    assert not app.error


def test_a_lake_that_cannot_be_read_is_an_error_in_plain_text(tmp_path: Path) -> None:
    (tmp_path / "call_minutes" / "_delta_log").mkdir(parents=True)
    (tmp_path / "call_minutes" / "_delta_log" / f"{0:020}.json").write_text("{}")
    app = page(Lake(str(tmp_path)))
    assert app.error[0].value == "The lake cannot be read."
    assert "call_minutes" in app.code[0].value


def test_what_logs_say_reaches_only_widgets_that_show_text_as_text(tmp_path: Path) -> None:
    lake = hostile_lake(tmp_path)
    first = page(lake, window="all")
    edge = data.view("all").picture.edges.rows[0]
    assert MARK in edge["caller"]
    for app in (first, page(lake, window="all", caller=edge["caller"], callee=edge["callee"])):
        seen = everything(app)
        assert {kind for kind, content in seen if MARK in content} <= SHOW_TEXT_AS_TEXT
        assert any(MARK in content for kind, content in seen if kind == "code")
        assert "\u202e" not in "".join(content for _, content in seen)
        assert "\\342\\200\\256" not in "".join(content for _, content in seen)
        assert not any("\u202e" in name for name in app.dataframe[0].value["caller"])

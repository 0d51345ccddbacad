"""Now: which calls are wrong, for whom, since when, and who said no.

Text from the logs is shown only by st.dataframe, st.code, st.text and the graph: everything else renders markdown, in
which a caller could place an image that makes the reader's browser call somewhere.
"""

from __future__ import annotations

import logging
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd  # type: ignore[import-untyped]
import streamlit as st

from dashboard import data, tables
from dashboard.graph import Drawing, chosen, draw, left_out
from dashboard.layout import Pair
from dashboard.palette import MEANING, STATES, Palette, palette_of
from dashboard.text import clock, span, visible
from queries.completeness import share_of, thin_formats

_HEIGHT = 470
_ROW = 28
_HEADER = 36
_POLL = 1.0
"""Seconds between looks for a newer picture, while one is being made."""


def show() -> None:
    """Write the page."""
    palette = palette_of(st.context.theme.type)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.html(f'<b style="font-size:1.15rem;color:{palette.ink}">eastwest</b>', width="content")
        window = _choose("Window", list(data.WINDOWS), "1h", "window")
        freshness = st.container(horizontal=True, vertical_alignment="center")
    try:
        with st.spinner("Reading the lake…", show_time=True):
            view = data.view(window)
    except Exception as error:
        logging.getLogger(__name__).exception("the lake cannot be read")
        st.error("The lake cannot be read.")
        st.code(visible(str(error)), language=None, wrap_lines=True)
        return
    picture = view.picture
    if picture.until is None:
        _write_empty(view.lake)
        return
    with freshness:
        st.caption(_freshness(picture.until, len(picture.sources.rows), share_of(picture.deliveries)), width="content")
        if view.is_coming:
            _wait_for_another(window, view)
    if view.trouble is not None:
        _write_trouble(view.trouble)
    _write_silence(picture)
    thin = thin_formats(picture.deliveries)
    if thin:
        _write_missing(picture, thin)
    _write_summary(picture, is_thin=bool(thin))
    selected = _selected(picture.edges.rows, is_coming=view.is_coming)
    left, right = st.columns([11, 9], gap="small")
    with left:
        _write_graph(picture.edges.rows, window, palette, selected)
    with right:
        if selected:
            _write_panel(picture, selected)
        _write_denied(picture, palette, selected)
    _write_edges(picture, palette)


@st.fragment(run_every=_POLL)
def _wait_for_another(window: str, shown: data.View) -> None:
    """Say what is being made, and show it when it is there."""
    if data.is_another_there(window, shown):
        st.rerun()
    looked_back = shown.picture.looked_back
    if looked_back is None:
        st.caption("newer data is being read…", width="content")
    else:
        st.caption(f"what came before: {looked_back:.0f} hours so far, more is being read…", width="content")


def _write_trouble(why: str) -> None:
    alarm, text = st.columns([2, 11], gap="small", vertical_alignment="center")
    alarm.warning("**This is the last that could be read**  \nThe next failed:")
    text.code(visible(why), language=None, wrap_lines=True)


def _choose(label: str, options: Sequence[str], default: str, key: str) -> str:
    choice = st.segmented_control(
        label,
        options,
        default=default,
        key=key,
        required=True,
        label_visibility="collapsed",
        bind="query-params",
    )
    return choice or default


def _write_empty(lake: str) -> None:
    st.info("No data yet in the lake that this page shows. Read logs into it, then reload:")
    where = visible(shlex.quote(lake))
    st.code(
        "# the sample\n"
        f"eastwest ingest sample_logs --lake {where}\n"
        "# your own, the last 24 hours\n"
        f"eastwest ingest s3://BUCKET/AWSLogs/ --lake {where}",
        language="shell",
    )


def _freshness(until: datetime, sources: int, share: str) -> str:
    """How new the data is, and how much of the window's is there. Holds no text from the logs."""
    age = datetime.now(UTC) - until
    of = f"{sources} sources, {share}"
    if age.total_seconds() < 1800:
        return f"data to {until:%H:%M:%S} UTC, {of}, {span(age)} ago"
    return f"data to {until:%Y-%m-%d %H:%M:%S} UTC, **{span(age)} old**, {of}; windows count back from there"


def _write_silence(picture: data.Picture) -> None:
    assert picture.until is not None
    silent = picture.silent.rows
    if not silent:
        return
    alarm, names = st.columns([2, 11], gap="small", vertical_alignment="center")
    alarm.warning(f"**{len(silent)} of {len(picture.sources.rows)} sources silent**  \nNot seen here since:")
    names.code(
        "\n".join(
            f"{clock(row['delivered_until'], picture.until)}  {visible(row['source'], 120)}" for row in silent[:3]
        ),
        language=None,
    )


def _write_missing(picture: data.Picture, formats: Sequence[str]) -> None:
    """Say of which logs too little is there, and who delivered less than was due."""
    missing = [delivery for delivery in picture.deliveries if delivery.missing and delivery.format in formats]
    alarm, names = st.columns([2, 11], gap="small", vertical_alignment="center")
    alarm.warning("**Logs are missing here**  \nToo few came from:")
    shown = [visible(str(delivery), 160) for delivery in missing[:3]]
    more = [f"and {len(missing) - 3} more"] if len(missing) > 3 else []
    names.code("\n".join(shown + more), language=None)


def _write_summary(picture: data.Picture, *, is_thin: bool) -> None:
    assert picture.since is not None
    assert picture.until is not None
    rows = picture.edges.rows
    wrong = [row for row in rows if row["state"] != "ok"]
    if not rows:
        where = "in the logs that are there" if is_thin else "in this window"
        st.info(f"No request and no refusal {where}.")
    elif not wrong:
        checked = f"{len(rows):,} edges with {rows[0]['all_requests']:,} requests checked, none is wrong."
        if is_thin:
            st.info(f"In the logs that are there: {checked}")
        else:
            st.success(f"All is well: {checked}")
    else:
        verdict, worst = st.columns([2, 11], gap="small", vertical_alignment="center")
        worst.code(tables.headlines(wrong, picture.since, picture.until), language=None)
        verdict.error(f"**{len(wrong)} of {len(rows)} edges wrong**  \nThe worst, and when:")


def _selected(rows: Sequence[data.Row], *, is_coming: bool) -> Pair | None:
    """The edge the reader chose, from this session or the URL, if it is in the window.

    The URL keeps one that is not while another picture is coming: names can depend on what was seen before.
    """
    if "edge" not in st.session_state:
        st.session_state.edge = (st.query_params.get("caller", ""), st.query_params.get("callee", ""))
    pair: Pair | None = st.session_state.edge
    if pair is None or all((row["caller"], row["callee"]) != pair for row in rows):
        for name in ("caller", "callee") if pair is None or not is_coming else ():
            st.query_params.pop(name, None)
        return None
    st.query_params.update({"caller": pair[0], "callee": pair[1]})
    return pair


def _write_graph(rows: Sequence[data.Row], window: str, palette: Palette, selected: Pair | None) -> None:
    edges = tables.graph_edges(rows)
    with st.container(horizontal=True, vertical_alignment="center"):
        view = _choose("Edges", ["Problems", "All"], "Problems", "view")
        drawn = chosen(edges, everything=view == "All")
        st.caption(f"{left_out(edges, drawn)}; click one for its numbers and SQL", width="content")
    kept = st.session_state.setdefault("places", {})
    others = [edge for edge in edges if edge not in drawn]
    drawing = draw(drawn, tables.kinds(rows), palette, kept.get((window, view)), selected, others)
    kept[window, view] = drawing.places
    st.session_state.drawing = drawing
    st.session_state.worst = {node: edge.pair for edge in reversed(drawn) for node in edge.pair}
    st.echarts_chart(
        drawing.spec,
        key=f"graph-{st.session_state.get('cleared', 0)}",
        height=_HEIGHT,
        on_select=_graph_clicked,
        alt="Call graph: callers left, what they call right; the table below lists the same edges.",
    )
    st.html(_legend(palette))


def _legend(palette: Palette) -> str:
    """The lines of each state; nothing in it comes from the logs."""
    samples = []
    for state in STATES:
        stroke = palette.strokes[state]
        samples.append(
            f'<span style="white-space:nowrap;margin-right:.8rem"><span style="display:inline-block;width:1.7rem;'
            f"vertical-align:middle;border-top:{max(2, round(stroke.width))}px {stroke.line} {stroke.colour};"
            f'margin-right:.3rem"></span>{MEANING[state]}</span>'
        )
    return f'<span style="font-size:.8rem;color:{palette.faint}">{"".join(samples)}</span>'


def _graph_clicked() -> None:
    drawing: Drawing = st.session_state.drawing
    event = st.session_state[f"graph-{st.session_state.get('cleared', 0)}"]
    pair = None
    for group in event["selection"]["selected"]:
        for index in group["data_indices"]:
            if group.get("data_type") == "edge" and index < len(drawing.links):
                pair = drawing.links[index]
            elif group.get("data_type") == "node" and index < len(drawing.nodes):
                pair = st.session_state.worst.get(drawing.nodes[index])
    _choose_edge(pair)


def _choose_edge(pair: Pair | None) -> None:
    st.session_state.edge = pair


def _row_clicked(key: str, rows: Sequence[data.Row]) -> None:
    cells = st.session_state[key]["selection"]["cells"]
    row = rows[cells[0][0]] if cells and cells[0][0] < len(rows) else None
    _choose_edge((row["caller"], row["callee"]) if row else None)


def _write_panel(picture: data.Picture, selected: Pair) -> None:
    assert picture.since is not None
    assert picture.until is not None
    row = next(row for row in picture.edges.rows if (row["caller"], row["callee"]) == selected)
    denials = [row for row in picture.denied.rows if (row["caller"], row["callee"]) == selected]
    with st.container(border=True, key="panel"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.text(f"{visible(selected[0], 60)} → {visible(selected[1], 60)}")
            st.button("Close", on_click=_choose_edge, args=(None,), type="tertiary")
        st.code(tables.details(row, denials, picture.since, picture.until, picture.looked_back), language=None)
        with st.expander("Show SQL"):
            st.code(picture.edges.sql, language="sql", height=240)


def _write_denied(picture: data.Picture, palette: Palette, selected: Pair | None) -> None:
    assert picture.until is not None
    rows = picture.denied.rows
    st.caption(f"**Denied callers** ({len(rows)}): who is refused, by which layer, and until when it worked")
    if not rows:
        st.info("Nobody was refused in this window.")
        return
    height = _HEIGHT - 250 if selected else _HEIGHT + 34
    denied = tables.denied_table(rows, picture.until, picture.looked_back)
    _table(denied, tables.DENIED_WIDTHS, "denied", rows, height, palette)


def _write_edges(picture: data.Picture, palette: Palette) -> None:
    assert picture.since is not None
    assert picture.until is not None
    rows = picture.edges.rows
    st.caption(f"**Edges** ({len(rows)}), worst first")
    _table(tables.edge_table(rows, picture.since, picture.until), tables.EDGE_WIDTHS, "edges", rows, 420, palette)


def _table(
    columns: tables.Columns, widths: dict[str, int], key: str, rows: Sequence[data.Row], height: int, palette: Palette
) -> None:
    """One table; a click into a row chooses its edge. What is wrong has its state's colour."""
    frame = pd.DataFrame(columns)
    colours = {k: palette.strokes[row["state"]].colour for k, row in enumerate(rows) if row.get("state", "ok") != "ok"}
    styled = frame.style.apply(
        lambda cells: [f"color: {colours[k]}; font-weight: 600" if k in colours else "" for k in cells.index],
        subset=[name for name in frame.columns if name == "state"],
    )
    st.dataframe(
        styled,
        key=key,
        hide_index=True,
        placeholder="",
        row_height=_ROW,
        height=min(height, _HEADER + _ROW * len(rows)),
        selection_mode="single-cell",
        on_select=lambda: _row_clicked(key, rows),
        column_config={
            name: st.column_config.NumberColumn(name, width=width, format="%.0f")
            if frame[name].dtype.kind in "if"
            else st.column_config.Column(name, width=width)
            for name, width in widths.items()
        },
    )

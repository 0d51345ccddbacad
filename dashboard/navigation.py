"""The script Streamlit runs for every reader: page settings, the style all pages share, and which pages there are."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard.pages import now

# Streamlit leaves 6 rem above the first line; on call, that is a table row or three. Its header then lies over the
# window selector: only the header's own controls may take a click. Half a window is too
# narrow for a graph beside a table: there they stand below each other.
_STYLE = """<style>
.stMainBlockContainer { padding: 0.9rem 1.2rem 1rem; }
.stAppHeader { background: transparent; }
.stAppHeader, .stAppHeader * { pointer-events: none; }
.stAppHeader button, .stAppHeader button * { pointer-events: auto; }
.stMainBlockContainer [data-testid="stVerticalBlock"] { gap: 0.55rem; }
.stMainBlockContainer [data-testid="stAlertContainer"] { padding: 0.55rem 0.8rem; min-height: 0; }
.stMainBlockContainer [data-testid="stCode"] pre { padding: 0.55rem 0.8rem; }
@media (max-width: 1100px) {
  .stMainBlockContainer [data-testid="stHorizontalBlock"] { flex-wrap: wrap; }
  .stMainBlockContainer [data-testid="stColumn"] { min-width: 100%; }
}
</style>"""

# An icon from a local file: one by name would be fetched from a font host.
st.set_page_config(
    page_title="eastwest", page_icon=str(Path(__file__).with_name("icon.png")), layout="wide", menu_items=None
)
st.html(_STYLE)
st.navigation([st.Page(now.show, title="Now", default=True)], position="top").run()

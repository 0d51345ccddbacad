"""Searching a block's bytes in windows: what is found is what Python finds byte by byte."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.formats import scan

MARKS = {*range(32), ord("}"), ord("~"), 127}


@settings(deadline=None)
@given(st.binary(max_size=60), st.integers(1, 20))
def test_marks_are_controls_and_closing_braces(data: bytes, window: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "WINDOW", window)
        found = scan.marks(np.frombuffer(data, dtype=np.uint8))
        controls = scan.controls(np.frombuffer(data, dtype=np.uint8))
    assert found.offsets.tolist() == [at for at, byte in enumerate(data) if byte in MARKS]
    assert found.is_ascii == data.isascii()
    assert controls.tolist() == [at for at, byte in enumerate(data) if byte < 32]

"""Every test of a format is run with the compiled reader and without: nothing but speed may depend on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ingest.formats import compiled


@pytest.fixture(autouse=True, scope="module", params=["compiled", "arrow"])
def reader(request: pytest.FixtureRequest) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "arrow":
            patch.setattr(compiled, "library", lambda: None)
        elif compiled.library() is None:
            pytest.skip("there was no C compiler when eastwest was installed")
        yield request.param

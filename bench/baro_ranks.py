"""BARO's ranking of edges, read from series: run by a Python that has RCAEval, which need not be eastwest's.

`python bench/baro_ranks.py FILE...`: each FILE is JSON with `step` (seconds), `start` (true start of the anomaly),
`until` and `rows` (caller, callee, at, requests, failed, denied, p50_ms, p99_ms); prints one JSON line per file and
variant. BARO's own code does the work: `baro` of RCAEval with the true start given, and with the start that BOCPD finds
(that part is only in the authors' other package, fse-baro). Both rank columns; an edge ranks where its best column does.
RCAEval's package imports every other method; its `baro.py` is loaded alone, which needs pandas and scikit-learn only.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd

MEASURES = ("requests", "failed", "denied", "p50_ms", "p99_ms")
VARIANTS = {
    "counts": ("requests", "failed", "denied", "p50_ms", "p99_ms"),
    "rates": ("requests", "error_rate", "denied_rate", "p50_ms", "p99_ms"),
    "symptoms": ("failed", "denied", "p50_ms", "p99_ms"),
    "error_rates": ("error_rate", "denied_rate", "p50_ms", "p99_ms"),
    "p50": ("failed", "denied", "p50_ms"),
    "percent": ("error_percent", "denied_percent", "p50_ms", "p99_ms"),
}


def _baro() -> Any:
    package = importlib.util.find_spec("RCAEval")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("no RCAEval")
    path = Path(package.submodule_search_locations[0]) / "e2e" / "baro.py"
    spec = importlib.util.spec_from_file_location("rcaeval_baro", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.baro


def wide(content: dict[str, Any], measures: tuple[str, ...]) -> pd.DataFrame:
    """One row a step, one column an edge and measure, and `time`. No request: counts are 0, latency is the last known."""
    rows = pd.DataFrame(content["rows"])
    rows["error_rate"], rows["denied_rate"] = rows["failed"] / rows["requests"], rows["denied"] / rows["requests"]
    rows["error_percent"], rows["denied_percent"] = 100 * rows["error_rate"], 100 * rows["denied_rate"]
    rows["edge"] = rows["caller"] + "\t" + rows["callee"]
    steps = range(int(rows["at"].min()), int(content["until"]), content["step"])
    parts = []
    for measure in measures:
        part = rows.pivot(index="at", columns="edge", values=measure).reindex(steps)
        part = part.ffill().bfill().fillna(0) if measure.endswith("_ms") else part.fillna(0)
        parts.append(
            part.add_suffix(
                "\t"
                + ("latency-" if measure.endswith("_ms") else "")
                + measure
                + ("_error" if measure in ("failed", "denied", "error_rate", "denied_rate") else "")
            )
        )
    return pd.concat([pd.Series(steps, index=steps, name="time"), *parts], axis=1).reset_index(drop=True)


def edges_of(ranks: list[str]) -> list[list[str]]:
    """Edges in the order of their best column."""
    found = dict.fromkeys(tuple(column.split("\t")[:2]) for column in ranks if "\t" in column)
    return [list(edge) for edge in found]


def main() -> None:
    """Rank each file."""
    baro = _baro()
    for name in sys.argv[1:]:
        content = json.loads(Path(name).read_text())
        start = content["start"] // content["step"] * content["step"]
        for variant, measures in VARIANTS.items():
            data = wide(content, measures)
            for dataset in (None, "edges"):
                began = time.process_time()
                ranks = baro(data.copy(), inject_time=start, dataset=dataset)["ranks"]
                print(
                    json.dumps(
                        {
                            "file": name,
                            "variant": f"{variant}/{dataset}/{content['step']}",
                            "edges": edges_of(ranks),
                            "cpu": time.process_time() - began,
                        }
                    )
                )


if __name__ == "__main__":
    main()

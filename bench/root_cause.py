"""`python -m bench.root_cause`: how often `suspects` names the true edge, beside BARO on the same series.

200 incidents with one fault each, of nine kinds, in systems of 14 to 40 services; what is true is defined in
`bench/incident.py`. The report's SQL was tuned on seeds 1000 to 1044 and is measured on 5000 to 5199; tests use others.
`--seeds` and `--keep DIR` (incidents made before are taken from there, and their results) allow parts.

BARO is asked when `--baro PYTHON` names a Python with RCAEval, else it is skipped with a line that says so. Its package
pins half of PyPI in its extras and is therefore never part of eastwest's environment:
`python -m venv V && V/bin/pip install --no-deps RCAEval==1.8.1 fse-baro==0.2.2 && V/bin/pip install pandas scikit-learn
scipy requests tqdm matplotlib`; then `--baro V/bin/python`. `--bocpd`: also with the start that BOCPD finds.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import tempfile
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from bench.incident import hit_by_edge, make
from ingest import logs
from queries import catalog
from queries.session import open_session

SERIES = (Path(__file__).parent / "edge_series.sql").read_text()
SEEDS = (5000, 5200)
Result = dict[str, Any]


def measure(seed: int, folder: Path) -> Result:
    """One incident made, ingested and asked about; its series and result are kept in `folder`."""
    logs.configure(logging.ERROR)
    where = folder / str(seed)
    if (where / "result.json").exists():
        kept: Result = json.loads((where / "result.json").read_text())
        return kept
    incident = make(seed, where)
    with open_session(incident.lake, options={"threads": "1"}) as session:
        hit = hit_by_edge(incident, session)
        window = {"since": incident.since, "until": incident.until}
        found = catalog.report("suspects").run(session, window).to_pylist()
        series = {
            "start": incident.fault["start"],
            "until": incident.until.timestamp(),
            "rows": session.query(SERIES, {"step": 60}).to_pylist(),
        }
    (where / "series60.json").write_text(json.dumps(series))
    result = {"seed": seed, "fault": incident.fault, "hit": [[*edge, n] for edge, n in hit.items()], "found": found}
    (where / "result.json").write_text(json.dumps(result, default=str))
    return result


def rank(result: Result, edges: list[list[str]], most: bool = False) -> int | None:
    """Where the first true edge stands; `most`: the one that was hit most."""
    most_hit = max((n for *_, n in result["hit"]), default=0)
    true = {(caller, callee) for caller, callee, n in result["hit"] if not most or n == most_hit}
    return next((place for place, edge in enumerate(edges, 1) if tuple(edge) in true), None)


def ranks_of_baro(python: str, results: list[Result], folder: Path, *options: str) -> list[int | None]:
    """Ranks by BARO, one process for all."""
    files = [str(folder / str(result["seed"]) / "series60.json") for result in results]
    script = Path(__file__).with_name("baro_ranks.py")
    done = subprocess.run([python, str(script), *options, *files], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{python}: {done.stderr[-2000:]}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [rank(result, line["edges"]) for result, line in zip(results, lines, strict=True)]


def show(name: str, results: list[Result], ranks: list[int | None]) -> None:
    """First and first three, by kind of fault and in all."""
    by_kind: defaultdict[str, list[int | None]] = defaultdict(list)
    for result, place in zip(results, ranks, strict=True):
        by_kind[result["fault"]["kind"]].append(place)
    for kind, places in [*sorted(by_kind.items()), ("all", ranks)]:
        first, three = sum(p == 1 for p in places), sum(p is not None and p <= 3 for p in places)
        print(f"{name:24} {kind:16} {len(places):>4} {first / len(places):>7.1%} {three / len(places):>7.1%}")


def show_verdicts(results: list[Result], ranks: list[int | None]) -> None:
    """What the first row says, by whether it is right; and the incidents that were not named first."""
    counted: defaultdict[tuple[str, bool], int] = defaultdict(int)
    for result, place in zip(results, ranks, strict=True):
        verdict = result["found"][0]["verdict"] if result["found"] else "no row"
        counted[verdict, place == 1] += 1
        if place != 1:
            fault = result["fault"]
            print(f"seed {result['seed']}: {fault['kind']} {fault['caller']} -> {fault['callee']}: {place}, {verdict}")
    for (verdict, right), n in sorted(counted.items()):
        print(f"first row is {verdict}, {'a' if right else 'no'} true edge: {n}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs=2, default=SEEDS, metavar=("FROM", "TO"))
    parser.add_argument("--keep", type=Path, help="folder to make the incidents in, or to find them in again")
    parser.add_argument("--baro", metavar="PYTHON", help="a Python that has RCAEval")
    parser.add_argument("--bocpd", action="store_true", help="BARO also with the start that its BOCPD finds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eastwest-bench-") as made, ProcessPoolExecutor(2) as pool:
        folder = options.keep or Path(made)
        results = list(pool.map(partial(measure, folder=folder), range(*options.seeds)))
        edges = [[[row["caller"], row["callee"]] for row in result["found"]] for result in results]
        ranks = [rank(result, named) for result, named in zip(results, edges, strict=True)]
        print(f"{'':24} {'fault':16} {'n':>4} {'first':>7} {'three':>7}")
        show("suspects", results, ranks)
        most = [rank(result, named, most=True) for result, named in zip(results, edges, strict=True)]
        show("suspects, most hit edge", results, most)
        if options.baro:
            show("BARO, start given", results, ranks_of_baro(options.baro, results, folder))
            if options.bocpd:
                show("BARO, BOCPD", results, ranks_of_baro(options.baro, results, folder, "--bocpd"))
        else:
            print("BARO skipped: --baro names a Python that has RCAEval (see --help)")
        show_verdicts(results, ranks)


if __name__ == "__main__":
    main()

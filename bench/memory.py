"""`python -m bench.memory`: peak memory of `eastwest ingest` for 1 GB and for 20 GB of log text in many objects.

One gigabyte of Lattice logs is generated; the twenty are hard links to its objects under the names of other services.
"""

from __future__ import annotations

import argparse
import gzip
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.measure import ROOT, timed
from ingest.lake.declarations import LATTICE_ACCESS
from ingest.lake.tables import Lake


def main() -> None:
    """Measure each size in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=int, nargs="*", default=[1, 20])
    parser.add_argument("--rows", type=int, default=705_000, help="rows of one gigabyte")
    parser.add_argument("--logs", type=Path, help="a folder that holds the generated gigabyte already")
    options = parser.parse_args()
    print(
        f"{'objects':>8} {'MB stored':>9} {'MB text':>9} {'wall s':>8} {'CPU s':>8} {'RSS MiB':>8} {'rows':>12}",
        flush=True,
    )
    with tempfile.TemporaryDirectory(prefix="eastwest-bench-") as name:
        folder = Path(name)
        made = options.logs or folder / "made"
        if options.logs is None:
            generate = ["sample_logs/generate.py", "--rows", str(options.rows), "--format", LATTICE_ACCESS.name]
            subprocess.run([sys.executable, *generate, "--out", str(made)], cwd=ROOT, check=True, capture_output=True)
        paths = [path for path in (made / "AWSLogs").rglob("*.gz") if path.is_file()]
        stored = sum(path.stat().st_size for path in paths) / 1e6
        text = sum(len(gzip.decompress(path.read_bytes())) for path in paths) / 1e6
        for times in options.gigabytes:
            logs, lake = folder / f"logs-{times}", Lake(str(folder / f"lake-{times}"))
            for n in range(times):
                for path in paths:
                    link = logs / str(path.relative_to(made)).replace(".json.gz", f"{n:02}.json.gz")
                    link.parent.mkdir(parents=True, exist_ok=True)
                    os.link(path, link)
            eastwest = str(Path(sys.executable).with_name("eastwest"))
            run = timed([eastwest, "ingest", logs, "--lake", lake.uri])
            rows = sum(file.rows for file in lake.snapshot(LATTICE_ACCESS).files)
            sizes = f"{len(paths) * times:>8,} {stored * times:>9,.0f} {text * times:>9,.0f}"
            print(f"{sizes} {run.wall:>8.1f} {run.cpu:>8.1f} {run.rss:>8,.0f} {rows:>12,}", flush=True)


if __name__ == "__main__":
    main()

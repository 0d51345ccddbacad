"""Makes logs: `python sample_logs/generate.py --help`."""

from __future__ import annotations

import argparse
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
if __package__ in (None, ""):
    sys.path.insert(0, str(HERE.parent))

from sample_logs.simulation.faults import FAULTS  # noqa: E402
from sample_logs.simulation.incidents import KINDS  # noqa: E402
from sample_logs.simulation.load import FORMATS, write_load  # noqa: E402
from sample_logs.simulation.run import simulate  # noqa: E402

SAMPLE_START = "2026-03-10T09:00:00Z"


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line; without arguments it is the committed sample's."""
    parser = argparse.ArgumentParser(
        description="Simulate a system and write the AWS logs it would leave, or write a benchmark load."
    )
    parser.add_argument(
        "--out", type=Path, help="folder to write to (default: sample_logs/ itself, whose AWSLogs/ is replaced)"
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--start", default=SAMPLE_START, help="UTC, whole five minutes (default: %(default)s)")
    parser.add_argument("--minutes", type=int, default=180)
    parser.add_argument(
        "--rps", type=float, default=0.5, help="requests per second at the edge; each causes about six calls"
    )
    parser.add_argument("--services", type=int, default=14, help="14 to 50")
    parser.add_argument("--incidents", default="all", help=f"all, none, or some of: {','.join(KINDS)}")
    parser.add_argument(
        "--fault", choices=FAULTS, help="also place one fault of this kind on an edge chosen by the seed"
    )
    parser.add_argument(
        "--ground-truth", type=Path, help="also write the true caller and callee of each request, as .jsonl.gz"
    )
    parser.add_argument(
        "--crowded", action="store_true", help="add callers that share hosts, NATs, proxies and addresses with others"
    )
    parser.add_argument("--rows", type=int, help="write a benchmark load of that many rows instead of simulating")
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="of the load")
    parser.add_argument("--rows-per-file", type=int, default=10_000)
    return parser.parse_args(argv)


def epoch(text: str) -> float:
    """Epoch seconds of an ISO time; without an offset it is UTC."""
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def main(argv: list[str] | None = None) -> int:
    """Writes the files; prints the number of records per table."""
    options = arguments(argv)
    try:
        start = epoch(options.start)
        if options.rows is not None:
            if options.out is None:
                raise ValueError("--rows needs --out")
            files = write_load(options.out, options.format, options.rows, options.rows_per_file, options.seed, start)
            print(f"{options.format} {options.rows} rows in {files} files")
            return 0
        if options.out is None:
            shutil.rmtree(HERE / "AWSLogs", ignore_errors=True)
        kinds = {"all": None, "none": []}.get(options.incidents, options.incidents.split(","))
        truth = simulate(
            options.out or HERE,
            seed=options.seed,
            start=start,
            minutes=options.minutes,
            rps=options.rps,
            services=options.services,
            incidents=kinds,
            ground_truth=options.ground_truth,
            crowded=options.crowded,
            fault=options.fault,
        )
    except ValueError as error:
        print(f"generate.py: {error}", file=sys.stderr)
        return 2
    for table, count in truth["records"].items():
        print(f"{table} {count}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m bench`: measure the rows, print the table, and keep it with `--write`.

Exit code 0 also when targets are missed: a benchmark tells, it does not judge. 1 when a
row could not be measured because what it measures did not work.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
from collections.abc import Sequence

from bench import (
    audit,
    commits,
    github,
    group,
    guardrails,
    history,
    hooks,
    installed,
    landing,
    large,
    report,
    service,
    start_up,
    wire,
)
from bench.ratio import Row, Skip, Wrong, say
from bench.scratch import FULL, QUICK, Scratch

ROWS: tuple[Row, ...] = (
    *start_up.ROWS,
    *hooks.ROWS,
    *guardrails.ROWS,
    *commits.ROWS,
    *group.ROWS,
    *large.ROWS,
    *history.ROWS,
    *audit.ROWS,
    *wire.ROWS,
    *landing.ROWS,
    *service.ROWS,
    *github.ROWS,
    *installed.ROWS,
)


def main() -> int:
    """Measure what was asked for; returns the exit code."""
    asked = _asked()
    rows = [row for row in ROWS if not asked.row or row.name.startswith(tuple(asked.row))]
    if not rows:
        say(f"no such row; there are {', '.join(row.name for row in ROWS)}")
        return 2
    about = report.machine(report.load())
    volume = QUICK if asked.quick else FULL
    with tempfile.TemporaryDirectory(prefix="gitcoord-bench-", dir=asked.folder) as folder:
        results = _measured(rows, Scratch(folder, volume))
    print(about)
    print(report.table(results, wide=False))
    print("\n".join(report.details(results)))
    if asked.write:
        report.write(asked.write, results, about, volume, quick=asked.quick)
    return int(any(one.met == "failed" for one in results))


def _measured(rows: Sequence[Row], scratch: Scratch) -> list[report.Result]:
    results = []
    for row in rows:
        say(f"{row.name}: {row.what}")
        try:
            results.append(report.Result(row, row.measure(scratch)))
        except Skip as skip:
            results.append(report.Result(row, None, "skipped", str(skip)))
        except ModuleNotFoundError as missing:
            reason = f"{missing.name} is not installed (extra `test`)"
            results.append(report.Result(row, None, "skipped", reason))
        except Wrong as wrong:
            # A row that failed is shown as failed; the others are still worth their time.
            traceback.print_exc(file=sys.stderr)
            results.append(report.Result(row, None, "failed", str(wrong)))
    return results


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it work?")
    parser.add_argument(
        "--row", action="append", metavar="NAME", help="only rows whose name starts so; repeatable"
    )
    parser.add_argument("--write", metavar="FILE", help="keep the table in this document")
    parser.add_argument(
        "--folder", metavar="DIR", help="where to measure (default: the temporary folder)"
    )
    asked = parser.parse_args()
    if asked.write and asked.row:
        parser.error("--write keeps a whole table: without --row")
    return asked


if __name__ == "__main__":
    sys.exit(main())

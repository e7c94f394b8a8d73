"""Print every measured promise as one JSON table; exit 1 when one is broken.

Ratios come from interleaved rounds inside one run, the best round of each case, loop included: they hold on a noisy
machine where nanoseconds do not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys

from benchmarks import (
    authentication,
    backtest,
    book,
    broadcast,
    frames,
    history,
    models,
    postgres,
    ring,
    risk,
    signing,
    websocket,
)
from benchmarks.timing import FULL, QUICK


def main() -> int:
    """Run the benches; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    effort = QUICK if parser.parse_args().quick else FULL
    benches = (
        ring,
        book,
        frames,
        signing,
        authentication,
        websocket,
        broadcast,
        risk,
        models,
        history,
        postgres,
        backtest,
    )
    rows = [row for bench in benches for row in bench.rows(effort)]
    table = {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "rows": [row.as_json() for row in rows],
    }
    print(json.dumps(table, indent=1))
    return int(any(row.ok is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())

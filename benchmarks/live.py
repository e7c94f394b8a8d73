"""Measure the venue's live feeds, read-only: lag, rate, lost messages and doubts for five minutes, as JSON.

    python -m benchmarks.live [SECONDS]

Opt-in: it needs the network. Offline it says why it was skipped and ends with 0.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from agbot.cli.feeds import observe
from agbot.errors import ExecutionError, TimedOutError
from agbot.run.supervise import leaves

SECONDS = 300.0
TOPICS = ("clob_market", "activity", "comments", "crypto_prices", "crypto_prices_chainlink")


def main(arguments: list[str] | None = None) -> int:
    """Watch the busiest market and the topics of RTDS; return the exit code: 1 when nothing came over open sockets."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("seconds", nargs="?", type=float, default=SECONDS)
    parser.add_argument("--config", help="where the venue is, when not where it always is")
    asked = parser.parse_args(arguments)
    options = {"markets": (), "busiest": True, "topics": TOPICS, "seconds": asked.seconds, "config": asked.config}
    try:
        report = observe(options)
    except* (ExecutionError, TimedOutError) as group:
        print("skipped: " + "; ".join(dict.fromkeys(str(error) for error in leaves(group))))
        return_code = 0
    else:
        print(json.dumps(report, indent=1, ensure_ascii=False))
        return_code = verdict(report)
    return return_code


def verdict(report: dict[str, Any]) -> int:
    """Return 1 when no feed said anything."""
    return int(not any(row["messages"] for row in report["feeds"]))


if __name__ == "__main__":
    sys.exit(main())

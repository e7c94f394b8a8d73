"""A monitor whose store has kept a week of every metric: a value that says its name's length and rises with time.

Usage: monitor_with_history.py PORT
"""

import sys
import time
from collections.abc import Sequence
from functools import partial

import trio

from agbot.monitor.app import serve
from agbot.store.rows import Labels, MetricPoint, Series

LABELS: dict[str, Labels] = {
    "strategy.pnl_usd": (("market", "0xa1"), ("strategy_id", "quoter")),
    "polymarket.rtds.lag_ms": (("topic", "clob_market"),),
    "polymarket.risk.decision": (("market_id", "0xa1"), ("policy", "all")),
    "polymarket.book.best_bid": (("market_id", "0xa1"),),
    "polymarket.book.best_ask": (("market_id", "0xa1"),),
}


def history(name: str, start_ns: int, end_ns: int, points: int) -> Sequence[Series]:
    step = (end_ns - start_ns) // points
    times = range(start_ns, min(end_ns, time.time_ns()), step)
    rows = [MetricPoint(t, 10, 0.4, 0.6, 0.5, 0.5 + 0.0001 * i) for i, t in enumerate(times)]
    return [Series(name, LABELS.get(name, ()), rows)]


class Announced:
    def started(self, value: int | None = None) -> None:
        print(f"agbot monitor: http://127.0.0.1:{value}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    trio.run(partial(serve, "127.0.0.1", int(sys.argv[1]), history=history, task_status=Announced()))

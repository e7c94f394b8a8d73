"""Approve a trade from a program of its own, once, and hear what became of it: a bot runs beside it.

agbot run --simulated
python examples/approve_trade.py STATE_DIR MARKET PRICE
"""

import sys
import time
import uuid
from pathlib import Path

from agbot.control import request, socket_path


def main(state_dir: str, market: str, price: str) -> None:
    trade = {
        "request_id": f"example-{uuid.uuid4()}",
        "source": "example",
        "market": market,
        "side": "buy",
        "size": "10",
        "price": price,
        "expires_ms": (time.time_ns() // 10**6) + 60_000,
        "why": "the example says so",
    }
    bot = socket_path(Path(state_dir))
    answer = request(bot, {"op": "trade", **trade}, timeout_s=15)
    print("decision:", answer["decision"]["decision"], *answer["decision"]["rule_triggered"])
    again = request(bot, {"op": "trade", **trade}, timeout_s=15)  # a lost answer is asked for again: no second order
    print("again:", again["repeated"], again["result"]["order_id"] == answer["decision"]["order_id"])
    result = request(bot, {"op": "trade_result", "request_id": trade["request_id"], "wait_s": 2}, timeout_s=15)[
        "result"
    ]
    print("result:", result["status"], result["filled_amount"], result["average_price"])


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A bot of random numbers for the page test: every metric and event of docs/protocol.md, nothing behind it.

Usage: synthetic_bot.py ws://127.0.0.1:PORT/metrics
"""

import random
import sys
import time
from decimal import Decimal
from functools import partial

import trio

from agbot.telemetry.push import push
from agbot.telemetry.registry import Registry

MARKETS = {
    "0xa1": ("fed-cut-december", "Will the Fed cut rates in December?"),
    "0xb2": ("nyc-snow-christmas", "Will it snow in New York on Christmas Day?"),
    "0xc3": ("lakers-celtics", "<b>Lakers</b> to beat the Celtics?"),
}
Order = dict[str, object]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def list_markets(registry: Registry) -> None:
    for market_id, (slug, question) in MARKETS.items():
        registry.event("market", market_id=market_id, slug=slug, question=question, tick=Decimal("0.01"))
    registry.event("log", level="info", event="synthetic bot started", markets=len(MARKETS))


def step(registry: Registry, dice: random.Random, n: int) -> None:
    registry.counter("polymarket.rtds.messages_received", topic="clob_market", message_type="book").add(3)
    registry.gauge("polymarket.rtds.lag_ms", topic="clob_market").set(dice.uniform(5, 30))
    registry.gauge("polymarket.rtds.msgs_per_second").set(dice.uniform(80, 120))
    registry.gauge("polymarket.risk.kill_switch").set(0)
    registry.gauge("agbot.equity_usd").set(10_000 + dice.uniform(-5, 5))
    registry.gauge("agbot.cash_usd").set(9_000)
    registry.gauge("risk.current_drawdown").set(dice.uniform(0, 0.002))
    for policy, used in (("PositionLimit", 0.3), ("InventoryLimit", 0.85), ("DailyLossLimit", 1.2)):
        registry.gauge("risk.limit_used", policy=policy).set(used + n % 5 / 100)
    for i, market_id in enumerate(MARKETS):
        registry.gauge("polymarket.book.best_bid", market_id=market_id).set(0.4 + i / 10)
        registry.gauge("polymarket.book.best_ask", market_id=market_id).set(0.42 + i / 10)
        registry.gauge("polymarket.position.size", market_id=market_id, side="YES").set(10 * i + n % 5)
        registry.gauge("strategy.pnl_usd", strategy_id="quoter", market=market_id).set(dice.uniform(-1, 2))
    trade(registry, dice, n)


def trade(registry: Registry, dice: random.Random, n: int) -> None:
    market_id = dice.choice(list(MARKETS))
    allowed = n % 7 != 0
    order: Order = {
        "client_order_id": f"0x{n:x}", "strategy_id": "quoter", "market_id": market_id, "outcome": "YES", "side": "BUY",
        "price": Decimal("0.4"), "size": Decimal(5), "filled": Decimal(0), "why": "bid one tick below the microprice",
    }  # fmt: skip
    violated = [] if allowed else ["PositionLimit"]
    registry.event("decision", **(order | {"allowed": allowed, "violated": violated}))
    registry.event("order", **order, state="OPEN" if allowed else "DENIED")
    if allowed and n % 3 == 0:
        registry.counter("exec.orders_placed", venue="paper", side="BUY").add()
        registry.histogram("exec.latency_ms", venue="paper", market=market_id).observe(dice.uniform(3, 9))
        registry.event("fill", **order, trade_id=str(n), fee_usd=Decimal("0.01"), liquidity="MAKER", match="normal")
        registry.event("order", **(order | {"filled": Decimal(5)}), state="FILLED")


async def main(url: str) -> None:
    registry = Registry(time.time_ns, run_id="synthetic")
    run = {"run_id": "synthetic", "mode": "DEMO", "version": "0", "protocol": 1, "pid": 1, "capital_usd": "10000"}
    list_markets(registry)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(push, registry, url, run_event=run | {"started_ms": now_ms()}))
        for n in range(1_000_000):
            step(registry, random.Random(n), n)
            await trio.sleep(0.02)


if __name__ == "__main__":
    trio.run(main, sys.argv[1])

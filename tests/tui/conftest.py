"""A synthetic bot's frames, and a monitor of a few lines that sends them."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from agbot.tui.app import AgbotApp
from tests.tui.answers import answers

T0 = 1_763_715_600_000
MARKETS = ("will-it-rain-in-paris", "fed-cuts-in-december", "sd-lad-winner", "btc-over-120k", "best-picture-drama")
FEED = {"sockets": 2, "sockets_flowing": 2, "sockets_lost": 1, "messages": 1204, "rate": 412, "lag_ms": 4.1}
FEED |= {"books": 10, "books_believed": 9, "age_s": 0.2, "messages_malformed": 0}
Frame = dict[str, Any]


def spread(count: int, least: float, most: float) -> Frame:
    """Return a histogram's entry: the newest is the most, the others are in the middle."""
    middle = (least + most) / 2 * (count - 2)
    return {"count": count, "sum": least + most + middle, "min": least, "max": most, "last": most}


class SyntheticBot:
    """Frames of a run that looks alive; `tick` n is T0 + n · 100 ms. Deterministic."""

    def __init__(self, *, run_id: str = "r-7f3a", mode: str = "DEMO", seconds: int = 60) -> None:
        self.run_id = run_id
        self.mode = mode
        self.tick = 0
        self.seconds = seconds

    def at(self) -> int:
        return T0 + self.seconds * 1000 + self.tick * 100

    def line(self, kind: str, body: Frame, at_ms: int | None = None) -> Frame:
        return {"timestamp": at_ms or self.at(), "event_type": kind, "run_id": self.run_id, "event": body}

    def run(self, **more: object) -> Frame:
        return {"run_id": self.run_id, "mode": self.mode, "version": "0.1.0", "protocol": 1, "pid": 7, **more}

    def mid(self, market: int, at_ms: int) -> float:
        return round(0.2 + 0.15 * market + 0.04 * math.sin(at_ms / 5000 + market), 2)

    def pnl(self, market: int, at_ms: int) -> float:
        t = (at_ms - T0) / 1000
        return round(0.3 * market * math.sin(t / 9 + market) + 0.04 * t - 0.4, 4)

    def lag(self, at_ms: int) -> float:
        return round(4 + 2 * math.sin(at_ms / 1700) + 1.1 * math.sin(at_ms / 310), 2)

    def metrics(self) -> list[list[Any]]:
        at = self.at()
        rows: list[list[Any]] = [
            ["polymarket.rtds.lag_ms", {"topic": "clob_market"}, "gauge", self.lag(at), at],
            ["polymarket.rtds.lag_ms", {"topic": "clob_user"}, "gauge", self.lag(at + 900) / 2, at],
            ["polymarket.rtds.msgs_per_second", {}, "gauge", 412 + self.tick % 30, at],
            ["polymarket.inventory.value_usd", {}, "gauge", 213.4, at],
            ["agbot.cash_usd", {}, "gauge", 9_790.12 + self.tick % 7, at],
            ["agbot.equity_usd", {}, "gauge", 10_003.52, at],
            ["polymarket.risk.kill_switch", {}, "gauge", 0, at],
            ["exec.latency_ms", {"venue": "paper", "market": "m0"}, "histogram", spread(2, 3.25, 5.5), at],
            ["exec.tick_to_order_ms", {"venue": "paper"}, "histogram", spread(3, 0.5, 1.9), at],
            ["exec.api_response_ms", {"venue": "paper", "operation": "submit"}, "histogram", spread(2, 3, 5), at],
            ["exec.api_errors", {"venue": "paper", "operation": "submit", "error": "refused"}, "counter", 1, at],
            ["risk.daily_pnl_usd", {}, "gauge", -46.5, at],
            ["risk.worst_case_usd", {}, "gauge", 118.25, at],
            ["risk.limit_used", {"policy": "PositionLimit"}, "gauge", 0.6, at],
            ["risk.limit_used", {"policy": "DailyLoss"}, "gauge", 0.93, at],
            ["strategy.signals_generated", {"strategy_id": "quoter", "signal_type": "BUY"}, "counter", 31, at],
            ["polymarket.rtds.messages_received", {"topic": "t", "message_type": "book"}, "counter", 1204, at],
        ]
        rows += [[f"feed.{name}", {"feed": "polymarket"}, "gauge", value, at] for name, value in FEED.items()]
        for n in range(len(MARKETS)):
            mid = self.mid(n, at)
            rows += [
                ["polymarket.book.best_bid", {"market_id": f"m{n}"}, "gauge", round(mid - 0.01, 4), at],
                ["polymarket.book.best_ask", {"market_id": f"m{n}"}, "gauge", round(mid + 0.01, 4), at],
                ["strategy.pnl_usd", {"strategy_id": "quoter", "market": f"m{n}"}, "gauge", self.pnl(n, at), at],
            ]
        rows.append(["polymarket.position.size", {"market_id": "m2", "side": "YES"}, "gauge", 120.0, at])
        rows.append(["polymarket.position.size", {"market_id": "m3", "side": "NO"}, "gauge", 35.5, at])
        return rows

    def order(self, n: int, state: str = "OPEN", filled: str = "0", **more: object) -> Frame:
        market = n % len(MARKETS)
        side = ("BUY", "SELL")[n % 2]
        body = {
            "client_order_id": f"o{n}",
            "strategy_id": "quoter",
            "market_id": f"m{market}",
            "outcome": ("YES", "NO")[n // 2 % 2],
            "side": side,
            "price": f"{self.mid(market, self.at()):.3f}",
            "size": "20",
            "filled": filled,
            "state": state,
            "why": "mid 0.52, skew −1 tick for 120 YES held",
            **more,
        }
        return self.line("order", body)

    def fill(self, n: int) -> Frame:
        market = n % len(MARKETS)
        body = {
            "client_order_id": f"o{n}",
            "trade_id": f"t{n}",
            "market_id": f"m{market}",
            "outcome": "YES",
            "side": ("BUY", "SELL")[n % 2],
            "price": f"{self.mid(market, self.at()):.2f}",
            "size": "12.5",
            "fee_usd": "0.0312",
            "liquidity": ("MAKER", "TAKER")[n % 3 == 0],
            "match": "normal",
        }
        return self.line("fill", body)

    def decision(self, n: int) -> Frame:
        allowed = n % 4 != 0
        body = {
            "market_id": f"m{n % len(MARKETS)}",
            "allowed": allowed,
            "violated": [] if allowed else ["PositionLimit(m2)"],
            "outcome": "YES",
            "side": "BUY",
            "price": "0.52",
            "size": "20",
            "why": "two-sided quote",
        }
        return self.line("decision", body)

    def kill(self, on: bool = True) -> Frame:
        return self.line("kill_switch", {"on": on, "reason": "odd fills", "by": "ann"})

    def series(self) -> Frame:
        times = range(T0, self.at(), 500)
        found: Frame = {'polymarket.rtds.lag_ms|{"topic": "clob_market"}': [[t, self.lag(t)] for t in times]}
        for n in range(len(MARKETS)):
            labels = json.dumps({"strategy_id": "quoter", "market": f"m{n}"})
            found[f"strategy.pnl_usd|{labels}"] = [[t, self.pnl(n, t)] for t in times]
        return found

    def snapshot(self, **more: object) -> Frame:
        markets = {
            f"m{n}": {"market_id": f"m{n}", "slug": slug, "question": slug, "tick": "0.01", "min_size": "5"}
            for n, slug in enumerate(MARKETS)
        }
        states = ("OPEN", "OPEN", "FILLED", "PARTIALLY_FILLED", "CANCELLED", "REJECTED", "UNKNOWN", "PENDING_CANCEL")
        return {
            "v": 1,
            "kind": "snapshot",
            "tick": self.tick,
            "at": self.at(),
            "run": self.run(),
            "connected": True,
            "metrics": self.metrics(),
            "series": self.series(),
            "markets": markets,
            "orders": [self.order(n, states[n % 8], "7.5" if n % 8 == 3 else "0") for n in range(16)],
            "fills": [self.fill(n) for n in range(9)],
            "decisions": [self.decision(n) for n in range(12)],
            "logs": [self.line("log", {"level": "warning", "event": "feed.slow", "lag_ms": 240})],
            **more,
        }

    def delta(self, *events: Frame, **more: object) -> Frame:
        self.tick += 1
        frame = {"v": 1, "kind": "delta", "tick": self.tick, "at": self.at(), "connected": True}
        return {**frame, "metrics": self.metrics(), "events": list(events), **more}


class FakeMonitor:
    """Sends what it is told to every client: first `first()`, then whatever `send` gets."""

    def __init__(self, first: Callable[[], Iterable[object]]) -> None:
        self.first = first
        self.clients: set[ServerConnection] = set()
        self.connections = 0

    async def __call__(self, link: ServerConnection) -> None:
        self.connections += 1
        for frame in self.first():
            await link.send(frame if isinstance(frame, str) else json.dumps(frame))
        self.clients.add(link)
        try:
            await link.wait_closed()
        finally:
            self.clients.discard(link)

    async def send(self, *frames: object) -> None:
        for frame in frames:
            for link in list(self.clients):
                await link.send(frame if isinstance(frame, str) else json.dumps(frame))

    @asynccontextmanager
    async def on(self, port: int = 0) -> AsyncIterator[int]:
        """Listen, yield the port, and cut every client off at the end."""
        async with serve(self, "127.0.0.1", port, close_timeout=0.2) as server:
            yield server.sockets[0].getsockname()[1]


@pytest.fixture
def bot() -> SyntheticBot:
    return SyntheticBot()


@pytest.fixture
def make_bot() -> Callable[..., SyntheticBot]:
    return SyntheticBot


@pytest.fixture
def make_monitor() -> Callable[..., FakeMonitor]:
    return FakeMonitor


@pytest.fixture
def app(bot: SyntheticBot) -> AgbotApp:
    """Return an app that knows everything there is to know of the bot."""
    app = AgbotApp(None)
    app.take(bot.snapshot())
    app.take(bot.delta())
    for op, answer in answers().items():
        app.dashboard.told.take(op, answer)
    return app


@pytest.fixture
def until() -> Callable[..., Any]:
    """Return a coroutine function that waits for a condition, five seconds at most."""

    async def wait(condition: Callable[[], bool], what: str = "condition", within_s: float = 5.0) -> None:
        try:
            async with asyncio.timeout(within_s):
                while not condition():
                    await asyncio.sleep(0.01)
        except TimeoutError:
            pytest.fail(f"not within {within_s:g} s: {what}")

    return wait


@pytest.fixture
def run_app() -> Callable[..., None]:
    """Return a function that runs an app headless in a terminal of `size` and takes `steps(pilot)` with it."""

    def run(app: AgbotApp, steps: Callable[[Any], Any], size: tuple[int, int] = (120, 40)) -> None:
        async def go() -> None:
            async with app.run_test(size=size) as pilot:
                await steps(pilot)

        asyncio.run(go())

    return run


@pytest.fixture
def text_of() -> Callable[[AgbotApp], str]:
    """Return a function that gives what is on the screen, line by line."""

    def read(app: AgbotApp) -> str:
        width, height = app.size
        lines = app.screen._compositor.render_strips()
        assert len(lines) == height
        assert all(line.cell_length == width for line in lines)
        return "\n".join(line.text for line in lines)

    return read

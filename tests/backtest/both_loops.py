"""Histories in which everything happens, and a strategy that does everything: both loops held together."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import attrs

from agbot.backtest.columns import Columns
from agbot.backtest.fast import FastLoop
from agbot.backtest.loop import VirtualLoop
from agbot.backtest.woken import Wake, Woken
from agbot.core.engine import Engine
from agbot.core.limits import OFF, Limits
from agbot.core.risk import Gate
from agbot.core.state import EngineSettings
from agbot.core.view import Cancel, Intent, Place, View
from agbot.matching.checks import Terms
from agbot.matching.native import has_native, native_books
from agbot.matching.paper import PaperMatcher
from agbot.matching.queue import BackOfQueue, QueueRule
from agbot.model.events import (
    BookDelta,
    BookSnapshot,
    BookTrust,
    LinkDown,
    MarketData,
    MarketResolved,
    ReferencePrice,
    TickSizeChanged,
    TradePrint,
)
from agbot.model.ids import StrategyId
from agbot.model.market import Market
from agbot.model.order import OrderType, Side, TimeInForce
from agbot.testing.builders import make_market
from agbot.units import NS_PER_MS, NS_PER_S, SCALE

CENT = 10_000
T = 86_400 * 20_000 * NS_PER_S - 5 * NS_PER_S
"""Five seconds before midnight."""
MARKETS = [make_market("m1", fee_rate=50_000), make_market("m2")]


class History:
    """A seeded history of two markets: mostly changes, all else now and then, what cannot be too."""

    def __init__(self, seed: int, *, wild: bool = True) -> None:
        self.dice = random.Random(seed)
        self.wild = wild
        self.mid = {market.id: 50 for market in MARKETS}

    def groups(self, count: int) -> Iterator[tuple[int, list[MarketData]]]:
        """Yield `count` groups, a book for every token first."""
        at = T
        yield at, [self.book(market, token, at) for market in MARKETS for token in (market.yes, market.no)]
        for _ in range(count):
            at += self.dice.choice([1, NS_PER_MS, 30 * NS_PER_MS, NS_PER_S // 2, NS_PER_S, 3 * NS_PER_S])
            yield at, [self.message(at) for _ in range(self.dice.choice([1, 1, 1, 2, 4]))]

    def message(self, at: int) -> MarketData:
        """Return what is said next."""
        dice, market = self.dice, self.dice.choice(MARKETS)
        token = dice.choice([market.yes, market.yes, market.no])
        roll = dice.random()
        self.mid[market.id] = min(90, max(10, self.mid[market.id] + dice.choice([-1, 0, 0, 0, 1])))
        if roll < 0.7:
            changes = [self.change(market, token) for _ in range(dice.choice([1, 1, 1, 3]))]
            return BookDelta(token, tuple(changes), at)
        if roll < 0.85:
            price = (self.mid[market.id] + dice.randint(-2, 2)) * CENT
            price = price if token == market.yes else SCALE - price
            return TradePrint(token, dice.choice(list(Side)), price, dice.randint(1, 60) * SCALE // 3, at)
        if roll < 0.96 or not self.wild:
            return self.book(market, token, at)
        return self.strange(market, token, at)

    def strange(self, market: Market, token: Any, at: int) -> MarketData:
        """Return what happens once in a while."""
        return self.dice.choice(
            [
                TickSizeChanged(token, self.dice.choice([1_000, CENT]), at),
                BookTrust(token, self.dice.choice(["no data", ""]), at),
                ReferencePrice("btc", "rtds", self.dice.randint(1, 10**9), at),
                LinkDown("feed", "gone", at),
                BookDelta(token, ((0, 123_400, SCALE),), at),
                MarketResolved(market.id, token, at) if self.dice.random() < 0.3 else BookTrust(token, "", at),
            ]
        )

    def change(self, market: Market, token: Any) -> tuple[int, int, int]:
        """Return a level's new size, rarely of one that crosses the other side."""
        side, mid = self.dice.randint(0, 1), self.mid[market.id]
        mid = mid if token == market.yes else 100 - mid
        distance = self.dice.choice([-1, 0, 1, 1, 1, 2, 2, 3, 5])
        price = mid - distance if side == 0 else mid + distance
        return side, min(99, max(1, price)) * CENT, self.dice.choice([0, 0, 1, 5, 20, 100]) * SCALE

    def book(self, market: Market, token: Any, at: int) -> BookSnapshot:
        """Return a whole book around the middle."""
        mid = self.mid[market.id] if token == market.yes else 100 - self.mid[market.id]
        sides = [
            tuple((min(99, max(1, mid + sign * i)) * CENT, self.dice.randint(1, 50) * SCALE) for i in range(1, 6))
            for sign in (-1, 1)
        ]
        return BookSnapshot(token, sides[0], sides[1], at)


class Restless:
    """Looks at everything and does everything, by its own dice: equal looks, equal deeds."""

    def __init__(self, name: str, seed: int, *, eagerness: float = 0.3, fails: float = 0.0) -> None:
        self.id = StrategyId(name)
        self.dice = random.Random(seed)
        self.eagerness, self.fails = eagerness, fails
        self.looks: list[Any] = []

    def decide(self, view: View) -> Sequence[Intent]:
        self.looks.append(self.look(view))
        if self.dice.random() < self.fails:
            raise RuntimeError("a strategy fails")
        if self.dice.random() > self.eagerness:
            return self.dice.choice([(), []])
        wishes: list[Intent] = []
        if view.orders and self.dice.random() < 0.5:
            wishes.append(Cancel(client_order_id=self.dice.choice(view.orders).client_order_id, why="dice"))
        if len(view.orders) < 4:
            wishes.append(self.wish(view))
        return wishes

    def look(self, view: View) -> Any:
        """Return all there is to see, other markets and the account's equity now and then."""
        seen = attrs.asdict(view, recurse=False)
        around, books = seen.pop("around"), seen.pop("books")
        seen["references"] = dict(view.references)
        seen["books"] = [
            (
                b.tick,
                b.best_bid,
                b.best_ask,
                b.best_bid_size,
                b.best_ask_size,
                b.empty,
                b.locked,
                b.crossed,
                b.microprice(),
            )
            for b in books.values()
        ]
        seen = {key: list(value) if isinstance(value, tuple) else value for key, value in seen.items()}
        if self.dice.random() < 0.2:
            other = around.see(self.dice.choice(MARKETS).id)
            seen["other"] = other and (other.now_ns, other.market, other.net_size, other.book.best_bid, other.cash)
            seen["equity"] = around.equity
            seen["markets"] = [market.id for market in around.markets]
        return seen

    def wish(self, view: View) -> Place:
        """Return an order that may rest, take, cross, or be refused."""
        dice, market = self.dice, view.market
        token = dice.choice([market.yes, market.yes, market.no])
        best = view.book.best_bid if token == market.yes else SCALE - view.book.best_ask
        price = min(990_000, max(CENT, best + dice.choice([-3, -1, 0, 0, 1, 2]) * CENT))
        kind = dice.choice([TimeInForce.GTC] * 4 + [TimeInForce.FAK, TimeInForce.GTD])
        return Place(
            token=token,
            side=dice.choice(list(Side)) if view.yes_size > 0 else Side.BUY,
            price=price,
            size=dice.choice([1, 5, 5, 7, 30]) * SCALE,
            why="dice",
            order_type=OrderType.MARKET if kind is TimeInForce.FAK else OrderType.LIMIT,
            time_in_force=kind,
            post_only=kind is TimeInForce.GTC and dice.random() < 0.3,
            expire_ns=view.now_ns + 5 * NS_PER_S if kind is TimeInForce.GTD else 0,
        )


@attrs.define(kw_only=True)
class Setting:
    """What both loops are run with."""

    groups: Sequence[tuple[int, Sequence[MarketData]]]
    strategies: Sequence[tuple[str, int, Wake]] = (("one", 1, Wake.EVERY),)
    order_ns: int = 0
    feed_ns: int = 0
    rule: QueueRule = attrs.field(factory=BackOfQueue)
    limits: Limits = OFF
    rules: Sequence[Any] = ()
    eagerness: float = 0.3
    fails: float = 0.0
    markets: Sequence[Market] = tuple(MARKETS)
    cash: int = 300 * SCALE

    def parts(self) -> tuple[Engine, list[Woken], Terms]:
        """Return a new engine, its strategies and the venue's terms."""
        asked = [
            Woken(Restless(name, seed, eagerness=self.eagerness, fails=self.fails), wake)
            for name, seed, wake in self.strategies
        ]
        settings = EngineSettings(run_id="r", capital=self.cash, limits=self.limits)
        terms = Terms(order_latency_ns=self.order_ns, feed_latency_ns=self.feed_ns, gtd_min_ns=0, gtd_early_ns=0)
        return Engine(settings, Gate(list(self.rules)), asked), asked, terms

    def slow(self) -> dict[str, Any]:
        """Run the oracle."""
        engine, asked, terms = self.parts()
        matcher = PaperMatcher(self.cash, terms=terms, queue_rule=self.rule)
        loop = VirtualLoop(engine.step, matcher, self.markets, self.groups)
        return told([*loop.run(), *loop.finish("over")], engine, asked, matcher)

    def fast(self, columns: Columns | None = None) -> dict[str, Any]:
        """Run the fast loop."""
        engine, asked, terms = self.parts()
        books = native_books(self.rule) if has_native(self.rule) else None
        matcher = PaperMatcher(self.cash, terms=terms, queue_rule=self.rule, book_of=books)
        loop = FastLoop(engine, asked, matcher, columns or Columns.of_groups(self.markets, self.groups))
        return told([*loop.run(), *loop.finish("over")], engine, asked, matcher)


def told(moments: Iterable[Any], engine: Engine, asked: Sequence[Woken], matcher: PaperMatcher) -> dict[str, Any]:
    """Return all that a run came to: what was decided and heard when, what was seen, and what is left."""
    deeds = [
        (at, step.output, [heard.event for heard in step.heard], str(step.tripped))
        for at, _, step in moments
        if not step.output.empty or step.heard or step.tripped
    ]
    books = [
        (b.trusted, b.deltas, b.snapshots, b.faults, b.tick_changes, b.updated_ns, b.grid.levels(0), b.grid.levels(1))
        for b in engine.books.values()
    ]
    return {
        "deeds": deeds,
        "looks": [strategy.strategy.looks for strategy in asked],
        "books": books,
        "money": (matcher.cash, matcher.positions, matcher.fees_paid, engine.portfolio.equity()),
        "pnl": engine.portfolio.strategy_pnl(),
        "baseline": engine.baseline(),
        "denied": engine.coordinator.denials_repeated,
    }

"""A core with markets, books and holdings as a test wants them, and a strategy that wishes what it is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agbot.core.engine import Engine
from agbot.core.portfolio import CarriedPosition
from agbot.core.risk import Gate
from agbot.core.rules import Rule
from agbot.core.state import EngineSettings
from agbot.core.step import Step
from agbot.core.turnover import NS_PER_DAY
from agbot.core.view import Intent, Place, View
from agbot.model.events import BookSnapshot, Event, MarketListed, OrderAccepted, OrderFilled, Timer
from agbot.model.ids import ClientOrderId, MarketId, StrategyId, TradeId, VenueOrderId
from agbot.model.market import Market, Outcome
from agbot.model.order import Liquidity, Side
from agbot.testing.builders import levels
from agbot.units import SCALE, complement, to_text, to_units

DAY_20000_NS = 20_000 * NS_PER_DAY


class Script:
    """A strategy that wishes once what it was given."""

    id = StrategyId("script")

    def __init__(self) -> None:
        self.wishes: dict[str, Place] = {}

    def decide(self, view: View) -> Sequence[Intent]:
        """Return the wish for this market, if there is one."""
        wish = self.wishes.pop(view.market.id, None)
        return [wish] if wish else []


class Account:
    """1000 usd, these markets with a book of `bid`/`ask` for YES and its mirror for NO, and these rules.

    Args:
        held: by market and outcome, shares and what they cost, as text.
    """

    def __init__(
        self,
        *rules: Rule,
        markets: Sequence[Market],
        held: dict[tuple[str, Outcome], tuple[str, str]] | None = None,
        bid: str = "0.45",
        ask: str = "0.55",
        capital: int = 1000,
        **settings: Any,
    ) -> None:
        self.script = Script()
        self.markets = {market.id: market for market in markets}
        carried = tuple(
            CarriedPosition(MarketId(market), outcome, to_units(size), to_units(cost), self.script.id)
            for (market, outcome), (size, cost) in (held or {}).items()
        )
        made = EngineSettings(run_id="r", capital=capital * SCALE, carried=carried, **settings)
        self.engine = Engine(made, Gate(rules), [self.script])
        self.now = DAY_20000_NS
        self.step(*(MarketListed(market, 1) for market in markets))
        for market in markets:
            self.quote(market, bid, ask)

    def step(self, *events: Event) -> Step:
        """Step a nanosecond later."""
        self.now += 1
        return self.engine.step(self.now, list(events))

    def quote(self, market: Market, bid: str, ask: str, size: str = "10000") -> None:
        """Set the books of both tokens to one level a side; `""` leaves a side out."""
        bids, asks = levels(*([(bid, size)] if bid else [])), levels(*([(ask, size)] if ask else []))
        mirror = [[(to_text(complement(to_units(price))), size)] if price else [] for price in (ask, bid)]
        self.step(
            BookSnapshot(market.yes, bids, asks, self.now),
            BookSnapshot(market.no, levels(*mirror[0]), levels(*mirror[1]), self.now),
        )

    def wish(
        self,
        side: Side = Side.BUY,
        price: str = "0.50",
        size: str = "20",
        *,
        market: Market | None = None,
        outcome: Outcome = Outcome.YES,
        fair: str = "0",
        **changes: Any,
    ) -> tuple[str, ...] | ClientOrderId:
        """Wish for an order; return what denied it, or the id it got. A denial that repeats the last is not told."""
        where = market or next(iter(self.markets.values()))
        place = Place(
            token=where.token(outcome),
            side=side,
            price=to_units(price),
            size=to_units(size),
            why="a test",
            fair=to_units(fair),
            **changes,
        )
        self.script.wishes = {where.id: place}
        decisions = self.step(Timer("t", self.now)).output.decisions
        if not decisions:
            return ("denied before",)
        return decisions[0].violated or ClientOrderId(decisions[0].client_order_id)

    def fill(self, order_id: ClientOrderId, size: str, price: str) -> None:
        """Let an order rest and fill."""
        fill = OrderFilled(order_id, TradeId(f"t-{order_id}"), to_units(price), to_units(size), 0, Liquidity.MAKER, 1)
        self.step(OrderAccepted(order_id, VenueOrderId("v"), 1), fill)

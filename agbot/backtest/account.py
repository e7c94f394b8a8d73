"""An account over its runs: what it is worth, what was made of it by strategy and market, what came from outside.

Theory of operation: a run takes positions over at their cost, so what the run before it had not realised begins anew.
Here it goes on: what a strategy had unrealised at a run's end is taken off as the next one begins, and what cannot be
explained by that was brought in or taken out while no bot looked. So at any two instants

    equity then = equity before + PnL of all strategies + brought in

holds to the last 10⁻⁶, by construction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import attrs

from agbot.backtest.told import Told
from agbot.core.oms import OrderRecord
from agbot.core.portfolio import Parts
from agbot.core.step import Step
from agbot.model.events import OrderFilled
from agbot.model.ids import MarketId, StrategyId
from agbot.store.journal import Header
from agbot.units import notional

Key = tuple[StrategyId, str]
"""A strategy, and a market by its name."""


@attrs.define
class Traded:
    """What was traded so far: executions, shares, usd and fees (10⁻⁶)."""

    fills: int = 0
    shares: int = 0
    turnover: int = 0
    fees: int = 0

    def add(self, other: Traded, sign: int) -> None:
        """Count what was traded, or with −1 take it back."""
        self.fills += sign * other.fills
        self.shares += sign * other.shares
        self.turnover += sign * other.turnover
        self.fees += sign * other.fees

    def less(self, other: Traded) -> Traded:
        """Return the difference."""
        return Traded(*(a - b for a, b in zip(attrs.astuple(self), attrs.astuple(other), strict=True)))


@attrs.frozen(kw_only=True)
class Standing:
    """The account at an instant, in sums since its first run began; money in 10⁻⁶ usd.

    `unrealised` is the part of `pnl` that prices can still take back, `inventory` what is held at liquidation value.
    """

    equity: int
    brought: int
    inventory: int
    unrealised: int
    pnl: dict[Key, int]
    traded: dict[Key, Traded]


class Account:
    """Follows runs, one after the other. `told` is the run that goes on."""

    def __init__(self) -> None:
        self.told: Told | None = None
        self._brought = 0
        self._opening = 0
        self._pnl: Counter[Key] = Counter()
        self._traded: dict[Key, Traded] = {}
        self._names: dict[MarketId, str] = {}

    def begin(self, header: Header) -> Told:
        """Go on with the next run."""
        opening = header.capital + sum(c.cost for c in header.carried)
        before, self.told = self.told, Told(header)
        if before is not None:
            pnl, unrealised = self._of_strategies(before)
            left = self._equity(before) - sum(unrealised.values())
            self._brought += self._brought_by(before) + opening - left
            for key, made in pnl.items():
                self._pnl[key] += made - unrealised[key]
        self._opening = opening
        return self.told

    def observe(self, step: Step) -> None:
        """Count what a step of the run traded."""
        for fills, sign in ((step.fills, 1), (step.voided, -1)):
            for record, fill in fills:
                own = ((record.command.strategy, fill.size),)
                parts = step.sold_for.get((record.command.client_order_id, fill.trade_id), own)
                self._count(record, _split(fill, parts), sign)

    def standing(self) -> Standing:
        """Return the account as it is. A run must have begun."""
        assert self.told is not None
        pnl, unrealised = self._of_strategies(self.told)
        sums = self._pnl.copy()
        for key, made in pnl.items():
            sums[key] += made
        return Standing(
            equity=self._equity(self.told),
            brought=self._brought + self._brought_by(self.told),
            inventory=self.told.engine.portfolio.inventory_usd() + self.told.unseen,
            unrealised=sum(unrealised.values()),
            pnl=dict(sums),
            traded={key: attrs.evolve(traded) for key, traded in self._traded.items()},
        )

    def name(self, market: MarketId) -> str:
        """Return a market's name, also of one that only an earlier run listed; its id when none did."""
        if self.told is not None and market in self.told.engine.markets:
            self._names[market] = self.told.engine.markets[market].name
        return self._names.get(market, market)

    def _count(self, record: OrderRecord, traded: Mapping[StrategyId, Traded], sign: int) -> None:
        market = self.name(record.command.market)
        for owner, part in traded.items():
            self._traded.setdefault((owner, market), Traded()).add(part, sign)

    def _of_strategies(self, told: Told) -> tuple[Counter[Key], Counter[Key]]:
        """Return the PnL of a run, and the unrealised part of it, by strategy and market."""
        portfolio = told.engine.portfolio
        pnl, unrealised = Counter[Key](), Counter[Key]()
        for (strategy, market), made in portfolio.strategy_pnl().items():
            pnl[strategy, self.name(market)] += made
        for (strategy, market), part in portfolio.strategy_unrealised().items():
            unrealised[strategy, self.name(market)] += part
        return pnl, unrealised

    def _brought_by(self, told: Told) -> int:
        """Return what came from outside since the run began: accepted differences, by their own figures."""
        return told.engine.portfolio.initial_equity() + told.unseen - self._opening

    @staticmethod
    def _equity(told: Told) -> int:
        return told.engine.portfolio.equity() + told.unseen


def _split(fill: OrderFilled, parts: Parts) -> dict[StrategyId, Traded]:
    """Return an execution by owner: it counts once, for who had most of it; the last has what rounding left."""
    usd, fee, size = notional(fill.price, fill.size), fill.fee, fill.size
    most, found = max(part for _, part in parts), dict[StrategyId, Traded]()
    for owner, part in parts:
        of_usd, of_fee = usd * part // size, fee * part // size
        found[owner] = Traded(fills=int(part == most), shares=part, turnover=of_usd, fees=of_fee)
        usd, fee, size, most = usd - of_usd, fee - of_fee, size - part, -1 if part == most else most
    return found

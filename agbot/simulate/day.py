"""Hours of five strategies at once on thirty markets of one exchange; then attribution against the venue's own ledger.

The crowd is the simulation's, but that some markets move together (for pairs) and prices wander further (for trend).
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

import attrs

from agbot.core.rules import InventoryLimit, PositionLimit, Rule
from agbot.core.rules.account import StrategyBudget
from agbot.core.rules.orders import SelfTrade
from agbot.core.step import Decision, Step
from agbot.core.view import Strategy
from agbot.exchange.core.model import Listing
from agbot.exchange.markets.catalogue import generated
from agbot.model.events import Event
from agbot.model.market import Outcome
from agbot.simulate.bot import SimBot
from agbot.simulate.crowd import MAKER, TAKER, Crowd
from agbot.simulate.seeds import quiet
from agbot.simulate.setting import POSITION_MAX, Setting
from agbot.simulate.venue import SimVenue
from agbot.simulate.world import World
from agbot.strategy.registry import OnlyIn, build
from agbot.units import NS_PER_S, SCALE, to_text, usd_text

MARKETS: Final = 30
PAIRED: Final = 4
"""Markets at the end of the list that move together, two and two."""
CROWD_EVERY_S: Final = 4.0
QUARTER_S: Final = 900.0
RICH: Final = 20_000 * SCALE
SOUGHT: Final = ("maker", "arbitrage", "trend", "revert", "pairs")
BUDGETS: Final = {"maker": 4_000, "arbitrage": 3_000, "trend": 600, "revert": 600, "pairs": 600}
RULES: Final[tuple[Rule, ...]] = (
    PositionLimit(None, POSITION_MAX),
    InventoryLimit(10_000 * SCALE),
    SelfTrade(),
    *(StrategyBudget(name, usd * SCALE) for name, usd in BUDGETS.items()),
)
EXAMPLES: Final = 3
"""Denials of each rule that are told with their figures."""


@attrs.define
class Denied:
    """How often a rule denied a strategy, and some of what it said."""

    count: int = 0
    said: list[str] = attrs.field(factory=list)


@attrs.frozen(kw_only=True)
class Attribution:
    """One strategy's part: PnL in 10⁻⁶ usd, fills, and in how many markets it holds."""

    strategy: str
    pnl: int
    orders: int
    fills: int
    markets: int


class _Linked(Crowd):
    """A crowd in which every other paired market follows the one before it, rich enough for all of them."""

    def __init__(self, venue: SimVenue, dice: random.Random, every_s: float, middle: tuple[int, int]) -> None:
        for wallet in (MAKER, TAKER):
            venue.core.deposit(wallet, MARKETS * 10**5 * SCALE, venue.now_ns())
        super().__init__(venue, dice, every_s, middle)

    def _quote(self, listing: Listing) -> None:
        conditions = list(self._middle)
        at = conditions.index(listing.condition)
        if at >= len(conditions) - PAIRED and at % 2:
            leader = self._middle[conditions[at - 1]]
            away = self._middle[listing.condition] - leader
            if abs(away) > 1 or self._dice.random() < 0.5:
                self._middle[listing.condition] = leader + self._dice.choice((-2, -1, 0, 1, 2))
        super()._quote(listing)


class Day(World):
    """One bot without troubles for `hours`; `found` is what was wrong in the end."""

    def __init__(self, seed: int, hours: float) -> None:
        listings = partial(generated, count=MARKETS)
        setting = Setting(listings, self._five, rules=RULES, crowd=_Linked)
        super().__init__(seed, (), CROWD_EVERY_S, setting=setting)
        self.found: list[str] = []
        self.denied: dict[tuple[str, str], Denied] = {}
        self.orders: Counter[str] = Counter()
        self.fills: Counter[str] = Counter()
        self.netted: set[str] = set()
        """Markets in which two strategies held against each other."""
        self._hours = hours
        self.venue.core.deposit(self.wallet, RICH, self.heap.now_ns)
        self._watched_ns = 0

    def _five(self, _seed: int) -> Sequence[Strategy]:
        pairs = [[x.market.id for x in self.venue.listings[at : at + 2]] for at in range(MARKETS - PAIRED, MARKETS, 2)]
        price = {"every_s": 30, "size": 20, "max_spread_ticks": 50, "low": "0.1", "high": "0.9"}
        names = [x.market.id for x in self.venue.listings if not x.market.neg_risk][:-PAIRED]
        return [
            OnlyIn(build("maker", {"size": 10, "max_position": 40}), names[:14]),
            build("arbitrage", {"min_profit": "0.05", "max_capital": 100}),
            OnlyIn(build("trend", {**price, "enter": "0.4"}), names[10:]),
            OnlyIn(build("revert", {**price, "window": 60, "max_p": "0.2", "enter": "1.5"}), names[10:]),
            build("pairs", {**price, "pairs": pairs, "window": 60, "max_p": "0.2", "enter": "1.5", "leg_s": 30}),
        ]

    @property
    def quarters(self) -> int:
        """Return how many quarters of an hour it has, the last one perhaps shorter."""
        return math.ceil(self._hours * 3600 / QUARTER_S)

    def live(self) -> Iterator[int]:
        """Live through it; yield after each quarter of an hour."""
        left_s = self._hours * 3600
        with quiet():
            self._start()
            for quarter in range(self.quarters):
                self._run_for(min(QUARTER_S, left_s))
                left_s -= QUARTER_S
                self.auditor.checkpoint()
                self.auditor.tidy()
                yield quarter
            self.found = [*self._finish(), *self._unlike()]

    def told(self) -> dict[str, Any]:
        """Return the outcome as plain values, money as decimal text."""
        rows = self.attribution()
        return {
            "strategies": [{**attrs.asdict(row), "pnl": usd_text(row.pnl)} for row in rows],
            "denials": [
                {"strategy": strategy, "rule": rule, "denied": denied.count, "said": denied.said}
                for (strategy, rule), denied in sorted(self.denied.items())
            ],
            "netted": len(self.netted),
            "strategies_usd": usd_text(sum(row.pnl for row in rows)),
            "account_usd": usd_text(self.account_pnl()),
            "found": self.found,
        }

    def observe(self, bot: SimBot, batch: list[Event], step: Step) -> None:
        """Count what was done and denied, and look who holds against whom."""
        super().observe(bot, batch, step)
        for decision in step.output.decisions:
            self.orders[decision.strategy] += decision.allowed
            for rule in decision.violated:
                self._tell(rule, decision)
        self.fills.update(record.command.strategy for record, _ in step.fills)
        self.fills.subtract(record.command.strategy for record, _ in step.voided)
        if step.now_ns - self._watched_ns > 60 * NS_PER_S:
            self._watched_ns = step.now_ns
            self.netted |= {market for market, held in self._held(bot).items() if min(held) < 0 < max(held)}

    def _tell(self, rule: str, decision: Decision) -> None:
        kept = self.denied.setdefault((decision.strategy, rule), Denied())
        kept.count += 1
        policy = next((policy for policy in RULES if policy.name == rule), None)
        if len(kept.said) < EXAMPLES and policy is not None:
            shown = f"{decision.side} {to_text(decision.size)} at {to_text(decision.price)}: {policy}"
            kept.said.append(f"{shown} ({decision.why})" if decision.why else shown)

    def _held(self, bot: SimBot) -> dict[str, list[int]]:
        """Return every strategy's net shares by market."""
        engine = bot.engine
        assert engine is not None
        own, names = engine.portfolio.own, engine.coordinator.strategies
        each = {m: [own(name, m) for name in names] for m in engine.markets}
        return {market: [yes - no for yes, no in held] for market, held in each.items()}

    # -- in the end ------------------------------------------------------------------------------------------------

    def attribution(self) -> list[Attribution]:
        """Return each strategy's part of the whole."""
        engine = self.bot.engine
        assert engine is not None
        pnl: Counter[str] = Counter()
        for (strategy, _), amount in engine.portfolio.strategy_pnl().items():
            pnl[strategy] += amount
        held = self._held(self.bot).values()
        names = engine.coordinator.strategies
        return [
            Attribution(
                strategy=name,
                pnl=pnl[name],
                orders=self.orders[name],
                fills=self.fills[name],
                markets=sum(row[at] != 0 for row in held),
            )
            for at, name in enumerate(names)
        ]

    def account_pnl(self) -> int:
        """Return what the account gained by the core's own count, 10⁻⁶ usd."""
        engine = self.bot.engine
        assert engine is not None
        return engine.portfolio.equity() - engine.portfolio.initial_equity()

    def _unlike(self) -> list[str]:
        """Return where the strategies' parts do not add up to the venue's ledger and the account."""
        engine, core = self.bot.engine, self.venue.core
        assert engine is not None
        found = []
        for listing in self.venue.listings:
            market = listing.market
            for outcome in Outcome:
                parts = [engine.portfolio.own(name, market.id)[outcome is Outcome.NO] for name in self._names()]
                held = core.balance(self.wallet, market.token(outcome))
                if sum(parts) != held:
                    found.append(f"{market.name} {outcome}: strategies hold {parts}, the ledger says {held}")
        if (parts_pnl := sum(row.pnl for row in self.attribution())) != self.account_pnl():
            found.append(f"strategies made {usd_text(parts_pnl)} usd, the account {usd_text(self.account_pnl())}")
        return found

    def _names(self) -> Sequence[Any]:
        assert self.bot.engine is not None
        return self.bot.engine.coordinator.strategies

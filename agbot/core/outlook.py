"""The law of what the whole account may lose, kept so that an order costs a look and not a convolution. Pure.

Theory of operation. Once a second, when somebody asks, prices are read and the laws of all events are joined. Until the
next time an order or a fill can only add to what an event loses, by its largest difference in any of its ends: VaR and
expected shortfall of the whole grow by no more than the sum of these. That bound is one addition; nearly every order
passes by it. One that does not is measured exactly: all other events as they are now, joined with its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import attrs

from agbot.core.losses import Ends, Losses, Stake, event_of
from agbot.model.ids import MarketId
from agbot.model.market import Market
from agbot.quant.horizon import Horizon
from agbot.quant.tail import Outcomes, Tail
from agbot.units import NS_PER_S

if TYPE_CHECKING:
    from agbot.core.state import CoreState

PRICES_FOR_NS: Final = NS_PER_S
_ALONE: Final[Outcomes] = [(1.0, 0)]


@attrs.define(eq=False)
class _Whole:
    """All events joined as they were at `laws`; `changed` have changed since. Risks by confidence."""

    laws: dict[str, Outcomes]
    tail: Tail
    changed: set[str] = attrs.field(factory=set)
    risks: dict[float, tuple[int, float]] = attrs.field(factory=dict)

    def risk(self, confidence: float) -> tuple[int, float]:
        """Return VaR and expected shortfall as they were, 10⁻⁶ usd."""
        if confidence not in self.risks:
            tail = self.tail
            self.risks[confidence] = tail.var(confidence, _ALONE), tail.shortfall(confidence, _ALONE)
        return self.risks[confidence]


class Outlook:
    """What the account may lose, by the prices of the last second and the orders and fills of now."""

    def __init__(self, state: CoreState, losses: Losses) -> None:
        self._state = state
        self._losses = losses
        self._prices: dict[MarketId, float] = {}
        self._wholes: dict[Horizon | None, _Whole] = {}
        self._deltas: dict[str, float] = {}
        self._moved: set[str] = set()
        self._vega: float | None = None
        self._since_ns = 0

    def stir(self, market: MarketId | None = None) -> None:
        """Note that an order or a fill changed this market; without one, that the markets did."""
        known = self._state.markets.get(market) if market else None
        if known is None:
            self._forget()
            self._losses.regroup()
            return
        event, self._vega = event_of(known), None
        self._moved.add(event)
        for whole in self._wholes.values():
            whole.changed.add(event)

    def price(self, market: Market) -> float:
        """Return the probability of YES, as of the last second."""
        found = self._prices.get(market.id)
        if found is None:
            found = self._prices[market.id] = self._losses.price(market)
        return found

    # -- losses ----------------------------------------------------------------------------------------------------

    def bound(
        self, market: Market, now_ns: int, horizon: Horizon | None, confidence: float, own: Stake
    ) -> tuple[float, float]:
        """Return what VaR and expected shortfall of the account are at most with `own` in `market`, 10⁻⁶ usd.

        As finely as the law's grid (`Tail.step`) has it.
        """
        more = self.growth(market, now_ns, horizon, own)
        var, shortfall = self.risk(now_ns, horizon, confidence)
        return var + more, shortfall + more

    def risk(self, now_ns: int, horizon: Horizon | None, confidence: float) -> tuple[float, float]:
        """Return VaR and expected shortfall of the account as they were at the last second's law, 10⁻⁶ usd."""
        return self._whole(now_ns, horizon).risk(confidence)

    def growth(self, market: Market, now_ns: int, horizon: Horizon | None, own: Stake) -> int:
        """Return by how much they have grown since at most, with `own` in `market`, 10⁻⁶ usd."""
        whole = self._whole(now_ns, horizon)
        more, event = 0, event_of(market)
        for name in whole.changed:
            if name != event:
                more += _more(whole.laws.get(name, ()), self.law(self._losses.groups[0][name][0], now_ns, horizon))
        return more + _more(whole.laws.get(event, ()), self.law(market, now_ns, horizon, own))

    def _whole(self, now_ns: int, horizon: Horizon | None) -> _Whole:
        self._fresh(now_ns)
        whole = self._wholes.get(horizon)
        if whole is None:
            laws = {name: self.law(first, now_ns, horizon) for name, first in self._events()}
            whole = self._wholes[horizon] = _Whole(laws, Tail.of(law for law in laws.values() if _moves(law)))
        return whole

    def var(self, now_ns: int, confidence: float) -> int:
        """Return the value at risk of the account as it is, once all has resolved, 10⁻⁶ usd."""
        self._fresh(now_ns)
        laws = (self.law(first, now_ns, None) for _, first in self._events())
        return Tail.of(law for law in laws if _moves(law)).var(confidence, _ALONE)

    def others(self, market: Market, now_ns: int, horizon: Horizon | None) -> Tail:
        """Return the law of what all events but this one's may lose, as they are now."""
        self._fresh(now_ns)
        rest = (self.law(first, now_ns, horizon) for name, first in self._events() if name != event_of(market))
        return Tail.of(law for law in rest if _moves(law))

    def law(self, market: Market, now_ns: int, horizon: Horizon | None, own: Stake | None = None) -> Outcomes:
        """Return how the event of `market` may end and what is lost then, 10⁻⁶ usd."""
        return self._losses.law(market, now_ns, self.price, horizon, own)

    # -- moves -----------------------------------------------------------------------------------------------------

    def greeks(self, market: Market, own: Ends | None = None) -> tuple[float, float]:
        """Return 10⁻⁶ usd for each logit, and for each squared logit, of the event of `market`.

        `own` stands for what is held and live in `market`.
        """
        return self._losses.greeks(market, self.price, own)

    def others_vega(self, market: Market, now_ns: int) -> float:
        """Return Σ 10⁻⁶ usd for each logit of all events but this one's."""
        self._fresh(now_ns)
        if self._vega is None:
            for name, first in self._unknown():
                self._deltas[name] = self.greeks(first)[0]
            self._moved.clear()
            self._vega = sum(self._deltas.values())
        return self._vega - self._deltas[event_of(market)]

    def _unknown(self) -> Iterator[tuple[str, Market]]:
        """Yield the events whose vega has to be worked out: all at first, then those that changed."""
        if not self._deltas:
            return self._events()
        groups = self._losses.groups[0]
        return ((name, groups[name][0]) for name in self._moved if groups[name])

    def _events(self) -> Iterator[tuple[str, Market]]:
        return ((name, group[0]) for name, group in self._losses.groups[0].items() if group)

    def _fresh(self, now_ns: int) -> None:
        if not self._since_ns <= now_ns < self._since_ns + PRICES_FOR_NS:
            self._forget()
            self._since_ns = now_ns

    def _forget(self) -> None:
        self._prices.clear()
        self._wholes.clear()
        self._deltas.clear()
        self._moved.clear()
        self._vega = None


def _moves(law: Outcomes) -> bool:
    return any(loss for _, loss in law)


def _more(before: Outcomes, after: Outcomes) -> int:
    """Return by how much an event may lose more than it could, in any of its ends, at the same prices."""
    if len(before) != len(after):
        return max(0, *(loss for _, loss in after)) - min(0, *(loss for _, loss in before), 0)
    more = 0
    for (_, old), (_, new) in zip(before, after, strict=True):
        more = max(more, new - old)
    return more

"""Many strategies on many markets over one account: who is asked, what it sees, and what becomes of one that raises.

Inventory is shared: the account nets, every strategy keeps its own part of it (`Portfolio`), and the parts always add
up to the whole. Strategies are asked in the order they were registered, so the first has the first word.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import attrs

from agbot.core.admission import Admission
from agbot.core.state import CoreState
from agbot.core.step import Collected, StrategyFailed
from agbot.core.translate import ends_of, fills_of, sight
from agbot.core.view import Cancel, Intent, OwnDenial, OwnEnd, OwnFill, Place, Strategy, View
from agbot.model.ids import MarketId, StrategyId, TokenId
from agbot.model.market import Market
from agbot.model.order import Side

_Key = tuple[StrategyId, MarketId]

FAILED_SCOPE: Final = "strategy"


@attrs.frozen
class _Registered:
    strategy: Strategy
    only_in: frozenset[str] | None

    def follows(self, market: Market) -> bool:
        return self.only_in is None or market.id in self.only_in or market.slug in self.only_in


@attrs.frozen
class _Around:
    """What else there is at one instant; it costs nothing until somebody looks."""

    coordinator: MultiMarketCoordinator
    now_ns: int
    strategy: StrategyId

    @property
    def markets(self) -> Sequence[Market]:
        return self.coordinator.markets_of(self.strategy)

    @property
    def equity(self) -> int:
        return self.coordinator.state.portfolio.equity()

    def see(self, market: MarketId) -> View | None:
        known = self.coordinator.state.markets.get(market)
        if known is None or not self.coordinator.follows(self.strategy, known):
            return None
        return self.coordinator.view(self.now_ns, known, self.strategy)


class MultiMarketCoordinator:
    """Asks the strategies, in their order; what they wish is the engine's to admit.

    One that raises, or answers with what is no intent, is asked no more: its own kill switch is closed, and opens only
    by hand. Until then the others go on.
    """

    def __init__(self, state: CoreState, admission: Admission) -> None:
        self.state = state
        self._admission = admission
        self._registered: dict[StrategyId, _Registered] = {}
        self._denied: dict[_Key, list[OwnDenial]] = {}
        self._last_denial: dict[tuple[StrategyId, TokenId, Side], tuple[int, int, tuple[str, ...]]] = {}
        self._untold: dict[_Key, tuple[list[OwnFill], list[OwnEnd]]] = {}
        """What happened to strategies while nobody asked them."""
        self.denials_repeated = 0

    @property
    def strategies(self) -> tuple[StrategyId, ...]:
        """Return the ids of all strategies, as they were registered."""
        return tuple(self._registered)

    def strategy(self, strategy_id: StrategyId) -> Strategy:
        """Return a strategy by its id; KeyError for one that nobody registered."""
        return self._registered[strategy_id].strategy

    def register_strategy(
        self, strategy_id: StrategyId, strategy: Strategy, markets: Iterable[str] | None = None
    ) -> None:
        """Ask `strategy` from now on, about `markets` only (ids or slugs) unless that is None.

        Raises:
            ValueError: another strategy goes by this id.
        """
        if strategy_id in self._registered:
            raise ValueError(f"two strategies are called {strategy_id!r}: their orders could not be told apart")
        only_in = None if markets is None else frozenset(markets)
        self._registered[strategy_id] = _Registered(strategy, only_in)

    def route_market_tick(self, now_ns: int, market: Market, news: Collected) -> Iterator[tuple[StrategyId, Intent]]:
        """Yield what each strategy that follows `market` wishes now; the state may change between two wishes."""
        for strategy_id, each in self._registered.items():
            if not each.follows(market):
                continue
            if self._stopped(strategy_id):
                self._keep(strategy_id, market.id, news)
            else:
                for intent in self._wishes(now_ns, market, strategy_id, news):
                    yield strategy_id, intent

    def ask_nobody(self, news: Collected) -> None:
        """Keep what happened while nothing may be placed, until the strategies are asked again."""
        if news.fills or news.voided or news.heard:
            for strategy_id, each in self._registered.items():
                for market_id in news.touched:
                    if each.follows(self.state.markets[market_id]):
                        self._keep(strategy_id, market_id, news)

    def market_of(self, strategy: StrategyId, asked: Market, place: Place) -> Market:
        """Return the market of an order: that of its token, if the strategy follows it, else the one asked about."""
        market = self.state.market_of.get(place.token)
        return market if market is not None and self.follows(strategy, market) else asked

    def denied(self, strategy: StrategyId, market: MarketId, place: Place, violated: tuple[str, ...]) -> bool:
        """Keep a denial until the strategy is asked about this market again.

        Returns whether this very wish was denied just before: counted, not recorded a thousand times.
        """
        denial = OwnDenial(token=place.token, side=place.side, price=place.price, size=place.size, violated=violated)
        self._denied.setdefault((strategy, market), []).append(denial)
        key, now = (strategy, place.token, place.side), (place.price, place.size, violated)
        repeated = self._last_denial.get(key) == now
        self._last_denial[key] = now
        self.denials_repeated += repeated
        return repeated

    def follows(self, strategy: StrategyId, market: Market) -> bool:
        """Return whether a strategy may see and trade a market."""
        each = self._registered.get(strategy)
        return each is not None and each.follows(market)

    def markets_of(self, strategy: StrategyId) -> list[Market]:
        """Return the markets that a strategy follows, as they were listed."""
        each = self._registered[strategy]
        return [market for market in self.state.markets.values() if each.follows(market)]

    def view(self, now_ns: int, market: Market, strategy: StrategyId, news: Collected | None = None) -> View:
        """Return what `strategy` sees of `market` now, with what is new of it."""
        denied = self._denied.pop((strategy, market.id), ()) if news else ()
        view = sight(
            self.state,
            now_ns,
            market,
            strategy,
            cash=self._admission.cash_free(),
            news=news,
            denied=denied,
            around=_Around(self, now_ns, strategy),
        )
        if news is None or (strategy, market.id) not in self._untold:
            return view
        fills, ends = self._untold.pop((strategy, market.id))
        return attrs.evolve(view, fills=[*fills, *view.fills], ended=[*ends, *view.ended])

    def _keep(self, strategy: StrategyId, market: MarketId, news: Collected) -> None:
        fills = fills_of(news, market, strategy)
        ends = ends_of(self.state, news, market, strategy)
        if fills or ends:
            kept = self._untold.setdefault((strategy, market), ([], []))
            kept[0].extend(fills)
            kept[1].extend(ends)

    def _stopped(self, strategy: StrategyId) -> bool:
        """Return whether its switch is closed, by itself or by a person: all it wished would be denied."""
        return (FAILED_SCOPE, strategy) in self.state.gate.scopes

    def _wishes(self, now_ns: int, market: Market, strategy: StrategyId, news: Collected) -> Sequence[Intent]:
        try:
            wishes = list(self._registered[strategy].strategy.decide(self.view(now_ns, market, strategy, news)))
            if strange := next((wish for wish in wishes if not isinstance(wish, Place | Cancel)), None):
                raise TypeError(f"a strategy answers with Place and Cancel, not {type(strange).__name__}")
        except Exception as e:  # noqa: BLE001 - what a strategy fails of is its author's, and stops nobody else
            reason = f"it raised {type(e).__name__}"
            self.state.gate.kill(reason, FAILED_SCOPE, strategy)
            news.failed.append(StrategyFailed(strategy, market.id, reason, "".join(traceback.format_exception(e))))
            return ()
        return wishes

"""One order against the whole account: figures that policies ask for, worked out when one asks. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from agbot.core.book import OrderBook
from agbot.core.losses import Ends, Losses, Stake
from agbot.core.oms import OrderRecord
from agbot.core.outlook import Outlook
from agbot.core.view import Place
from agbot.model.events import ASK, BID
from agbot.model.ids import MarketId, StrategyId
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.quant.horizon import Horizon
from agbot.quant.tail import Outcomes, Tail
from agbot.units import SCALE, notional

if TYPE_CHECKING:
    from agbot.core.state import CoreState
    from agbot.core.triggers import Baseline


T = TypeVar("T")


class _Once(Generic[T]):
    """A property that is worked out at the first look and kept: `cached_property` without the lock it had."""

    def __init__(self, work: Callable[[Any], T]) -> None:
        self._work, self._name, self.__doc__ = work, work.__name__, work.__doc__

    def __get__(self, prospect: Prospect, _owner: type) -> T:
        value = prospect.__dict__[self._name] = self._work(prospect)
        return value


class Prospect:
    """An order, its market, and the account it would change; `place` is None where only the account is looked at.
    `strategy` is whose order it is, empty where nobody says.

    Money and shares in 10⁻⁶; every figure counts what is live as `Losses` does. It lives for one look: what it has
    worked out it keeps, so it does not see what changes afterwards.
    """

    def __init__(  # noqa: PLR0917 - what it looks at
        self,
        state: CoreState,
        losses: Losses,
        outlook: Outlook,
        now_ns: int,
        market: Market,
        place: Place | None,
        strategy: StrategyId,
    ) -> None:
        self._state = state
        self._losses = losses
        self._outlook = outlook
        self._rests: dict[Horizon | None, Tail] = {}
        self._growths: dict[Horizon | None, int] = {}
        self.now_ns = now_ns
        self.market = market
        self.place = place
        self.strategy = strategy

    @property
    def order(self) -> Place:
        """Return the order; ValueError when there is none."""
        if self.place is None:
            raise ValueError("no order is looked at")
        return self.place

    # -- the account -----------------------------------------------------------------------------------------------

    @_Once
    def equity(self) -> int | None:
        """Return cash and what is held at what it would bring, None while some of it was never priced."""
        portfolio = self._state.portfolio
        return portfolio.equity() if portfolio.marked else None

    @_Once
    def base(self) -> Baseline | None:
        """Return what losses are measured from, None while it is not known."""
        return self._state.triggers.known

    def sent_since(self, since_ns: int) -> int:
        """Return how many orders left at this time or after."""
        return sum(sent >= since_ns for sent in self._state.sent)

    def at_work(self, strategy: str) -> int:
        """Return what a strategy's positions have cost and its resting buys may still cost, without this order."""
        resting = (r.reserved_usd for r in self._state.oms.all_live() if r.command.strategy == strategy)
        return self._state.portfolio.spent_by(strategy) + sum(resting)

    @property
    def is_open(self) -> bool:
        """Return whether something is held or live in the order's market, without the order."""
        return not self._state.portfolio.holding(self.market).flat or bool(self.live)

    @_Once
    def open_markets(self) -> set[MarketId]:
        """Return the markets in which something is held or live, without this order."""
        held = {market.id for market, holding in self._state.portfolio.holdings() if not holding.flat}
        return held | {record.command.market for record in self._state.oms.all_live()}

    # -- what may be lost: with the order, and now -----------------------------------------------------------------

    @_Once
    def _stake(self) -> Stake:
        return self._losses.stake(self.market, self.place)

    @_Once
    def _stake_now(self) -> Stake:
        return self._losses.stake(self.market)

    @_Once
    def market_worst(self) -> int:
        """Return the most the market can lose with the order."""
        return self._stake.worst

    @property
    def market_worst_now(self) -> int:
        """Return the most the market can lose without it."""
        return self._stake_now.worst

    @_Once
    def event_worst(self) -> int:
        """Return the most that all that resolves together can lose with the order."""
        return self._worst(self._losses.members(self.market), self._stake)

    @property
    def event_worst_now(self) -> int:
        """Return the most the event can lose without it."""
        return self._worst(self._losses.members(self.market), self._stake_now)

    @_Once
    def sector_worst(self) -> int:
        """Return the most the markets of the same event can lose with the order, exclusive or not."""
        return self._worst(self._losses.sector(self.market), self._stake)

    @property
    def sector_worst_now(self) -> int:
        """Return the same without it."""
        return self._worst(self._losses.sector(self.market), self._stake_now)

    def _worst(self, markets: Sequence[Market], own: Stake) -> int:
        if len(markets) == 1 and markets[0] is self.market:
            return own.worst
        return self._losses.worst(markets, {self.market.id: own})

    def bound(self, horizon: Horizon | None, confidence: float) -> tuple[float, float]:
        """Return what VaR and expected shortfall of the account are at most with the order."""
        if horizon not in self._growths:
            self._growths[horizon] = self._outlook.growth(self.market, self.now_ns, horizon, self._stake)
        var, shortfall = self._outlook.risk(self.now_ns, horizon, confidence)
        return var + self._growths[horizon], shortfall + self._growths[horizon]

    def rest(self, horizon: Horizon | None) -> Tail:
        """Return what all other events may lose."""
        if horizon not in self._rests:
            self._rests[horizon] = self._outlook.others(self.market, self.now_ns, horizon)
        return self._rests[horizon]

    def law(self, horizon: Horizon | None) -> Outcomes:
        """Return what this event may lose with the order."""
        return self._outlook.law(self.market, self.now_ns, horizon, self._stake)

    def law_now(self, horizon: Horizon | None) -> Outcomes:
        """Return what this event may lose without it."""
        return self._outlook.law(self.market, self.now_ns, horizon, self._stake_now)

    @_Once
    def event_greeks(self) -> tuple[float, float]:
        """Return 10⁻⁶ usd for each logit, and for each squared logit, of the event's markets with the order."""
        return self._outlook.greeks(self.market, self.ends)

    @_Once
    def event_greeks_now(self) -> tuple[float, float]:
        """Return the same without it."""
        return self._outlook.greeks(self.market)

    @_Once
    def rest_vega(self) -> float:
        """Return Σ 10⁻⁶ usd for each logit of all other events."""
        return self._outlook.others_vega(self.market, self.now_ns)

    # -- the order's market ----------------------------------------------------------------------------------------

    @_Once
    def book(self) -> OrderBook:
        """Return the book of the order's token."""
        return self._state.books[self.order.token]

    @_Once
    def opposite(self) -> int | None:
        """Return the best price the order could trade with, None when nobody offers one."""
        best = self.book.best_ask if self.order.side is Side.BUY else self.book.best_bid
        return best if 0 < best < SCALE else None

    @_Once
    def takes(self) -> bool:
        """Return whether some of it would trade at once."""
        best, order = self.opposite, self.order
        return best is not None and not order.post_only and (order.price - best) * order.side.sign >= 0

    @_Once
    def walked(self) -> tuple[int, int]:
        """Return (10⁻⁶ usd, shares) of what the order would trade at once within its price."""
        order, usd, left = self.order, 0, self.order.size
        for price, size in self.book.grid.levels(ASK if order.side is Side.BUY else BID):
            if (order.price - price) * order.side.sign < 0 or not left:
                break
            taken = min(size, left)
            usd, left = usd + notional(price, taken), left - taken
        return usd, order.size - left

    @_Once
    def live(self) -> list[OrderRecord]:
        """Return what rests in this market or is on its way."""
        return list(self._state.oms.live(self.market.id))

    @_Once
    def sign(self) -> int:
        """Return +1 when the order is for YES to come true, −1 when against."""
        return self.order.side.sign if self.order.token == self.market.yes else -self.order.side.sign

    @_Once
    def ends(self) -> Ends:
        """Return the net position at both ends with the order."""
        return self._losses.ends(self.market, self.place)

    @_Once
    def reduces(self) -> bool:
        """Return whether the position only gets smaller, whatever of the order fills, and never changes sides."""
        net, ends = self._state.portfolio.net(self.market), self.ends
        return ends.short >= 0 > self.sign if net > 0 else ends.long <= 0 < self.sign

    # -- others ----------------------------------------------------------------------------------------------------

    def excluding(self) -> list[Ends]:
        """Return what is held or live in the other markets of the event of which one wins."""
        return [self._losses.ends(m) for m in self._losses.members(self.market) if m.id != self.market.id]

    def ends_of(self, name: str) -> Ends | None:
        """Return what is held or live in the market of this id or slug, None when it is not traded here."""
        found = next((m for m in self._state.markets.values() if called(m, name)), None)
        return self._losses.ends(found) if found else None

    def is_called(self, name: str) -> bool:
        """Return whether `name` is the id or the slug of the order's market."""
        return name.lower() in self.names

    @_Once
    def names(self) -> tuple[str, str]:
        """Return the id and the slug of the order's market in lower case."""
        return names(self.market)


def called(market: Market, name: str) -> bool:
    """Return whether `name` is a market's id or slug; the case does not matter."""
    return name.lower() in names(market)


def names(market: Market) -> tuple[str, str]:
    """Return a market's id and slug in lower case."""
    return market.id.lower(), market.slug.lower()

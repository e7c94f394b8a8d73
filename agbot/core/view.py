"""What a strategy sees, and what it may wish. Integers of 10⁻⁶, with `Decimal` as lazy properties where people look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol, TypeAlias

import attrs

from agbot.core.references import ReferenceKey
from agbot.model.events import ReferencePrice, TradePrint
from agbot.model.ids import ClientOrderId, MarketId, StrategyId, TokenId
from agbot.model.market import Market, Outcome
from agbot.model.order import Liquidity, OrderState, OrderType, Side, TimeInForce

_YES: Final = Outcome.YES


class BookView(Protocol):
    """One token's book, read-only. Prices 10⁻⁶ usd; 0 is "no bid", 1 000 000 "no ask"."""

    @property
    def tick(self) -> int: ...
    @property
    def best_bid(self) -> int: ...
    @property
    def best_ask(self) -> int: ...
    @property
    def best_bid_size(self) -> int: ...
    @property
    def best_ask_size(self) -> int: ...
    @property
    def empty(self) -> bool: ...
    @property
    def locked(self) -> bool: ...
    @property
    def crossed(self) -> bool: ...
    def size_at(self, side: int, price: int, /) -> int:
        """Return the visible size of a level, 0 when there is none. `side` is events.BID or events.ASK."""
        ...

    def top(self, side: int, n: int, /) -> list[tuple[int, int]]:
        """Return up to `n` levels as (price, size), best first."""
        ...

    def microprice(self) -> float | None:
        """Return the size-weighted mid in 10⁻⁶ usd, None unless both sides are there."""
        ...

    def imbalance(self, levels: int = 1) -> float | None:
        """Return (bid − ask)/(bid + ask) sizes over the best levels, None on an empty book."""
        ...


@attrs.frozen(kw_only=True)
class OwnOrder:
    """One live order of the asking strategy."""

    client_order_id: ClientOrderId
    token: TokenId
    side: Side
    price: int
    remaining: int
    state: OrderState


@attrs.frozen(kw_only=True)
class OwnFill:
    """An execution of the asking strategy (10⁻⁶), of whose token `price` is. `voided`: it was told before, and failed
    to settle: take it back.
    """

    client_order_id: ClientOrderId
    token: TokenId
    side: Side
    price: int
    size: int
    fee: int
    liquidity: Liquidity
    ts_ns: int
    voided: bool = False


@attrs.frozen(kw_only=True)
class OwnEnd:
    """An order of the asking strategy that ended, `filled` of its `size`. `state` is the last it will be in."""

    client_order_id: ClientOrderId
    token: TokenId
    side: Side
    price: int
    size: int
    filled: int
    state: OrderState
    reason: str


@attrs.frozen(kw_only=True)
class OwnDenial:
    """A wish of the asking strategy that risk denied when it was asked last, and by which rules."""

    token: TokenId
    side: Side
    price: int
    size: int
    violated: tuple[str, ...]


class Around(Protocol):
    """The other markets at the same instant."""

    @property
    def markets(self) -> Sequence[Market]: ...
    @property
    def equity(self) -> int: ...
    def see(self, market: MarketId) -> View | None:
        """Return what the strategy sees of another market, without news; None for one that it does not follow."""
        ...


class _Nothing:
    """What is around a view that stands alone."""

    markets: Sequence[Market] = ()
    equity = 0

    def see(self, market: MarketId) -> View | None:  # noqa: ARG002 - the protocol's shape
        return None


NOTHING: Final[Around] = _Nothing()


@attrs.frozen(kw_only=True)
class View:
    """Everything a decision may depend on, for one market at one instant.

    Args:
        books: the books of YES and NO by outcome.
        yes_size: shares of YES held (confirmed and provisional); `no_size` likewise.
        yes_unsettled: how many of them are provisional; `no_unsettled` likewise.
        orders: the asking strategy's live orders in this market, oldest first.
        cash: 10⁻⁶ usd not yet reserved by resting buys.
        trusted: False while the feed is down, no snapshot has come, or one of the books is doubted: quote nothing.
        references: the latest reference price by (source, symbol); look at its `ts_ns` before believing it.
        own_yes: shares of YES that the asking strategy itself bought and has not sold, kept over restarts; negative
            where it sold what others hold. `own_no` likewise.
        fills: executions of the asking strategy in this market since it was asked last; `ended`, `denied` likewise.
        prints: what traded in this market since.
        second: whether a second has passed.
        winner: the outcome that was paid, None while the market has not resolved.
    """

    now_ns: int
    market: Market
    books: dict[Outcome, BookView]
    yes_size: int
    no_size: int
    orders: Sequence[OwnOrder]
    cash: int
    trusted: bool
    references: Mapping[ReferenceKey, ReferencePrice] = attrs.field(factory=dict)
    yes_unsettled: int = 0
    no_unsettled: int = 0
    own_yes: int = 0
    own_no: int = 0
    fills: Sequence[OwnFill] = ()
    ended: Sequence[OwnEnd] = ()
    denied: Sequence[OwnDenial] = ()
    prints: Sequence[TradePrint] = ()
    second: bool = False
    winner: Outcome | None = None
    around: Around = NOTHING

    @property
    def markets(self) -> Sequence[Market]:
        """Return every market that the strategy follows."""
        return self.around.markets

    @property
    def equity(self) -> int:
        """Return the account's equity (10⁻⁶ usd)."""
        return self.around.equity

    def see(self, market: MarketId) -> View | None:
        """Return the same instant in another market, without news; None for one that the strategy does not follow."""
        return self.around.see(market)

    @property
    def own_net(self) -> int:
        """Return YES minus NO shares of the asking strategy itself."""
        return self.own_yes - self.own_no

    @property
    def yes_settled(self) -> int:
        """Return the YES shares that may be sold: held, and not waiting for their trade to settle."""
        return self.yes_size - self.yes_unsettled

    @property
    def no_settled(self) -> int:
        """Return the NO shares that may be sold."""
        return self.no_size - self.no_unsettled

    @property
    def net_size(self) -> int:
        """Return YES minus NO shares: the inventory that moves with the price."""
        return self.yes_size - self.no_size

    @property
    def book(self) -> BookView:
        """Return the YES book."""
        return self.books[_YES]


@attrs.frozen(kw_only=True)
class Place:
    """A wish for an order. `budget` (10⁻⁶ usd) is for MARKET BUY only; `why` is one line for a person.

    The token may be of any market that the strategy follows.

    `fair` is what the strategy holds a share of the token to be worth (10⁻⁶ usd), 0 when it does not say. After
    `valid_until_ns` the wish is denied, 0 is never.
    """

    token: TokenId
    side: Side
    price: int
    size: int
    why: str
    order_type: OrderType = OrderType.LIMIT
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    expire_ns: int = 0
    budget: int = 0
    replaces: str = ""
    fair: int = 0
    valid_until_ns: int = 0


@attrs.frozen(kw_only=True)
class Cancel:
    """A wish to take an order back."""

    client_order_id: ClientOrderId
    why: str


Intent: TypeAlias = Place | Cancel


class Strategy(Protocol):
    """The whole contract: look, then wish. Pure: no clock, no dice, no I/O; state lives in attributes."""

    @property
    def id(self) -> StrategyId: ...

    def decide(self, view: View) -> Sequence[Intent]:
        """Return what this strategy wants now, given the facts; called once per touched market and batch.

        The view is valid during the call. One that raises is stopped, and its orders are taken off.
        """
        ...

"""Nouns of the exchange: listings, orders, trades, and the facts its sockets tell.

Prices, sizes and money are integers of 10⁻⁶, times integer nanoseconds of the exchange's own clock (UTC). A price or
side without further words is of the token the order names; "YES price" is said where it is meant.
"""

from __future__ import annotations

import enum
from typing import TypeAlias

import attrs

from agbot.model.events import Change
from agbot.model.ids import TokenId
from agbot.model.market import Market, Outcome
from agbot.model.order import Side, TimeInForce


class Refused(Exception):  # noqa: N818 - what the venue says, not an error of ours
    """The venue's no to one order or request; `text` is the venue's own wording, `status` its HTTP status."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


@attrs.frozen(kw_only=True)
class Event:
    """What markets are grouped under; those of one `neg_risk` event exclude each other."""

    id: str
    slug: str
    title: str
    neg_risk: bool = False
    neg_risk_id: str = ""
    """`negRiskMarketID`, 0x and 64 hex digits; empty without neg risk."""
    tags: tuple[str, ...] = ()


@attrs.define(kw_only=True, eq=False)
class Listing:
    """A market as this exchange lists it: its terms and what happened to it.

    Args:
        market: the terms; `market.id` is the condition id (0x and 64 hex digits), tokens are decimal digits.
        rebate_rate: what part of taker fees goes back to makers, 10⁻⁶.
        taker_delay_ns: marketable orders wait this long (status ``delayed``); 0 is at once.
    """

    market: Market
    gamma_id: str
    event: Event
    outcomes: tuple[str, str] = ("Yes", "No")
    group_title: str = ""
    description: str = ""
    start_ns: int = 0
    rebate_rate: int = 250_000
    taker_delay_ns: int = 0
    rewards_min_size: int = 50_000_000
    rewards_max_spread_cents: float = 3.5
    rewards_daily_usd: int = 0
    accepting: bool = True
    winner: TokenId | None = None
    resolved_ns: int = 0
    last_price: int = 500_000
    """YES price of the last trade."""
    last_side: Side | None = None
    """Side of the last taker; None when nobody traded yet."""
    volume: int = 0
    """Usd traded."""

    @property
    def condition(self) -> str:
        """Return the condition id."""
        return self.market.id

    @property
    def tokens(self) -> tuple[TokenId, TokenId]:
        """Return both tokens, YES first."""
        return self.market.yes, self.market.no

    def outcome_name(self, token: str) -> str:
        """Return what the outcome of a token is called."""
        return self.outcomes[0 if token == self.market.yes else 1]

    def named_tokens(self) -> dict[str, str]:
        """Return both tokens by what a person calls them: slug and outcome."""
        return {f"{self.market.slug} {self.outcome_name(token)}": token for token in self.tokens}

    def outcome(self, token: str) -> Outcome:
        """Return which outcome a token is."""
        return self.market.outcome(TokenId(token))


class OrderStatus(enum.StrEnum):
    """The venue's words. LIVE and DELAYED can still trade; the others are final."""

    LIVE = "LIVE"
    DELAYED = "DELAYED"
    MATCHED = "MATCHED"
    CANCELED = "CANCELED"
    CANCELED_MARKET_RESOLVED = "CANCELED_MARKET_RESOLVED"
    CANCELED_NOT_ENOUGH_BALANCE = "CANCELED_NOT_ENOUGH_BALANCE"
    CANCELED_EXPIRED_ORDER = "CANCELED_EXPIRED_ORDER"


class TradeStatus(enum.StrEnum):
    """How far a trade's settlement is; CONFIRMED and FAILED are final."""

    MATCHED = "MATCHED"
    MINED = "MINED"
    CONFIRMED = "CONFIRMED"
    RETRYING = "RETRYING"
    FAILED = "FAILED"


@attrs.frozen(kw_only=True)
class NewOrder:
    """An order whose signature, key and body were checked; the exchange's core checks all the rest.

    Args:
        id: the EIP-712 digest, 0x and 64 hex digits.
        address: the EOA that owns the API key; orders, cancels and reads are by it.
        owner: the API key.
        maker: the wallet that pays and receives: the account in the ledger.
        maker_amount: what the maker gives at most, 10⁻⁶ (usd of a BUY, shares of a SELL).
        taker_amount: what it wants for that, 10⁻⁶.
        expiration_s: UTC seconds, 0 for none.
        lasting: it can be asked for after it ended. Nobody asks for those of the exchange's own traders, and they are
            many: kept, they would push everybody else's out.
    """

    id: str
    address: str
    owner: str
    maker: str
    token: str
    side: Side
    maker_amount: int
    taker_amount: int
    order_type: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    expiration_s: int = 0
    signature_type: int = 0
    lasting: bool = True


@attrs.define(kw_only=True, eq=False)
class Order:
    """An order the exchange took. `matched` of `size` shares are traded; a BUY that never rests may match more."""

    new: NewOrder
    listing: Listing
    price: int
    size: int
    created_ns: int
    status: OrderStatus = OrderStatus.LIVE
    matched: int = 0
    reason: str = ""
    """Why it was cancelled."""
    trades: list[str] = attrs.field(factory=list)
    reserve: int = 0
    """What it holds back of its wallet: usd of a BUY, shares of a SELL."""
    budget: int = 0
    """Usd of a BUY that never rests; 0 for any other."""

    @property
    def id(self) -> str:
        """Return the id."""
        return self.new.id

    @property
    def remaining(self) -> int:
        """Return the shares that can still trade, 0 when it ended."""
        return max(0, self.size - self.matched) if self.status in _LIVING else 0

    @property
    def living(self) -> bool:
        """Return whether it can still trade."""
        return self.status in _LIVING


_LIVING = frozenset({OrderStatus.LIVE, OrderStatus.DELAYED})


@attrs.frozen(kw_only=True)
class Leg:
    """One order's part in a trade, seen from that order. `value` is the usd given or taken, without `fee`.

    `kind` is how it meets the taker: ``normal``, ``mint`` (two buyers) or ``merge`` (two sellers); the taker's own
    leg says ``normal``.
    """

    order: Order
    token: TokenId
    side: Side
    price: int
    size: int
    value: int
    fee: int = 0
    kind: str = "normal"


@attrs.define(kw_only=True, eq=False)
class Trade:
    """One taker order against all makers of one price. Its shares and money move when it is MINED, not before."""

    id: str
    listing: Listing
    taker: Leg
    makers: tuple[Leg, ...]
    matched_ns: int
    updated_ns: int
    status: TradeStatus = TradeStatus.MATCHED
    tx_hash: str = ""
    """0x and 64 hex digits once mined."""

    @property
    def legs(self) -> tuple[Leg, ...]:
        """Return all legs, the taker's first."""
        return self.taker, *self.makers


@attrs.frozen
class Placed:
    """The answer to an order that was taken; `trades` are those it made at once."""

    order: Order
    trades: tuple[Trade, ...] = ()


# ---------------------------------------------------------------- facts, in the order they happen


class OrderNews(enum.StrEnum):
    """What a user is told of an order."""

    PLACEMENT = "PLACEMENT"
    UPDATE = "UPDATE"
    CANCELLATION = "CANCELLATION"


@attrs.frozen
class BookChanged:
    """Absolute sizes of YES levels: (BID or ASK, YES price, new size). The NO book is its exact mirror."""

    listing: Listing
    changes: tuple[Change, ...]
    ts_ns: int


@attrs.frozen
class Traded:
    """A trade happened: what the public sees. Comes before the BookChanged it causes."""

    trade: Trade
    ts_ns: int


@attrs.frozen
class OrderTold:
    """An order was placed, matched in part or in full, or cancelled."""

    order: Order
    news: OrderNews
    ts_ns: int


@attrs.frozen
class TradeTold:
    """A trade has a new status; goes to the owners of all its legs."""

    trade: Trade
    ts_ns: int


@attrs.frozen
class TickChanged:
    """A market's tick became finer."""

    listing: Listing
    old: int
    new: int
    ts_ns: int


@attrs.frozen
class Listed:
    """A market was opened."""

    listing: Listing
    ts_ns: int


@attrs.frozen
class Resolved:
    """A market has a winner; its orders are gone."""

    listing: Listing
    ts_ns: int


class Move(enum.StrEnum):
    """Money or shares that move without a trade."""

    DEPOSIT = "DEPOSIT"
    WITHDRAWAL = "WITHDRAWAL"
    SPLIT = "SPLIT"
    MERGE = "MERGE"
    CONVERSION = "CONVERSION"
    REDEEM = "REDEEM"
    MAKER_REBATE = "MAKER_REBATE"


@attrs.frozen(kw_only=True)
class Moved:
    """A wallet's holdings changed without a trade: `usd` and `size` of `token` are signed, from the wallet's side.

    A split, merge or conversion is one fact a token; the usd come with the first of them. `token` is empty when only
    usd moved.
    """

    kind: Move
    wallet: str
    listing: Listing | None = None
    token: str = ""
    usd: int = 0
    size: int = 0
    ts_ns: int


Fact: TypeAlias = BookChanged | Traded | OrderTold | TradeTold | TickChanged | Listed | Resolved | Moved

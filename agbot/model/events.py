"""Everything that can *happen*. Immutable, journaled as is, the only input of the core.

Prices and sizes are integers of 10⁻⁶, `ts_ns` is the source's time in UTC nanoseconds. Structs are `array_like`: the
journal holds their field values in the order written here, so fields are only ever appended.
"""

from __future__ import annotations

import enum
from typing import Final, TypeAlias, TypeVar

import msgspec

from agbot.model.ids import ClientOrderId, MarketId, TokenId, TradeId, VenueId, VenueOrderId
from agbot.model.market import Market
from agbot.model.notes import ResultTold, TradeRefused
from agbot.model.order import Liquidity, OrderType, Settlement, Side, TimeInForce

BID: Final = 0
ASK: Final = 1

Level: TypeAlias = tuple[int, int]
"""(price, size)"""
Change: TypeAlias = tuple[int, int, int]
"""(BID or ASK, price, new absolute size; 0 removes the level)"""


class Doubt(enum.StrEnum):
    """Why a token's book is not to be believed. The words are what a person reads; the first that holds is told."""

    UNSUBSCRIBED = "not subscribed"
    GAP = "the link was lost"
    NO_SNAPSHOT = "no snapshot yet"
    IMPOSSIBLE = "impossible message"
    TICK = "tick changed"
    CROSSED = "crossed for too long"
    DISAGREES = "not the best prices the venue names"
    REST = "not the book the venue gives over REST"
    GHOST = "only far levels while the market trades"
    SILENT = "no data"


class Health(enum.StrEnum):
    """How a venue is. DEGRADED: only what makes a position smaller is sent. DOWN: no order is."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    DOWN = "down"


class Source(enum.StrEnum):
    """Who said a fact about an order. UNTOLD is a journal from before sources were kept."""

    UNTOLD = ""
    REPLY = "reply"
    SOCKET = "user socket"
    READ = "read"
    DATA_API = "data API"
    CHAIN = "chain"
    SIMULATED = "simulated venue"
    OURS = "ours"


_Said = TypeVar("_Said", bound="OrderEvidence")


def said_by(source: Source, evidence: _Said) -> _Said:
    """Return a fact with who said it; one that names its source keeps it."""
    return evidence if evidence.source else msgspec.structs.replace(evidence, source=source)


class _Fact(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=True):
    pass


class MarketListed(_Fact, frozen=True):
    """A market is known from here on; repeated when its terms change."""

    market: Market
    ts_ns: int


class BookSnapshot(_Fact, frozen=True):
    """The whole book of one token; replaces what was there. Levels in any order."""

    token: TokenId
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    ts_ns: int


class BookDelta(_Fact, frozen=True):
    """Absolute level changes of one token, applied in order."""

    token: TokenId
    changes: tuple[Change, ...]
    ts_ns: int


class TradePrint(_Fact, frozen=True):
    """Somebody traded. `side` is the taker's side of this token."""

    token: TokenId
    side: Side
    price: int
    size: int
    ts_ns: int


class TickSizeChanged(_Fact, frozen=True):
    """The venue changed a token's tick."""

    token: TokenId
    tick: int
    ts_ns: int


class MarketResolved(_Fact, frozen=True):
    """A market ended; `winner` pays 1 usd per share."""

    market: MarketId
    winner: TokenId
    ts_ns: int


class LinkUp(_Fact, frozen=True):
    """A feed delivers again."""

    feed: str
    ts_ns: int


class LinkDown(_Fact, frozen=True):
    """A feed was lost; its books are not to be trusted."""

    feed: str
    reason: str
    ts_ns: int


class BookTrust(_Fact, frozen=True):
    """A token's book is doubted by its feed, or (`cause` empty) believed again. `cause` is a word of `Doubt`."""

    token: TokenId
    cause: str
    ts_ns: int


class ReferencePrice(_Fact, frozen=True):
    """What something outside our markets costs. `source` names the topic or channel, `value` is in 10⁻⁶ usd."""

    symbol: str
    source: str
    value: int
    ts_ns: int


class OrderAccepted(_Fact, frozen=True):
    """The venue has the order."""

    client_order_id: ClientOrderId
    venue_order_id: VenueOrderId
    ts_ns: int
    source: Source = Source.UNTOLD


class OrderRejected(_Fact, frozen=True):
    """The venue said no; nothing rests."""

    client_order_id: ClientOrderId
    reason: str
    ts_ns: int
    source: Source = Source.UNTOLD


class OrderFilled(_Fact, frozen=True):
    """One execution of ours. `fee` in 10⁻⁶ usd; `match` is normal, mint or merge; `final` says no more will come."""

    client_order_id: ClientOrderId
    trade_id: TradeId
    price: int
    size: int
    fee: int
    liquidity: Liquidity
    ts_ns: int
    match: str = "normal"
    settlement: Settlement = Settlement.CONFIRMED
    final: bool = False
    source: Source = Source.UNTOLD


class OrderCancelled(_Fact, frozen=True):
    """The rest of the order no longer rests."""

    client_order_id: ClientOrderId
    reason: str
    ts_ns: int
    source: Source = Source.UNTOLD


class OrderExpired(_Fact, frozen=True):
    """A GTD order reached its time."""

    client_order_id: ClientOrderId
    ts_ns: int
    source: Source = Source.UNTOLD


class CancelRejected(_Fact, frozen=True):
    """The venue would not cancel; the order is what it was."""

    client_order_id: ClientOrderId
    reason: str
    ts_ns: int
    source: Source = Source.UNTOLD


class OrderUnknown(_Fact, frozen=True):
    """Sent and not heard of: neither success nor failure."""

    client_order_id: ClientOrderId
    reason: str
    ts_ns: int
    source: Source = Source.UNTOLD


class OrderAttempted(_Fact, frozen=True):
    """A request about an order went to the venue: evidence of what we did, which changes nothing by itself.

    `number` counts the requests of this operation about this order; `said` is what came back in a few words, of
    silence too. `signature` is hexadecimal and told with the first post: further copies are the same bytes.
    """

    client_order_id: ClientOrderId
    operation: str
    number: int
    said: str
    took_ns: int
    ts_ns: int
    venue_order_id: str = ""
    signature: str = ""


class Timer(_Fact, frozen=True):
    """Time passed; strategies and rules get a look although no market moved."""

    name: str
    ts_ns: int


class HeartbeatLost(_Fact, frozen=True):
    """The venue has accepted no heartbeat for `silent_ns`: it cancels every order, or has."""

    silent_ns: int
    ts_ns: int


class VenueHealth(_Fact, frozen=True):
    """A venue is better or worse than before. `reason` is empty when it is well."""

    venue: VenueId
    health: Health
    reason: str
    ts_ns: int


class OperatorOrder(_Fact, frozen=True):
    """A person or another program asks for an order; it passes the same gate as a strategy's.

    One that is `reduce_only` unwinds what is held while the kill switch is on. `source` names the program that approved
    it, with its reason in `why`; it is empty for a person's. `slippage` (10⁻⁶ usd) is how far beyond the best price it
    may go, −1 as far as `price`; it is too late after `valid_until_ns`, 0 is never.
    """

    request_id: str
    market: MarketId
    token: TokenId
    side: Side
    order_type: OrderType
    price: int
    size: int
    time_in_force: TimeInForce
    post_only: bool
    expire_ns: int
    ts_ns: int
    reduce_only: bool = False
    source: str = ""
    why: str = ""
    slippage: int = -1
    valid_until_ns: int = 0


class OperatorCancel(_Fact, frozen=True):
    """A person asks to cancel one order, or all with an empty id."""

    client_order_id: str
    reason: str
    ts_ns: int


class KillSwitchSet(_Fact, frozen=True):
    """The latch changed. While `on`, nothing but cancels leaves.

    An empty `scope` is the account; else it is "market", "strategy" or "venue", and `name` says which one.
    """

    on: bool
    reason: str
    by: str
    ts_ns: int
    scope: str = ""
    name: str = ""


class PoliciesSet(_Fact, frozen=True):
    """The risk policies are these from now on, as a journal spells them; switch and losses stay as they are."""

    policies: str
    reason: str
    by: str
    ts_ns: int


class KillSwitchProven(_Fact, frozen=True):
    """What closing the kill switch came to: orders taken off, and left; −1 where the venue could not be asked."""

    scope: str
    name: str
    cancelled: int
    left: int
    ts_ns: int


class ReconcileDifference(_Fact, frozen=True):
    """The venue holds something else than the core thinks, read after read. `reason` is empty once they agree again.

    `market` is empty when it is the account's cash.
    """

    market: MarketId
    reason: str
    ts_ns: int


class DifferenceAccepted(_Fact, frozen=True):
    """A person takes the venue's figure over: `change` is what it is above ours (10⁻⁶ usd or shares), `venue` itself.

    `market` and `outcome` are empty when it is the account's cash; new shares are taken to have cost `price`.
    """

    market: MarketId
    outcome: str
    change: int
    venue: int
    price: int
    by: str
    reason: str
    source: str
    ts_ns: int


class HaltRequested(_Fact, frozen=True):
    """Orderly stop: cancel everything, place nothing more."""

    reason: str
    ts_ns: int


MarketData: TypeAlias = (
    MarketListed
    | BookSnapshot
    | BookDelta
    | TradePrint
    | TickSizeChanged
    | MarketResolved
    | LinkUp
    | LinkDown
    | BookTrust
    | ReferencePrice
)
OrderEvidence: TypeAlias = (
    OrderAccepted | OrderRejected | OrderFilled | OrderCancelled | OrderExpired | CancelRejected | OrderUnknown
)
Operator: TypeAlias = (
    OperatorOrder | OperatorCancel | PoliciesSet | KillSwitchSet | KillSwitchProven | HaltRequested | DifferenceAccepted
)
Note: TypeAlias = OrderAttempted | KillSwitchProven | TradeRefused | ResultTold
"""What is kept for those who ask later; it changes nothing."""
Event: TypeAlias = (
    MarketData | OrderEvidence | Timer | HeartbeatLost | VenueHealth | Operator | ReconcileDifference | Note
)
NOTES: Final = (OrderAttempted, KillSwitchProven, TradeRefused, ResultTold)

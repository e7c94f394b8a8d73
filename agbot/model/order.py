"""Orders as people and adapters exchange them (`Decimal`), and the words for their lives."""

from __future__ import annotations

import enum
from decimal import Decimal

import attrs

from agbot.model.ids import ClientOrderId, MarketId, TokenId, VenueId


class Side(enum.StrEnum):
    """What we do with the outcome token."""

    BUY = "BUY"
    SELL = "SELL"

    __hash__ = str.__hash__  # an Enum's own is Python, and every look at a book or a holding asks for it

    @property
    def sign(self) -> int:
        """Return +1 for BUY, −1 for SELL."""
        return 1 if self is Side.BUY else -1

    @property
    def other(self) -> Side:
        """Return the opposite side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(enum.StrEnum):
    """LIMIT rests at its price; MARKET is a marketable FOK or FAK with a mandatory worst price."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"


class TimeInForce(enum.StrEnum):
    """How long an order lives. IOC is the field's name for the venue's FAK."""

    GTC = "GTC"
    GTD = "GTD"
    FOK = "FOK"
    FAK = "FAK"
    IOC = "IOC"

    @property
    def immediate(self) -> bool:
        """Return whether the order never rests."""
        return self in (TimeInForce.FOK, TimeInForce.FAK, TimeInForce.IOC)


class OrderState(enum.StrEnum):
    """DENIED is our risk, REJECTED the venue's no, UNKNOWN silence."""

    PENDING_NEW = "PENDING_NEW"
    OPEN = "OPEN"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"
    DENIED = "DENIED"

    @property
    def terminal(self) -> bool:
        """Return whether nothing but a late fill can still happen."""
        return self in _TERMINAL


_TERMINAL = frozenset(
    {OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED, OrderState.DENIED}
)


class Liquidity(enum.StrEnum):
    """Which side of a match we were."""

    MAKER = "MAKER"
    TAKER = "TAKER"


class Settlement(enum.StrEnum):
    """How final a fill is: provisional until CONFIRMED, voided by FAILED."""

    MATCHED = "MATCHED"
    MINED = "MINED"
    RETRYING = "RETRYING"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"


def _positive(_: object, attribute: attrs.Attribute[Decimal], value: Decimal) -> None:
    if not isinstance(value, Decimal) or not value.is_finite() or value <= 0:
        raise ValueError(f"{attribute.name} must be a positive Decimal, got {value!r}")


@attrs.frozen(kw_only=True)
class Order:
    """An order as a caller writes it and a venue adapter receives it.

    Args:
        id: the caller's name for it; equals `client_order_id` unless given.
        market: the outcome token it trades (a binary market has one book per token for its users).
        price: 0–1 usd per share. LIMIT: the limit. MARKET: the worst price accepted; never optional.
        size: shares; for a MARKET BUY the usd to spend.
        time_in_force: MARKET takes FOK, FAK or IOC only.
        expire_ns: UTC nanoseconds, GTD only.
        created_ns: UTC nanoseconds of the decision; with `client_order_id` it makes what is signed reproducible.

    Raises:
        ValueError: a field or a combination is impossible; the text says which.
    """

    client_order_id: ClientOrderId
    venue: VenueId
    market: MarketId
    token: TokenId
    side: Side
    order_type: OrderType = OrderType.LIMIT
    price: Decimal | None = None
    size: Decimal = attrs.field(validator=_positive)
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    expire_ns: int = 0
    created_ns: int = 0
    id: str = attrs.field()

    @id.default  # noqa: A003
    def _id(self) -> str:
        return self.client_order_id

    def __attrs_post_init__(self) -> None:
        if self.price is None:
            what = "a limit" if self.order_type is OrderType.LIMIT else "a worst price"
            raise ValueError(f"{self.order_type} order without {what}: price is mandatory")
        # NaN first: comparing it raises something that is not a ValueError.
        if not isinstance(self.price, Decimal) or not self.price.is_finite() or not 0 < self.price < 1:
            raise ValueError(f"price must be a Decimal between 0 and 1, got {self.price!r}")
        if self.order_type is OrderType.MARKET and not self.time_in_force.immediate:
            raise ValueError(f"MARKET with {self.time_in_force}: use FOK, FAK or IOC")
        if self.post_only and self.time_in_force.immediate:
            raise ValueError(f"post-only with {self.time_in_force}: an order that never rests cannot be post-only")
        if self.expire_ns < 0 or (self.time_in_force is TimeInForce.GTD) != (self.expire_ns > 0):
            raise ValueError(
                f"{self.time_in_force} with expire_ns {self.expire_ns}: a GTD order, and no other, has a time"
            )


@attrs.frozen(kw_only=True)
class OrderAck:
    """The venue's word on an order. `timestamp` is UTC nanoseconds; `filled` is shares matched at once.

    `order_id` is ours; `venue_order_id` the venue's own name for it, empty where it has none.
    """

    order_id: str
    status: OrderState
    timestamp: int
    filled: Decimal = Decimal(0)
    venue_order_id: str = ""


@attrs.frozen(kw_only=True)
class CancelAck:
    """The venue's word on a cancel: `status` is CANCELLED, or the terminal state it found.

    Not `told`, fills of it are on their way: the venue's events tell those, and then the end.
    """

    order_id: str
    status: OrderState
    timestamp: int
    told: bool = True


@attrs.frozen(kw_only=True)
class Fill:
    """One execution. `price` usd per share, `size` shares, `fee` usd, `timestamp` UTC nanoseconds."""

    order_id: str
    price: Decimal
    size: Decimal
    fee: Decimal
    timestamp: int
    trade_id: str = ""
    liquidity: Liquidity = Liquidity.MAKER
    settlement: Settlement = Settlement.CONFIRMED

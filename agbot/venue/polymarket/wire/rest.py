"""Replies of the CLOB's REST interface. Prices, sizes and usd in 10⁻⁶, times in UTC nanoseconds.

Every `decode_…` takes the body of a 200 reply and raises VenueProtocolError, and nothing else, when it cannot be read.
"""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

import msgspec

from agbot.model.events import Level
from agbot.model.order import Settlement, Side
from agbot.units import SCALE

T = TypeVar("T")

ACCEPTED = frozenset({"live", "matched", "delayed"})
FIRST_PAGE = "MA=="
LAST_PAGE = "LTE="


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list; `next_cursor` is "" after the last."""

    items: tuple[T, ...]
    next_cursor: str


class OrderReply(msgspec.Struct, frozen=True):
    """What the venue said to one posted order. `status` in lower case; use `accepted`, never `success` alone."""

    success: bool
    error_msg: str
    order_id: str
    status: str
    making: int = 0
    taking: int = 0
    trade_ids: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Return whether the order exists at the venue now (delayed, resting or matched)."""
        return self.success and not self.error_msg and bool(self.order_id) and self.status in ACCEPTED

    def matched(self, maker_amount: int) -> tuple[int, int]:
        """Return (making, taking) in 10⁻⁶, given the most the order can make.

        The amounts are human decimals in practice and base units in the venue's documentation; both are whole numbers
        for a whole amount, so a making amount beyond the order's own is read as base units.
        """
        if self.making > 2 * maker_amount and self.making % SCALE == 0 == self.taking % SCALE:
            return self.making // SCALE, self.taking // SCALE
        return self.making, self.taking


class CancelReply(msgspec.Struct, frozen=True):
    """Which orders no longer rest, and the venue's reason for each that it did not cancel."""

    canceled: tuple[str, ...]
    not_canceled: dict[str, str]


class OpenOrder(msgspec.Struct, frozen=True):
    """An order as the venue has it. `status` in upper case without prefix; `expiration_s` 0 is none."""

    id: str
    market: str
    token: str
    owner: str
    maker_address: str
    side: Side
    price: int
    original_size: int
    size_matched: int
    outcome: str
    order_type: str
    status: str
    created_ns: int
    expiration_s: int = 0
    trades: tuple[str, ...] = ()
    reason: str = ""


class MakerOrder(msgspec.Struct, frozen=True):
    """One resting order that a trade hit. `side` is None where the venue left it out."""

    order_id: str
    owner: str
    maker_address: str
    matched: int
    price: int
    token: str
    outcome: str
    side: Side | None = None
    fee_rate_bps: int = 0


class Trade(msgspec.Struct, frozen=True):
    """One match, seen from its taker: `side`, `price`, `token` are the taker's; a maker looks into `maker_orders`.

    `status_text` is the venue's own word; one that is not known counts as MATCHED, that is provisional.
    """

    id: str
    taker_order_id: str
    market: str
    token: str
    side: Side
    size: int
    price: int
    status: Settlement
    match_ns: int
    updated_ns: int
    owner: str
    maker_address: str
    transaction_hash: str = ""
    trader_side: str = ""
    fee_rate_bps: int = 0
    maker_orders: tuple[MakerOrder, ...] = ()
    outcome: str = ""
    status_text: str = ""


class BalanceAllowance(msgspec.Struct, frozen=True):
    """What the venue sees on chain, 10⁻⁶. The older single allowance is under the empty address."""

    balance: int
    allowances: dict[str, int]


class RestBook(msgspec.Struct, frozen=True):
    """A token's book. Levels best first: bids descending, asks ascending. Absent terms are 0, "" or None."""

    market: str
    token: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    ts_ns: int
    hash: str = ""
    tick: int = 0
    min_size: int = 0
    neg_risk: bool | None = None
    last_price: int = 0


class ClobMarket(msgspec.Struct, frozen=True, kw_only=True):
    """A market's trading terms. The taker fee of C shares at p is C · fee_rate · (p(1−p))^fee_exponent.

    `delay_s` is the taker delay of live sports, `taker_delay` the short one of up-down markets; `version` "v2" signs
    with domain 3; `reward_spread` in 10⁻⁶ usd; `reward_age_s` the age an order needs to earn.
    """

    condition: str
    tokens: tuple[tuple[str, str], ...]
    tick: int
    min_size: int
    neg_risk: bool = False
    accepting: bool = True
    fee_rate: int = 0
    fee_exponent: int = 1
    taker_only: bool = True
    delay_s: int = 0
    taker_delay: bool = False
    version: str = "v1"
    start_ns: int = 0
    clear_on_start: bool = False
    reward_min_size: int = 0
    reward_spread: int = 0
    reward_age_s: int = 0


class OutcomeToken(NamedTuple):
    """One outcome of a market record; `winner` after resolution."""

    token: str
    outcome: str
    price: int
    winner: bool


class MarketRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The CLOB's long market object: the source for who won."""

    condition: str
    question: str
    slug: str
    tokens: tuple[OutcomeToken, ...]
    tick: int
    min_size: int
    neg_risk: bool
    active: bool
    closed: bool
    accepting: bool
    order_book: bool
    end_ns: int = 0
    start_ns: int = 0
    delay_s: int = 0

    @property
    def winner(self) -> str:
        """Return the winning token, "" while there is none (or it pays both halves)."""
        return next((token.token for token in self.tokens if token.winner), "")


class PricePoint(NamedTuple):
    """One point of a price history; `price` in 10⁻⁶."""

    ts_ns: int
    price: int


class HeartbeatReply(NamedTuple):
    """`id` is the next id to send (or the expected one, in a refusal); `error` is "" when the send was accepted."""

    id: str
    error: str


class ApiKeyReply(NamedTuple):
    """Fresh API credentials, as they came."""

    key: str
    secret: str
    passphrase: str

    def __repr__(self) -> str:
        return "ApiKeyReply(***)"

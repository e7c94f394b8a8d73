"""Replies of the CLOB about orders, trades, balances and keys. Prices, sizes and usd in 10⁻⁶, times in UTC nanoseconds.

Every `decode_…` takes the body of a 200 reply and raises VenueProtocolError, and nothing else, when it cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec

from agbot.model.order import Settlement, Side
from agbot.units import NS_PER_S, SCALE
from agbot.venue.polymarket.wire.fields import Fields, read, rows_of
from agbot.venue.polymarket.wire.words import settlement, status

T = TypeVar("T")

FIRST_PAGE: Final = "MA=="
LAST_PAGE: Final = "LTE="

_NONE: Final[tuple[object, ...]] = (None, "", [], {})
_ACCEPTED: Final = frozenset({"live", "matched", "delayed"})


class _Rows(msgspec.Struct):
    data: list[msgspec.Raw]
    next_cursor: str = ""


_rows_apart: Final = msgspec.json.Decoder(_Rows | list[msgspec.Raw])


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list; `next_cursor` is "" after the last.

    `faults` says what is wrong with each item that was left out: only of descriptions (Gamma, Data API). A page of our
    orders or trades is read whole or not at all.
    """

    items: tuple[T, ...]
    next_cursor: str
    faults: tuple[str, ...] = ()


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
        return self.success and not self.error_msg and bool(self.order_id) and self.status in _ACCEPTED

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


def decode_order_reply(raw: bytes | str) -> OrderReply:
    """Read the reply to one posted order."""
    return read("order reply", raw, _order_reply)


def decode_order_replies(raw: bytes | str) -> tuple[OrderReply, ...]:
    """Read the reply to a batch, in the order of the request."""
    return read("batch reply", raw, rows_of(_order_reply))


def decode_cancel_reply(raw: bytes | str) -> CancelReply:
    """Read the reply to any kind of cancel."""
    return read("cancel reply", raw, _cancel_reply)


def decode_open_order(raw: bytes | str) -> OpenOrder | None:
    """Read one order, None when the venue answers that it has none (null, "" or an empty object)."""
    return read("order", raw, lambda value: None if value in _NONE else open_order(Fields(value)))


def decode_open_orders(raw: bytes | str) -> Page[OpenOrder]:
    """Read a page of open orders."""
    return read("open orders", raw, page_of(open_order))


def decode_trades(raw: bytes | str) -> Page[Trade]:
    """Read a page of own trades. The venue lists the same ones with every answer: a row is read once."""
    try:
        told = _rows_apart.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):  # said in full by the reader of any JSON
        return read("trades", raw, page_of(trade))
    listed, cursor = (told, "") if isinstance(told, list) else (told.data, told.next_cursor)
    return Page(tuple(_trade_told(bytes(row)) for row in listed), "" if cursor == LAST_PAGE else cursor)


@lru_cache(maxsize=2048)
def _trade_told(row: bytes) -> Trade:
    return read("trades", row, lambda value: trade(Fields(value)))


def decode_balance(raw: bytes | str) -> BalanceAllowance:
    """Read balance and allowances."""
    return read("balance", raw, _balance)


def decode_heartbeat(raw: bytes | str) -> HeartbeatReply:
    """Read the reply to a heartbeat, also the refusal (status 400) that names the expected id."""
    return read("heartbeat", raw, _heartbeat)


def decode_api_key(raw: bytes | str) -> ApiKeyReply:
    """Read freshly made or derived credentials."""
    return read("API key", raw, _api_key)


def decode_api_keys(raw: bytes | str) -> tuple[str, ...]:
    """Read the names of the account's API keys."""
    return read("API keys", raw, lambda value: Fields(value).texts("apiKeys", "api_keys"))


def decode_closed_only(raw: bytes | str) -> bool:
    """Read whether the account may only close positions."""
    return read("closed-only", raw, lambda value: Fields(value).flag("closed_only", "closedOnly"))


def page_of(item: Callable[[Fields], T]) -> Callable[[object], Page[T]]:
    """Return a reader of the CLOB's pages; a bare list counts as the only page."""

    def build(value: object) -> Page[T]:
        if isinstance(value, list):
            return Page(tuple(item(Fields(row)) for row in value), "")
        fields = Fields(value)
        if "data" not in fields:
            raise ValueError("data is missing")
        cursor = fields.text("next_cursor", default="")
        return Page(tuple(item(Fields(row)) for row in fields.rows("data")), "" if cursor == LAST_PAGE else cursor)

    return build


def open_order(f: Fields) -> OpenOrder:
    """Return an order; ValueError when it cannot be read."""
    word, reason = status(f.text("status"))
    return OpenOrder(
        id=f.name("id"),
        market=f.text("market"),
        token=f.name("asset_id"),
        owner=f.text("owner", default=""),
        maker_address=f.text("maker_address", default=""),
        side=f.side("side"),
        price=f.price("price"),
        original_size=f.units("original_size"),
        size_matched=f.units("size_matched"),
        outcome=f.text("outcome", default=""),
        order_type=f.text("order_type", "type", default="").upper(),
        status=word,
        created_ns=f.time("created_at", default=0),
        expiration_s=f.time("expiration", default=0) // NS_PER_S,
        trades=f.texts("associate_trades"),
        reason=reason,
    )


def trade(f: Fields) -> Trade:
    """Return a trade of ours; ValueError when it cannot be read."""
    text = f.text("status")
    return Trade(
        id=f.name("id"),
        taker_order_id=f.text("taker_order_id", default=""),
        market=f.text("market"),
        token=f.name("asset_id"),
        side=f.side("side"),
        size=f.units("size"),
        price=f.fill_price("price"),
        status=settlement(text) or Settlement.MATCHED,
        match_ns=f.time("match_time", "matchtime", "timestamp", default=0),
        updated_ns=f.time("last_update", "timestamp", default=0),
        owner=f.text("owner", default=""),
        maker_address=f.text("maker_address", default=""),
        transaction_hash=f.text("transaction_hash", default=""),
        trader_side=f.text("trader_side", default="").upper(),
        fee_rate_bps=f.whole("fee_rate_bps", default=0),
        maker_orders=tuple(_maker_order(Fields(row)) for row in f.rows("maker_orders")),
        outcome=f.text("outcome", default=""),
        status_text=text,
    )


def _maker_order(f: Fields) -> MakerOrder:
    return MakerOrder(
        order_id=f.name("order_id"),
        owner=f.text("owner", default=""),
        maker_address=f.text("maker_address", default=""),
        matched=f.units("matched_amount"),
        price=f.fill_price("price"),
        token=f.name("asset_id"),
        outcome=f.text("outcome", default=""),
        side=f.side("side") if "side" in f else None,
        fee_rate_bps=f.whole("fee_rate_bps", default=0),
    )


def _order_reply(value: object) -> OrderReply:
    f = Fields(value)
    if not any(name in f for name in ("success", "orderID", "errorMsg", "error")):
        raise ValueError("neither success, orderID nor an error")
    return OrderReply(
        success=f.flag("success", default=False),
        error_msg=f.text("errorMsg", "error_msg", "error", default=""),
        order_id=f.text("orderID", "orderId", default=""),
        status=status(f.text("status", default=""))[0].lower(),
        making=f.units("makingAmount", default=0),
        taking=f.units("takingAmount", default=0),
        trade_ids=f.texts("tradeIDs", "tradeIds"),
        hashes=f.texts("transactionsHashes", "transactionHashes"),
    )


def _cancel_reply(value: object) -> CancelReply:
    f = Fields(value)
    if "canceled" not in f and "not_canceled" not in f:
        raise ValueError("neither canceled nor not_canceled")
    return CancelReply(f.texts("canceled"), f.mapping("not_canceled", lambda reason: str(reason)[:300]))


def _balance(value: object) -> BalanceAllowance:
    f = Fields(value)
    allowances = f.mapping("allowances", _base_units)
    if "allowance" in f:
        allowances[""] = _base_units(f.text("allowance"))
    return BalanceAllowance(_base_units(f.text("balance")), allowances)


def _base_units(value: object) -> int:
    """Return base units (whole digits, up to 256 bits) or a human decimal, which has a point, as 10⁻⁶."""
    one = Fields({"amount": value})
    return one.units("amount") if "." in str(value) else one.whole("amount")


def _heartbeat(value: object) -> HeartbeatReply:
    f = Fields(value)
    if "heartbeat_id" not in f:
        raise ValueError("heartbeat_id is missing")
    return HeartbeatReply(f.text("heartbeat_id", default=""), f.text("error_msg", "error", default=""))


def _api_key(value: object) -> ApiKeyReply:
    f = Fields(value)
    return ApiKeyReply(f.name("apiKey", "api_key"), f.name("secret"), f.name("passphrase"))

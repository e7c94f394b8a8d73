"""Frames of the real-time data socket (RTDS): reference prices, public activity, comments, and the CLOB's channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from agbot.model.events import MarketData
from agbot.model.order import Side
from agbot.units import NS_PER_MS
from agbot.venue.polymarket.wire.counted import SILENT, Counted
from agbot.venue.polymarket.wire.fields import Fields, from_json
from agbot.venue.polymarket.wire.market import FrameDecoder
from agbot.venue.polymarket.wire.prices import Quote, quotes
from agbot.venue.polymarket.wire.rest import trade
from agbot.venue.polymarket.wire.user import UserEvent, order_update

PRICE_TOPICS: Final = (
    "crypto_prices",
    "crypto_prices_chainlink",
    "crypto_prices_twap_thirty",
    "crypto_prices_twap_sixty",
    "equity_prices",
)
_E18_TOPICS: Final = PRICE_TOPICS[1:4]
"""Their full_accuracy_value is an integer scaled by 10¹⁸; on the others it is a decimal."""


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """A public trade, or orders that matched; `kind` is the RTDS type."""

    kind: str
    token: str
    condition: str
    side: Side
    price: int
    size: int
    ts_ns: int
    outcome: str = ""
    slug: str = ""
    event_slug: str = ""
    title: str = ""
    wallet: str = ""
    name: str = ""
    transaction_hash: str = ""


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """A comment or a reaction; `kind` is the RTDS type."""

    kind: str
    id: str
    body: str = ""
    parent_id: str = ""
    parent_type: str = ""
    reply_to: str = ""
    wallet: str = ""
    name: str = ""
    ts_ns: int = 0


class MarketNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A market was created or resolved, as RTDS tells it: without a winner."""

    kind: str
    market: str
    tokens: tuple[str, ...]
    tick: int = 0
    min_size: int = 0
    neg_risk: bool = False


class Refusal(msgspec.Struct, frozen=True):
    """The server answered with an error instead of data; 401 silently ended the subscriptions of its frame."""

    status: int
    text: str


class Envelope(NamedTuple):
    """What stands around a payload."""

    topic: str
    type: str
    ts_ns: int


RtdsItem: TypeAlias = Quote | Activity | Comment | MarketNotice | Refusal | MarketData | UserEvent


class RtdsFrame(NamedTuple):
    """One envelope: its topic and type ("" for an error body), the server's time, and what its payload said."""

    topic: str
    type: str
    ts_ns: int
    items: list[RtdsItem]
    faults: list[str]


class RtdsDecoder(Counted):
    """Turns RTDS frames into items; counts as `Counted` says, by ``topic/type``.

    Attributes:
        market: the decoder behind the topic clob_market; it keeps what the venue said about each token.
    """

    def __init__(self) -> None:
        super().__init__()
        self.market = FrameDecoder()

    def decode(self, raw: bytes | str) -> RtdsFrame:
        """Return what `raw` says. Never raises on bad input: what cannot be read is a fault."""
        items: list[RtdsItem] = []
        faults: list[str] = []
        topic, kind, ts_ns = "", "", 0
        if raw in SILENT:
            return RtdsFrame(topic, kind, ts_ns, items, faults)
        try:
            f = Fields(from_json(raw))
            topic, kind = f.text("topic", default=""), f.text("type", default="")
            ts_ns = f.time("timestamp", default=0)
            items.extend(self._items(f, topic, kind, ts_ns))
        except ValueError as e:
            self._fault(faults, f"{topic}/{kind}: {e}" if topic else f"frame: {e}")
        return RtdsFrame(topic, kind, ts_ns, items, faults)

    def _items(self, f: Fields, topic: str, kind: str, ts_ns: int) -> list[RtdsItem]:
        if not topic and ("statusCode" in f or "message" in f):
            self._understood["refusal"] += 1
            return [_refusal(f)]
        read = _READERS.get((topic, kind))
        if read is None:
            self._count_unknown(f"{topic}/{kind}")
            return []
        payload = f.first("payload")
        payloads = payload if isinstance(payload, list) else [payload]
        items = [item for one in payloads for item in read(self.market, Fields(one), Envelope(topic, kind, ts_ns))]
        self._understood[f"{topic}/{kind}"] += 1
        return items


def _refusal(f: Fields) -> Refusal:
    body = f.nested("body") or f
    return Refusal(f.whole("statusCode", default=0), body.text("message", default="")[:300])


def _quotes(_: FrameDecoder, f: Fields, envelope: Envelope) -> Sequence[RtdsItem]:
    topic = envelope.topic
    # The history of Chainlink prices arrives under the name of the other topic; only Chainlink writes "btc/usd".
    if topic == "crypto_prices" and "/" in f.name("symbol"):
        topic = "crypto_prices_chainlink"
    return quotes(f, topic, e18=topic in _E18_TOPICS)


def _activity(_: FrameDecoder, f: Fields, envelope: Envelope) -> Sequence[RtdsItem]:
    return [
        Activity(
            kind=envelope.type,
            token=f.name("asset"),
            condition=f.text("conditionId", default=""),
            side=f.side("side"),
            price=f.fill_price("price"),
            size=f.floor("size"),
            ts_ns=f.time("timestamp"),
            outcome=f.text("outcome", default=""),
            slug=f.text("slug", default=""),
            event_slug=f.text("eventSlug", default=""),
            title=f.text("title", default=""),
            wallet=f.text("proxyWallet", default=""),
            name=f.text("name", "pseudonym", default=""),
            transaction_hash=f.text("transactionHash", default=""),
        )
    ]


def _comment(_: FrameDecoder, f: Fields, envelope: Envelope) -> Sequence[RtdsItem]:
    profile = f.nested("profile") or Fields({})
    return [
        Comment(
            kind=envelope.type,
            id=f.name("id"),
            body=f.text("body", "reactionType", default=""),
            parent_id=f.text("parentEntityID", "commentID", default=""),
            parent_type=f.text("parentEntityType", default=""),
            reply_to=f.text("parentCommentID", default=""),
            wallet=f.text("userAddress", default=""),
            name=profile.text("name", "pseudonym", default=""),
            ts_ns=f.time("createdAt", default=envelope.ts_ns),
        )
    ]


def _notice(_: FrameDecoder, f: Fields, envelope: Envelope) -> Sequence[RtdsItem]:
    return [
        MarketNotice(
            kind=envelope.type,
            market=f.name("market"),
            tokens=f.texts("asset_ids", "assets_ids"),
            tick=f.tick("tick_size", default=0),
            min_size=f.units("min_order_size", default=0),
            neg_risk=f.flag("neg_risk", default=False),
        )
    ]


def _market_message(market: FrameDecoder, f: Fields, envelope: Envelope) -> Sequence[RtdsItem]:
    """Translate a message of clob_market to the market channel's words and read it as one of those."""
    message = {"timestamp": str(envelope.ts_ns // NS_PER_MS), **_spelled_out(f.plain)}
    tokens = message.get("asset_id")
    events: list[RtdsItem] = []
    for token in tokens if isinstance(tokens, list) else [tokens]:
        said = market.take({**message, "asset_id": token, "event_type": _EVENT_TYPES[envelope.type]})
        if said.faults:
            raise ValueError(said.faults[0])
        events.extend(said.events)
    return events


def _spelled_out(plain: dict[str, Any]) -> dict[str, Any]:
    """Return a message with the abbreviated keys of price_change written as on the market channel."""
    message = {_KEYS.get(key, key): value for key, value in plain.items()}
    rows = message.get("price_changes")
    if isinstance(rows, list):
        message["price_changes"] = [
            {_ROW_KEYS.get(key, key): value for key, value in row.items()} if isinstance(row, dict) else row
            for row in rows
        ]
    return message


_KEYS: Final = {"m": "market", "t": "timestamp", "pc": "price_changes"}
_ROW_KEYS: Final = {
    "a": "asset_id",
    "h": "hash",
    "p": "price",
    "s": "side",
    "si": "size",
    "ba": "best_ask",
    "bb": "best_bid",
}
_EVENT_TYPES: Final = {
    "price_change": "price_change",
    "agg_orderbook": "book",
    "last_trade_price": "last_trade_price",
    "tick_size_change": "tick_size_change",
}
_Reader: TypeAlias = Callable[[FrameDecoder, Fields, Envelope], Sequence[RtdsItem]]
_READERS: Final[dict[tuple[str, str], _Reader]] = {
    **{(topic, kind): _quotes for topic in PRICE_TOPICS for kind in ("update", "subscribe")},
    **{("activity", kind): _activity for kind in ("trades", "orders_matched")},
    **{("comments", f"comment_{what}"): _comment for what in ("created", "removed")},
    **{("comments", f"reaction_{what}"): _comment for what in ("created", "removed")},
    **{("clob_market", kind): _market_message for kind in _EVENT_TYPES},
    **{("clob_market", kind): _notice for kind in ("market_created", "market_resolved")},
    ("clob_user", "order"): lambda _, f, __: [order_update(f)],
    ("clob_user", "trade"): lambda _, f, __: [trade(f)],
}

"""``/ws/rtds``: public activity, reference prices, comments, and the CLOB's channels, as the real-time data socket.

As measured: the first frame is empty; PINGs get no answer; nobody is dropped for not answering anything. One unknown
topic or type ends its whole subscription frame with a body of status 401 and no data. A filter with a blank brings
the history, then nothing. One filter is kept for each topic; naming the topic again replaces it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable
from functools import partial
from hashlib import blake2b
from typing import Any, Final

import attrs
import trio
from trio_websocket import WebSocketConnection

from agbot.exchange.clob.wire import Json
from agbot.exchange.clock import each_second
from agbot.exchange.core.model import (
    BookChanged,
    Fact,
    Listed,
    Listing,
    OrderTold,
    Resolved,
    TickChanged,
    Traded,
    TradeTold,
)
from agbot.exchange.sockets import frames
from agbot.exchange.sockets import rtds_topics as topics
from agbot.exchange.sockets.asked import Keys, asked, authenticated, rows, word
from agbot.exchange.sockets.mirror import Books, Mirrors
from agbot.exchange.sockets.outlet import Outlet, Outlets
from agbot.exchange.sockets.references import References
from agbot.exchange.sockets.rtds_topics import ACTIVITY, CLOB_MARKET, CLOB_USER, COMMENTS, Filter
from agbot.units import NS_PER_S, ms
from agbot.web.server import Request, SocketRoute

MESSAGE_BYTES_MAX: Final = 1024 * 1024
COMMENT_EVERY_S: Final = 20
"""On average."""

Passes = Callable[[Filter], bool]


@attrs.define(eq=False)
class _Topic:
    types: dict[str, None] = attrs.field(factory=dict)
    filter: Filter = attrs.field(factory=Filter)


@attrs.define(eq=False)
class _Client:
    outlet: Outlet
    stamp: bytes
    topics: dict[str, _Topic] = attrs.field(factory=dict)

    def wants(self, topic: str, kind: str, passes: Passes) -> bool:
        asked_for = self.topics[topic]
        return (kind in asked_for.types or "*" in asked_for.types) and passes(asked_for.filter)


class Rtds:
    """All connections of the real-time data socket. Give `hear` to the core's listeners, and let `run` run.

    Args:
        books: the exchange's core.
        keys: who knows API keys, for ``clob_user``.
        references: reference prices.
        now_ns: the exchange's clock.
        seed: decides when somebody comments.
    """

    def __init__(
        self, books: Books, keys: Keys, references: References, now_ns: Callable[[], int], *, seed: int = 0
    ) -> None:
        self.outlets = Outlets("rtds")
        self._books = books
        self._keys = keys
        self._references = references
        self._now_ns = now_ns
        self._seed = seed
        self._mirrors = Mirrors(books)
        self._by_topic: dict[str, dict[_Client, None]] = {}

    def sockets(self) -> dict[str, SocketRoute]:
        """Return the route."""
        return {"/ws/rtds": SocketRoute(self.talk, MESSAGE_BYTES_MAX)}

    async def talk(self, ws: WebSocketConnection, request: Request) -> None:  # noqa: ARG002 - a route's signature
        """Serve one connection."""
        await self.outlets.serve(ws, self._join, self._take, self._forget)

    def _join(self, outlet: Outlet) -> _Client:
        digest = blake2b(f"{self._seed}:{outlet.number}".encode(), digest_size=13).digest()
        outlet.put(b"")
        return _Client(outlet, b'{"connection_id":"%s",' % b64encode(digest))

    def _forget(self, client: _Client) -> None:
        for topic in list(client.topics):
            self._leave(client, topic)

    # ---------------------------------------------------------------- what clients say

    def _take(self, client: _Client, message: str) -> None:
        told = asked(message)
        if told is None:
            return  # PING, ping, or junk: the venue says nothing
        subscriptions = list(rows(told.get("subscriptions")))
        if told.get("action") == "unsubscribe":
            for row in subscriptions:
                self._unsubscribe(client, word(row.get("topic")), word(row.get("type")))
        elif told.get("action") == "subscribe":
            refusal = next(filter(None, (self._refusal(client, row) for row in subscriptions)), "")
            if refusal:
                client.outlet.put(frames.encode({"body": {"message": refusal}, "statusCode": 401}))
                return
            for row in subscriptions:
                self._subscribe(client, row["topic"], row["type"], Filter.of(row.get("filters")))

    def _refusal(self, client: _Client, row: Json) -> str:
        topic, kind = word(row.get("topic")), word(row.get("type"))
        if not topics.known(topic, kind):
            return f"leger GetTopics error: rpc error: code = NotFound desc = topic: {topic} and type: {kind} not found"
        if topic == CLOB_USER:
            address = authenticated(self._keys, row.get("clob_auth"), key="key")
            client.outlet.address = address or client.outlet.address
            return "" if address else "Unauthorized/Invalid api key"
        return ""

    def _subscribe(self, client: _Client, topic: str, kind: str, narrowed: Filter) -> None:
        kept = client.topics.setdefault(topic, _Topic())
        kept.types[kind] = None
        kept.filter = narrowed
        self._by_topic.setdefault(topic, {})[client] = None
        if topic in topics.PRICES:
            self._backfill(client, topic, narrowed)

    def _backfill(self, client: _Client, topic: str, narrowed: Filter) -> None:
        """Send the history of the symbol that is asked for; equities also without a filter."""
        if "symbol" not in narrowed.fields and topic != topics.EQUITY:
            return
        now_ns = self._now_ns()
        heard = attrs.evolve(narrowed, deaf=False)
        for name in topics.names(self._references, topic):
            if heard.takes(symbol=topics.symbol(topic, name)):
                label, payload = topics.backfill(self._references, topic, name, now_ns // NS_PER_S)
                client.outlet.put(_envelope(label, "subscribe", payload, now_ns))

    def _unsubscribe(self, client: _Client, topic: str, kind: str) -> None:
        kept = client.topics.get(topic)
        if kept is not None:
            kept.types.pop(kind, None)
            if not kept.types or kind == "*":
                self._leave(client, topic)

    def _leave(self, client: _Client, topic: str) -> None:
        del client.topics[topic]
        others = self._by_topic[topic]
        del others[client]
        if not others:
            del self._by_topic[topic]

    # ---------------------------------------------------------------- what happens

    def hear(self, fact: Fact) -> None:
        """Tell the subscribers."""
        if not self._by_topic:
            return
        if isinstance(fact, BookChanged):
            self._book_changed(fact)
        elif isinstance(fact, Traded):
            self._traded(fact)
        elif isinstance(fact, TickChanged):
            told = partial(topics.tick_size_change, fact)
            self._tell_market("tick_size_change", fact.listing, told, fact.ts_ns)
        elif isinstance(fact, Listed | Resolved):
            kind = "market_created" if isinstance(fact, Listed) else "market_resolved"
            self._tell_market(kind, fact.listing, partial(topics.notice, fact.listing), fact.ts_ns)
        elif isinstance(fact, OrderTold):
            self._tell_user("order", fact.order.new.address, partial(frames.order_json, fact), fact.ts_ns)
        elif isinstance(fact, TradeTold):
            for leg in frames.viewers(fact):
                self._tell_user("trade", leg.order.new.address, partial(frames.trade_json, fact, leg), fact.ts_ns)

    def _book_changed(self, fact: BookChanged) -> None:
        listing, ts_ns = fact.listing, fact.ts_ns
        mirror = self._mirrors.changed(fact, seen=CLOB_MARKET in self._by_topic)
        if mirror is None:
            return
        clients = self._wanting(CLOB_MARKET, "price_change", lambda f: f.names is not None and f.has(*listing.tokens))
        for changes in _chunks(fact.changes) if clients else ():
            payload = topics.price_change(listing, changes, mirror, ts_ns)
            _put(clients, _envelope(CLOB_MARKET, "price_change", payload, ts_ns))
        for token in listing.tokens:
            told = partial(topics.agg_orderbook, listing, token, mirror, ts_ns)
            self._tell(CLOB_MARKET, "agg_orderbook", told, _names(token), ts_ns)

    def _traded(self, fact: Traded) -> None:
        listing, leg = fact.trade.listing, fact.trade.taker
        slugs = {"event_slug": listing.event.slug, "market_slug": listing.market.slug}
        for kind in topics.TYPES[ACTIVITY]:
            self._tell(ACTIVITY, kind, partial(topics.activity, fact), lambda f: f.takes(**slugs), fact.ts_ns)
        told = partial(topics.last_trade_price, fact)
        self._tell(CLOB_MARKET, "last_trade_price", told, _names(leg.token), fact.ts_ns)

    def _tell_market(self, kind: str, listing: Listing, told: Callable[[], Json], ts_ns: int) -> None:
        self._tell(CLOB_MARKET, kind, told, _names(*listing.tokens), ts_ns)

    def _tell_user(self, kind: str, address: str, told: Callable[[], Json], ts_ns: int) -> None:
        clients = [c for c in self._wanting(CLOB_USER, kind, lambda _: True) if c.outlet.address == address]
        if clients:
            payload = told()
            del payload["event_type"]
            _put(clients, _envelope(CLOB_USER, kind, payload, ts_ns))

    def _tell(self, topic: str, kind: str, told: Callable[[], Json], passes: Passes, ts_ns: int) -> None:
        clients = self._wanting(topic, kind, passes)
        if clients:
            _put(clients, _envelope(topic, kind, told(), ts_ns))

    def _wanting(self, topic: str, kind: str, passes: Passes) -> list[_Client]:
        return [client for client in self._by_topic.get(topic, ()) if client.wants(topic, kind, passes)]

    # ---------------------------------------------------------------- what time brings

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Tell reference prices each second of the exchange's clock, and sometimes a comment, until cancelled."""
        task_status.started()
        await each_second(self._now_ns, self.tick)

    def tick(self, now_ns: int) -> None:
        """Tell the prices of a second, and the comment that falls into it."""
        second = now_ns // NS_PER_S
        for topic in topics.PRICES:
            for name in topics.names(self._references, topic) if topic in self._by_topic else ():
                named = _symbol(topics.symbol(topic, name))
                told = partial(topics.update, self._references, topic, name, second)
                self._tell(topic, "update", told, named, now_ns)
        if COMMENTS in self._by_topic:
            self._comment(second, now_ns)

    def _comment(self, second: int, now_ns: int) -> None:
        dice = int.from_bytes(blake2b(f"{self._seed}:comment:{second}".encode(), digest_size=8).digest(), "big")
        listings = list(self._books.listings.values())
        if dice % COMMENT_EVERY_S or not listings:
            return
        listing = listings[dice // COMMENT_EVERY_S % len(listings)]
        payload = topics.comment(listing, second, f"0x{dice:040x}", now_ns)
        parent = {"parentEntityID": payload["parentEntityID"], "parentEntityType": "Event"}
        self._tell(COMMENTS, "comment_created", lambda: payload, lambda f: f.takes(**parent), now_ns)


def _names(*tokens: str) -> Passes:
    return lambda narrowed: narrowed.has(*tokens)


def _symbol(name: str) -> Passes:
    return lambda narrowed: narrowed.takes(symbol=name)


def _envelope(topic: str, kind: str, payload: Any, ts_ns: int) -> bytes:
    return frames.encode({"payload": payload, "timestamp": ms(ts_ns), "topic": topic, "type": kind})


def _put(clients: Iterable[_Client], envelope: bytes) -> None:
    """Send an update: the same bytes to all but for the connection's id in front."""
    rest = envelope[1:]
    for client in clients:
        client.outlet.put(client.stamp + rest)


def _chunks(changes: tuple[Any, ...]) -> Iterable[tuple[Any, ...]]:
    return (changes[i : i + frames.CHANGES_MAX] for i in range(0, len(changes), frames.CHANGES_MAX))

"""``/ws/market``: books, their changes and trades, by token.

What is not JSON, or no operation, is answered with the text ``INVALID OPERATION`` and changes nothing, as at the venue.
A token nobody knows counts as subscribed and stays silent until its market is listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import attrs
from trio_websocket import WebSocketConnection

from agbot.exchange.core.model import BookChanged, Fact, Listed, Listing, Resolved, TickChanged, Traded
from agbot.exchange.sockets import frames
from agbot.exchange.sockets.asked import asked, names
from agbot.exchange.sockets.mirror import Books, Mirror, Mirrors
from agbot.exchange.sockets.outlet import Outlet, Outlets
from agbot.web.server import Request, SocketRoute

SNAPSHOTS_MAX: Final = 500
"""Tokens beyond this many on one connection get changes, but no book to begin with."""
TOKENS_MAX: Final = 20_000
"""Tokens beyond this many on one connection are ignored."""
MESSAGE_BYTES_MAX: Final = 2 * 1024 * 1024
PONG: Final = b"PONG"
INVALID: Final = b"INVALID OPERATION"


@attrs.define(eq=False)
class _Client:
    outlet: Outlet
    tokens: dict[str, None] = attrs.field(factory=dict)
    custom: bool = False


class MarketSockets:
    """All connections of the market channel. Give `hear` to the core's listeners.

    Args:
        books: the exchange's core.
        now_ns: the exchange's clock, for the books clients get on subscribing.
    """

    def __init__(self, books: Books, now_ns: Callable[[], int]) -> None:
        self.outlets = Outlets("market")
        self._books = books
        self._now_ns = now_ns
        self._clients: dict[str, dict[_Client, None]] = {}
        self._custom: dict[_Client, None] = {}
        self._mirrors = Mirrors(books)
        self._tops: dict[str, tuple[int, int]] = {}
        """The best prices last told, by condition."""
        self._stale: dict[str, None] = {}
        """Conditions whose trades call for a whole book."""

    def sockets(self) -> dict[str, SocketRoute]:
        """Return the route."""
        return {"/ws/market": SocketRoute(self.talk, MESSAGE_BYTES_MAX)}

    async def talk(self, ws: WebSocketConnection, request: Request) -> None:  # noqa: ARG002 - a route's signature
        """Serve one connection."""
        await self.outlets.serve(ws, _Client, self._take, self._leave)

    def _leave(self, client: _Client) -> None:
        self._unsubscribe(client, list(client.tokens))
        self._custom.pop(client, None)

    # ---------------------------------------------------------------- what clients say

    def _take(self, client: _Client, message: str) -> None:
        if message == "PING":
            client.outlet.answer(PONG)
            return
        told = asked(message)
        operation = None if told is None else _operation(told)
        if told is None or operation is None:
            client.outlet.put(INVALID)
            return
        tokens = list(names(told.get("assets_ids")))
        if operation == "unsubscribe":
            self._unsubscribe(client, tokens)
            return
        if isinstance(flag := told.get("custom_feature_enabled"), bool):  # before duplicates are refused
            client.custom = flag
            self._custom.pop(client, None) if not flag else self._custom.setdefault(client)
        self._subscribe(client, tokens, whole=told.get("initial_dump") is not False)

    def _subscribe(self, client: _Client, tokens: Iterable[str], *, whole: bool) -> None:
        for token in tokens:
            if token in client.tokens or len(client.tokens) >= TOKENS_MAX:
                continue
            client.tokens[token] = None
            self._clients.setdefault(token, {})[client] = None
            listing = self._books.of_token(token)
            if listing is None:
                continue
            mirror = self._mirrors.of(listing)
            self._tops.setdefault(listing.condition, (mirror.bid, mirror.ask))
            if whole and len(client.tokens) <= SNAPSHOTS_MAX:
                client.outlet.put(frames.book(listing, token, mirror, self._now_ns()))

    def _unsubscribe(self, client: _Client, tokens: Iterable[str]) -> None:
        for token in tokens:
            if client.tokens.pop(token, 0) is None:
                others = self._clients[token]
                del others[client]
                if not others:
                    del self._clients[token]

    # ---------------------------------------------------------------- what happens

    def hear(self, fact: Fact) -> None:
        """Tell the subscribers."""
        if isinstance(fact, BookChanged):
            self._book_changed(fact)
        elif isinstance(fact, Traded):
            self._traded(fact)
        elif isinstance(fact, TickChanged):
            for token in fact.listing.tokens:
                if clients := self._clients.get(token):
                    _tell(clients, frames.tick_size_change(fact, token))
        elif isinstance(fact, Listed):
            self._listed(fact)
        elif isinstance(fact, Resolved):
            self._resolved(fact)

    def _both(self, listing: Listing) -> dict[_Client, None]:
        """Return the subscribers of either token, each once."""
        yes, no = (self._clients.get(token, {}) for token in listing.tokens)
        return yes if not no else no if not yes else yes | no

    def _book_changed(self, fact: BookChanged) -> None:
        listing = fact.listing
        clients = self._both(listing)
        traded = self._stale.pop(listing.condition, 0) is None
        mirror = self._mirrors.changed(fact, seen=bool(clients))
        if mirror is None:
            self._tops.pop(listing.condition, None)
            return
        for frame in frames.price_changes(listing, fact.changes, mirror, fact.ts_ns):
            _tell(clients, frame)
        self._best(listing, mirror, fact.ts_ns)
        if traded:
            self._whole(listing, mirror, fact.ts_ns)

    def _best(self, listing: Listing, mirror: Mirror, ts_ns: int) -> None:
        top = mirror.bid, mirror.ask
        if self._tops.get(listing.condition) == top:
            return
        self._tops[listing.condition] = top
        for token in listing.tokens if self._custom else ():
            if clients := self._custom_clients(token):
                _tell(clients, frames.best_bid_ask(listing, token, mirror, ts_ns))

    def _whole(self, listing: Listing, mirror: Mirror, ts_ns: int) -> None:
        for token in listing.tokens:
            if clients := self._clients.get(token):
                _tell(clients, frames.book(listing, token, mirror, ts_ns))

    def _traded(self, fact: Traded) -> None:
        listing = fact.trade.listing
        if self._both(listing):
            self._stale[listing.condition] = None
        if clients := self._clients.get(fact.trade.taker.token):
            _tell(clients, frames.last_trade_price(fact))

    def _listed(self, fact: Listed) -> None:
        if self._custom:
            _tell(self._custom, frames.new_market(fact))
        if self._both(fact.listing):
            self._whole(fact.listing, self._mirrors.of(fact.listing), fact.ts_ns)

    def _resolved(self, fact: Resolved) -> None:
        told = {client: None for token in fact.listing.tokens for client in self._custom_clients(token)}
        if told:
            _tell(told, frames.market_resolved(fact))

    def _custom_clients(self, token: str) -> list[_Client]:
        return [client for client in self._clients.get(token, ()) if client.custom]


def _operation(told: dict[str, Any]) -> str | None:
    """Return subscribe or unsubscribe; the first frame, which has a type instead, subscribes."""
    operation = told.get("operation")
    if operation in ("subscribe", "unsubscribe"):
        return str(operation)
    kind = told.get("type")
    return "subscribe" if operation is None and isinstance(kind, str) and kind.lower() == "market" else None


def _tell(clients: Iterable[_Client], frame: bytes) -> None:
    for client in clients:
        client.outlet.put(frame)

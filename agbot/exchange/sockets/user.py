"""``/ws/user``: what happens to one's own orders and trades. Nothing is replayed to who connects late.

The first frame must carry the credentials; a connection that says anything else before, or unknown ones, is closed with
1008. Markets narrow what is told; none named is all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, Protocol

import attrs
from trio_websocket import WebSocketConnection

from agbot.exchange.clob.wire import Json
from agbot.exchange.core.model import Fact, OrderTold, TradeTold
from agbot.exchange.sockets import frames
from agbot.exchange.sockets.asked import Keys, asked, authenticated, names
from agbot.exchange.sockets.market import INVALID, PONG
from agbot.exchange.sockets.outlet import Outlets
from agbot.web.server import Request, SocketRoute

POLICY: Final = 1008
MARKETS_MAX: Final = 20_000
"""Markets beyond this many on one connection are ignored."""
MESSAGE_BYTES_MAX: Final = 2 * 1024 * 1024


class Receiver(Protocol):
    """What is told; see `agbot.exchange.sockets.outlet.Outlet`."""

    address: str

    def put(self, frame: bytes) -> None:
        """Send one text frame."""

    def answer(self, frame: bytes) -> None:
        """Send the answer to a ping."""

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a code."""


@attrs.define(eq=False)
class _Client:
    outlet: Receiver
    markets: dict[str, None] = attrs.field(factory=dict)

    def wants(self, condition: str) -> bool:
        return not self.markets or condition.lower() in self.markets


class UserSockets:
    """All connections of the user channel. Give `hear` to the core's listeners."""

    def __init__(self, keys: Keys) -> None:
        self.outlets = Outlets("user")
        self._keys = keys
        self._clients: dict[str, dict[_Client, None]] = {}
        """By EOA."""

    def sockets(self) -> dict[str, SocketRoute]:
        """Return the route."""
        return {"/ws/user": SocketRoute(self.talk, MESSAGE_BYTES_MAX)}

    async def talk(self, ws: WebSocketConnection, request: Request) -> None:  # noqa: ARG002 - a route's signature
        """Serve one connection."""
        await self.outlets.serve(ws, _Client, self._take, self._forget)

    def joined(self, outlet: Receiver) -> tuple[Callable[[str], None], Callable[[], None]]:
        """Return what takes the messages of a connection that others serve, and what is called at its end."""
        client = _Client(outlet)
        return partial(self._take, client), partial(self._forget, client)

    def _take(self, client: _Client, message: str) -> None:
        if message == "PING":
            client.outlet.answer(PONG)
            return
        told = asked(message)
        if not client.outlet.address:
            self._begin(client, told or {})
        elif told is None or told.get("operation") not in ("subscribe", "unsubscribe"):
            client.outlet.put(INVALID)
        else:
            self._change(client, told)

    def _begin(self, client: _Client, told: dict[str, Any]) -> None:
        address = authenticated(self._keys, told.get("auth"))
        if not address:
            client.outlet.close(POLICY)
            return
        client.outlet.address = address
        self._clients.setdefault(address, {})[client] = None
        _add(client, names(told.get("markets")))

    def _change(self, client: _Client, told: dict[str, Any]) -> None:
        markets = names(told.get("markets"))
        if told["operation"] == "subscribe":
            _add(client, markets)
            return
        for market in markets:
            client.markets.pop(market.lower(), None)

    def _forget(self, client: _Client) -> None:
        address = client.outlet.address
        if address:
            others = self._clients[address]
            del others[client]
            if not others:
                del self._clients[address]

    def hear(self, fact: Fact) -> None:
        """Tell the owners."""
        if isinstance(fact, OrderTold):
            if fact.order.new.address in self._clients:
                condition = fact.order.listing.condition
                self._tell(fact.order.new.address, condition, lambda: frames.order_json(fact))
        elif isinstance(fact, TradeTold) and self._clients:
            for leg in frames.viewers(fact):
                told = partial(frames.trade_json, fact, leg)
                self._tell(leg.order.new.address, fact.trade.listing.condition, told)

    def _tell(self, address: str, condition: str, told: Callable[[], Json]) -> None:
        wanting = [client for client in self._clients.get(address, ()) if client.wants(condition)]
        if wanting:
            frame = frames.encode(told())
            for client in wanting:
                client.outlet.put(frame)


def _add(client: _Client, markets: Iterable[str]) -> None:
    for market in markets:
        if len(client.markets) < MARKETS_MAX:
            client.markets[market.lower()] = None

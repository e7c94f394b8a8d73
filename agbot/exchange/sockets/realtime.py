"""``/ws/realtime``: authenticated reference prices with sequence numbers (realtime v2).

Every request carries a `rid`, which its answers repeat: `authed`, one `subscribed` or `unsubscribed` for each item, in
order, or `error` with a code. Data frames count up from 1 for each channel of a connection. Close codes: 4001 not (or
too often wrongly) authenticated, 4002 slow, 4008 against the rules.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

import attrs
import trio
from trio_websocket import WebSocketConnection

from agbot.exchange.clob.wire import Json, number, text
from agbot.exchange.clock import LOOK_S, each_second
from agbot.exchange.sockets.asked import Keys, asked, authenticated, word
from agbot.exchange.sockets.frames import encode
from agbot.exchange.sockets.outlet import Outlet, Outlets
from agbot.exchange.sockets.references import References
from agbot.units import NS_PER_S, ms
from agbot.web.server import Request, SocketRoute

CLOSE_AUTH: Final = 4001
CLOSE_SLOW: Final = 4002
CLOSE_POLICY: Final = 4008
FRAME_BYTES_MAX: Final = 64 * 1024
SUBSCRIPTIONS_MAX: Final = 64
FRAMES_PER_S: Final = 20
"""Subscribe and unsubscribe frames."""
AUTHS_MAX: Final = 8
AUTH_WITHIN_S: Final = 30.0
HISTORY: Final = 120
"""Points of a snapshot."""
WINDOW_S: Final = 60
PROVIDERS: Final = ("chainlink", "pyth")
CHANNELS: Final = ("price.crypto", "price.crypto.twap", "price.equity", "price.equity.twap")


@attrs.frozen
class Key:
    """What a subscription is for: a channel, an asset by its name among the references, a provider or none."""

    channel: str
    name: str
    provider: str = ""

    @property
    def equity(self) -> bool:
        """Return whether it prices an equity."""
        return self.channel.startswith("price.equity")

    @property
    def average(self) -> bool:
        """Return whether it is a time-weighted average."""
        return self.channel.endswith(".twap")

    @property
    def symbol(self) -> str:
        """Return what the channel calls the asset."""
        return self.name if self.equity else f"{self.name}usd"


@attrs.define(eq=False)
class _Client:
    outlet: Outlet
    keys: dict[Key, None] = attrs.field(factory=dict)
    seqs: dict[str, int] = attrs.field(factory=dict)
    auths: int = 0
    recent: deque[float] = attrs.field(factory=lambda: deque(maxlen=FRAMES_PER_S))

    def say(self, op: str, rid: str, **more: str) -> None:
        self.outlet.put(encode({"op": op, **({"rid": rid} if rid else {}), **more}))

    def refuse(self, code: str, rid: str, channel: str = "") -> None:
        self.say("error", rid, code=code, **({"channel": channel} if channel else {}))

    def tell(self, channel: str, rest: bytes) -> None:
        seq = self.seqs[channel] = self.seqs.get(channel, 0) + 1
        self.outlet.put(b'{"v":1,"channel":"%s","seq":%d,%s' % (channel.encode(), seq, rest))


class Realtime:
    """All connections of realtime v2. Let `run` run.

    Args:
        keys: who knows API keys.
        references: reference prices.
        now_ns: the exchange's clock.
    """

    def __init__(self, keys: Keys, references: References, now_ns: Callable[[], int]) -> None:
        self.outlets = Outlets("realtime", slow_code=CLOSE_SLOW)
        self._keys = keys
        self._references = references
        self._now_ns = now_ns
        self._clients: dict[Key, dict[_Client, None]] = {}
        self._strangers: dict[_Client, float] = {}
        """Until when they must authenticate, oldest first."""

    def sockets(self) -> dict[str, SocketRoute]:
        """Return the route."""
        return {"/ws/realtime": SocketRoute(self.talk, 1024 * 1024)}

    async def talk(self, ws: WebSocketConnection, request: Request) -> None:  # noqa: ARG002 - a route's signature
        """Serve one connection."""
        await self.outlets.serve(ws, self._join, self._take, self._forget)

    def _join(self, outlet: Outlet) -> _Client:
        client = _Client(outlet)
        self._strangers[client] = trio.current_time() + AUTH_WITHIN_S
        return client

    def _forget(self, client: _Client) -> None:
        self._strangers.pop(client, None)
        for key in list(client.keys):
            self._leave(client, key)

    # ---------------------------------------------------------------- what clients say

    def _take(self, client: _Client, message: str) -> None:
        if len(message) > FRAME_BYTES_MAX:
            client.outlet.close(CLOSE_POLICY, "frame too large")
            return
        told = asked(message)
        if told is None:
            client.refuse("bad_op", "")
            return
        rid, op = word(told.get("rid")), told.get("op")
        if op == "ping":
            client.outlet.answer(encode({"op": "pong", **({"rid": rid} if rid else {})}))
        elif op == "auth":
            self._authenticate(client, rid, told.get("auth"))
        elif op in ("subscribe", "unsubscribe"):
            self._change(client, rid, str(op), told.get("subscriptions"))
        else:
            client.refuse("bad_op", rid)

    def _authenticate(self, client: _Client, rid: str, auth: object) -> None:
        client.auths += 1
        if client.auths > AUTHS_MAX:
            client.refuse("auth_attempts", rid)
            client.outlet.close(CLOSE_AUTH, "too many attempts")
            return
        address = authenticated(self._keys, auth)
        if not address:
            client.refuse("auth_invalid", rid)
            return
        client.outlet.address = address
        self._strangers.pop(client, None)
        client.say("authed", rid)

    def _change(self, client: _Client, rid: str, op: str, items: object) -> None:
        if not client.outlet.address:
            client.refuse("auth_required", rid)
        elif not self._admitted(client):
            client.refuse("rate_limited", rid)
        elif not isinstance(items, list) or not items:
            client.refuse("bad_op", rid)
        else:
            for item in items:
                self._one(client, rid, op, item)

    def _admitted(self, client: _Client) -> bool:
        now, recent = trio.current_time(), client.recent
        if len(recent) == FRAMES_PER_S and now - recent[0] < 1.0:
            return False
        recent.append(now)
        return True

    def _one(self, client: _Client, rid: str, op: str, item: object) -> None:
        channel = word(item.get("channel")) if isinstance(item, dict) else ""
        key = self._key(channel, item.get("filter")) if isinstance(item, dict) and channel in CHANNELS else None
        if channel not in CHANNELS:
            client.refuse("bad_channel", rid, channel)
        elif key is None:
            client.refuse("bad_filter", rid, channel)
        elif op == "unsubscribe":
            if key in client.keys:
                self._leave(client, key)
            client.say("unsubscribed", rid, channel=channel)
        elif key not in client.keys and len(client.keys) >= SUBSCRIPTIONS_MAX:
            client.refuse("sub_limit", rid, channel)
        else:
            client.say("subscribed", rid, channel=channel)
            client.keys[key] = None
            self._clients.setdefault(key, {})[client] = None
            self._snapshot(client, key)

    def _key(self, channel: str, narrowed: object) -> Key | None:
        """Return what a filter is for, None when it is bad: no such symbol, provider or window."""
        if not isinstance(narrowed, dict):
            return None
        symbol, provider = word(narrowed.get("symbol")).lower(), narrowed.get("provider", "")
        key = Key(channel, symbol, provider if provider in PROVIDERS else "")
        if not key.equity:
            key = attrs.evolve(key, name=symbol.removesuffix("usd") if symbol.endswith("usd") else "")
        asset = self._references.assets.get(key.name)
        if asset is None or asset.equity != key.equity or (provider and not key.provider):
            return None
        return key if not key.average or narrowed.get("window_seconds") == WINDOW_S else None

    def _leave(self, client: _Client, key: Key) -> None:
        del client.keys[key]
        others = self._clients[key]
        del others[client]
        if not others:
            del self._clients[key]

    # ---------------------------------------------------------------- what time brings

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Tell prices each second of the exchange's clock, and send away who stays a stranger, until cancelled."""
        task_status.started()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(each_second, self._now_ns, self.tick)
            while True:
                self._send_away()
                await trio.sleep(LOOK_S)

    def _send_away(self) -> None:
        now = trio.current_time()
        for client in [client for client, due in self._strangers.items() if due <= now]:
            client.outlet.close(CLOSE_AUTH, "not authenticated")

    def tick(self, now_ns: int) -> None:
        """Tell the prices of a second."""
        second = now_ns // NS_PER_S
        for key, clients in self._clients.items():
            point = self._point(key, second)
            more: Json = {} if key.average else {"received_at": ms(now_ns), "is_carried_forward": False}
            rest = _rest(now_ns, {**self._head(key), **point, **more})
            for client in clients:
                client.tell(key.channel, rest)

    def _snapshot(self, client: _Client, key: Key) -> None:
        now_ns = self._now_ns()
        second = now_ns // NS_PER_S
        data = [self._point(key, second - ago) for ago in range(HISTORY, 0, -1)]
        client.tell(key.channel, _rest(now_ns, {**self._head(key), "data": data}, snapshot=True))

    def _head(self, key: Key) -> Json:
        source = key.provider or ("pyth" if key.equity else "chainlink")
        window = {"window_seconds": WINDOW_S} if key.average else {}
        return {"symbol": key.symbol, "source": source, **window, **({"market_status": "open"} if key.equity else {})}

    def _point(self, key: Key, second: int) -> Json:
        prices = self._references
        units = prices.average(key.name, second, WINDOW_S) if key.average else prices.price(key.name, second)
        return {"value": number(units), "full_accuracy_value": text(units), "timestamp": second * 1000}


def _rest(now_ns: int, payload: Any, *, snapshot: bool = False) -> bytes:
    """Return a data frame behind its sequence number: the part all subscribers share."""
    flag = {"snapshot": True} if snapshot else {}
    return encode({"ts": ms(now_ns), **flag, "payload": payload})[1:]

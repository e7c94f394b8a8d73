"""Whether each WebSocket can be opened and sends its first frame."""

from __future__ import annotations

from typing import Any, Final, Protocol

import msgspec

from agbot.doctor.report import Check, Finding, fail, ok, skip, warn
from agbot.doctor.venue import Venue
from agbot.doctor.wallet import without
from agbot.errors import LinkLost
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.wire import FrameDecoder
from agbot.web.socket import Socket, open_socket

RTDS_TOPIC: Final = {"topic": "activity", "type": "trades"}
"""The busiest topic that needs no key."""


class Sockets(Venue, Protocol):
    """What these checks ask."""

    @property
    def hosts(self) -> Hosts: ...


async def market_socket(world: Sockets) -> Finding:
    """D20: the market socket sends the book of a market."""
    market = await world.known_market()
    if market is None:
        return skip("no market to subscribe to, see D17")
    first = {"type": "market", "assets_ids": [market.yes], "custom_feature_enabled": True}
    decoder = FrameDecoder()
    async with open_socket(world.hosts.market_socket) as socket:
        await socket.send(_json(first))
        while True:
            for raw in await socket.receive():
                if decoder.decode(raw).events:
                    return ok(f"the first frame of {market.name} came")


async def user_socket(world: Sockets) -> Finding:
    """D21: the user socket takes the API key and answers."""
    api = world.credentials.api
    if api is None:
        return without(world, "API key")
    auth = {"apiKey": api.key, "secret": api.secret.reveal(), "passphrase": api.passphrase.reveal()}
    async with open_socket(world.hosts.user_socket) as socket:
        try:
            await socket.send(_json({"type": "user", "auth": auth}))
            await socket.send("PING")
            await _frame(socket)
        except LinkLost as e:
            return fail(f"the user socket was closed after signing in: {e.reason}", "mend the API key first, see D13")
    return ok("signed in, and the venue answers")


async def rtds_socket(world: Sockets) -> Finding:
    """D22: the real-time data stream sends something. Trading does not need it."""
    try:
        async with open_socket(world.hosts.rtds) as socket:
            await socket.send(_json({"action": "subscribe", "subscriptions": [RTDS_TOPIC]}))
            await _frame(socket)
    except LinkLost as e:
        return warn(
            f"no frame from {world.hosts.rtds}: {e.reason}", "only strategies that read reference prices need it"
        )
    return ok("the first frame came")


async def _frame(socket: Socket) -> bytes:
    """Return the first frame that is not empty."""
    while True:
        for raw in await socket.receive():
            if raw.strip():
                return raw


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)


CHECKS: Final[tuple[Check[Sockets], ...]] = (
    Check("D20", "market socket", market_socket, "market_socket"),
    Check("D21", "user socket", user_socket, "user_socket"),
    Check("D22", "real-time data", rtds_socket, "rtds"),
)

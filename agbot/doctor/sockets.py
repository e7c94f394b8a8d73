"""Whether each WebSocket can be opened and sends its first frame."""

from __future__ import annotations

from typing import Any, Final, Protocol

import attrs
import msgspec
import trio

from agbot.doctor.markets import NO_MARKET
from agbot.doctor.report import Check, Finding, fail, ok, skip, warn
from agbot.doctor.run import KEY, silent
from agbot.doctor.venue import Venue
from agbot.doctor.wallet import without
from agbot.errors import LinkLost, VenueUnavailable
from agbot.venue.polymarket.auth import shown_key, to_json
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.wire import FrameDecoder
from agbot.web.socket import Socket, open_socket

RTDS_TOPIC: Final = {"topic": "activity", "type": "trades"}
"""The busiest topic that needs no key."""
BEFORE_THE_END_S: Final = 0.2


class Sockets(Venue, Protocol):
    """What these checks ask."""

    @property
    def hosts(self) -> Hosts: ...


async def market_socket(world: Sockets) -> Finding:
    """D20: the market socket sends the book of a market."""
    market = await world.known_market()
    if market is None:
        return skip(NO_MARKET)
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
    async with open_socket(world.hosts.user_socket) as socket:
        try:
            await socket.send(to_json({"type": "user", "auth": {"apiKey": api.key, **shown_key(api)}}))
            await socket.send("PING")
            await _frame(socket)
        except LinkLost as e:
            said = f"the user socket was closed after signing in: {e.reason}"
            return attrs.evolve(fail(said, "mend the API key first, see D13"), root=KEY)
    return ok("signed in, and the venue answers")


async def rtds_socket(world: Sockets) -> Finding:
    """D22: the real-time data stream sends something. Trading does not need it."""
    why, root = "it sends nothing", ""
    with trio.move_on_at(trio.current_effective_deadline() - BEFORE_THE_END_S):  # silence here is no failure
        try:
            async with open_socket(world.hosts.rtds) as socket:
                await socket.send(_json({"action": "subscribe", "subscriptions": [RTDS_TOPIC]}))
                await _frame(socket)
                return ok("the first frame came")
        except VenueUnavailable as e:
            why, root = e.reason, silent(world.hosts.rtds)
    said = f"no frame from {world.hosts.rtds}: {why}"
    return attrs.evolve(warn(said, "only strategies that read reference prices need it"), root=root)


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

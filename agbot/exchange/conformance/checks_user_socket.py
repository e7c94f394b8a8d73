"""The CLOB's user socket: an order's and a trade's life, told to those it concerns."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from agbot.exchange.conformance.check import check
from agbot.exchange.conformance.checks_matching import hit
from agbot.exchange.conformance.checks_orders import BUY
from agbot.exchange.conformance.streams import Stream, is_event, open_stream
from agbot.exchange.conformance.verdict import failed, has, matches, require, same, text_fields
from agbot.exchange.conformance.world import World
from agbot.units import to_units

_SOURCE: Final = "docs: user channel"
_CLIENTS: Final = "official clients 2026-11"
_NEEDS: Final = ("sockets", "trade")
_LONG_S: Final = 40.0
_SETTLES_S: Final = 12.0
_STATUSES: Final = "LIVE|MATCHED|DELAYED|UNMATCHED|CANCELED"
_SETTLING: Final = ("MATCHED", "MINED", "CONFIRMED")
_ORDER_TEXTS: Final = (
    "id",
    "owner",
    "market",
    "asset_id",
    "side",
    "original_size",
    "size_matched",
    "price",
    "type",
    "timestamp",
    "outcome",
    "status",
)
_TRADE_TEXTS: Final = (
    "id",
    "taker_order_id",
    "market",
    "asset_id",
    "side",
    "size",
    "price",
    "status",
    "owner",
    "type",
    "timestamp",
)


async def news(stream: Stream, order_id: str, kind: str) -> Any:
    """Return the event of this type of an order."""
    return await stream.event("order", id=order_id, type=kind)


async def told_trade(stream: Stream, trade_id: str, status: str) -> Any:
    """Return the event of a trade that has this status."""
    return await stream.event("trade", _SETTLES_S, id=trade_id, status=status)


@check("WS-USER-001", "a socket with the right key stays open and answers PING", needs=_NEEDS, source=_SOURCE)
async def _opens(world: World) -> None:
    async with world.user_stream(world.one) as stream:
        await stream.pong()


@check("WS-USER-002", "a wrong secret ends the socket", needs=_NEEDS, source=_SOURCE)
async def _bad(world: World) -> None:
    auth = world.one.auth | {"secret": "AAAA", "passphrase": "wrong"}
    async with open_stream(world.target.hosts.user_socket) as stream:
        await stream.send({"type": "user", "auth": auth})
        await stream.closed()


@check("WS-USER-003", "an unknown API key ends the socket", needs=_NEEDS, source=_SOURCE)
async def _unknown(world: World) -> None:
    auth = world.one.auth | {"apiKey": str(UUID(int=0xDEAD))}
    async with open_stream(world.target.hosts.user_socket) as stream:
        await stream.send({"type": "user", "auth": auth})
        await stream.closed()


@check("WS-USER-004", "a new order is a PLACEMENT with its fields", needs=_NEEDS, source=_SOURCE)
async def _placement(world: World) -> None:
    pitch = await world.pitch()
    async with world.user_stream(world.one) as stream:
        order_id = await world.rest(world.one, pitch, -1)
        told = await news(stream, order_id, "PLACEMENT")
    text_fields(told, *_ORDER_TEXTS)
    same((told["market"], told["asset_id"], told["side"]), (pitch.condition, pitch.yes, "BUY"))
    same((to_units(told["price"]), to_units(told["original_size"])), (pitch.at(-1), pitch.size), "price and size")


@check(
    "WS-USER-005", "an order's timestamp is digits in a string, its status a known word", needs=_NEEDS, source=_CLIENTS
)
async def _order_forms(world: World) -> None:
    pitch = await world.pitch()
    async with world.user_stream(world.one) as stream:
        told = await news(stream, await world.rest(world.one, pitch, -1), "PLACEMENT")
    matches(r"[0-9]{10,13}", told["timestamp"], "digits in a string")
    matches(_STATUSES, told["status"], "one of the clients' words")


@check("WS-USER-006", "created_at and expiration are seconds in strings", needs=_NEEDS, source=_CLIENTS)
async def _seconds(world: World) -> None:
    pitch = await world.pitch()
    async with world.user_stream(world.one) as stream:
        told = await news(stream, await world.rest(world.one, pitch, -1), "PLACEMENT")
    matches(r"[0-9]{10}", told["created_at"], "created_at of ten digits")
    same(told["expiration"], "0", "expiration")


@check("WS-USER-007", "a cancel is a CANCELLATION", needs=_NEEDS, source=_SOURCE)
async def _cancellation(world: World) -> None:
    pitch = await world.pitch()
    async with world.user_stream(world.one) as stream:
        order_id = await world.rest(world.one, pitch, -1)
        await world.one.cancel(order_id)
        await news(stream, order_id, "PLACEMENT")
        told = await news(stream, order_id, "CANCELLATION")
    same(told["size_matched"], "0", "size_matched")


@check("WS-USER-008", "a partial fill is an UPDATE with size_matched", needs=_NEEDS, source=_SOURCE)
async def _update(world: World) -> None:
    pitch = await world.pitch()
    async with world.user_stream(world.one) as stream:
        order_id = await world.rest(world.one, pitch, -1, 2 * pitch.size)
        await hit(world, pitch, -1)
        told = await news(stream, order_id, "UPDATE")
    same(to_units(told["size_matched"]), pitch.size, "size_matched in units")


@check("WS-USER-009", "a trade is told to its taker with its fields", needs=_NEEDS, source=_SOURCE)
async def _taker(world: World) -> None:
    pitch = await world.pitch()
    async with world.user_stream(world.two) as stream:
        await world.rest(world.one, pitch, -1)
        trade_id = (await hit(world, pitch, -1))["tradeIDs"][0]
        told = await told_trade(stream, trade_id, "MATCHED")
    text_fields(told, *_TRADE_TEXTS)
    same(told["type"], "TRADE", "type")
    require(told["maker_orders"], told.get("maker_orders"), "maker_orders")
    require("match_time" in told or "matchtime" in told, sorted(told), "match_time or matchtime")


@check("WS-USER-010", "a trade is told to its maker, with the maker's order", needs=_NEEDS, source=_SOURCE)
async def _maker(world: World) -> None:
    pitch = await world.pitch()
    async with world.user_stream(world.one) as stream:
        order_id = await world.rest(world.one, pitch, -1)
        trade_id = (await hit(world, pitch, -1))["tradeIDs"][0]
        told = await told_trade(stream, trade_id, "MATCHED")
    mine = [maker for maker in told["maker_orders"] if maker["order_id"] == order_id]
    require(len(mine) == 1, told["maker_orders"], "our order among them")
    has(mine[0], "owner", "matched_amount", "price", "asset_id", "side")
    same((mine[0]["asset_id"], mine[0]["side"]), (pitch.yes, "BUY"), "token and side")


@check("WS-USER-011", "a trade goes MATCHED, MINED, CONFIRMED", needs=_NEEDS, source=_SOURCE, deadline_s=_LONG_S)
async def _settles(world: World) -> None:
    pitch = await world.pitch()
    async with world.user_stream(world.two) as stream:
        await world.rest(world.one, pitch, -1)
        trade_id = (await hit(world, pitch, -1))["tradeIDs"][0]
        for status in _SETTLING:
            told = await stream.event("trade", _SETTLES_S, id=trade_id)
            same(told["status"], status, "status")


@check("WS-USER-012", "once mined a trade has its transaction hash", needs=_NEEDS, source=_SOURCE, deadline_s=_LONG_S)
async def _hash(world: World) -> None:
    pitch = await world.pitch()
    async with world.user_stream(world.two) as stream:
        await world.rest(world.one, pitch, -1)
        trade_id = (await hit(world, pitch, -1))["tradeIDs"][0]
        told = await told_trade(stream, trade_id, "CONFIRMED")
    matches(r"0x[0-9a-f]{64}", told.get("transaction_hash"), "0x and 64 hex digits")


@check("WS-USER-013", "a taker's own order is told, too", needs=_NEEDS, source=_SOURCE)
async def _taker_order(world: World) -> None:
    pitch = await world.pitch()
    async with world.user_stream(world.two) as stream:
        await world.rest(world.one, pitch, -1)
        order_id = (await hit(world, pitch, -1))["orderID"]
        await stream.find(lambda item: is_event(item, "order", id=order_id), "an event of the taker's order")


@check("WS-USER-014", "others' orders are not told", needs=_NEEDS, source=_SOURCE)
async def _others(world: World) -> None:
    pitch = await world.pitch()
    async with world.user_stream(world.two) as stream:
        order_id = await world.rest(world.one, pitch, -1)
        await stream.silent(lambda item: is_event(item, "order", id=order_id), "silence")


@check("WS-USER-015", "with markets named, another market's orders are not told", needs=_NEEDS, source=_SOURCE)
async def _markets(world: World) -> None:
    pitch = await world.pitch()
    async with world.user_stream(world.one, markets=["0x" + "66" * 32]) as stream:
        order_id = await world.rest(world.one, pitch, -1)
        await stream.silent(lambda item: is_event(item, "order", id=order_id), "silence")


@check("WS-USER-016", "a market named later is told from then on", needs=_NEEDS, source=_SOURCE)
async def _later(world: World) -> None:
    pitch = await world.pitch()
    async with world.user_stream(world.one, markets=["0x" + "66" * 32]) as stream:
        await stream.send({"operation": "subscribe", "markets": [pitch.condition]})
        await stream.pong()
        await news(stream, await world.rest(world.one, pitch, -1), "PLACEMENT")


@check("WS-USER-017", "two sockets of one account hear the same", needs=_NEEDS, source=_SOURCE)
async def _two(world: World) -> None:
    pitch = await world.pitch()
    async with world.user_stream(world.one) as left, world.user_stream(world.one) as right:
        order_id = await world.rest(world.one, pitch, -1)
        first, second = [await news(stream, order_id, "PLACEMENT") for stream in (left, right)]
    same(first["id"], second["id"], "id")


@check("WS-USER-018", "a killed FOK leaves no order that looks alive", needs=_NEEDS, source=_SOURCE)
async def _killed(world: World) -> None:
    pitch = await world.pitch()
    async with world.user_stream(world.two) as stream:
        body = world.two.draft(pitch, pitch.yes, BUY, pitch.at(), pitch.size, "FOK")
        await world.two.post(body)
        last: dict[str, Any] = {}
        for item in await stream.drain(0.6):
            if is_event(item, "order"):
                last[item["id"]] = item
    for item in last.values():
        if item["type"] == "PLACEMENT" and item["status"] == "LIVE":
            raise failed(item, "a cancellation behind it")

"""The CLOB's market socket."""

from __future__ import annotations

from typing import Any, Final

from agbot.exchange.conformance.check import check
from agbot.exchange.conformance.checks_books import NOBODY, mirror
from agbot.exchange.conformance.checks_matching import hit
from agbot.exchange.conformance.streams import FRAME_BYTES_MAX, Stream, is_event
from agbot.exchange.conformance.verdict import has, matches, require, same, text_fields
from agbot.exchange.conformance.world import World, rungs
from agbot.units import complement, to_text, to_units

_SOURCE: Final = "docs: market channel"
_CLIENTS: Final = "official clients 2026-11"
_READ: Final = ("sockets",)
_TRADE: Final = ("sockets", "trade")
_SNAPSHOTS_MAX: Final = 150


def first(*tokens: str, flag: bool = False) -> dict[str, object]:
    """Return a market socket's first frame."""
    return {"type": "market", "assets_ids": list(tokens), "custom_feature_enabled": flag}


async def subscribe(stream: Stream, *tokens: str, flag: bool = False) -> list[Any]:
    """Send the first frame and return the book of each token."""
    await stream.send(first(*tokens, flag=flag))
    return [await stream.event("book", asset_id=token) for token in tokens]


def changes(item: Any, token: str) -> list[Any]:
    """Return the changes of a token in a price_change, empty for other items."""
    rows = item.get("price_changes", ()) if is_event(item, "price_change") else ()
    return [row for row in rows if row.get("asset_id") == token]


async def change(stream: Stream, token: str, price: int, size: int) -> Any:
    """Return the row that sets a token's level to `size`."""

    def said(item: Any) -> bool:
        return any(_level(row) == (price, size) for row in changes(item, token))

    item = await stream.find(said, f"price_change {to_text(price)} to size {to_text(size)}")
    return next(row for row in changes(item, token) if _level(row) == (price, size))


def _level(row: Any) -> tuple[int, int]:
    return to_units(str(row["price"])), to_units(str(row["size"]))


@check("WS-MARKET-001", "a subscription is answered by the book of each token", needs=_READ, source=_SOURCE)
async def _snapshot(world: World) -> None:
    listed = await world.market()
    async with world.market_stream() as stream:
        await subscribe(stream, listed.yes, listed.no)


@check("WS-MARKET-002", "a book event has its fields", needs=_READ, source=_SOURCE)
async def _fields(world: World) -> None:
    listed = await world.market()
    async with world.market_stream() as stream:
        book = (await subscribe(stream, listed.yes))[0]
        text_fields(book, "market", "asset_id", "timestamp", "hash")
        has(book, "bids", "asks")
        same((book["market"], book["asset_id"]), (listed.condition, listed.yes))


@check("WS-MARKET-003", "its levels are strings, best last", needs=_READ, source=_CLIENTS)
async def _levels(world: World) -> None:
    async with world.market_stream() as stream:
        book = (await subscribe(stream, (await world.two_sided()).yes))[0]
    for level in book["bids"] + book["asks"]:
        text_fields(level, "price", "size")
    bids, asks = rungs(book["bids"]), rungs(book["asks"])
    require(bids == sorted(bids) and asks == sorted(asks, reverse=True), (bids[-2:], asks[-2:]), "best last")


@check(
    "WS-MARKET-004", "its timestamp is milliseconds in a string", needs=_READ, source="observed: numbers are dropped"
)
async def _timestamp(world: World) -> None:
    async with world.market_stream() as stream:
        book = (await subscribe(stream, (await world.market()).yes))[0]
    matches(r"[0-9]{13}", book["timestamp"], "13 digits in a string")


@check("WS-MARKET-005", "its hash is 40 lower-case hexadecimal digits", needs=_READ, source=_CLIENTS)
async def _hash(world: World) -> None:
    async with world.market_stream() as stream:
        book = (await subscribe(stream, (await world.market()).yes))[0]
    matches(r"[0-9a-f]{40}", book["hash"], "40 lower-case hex")


@check("WS-MARKET-006", "the text PING is answered by the text PONG", needs=_READ, source=_SOURCE)
async def _pong(world: World) -> None:
    async with world.market_stream() as stream:
        await subscribe(stream, (await world.market()).yes)
        await stream.pong()


@check("WS-MARKET-007", "tokens can be added later, and their books come", needs=_READ, source=_SOURCE)
async def _added(world: World) -> None:
    listed = await world.market()
    async with world.market_stream() as stream:
        await subscribe(stream, listed.yes)
        await stream.send({"operation": "subscribe", "assets_ids": [listed.no], "custom_feature_enabled": False})
        await stream.event("book", asset_id=listed.no)


@check("WS-MARKET-008", "an unknown token does not end the socket", needs=_READ, source=_CLIENTS)
async def _unknown(world: World) -> None:
    listed = await world.market()
    async with world.market_stream() as stream:
        await stream.send(first(NOBODY, listed.yes))
        await stream.event("book", asset_id=listed.yes)
        await stream.pong()


@check(
    "WS-MARKET-009", "no frame of many books is above 1 MiB", needs=_READ, source="official Python client: close 1009"
)
async def _frames(world: World) -> None:
    tokens = [token for listed in await world.listed() for token in (listed.yes, listed.no)][:_SNAPSHOTS_MAX]
    async with world.market_stream() as stream:
        await subscribe(stream, *tokens)
        require(stream.longest <= FRAME_BYTES_MAX, f"{stream.longest} bytes", "at most 1048576 bytes")


@check("WS-MARKET-010", "the two tokens' books mirror each other", needs=_READ, source=_SOURCE)
async def _mirrored(world: World) -> None:
    listed = await world.two_sided()
    async with world.market_stream() as stream:
        for attempt in range(3):  # a busy book may change between the two
            if attempt:
                both = {"assets_ids": [listed.yes, listed.no]}
                await stream.send({"operation": "unsubscribe", **both})
                await stream.drain()
                await stream.send({"operation": "subscribe", **both})
                yes, no = [await stream.event("book", asset_id=token) for token in both["assets_ids"]]
            else:
                yes, no = await subscribe(stream, listed.yes, listed.no)
            if mirror(rungs(yes["bids"])) == rungs(no["asks"]):
                return
    same(mirror(rungs(yes["bids"]))[-3:], rungs(no["asks"])[-3:], "YES bids against NO asks")


@check("WS-MARKET-011", "a second subscription of a token brings a fresh book", needs=_READ, source="observed")
async def _fresh(world: World) -> None:
    listed = await world.market()
    async with world.market_stream() as stream:
        await subscribe(stream, listed.yes)
        await stream.send({"operation": "unsubscribe", "assets_ids": [listed.yes]})
        await stream.drain()
        await stream.send({"operation": "subscribe", "assets_ids": [listed.yes]})
        await stream.event("book", asset_id=listed.yes)


# ---------------------------------------------------------------- with orders


@check("WS-MARKET-012", "a resting order is a price_change with its fields", needs=_TRADE, source=_SOURCE)
async def _change(world: World) -> None:
    pitch = await world.pitch()
    async with world.market_stream() as stream:
        await subscribe(stream, pitch.yes)
        await world.rest(world.one, pitch, -1)
        row = await change(stream, pitch.yes, pitch.at(-1), pitch.size)
    text_fields(row, "asset_id", "price", "size", "side", "hash", "best_bid", "best_ask")
    same(row["side"], "BUY", "side")


@check("WS-MARKET-013", "a price_change names market and timestamp as strings", needs=_TRADE, source=_SOURCE)
async def _envelope(world: World) -> None:
    pitch = await world.pitch()
    async with world.market_stream() as stream:
        await subscribe(stream, pitch.yes)
        await world.rest(world.one, pitch, -1)
        told = await stream.event("price_change", market=pitch.condition)
    matches(r"[0-9]{13}", told["timestamp"], "13 digits in a string")


@check("WS-MARKET-014", "both outcomes are told of a change", needs=_TRADE, source=_SOURCE)
async def _both(world: World) -> None:
    pitch = await world.pitch()
    async with world.market_stream() as stream:
        await subscribe(stream, pitch.yes, pitch.no)
        await world.rest(world.one, pitch, -1)
        await stream.find(lambda item: bool(changes(item, pitch.yes)), "price_change of YES")
    async with world.market_stream() as stream:
        await subscribe(stream, pitch.no)
        await world.rest(world.one, pitch, -2)
        row = await change(stream, pitch.no, complement(pitch.at(-2)), pitch.size)
    same(row["side"], "SELL", "the mirror's side")


@check("WS-MARKET-015", "sizes are absolute: two orders add up, a cancelled level is 0", needs=_TRADE, source=_SOURCE)
async def _absolute(world: World) -> None:
    pitch = await world.pitch()
    async with world.market_stream() as stream:
        await subscribe(stream, pitch.yes)
        await world.rest(world.one, pitch, -1)
        await world.rest(world.two, pitch, -1)
        await change(stream, pitch.yes, pitch.at(-1), 2 * pitch.size)
        await world.clear()
        await change(stream, pitch.yes, pitch.at(-1), 0)


@check("WS-MARKET-016", "best_bid of a change is the new best", needs=_TRADE, source=_SOURCE)
async def _best(world: World) -> None:
    pitch = await world.pitch()
    async with world.market_stream() as stream:
        await subscribe(stream, pitch.yes)
        await world.rest(world.one, pitch, 0)
        row = await change(stream, pitch.yes, pitch.at(), pitch.size)
    same(to_units(row["best_bid"]), pitch.at(), "best_bid")


@check("WS-MARKET-017", "a trade is a last_trade_price with its fields", needs=_TRADE, source=_SOURCE)
async def _last(world: World) -> None:
    pitch = await world.pitch()
    async with world.market_stream() as stream:
        await subscribe(stream, pitch.yes, pitch.no)
        await world.rest(world.one, pitch, -1)
        await hit(world, pitch, -1)
        told = await stream.event("last_trade_price", market=pitch.condition)
    text_fields(told, "market", "asset_id", "price", "side", "size", "fee_rate_bps", "timestamp")
    same(to_units(told["size"]), pitch.size, "size")


@check("WS-MARKET-018", "after unsubscribing nothing more is told", needs=_TRADE, source=_SOURCE)
async def _unsubscribed(world: World) -> None:
    pitch = await world.pitch()
    async with world.market_stream() as stream:
        await subscribe(stream, pitch.yes)
        await stream.send({"operation": "unsubscribe", "assets_ids": [pitch.yes]})
        await stream.pong()
        await stream.drain(0.1)
        await world.rest(world.one, pitch, -1)
        await stream.silent(lambda item: bool(changes(item, pitch.yes)), "silence")


@check("WS-MARKET-019", "with the custom flag a new best is a best_bid_ask", needs=_TRADE, source=_SOURCE)
async def _custom(world: World) -> None:
    pitch = await world.pitch()
    async with world.market_stream() as stream:
        await subscribe(stream, pitch.yes, flag=True)
        await world.rest(world.one, pitch, 0)

        def best(item: Any) -> bool:
            return is_event(item, "best_bid_ask", asset_id=pitch.yes) and to_units(item["best_bid"]) == pitch.at()

        told = await stream.find(best, "best_bid_ask with our bid")
    text_fields(told, "market", "asset_id", "best_bid", "best_ask", "spread", "timestamp")


@check("WS-MARKET-020", "without the flag there is no best_bid_ask", needs=_TRADE, source=_SOURCE)
async def _plain(world: World) -> None:
    pitch = await world.pitch()
    async with world.market_stream() as stream:
        await subscribe(stream, pitch.yes)
        await world.rest(world.one, pitch, 0)
        await change(stream, pitch.yes, pitch.at(), pitch.size)
        await stream.silent(lambda item: is_event(item, "best_bid_ask"), "no best_bid_ask")


@check("WS-MARKET-021", "the flag can be set later by naming a token again", needs=_TRADE, source=_CLIENTS)
async def _flag(world: World) -> None:
    pitch = await world.pitch()
    async with world.market_stream() as stream:
        await subscribe(stream, pitch.yes)
        await stream.send({"operation": "subscribe", "assets_ids": [pitch.yes], "custom_feature_enabled": True})
        await stream.pong()
        await world.rest(world.one, pitch, 0)
        await stream.event("best_bid_ask", asset_id=pitch.yes)


@check("WS-MARKET-022", "changes on top of the snapshot give the book of /book", needs=_TRADE, source=_SOURCE)
async def _replayed(world: World) -> None:
    pitch = await world.pitch()
    async with world.market_stream() as stream:
        book = (await subscribe(stream, pitch.yes))[0]
        bids = dict(rungs(book["bids"]))
        for steps in (-1, -2):
            await world.rest(world.one, pitch, steps)
        await change(stream, pitch.yes, pitch.at(-1), pitch.size)
        await change(stream, pitch.yes, pitch.at(-2), pitch.size)
    bids |= {pitch.at(-1): pitch.size, pitch.at(-2): pitch.size}
    seen = dict(rungs((await world.book(pitch.yes))["bids"]))
    same(
        {price: seen.get(price) for price in (pitch.at(-1), pitch.at(-2))},
        {p: bids[p] for p in bids if p in seen and p >= pitch.at(-2)},
    )

"""The CLOB answers at all, and its books."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from agbot.exchange.conformance.check import check
from agbot.exchange.conformance.verdict import failed, has, matches, require, same, text_fields, whole
from agbot.exchange.conformance.world import World, rungs
from agbot.units import TICKS, complement, on_tick, to_units

_SYSTEM: Final = "docs: CLOB health, time, version"
_BOOK: Final = "docs: CLOB GET /book; observed 2026-10 on 484 books"
_BOOKS: Final = "docs: CLOB POST /books"
_FIELDS: Final = (
    "market",
    "asset_id",
    "timestamp",
    "hash",
    "bids",
    "asks",
    "min_order_size",
    "tick_size",
    "neg_risk",
    "last_trade_price",
)
NOBODY: Final = "123456789012345678901234567890123456789012345678901234567890123456789012345"
"""A token no market has."""
NO_BOOK: Final = "No orderbook exists"


def mirror(levels: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return levels as the other token's book shows them."""
    return [(complement(price), size) for price, size in levels]


@check("CLOB-SYS-001", "GET /ok answers 200", source=_SYSTEM)
async def _ok(world: World) -> None:
    same((await world.clob.get("/ok")).status, 200, "HTTP")


@check("CLOB-SYS-002", "GET /time is a whole number of seconds", source=_SYSTEM)
async def _time(world: World) -> None:
    told = (await world.clob.get("/time")).ok()
    require(whole(told) and len(str(told)) == 10, told, "a JSON integer of ten digits")


@check("CLOB-SYS-003", "time does not run backwards", source=_SYSTEM)
async def _monotonic(world: World) -> None:
    first = (await world.clob.get("/time")).ok()
    second = (await world.clob.get("/time")).ok()
    require(second >= first, f"{first}, then {second}", "no step back")


@check("CLOB-SYS-004", 'GET /version is {"version": 2}', source=_SYSTEM)
async def _version(world: World) -> None:
    same((await world.clob.get("/version")).ok(), {"version": 2})


@check("CLOB-SYS-005", "an unknown path is a 404", source=_SYSTEM)
async def _unknown_path(world: World) -> None:
    same((await world.clob.get("/no-such-path")).status, 404, "HTTP")


@check("CLOB-SYS-006", "answers are application/json", source=_SYSTEM)
async def _content_type(world: World) -> None:
    answer = await world.clob.get("/book", token_id=(await world.market()).yes)
    require("application/json" in answer.headers.get("content-type", ""), dict(answer.headers), "application/json")


# ---------------------------------------------------------------- one book


async def _some_book(world: World) -> Any:
    return await world.book((await world.two_sided()).yes)


@check("CLOB-BOOK-001", "a book has every documented field", source=_BOOK)
async def _fields(world: World) -> None:
    has(await world.book((await world.market()).yes), *_FIELDS)


@check("CLOB-BOOK-002", "a book's numbers are JSON strings", source="official clients 2026-11: parse strings only")
async def _strings(world: World) -> None:
    told = await world.book((await world.market()).yes)
    text_fields(told, "market", "asset_id", "timestamp", "hash", "min_order_size", "tick_size", "last_trade_price")


@check("CLOB-BOOK-003", "bids ascend, best last", source=_BOOK)
async def _bids_ascend(world: World) -> None:
    prices = [price for price, _ in rungs((await _some_book(world))["bids"])]
    same(prices, sorted(set(prices)), "bids")


@check("CLOB-BOOK-004", "asks descend, best last", source=_BOOK)
async def _asks_descend(world: World) -> None:
    prices = [price for price, _ in rungs((await _some_book(world))["asks"])]
    same(prices, sorted(set(prices), reverse=True), "asks")


@check("CLOB-BOOK-005", "levels are objects of string price and string size", source=_BOOK)
async def _levels(world: World) -> None:
    told = await _some_book(world)
    for level in told["bids"] + told["asks"]:
        text_fields(level, "price", "size")


@check("CLOB-BOOK-006", "the hash is 40 lower-case hexadecimal digits", source="official clients 2026-11")
async def _hash_form(world: World) -> None:
    matches(r"[0-9a-f]{40}", (await world.book((await world.market()).yes))["hash"], "40 lower-case hex, no 0x")


@check(
    "CLOB-BOOK-007", "the hash is SHA-1 of the compact book with an empty hash", source="official clients: book hash"
)
async def _hash_recipe(world: World) -> None:
    told = await _some_book(world)
    blank = {name: told[name] if name != "hash" else "" for name in _FIELDS}
    blank |= {side: [{"price": x["price"], "size": x["size"]} for x in told[side]] for side in ("bids", "asks")}
    same(told["hash"], hashlib.sha1(msgspec.json.encode(blank), usedforsecurity=False).hexdigest(), "hash")


@check("CLOB-BOOK-008", "the timestamp is a string of milliseconds", source="official clients 2026-11")
async def _timestamp(world: World) -> None:
    matches(r"[0-9]{13}", (await world.book((await world.market()).yes))["timestamp"], "13 digits in a string")


@check("CLOB-BOOK-009", "the best bid is below the best ask", source="an exchange that matches")
async def _not_crossed(world: World) -> None:
    told = await _some_book(world)
    bid, ask = (rungs(told[side])[-1][0] for side in ("bids", "asks"))
    require(bid < ask, f"bid {bid} ask {ask}", "bid < ask")


@check("CLOB-BOOK-010", "the NO book mirrors the YES book: bid q is ask 1-q of the same size", source=_BOOK)
async def _mirrored(world: World) -> None:
    listed = await world.two_sided()
    seen = ""
    for _ in range(3):  # a busy book may change between the two reads
        told = (await world.clob.post("/books", [{"token_id": token} for token in (listed.yes, listed.no)])).ok()
        both = {book["asset_id"]: book for book in told}
        yes, no = both[listed.yes], both[listed.no]
        if mirror(rungs(yes["bids"])) == rungs(no["asks"]) and mirror(rungs(yes["asks"])) == rungs(no["bids"]):
            return
        seen = f"YES bids {yes['bids'][-2:]}, NO asks {no['asks'][-2:]}"
    raise failed(seen, "an exact mirror")


@check("CLOB-BOOK-011", "prices are multiples of the tick in [tick, 1-tick]", source="docs: tick sizes")
async def _grid(world: World) -> None:
    told = await _some_book(world)
    tick = to_units(told["tick_size"])
    wrong = [price for price, _ in rungs(told["bids"] + told["asks"]) if not on_tick(price, tick)]
    require(not wrong, wrong, f"multiples of {told['tick_size']}")


@check("CLOB-BOOK-012", "no level is empty", source=_BOOK)
async def _sizes(world: World) -> None:
    told = await _some_book(world)
    require(all(size > 0 for _, size in rungs(told["bids"] + told["asks"])), "a level of size 0", "sizes above 0")


@check("CLOB-BOOK-013", "a book names its market and token", source=_BOOK)
async def _echo(world: World) -> None:
    listed = await world.market()
    told = await world.book(listed.no)
    same((told["market"], told["asset_id"]), (listed.condition, listed.no))


@check("CLOB-BOOK-014", "neg_risk is a JSON boolean, tick_size a known tick", source=_BOOK)
async def _kinds(world: World) -> None:
    told = await world.book((await world.market()).yes)
    require(isinstance(told["neg_risk"], bool), told["neg_risk"], "true or false")
    require(to_units(told["tick_size"]) in TICKS, told["tick_size"], "one of the six ticks")


@check("CLOB-BOOK-015", "an unknown token is a 404 with the venue's text", source="docs: error codes")
async def _unknown_token(world: World) -> None:
    (await world.clob.get("/book", token_id=NOBODY)).refused(NO_BOOK, status=404)


@check("CLOB-BOOK-016", "no token at all is refused with an error text", source="docs: error codes")
async def _no_token(world: World) -> None:
    (await world.clob.get("/book")).refused(status=(400, 404))


@check("CLOB-BOOK-017", "a resting order is in the next book and in its mirror", needs=["trade"], source=_BOOK)
async def _order_shows(world: World) -> None:
    pitch = await world.pitch()
    await world.rest(world.one, pitch, -1)
    yes, no = await world.book(pitch.yes), await world.book(pitch.no)
    same(rungs(yes["bids"])[-1], (pitch.at(-1), pitch.size), "best bid")
    same(rungs(no["asks"])[-1], (complement(pitch.at(-1)), pitch.size), "the mirror's best ask")


@check("CLOB-BOOK-018", "orders of one price are one level", needs=["trade"], source=_BOOK)
async def _one_level(world: World) -> None:
    pitch = await world.pitch()
    await world.rest(world.one, pitch, -1)
    await world.rest(world.two, pitch, -1)
    same(rungs((await world.book(pitch.yes))["bids"])[-1], (pitch.at(-1), 2 * pitch.size), "best bid")


@check("CLOB-BOOK-019", "the hash changes with the book", needs=["trade"], source="official clients: book hash")
async def _hash_changes(world: World) -> None:
    pitch = await world.pitch()
    before = (await world.book(pitch.yes))["hash"]
    await world.rest(world.one, pitch, -1)
    require((await world.book(pitch.yes))["hash"] != before, before, "another hash")


# ---------------------------------------------------------------- many books


@check("CLOB-BOOKS-001", "POST /books gives an array of the same objects as /book", source=_BOOKS)
async def _many(world: World) -> None:
    listed = await world.market()
    told = (await world.clob.post("/books", [{"token_id": listed.yes}, {"token_id": listed.no}])).ok()
    same(sorted(book["asset_id"] for book in told), sorted((listed.yes, listed.no)))
    for book in told:
        has(book, *_FIELDS)


@check("CLOB-BOOKS-002", "unknown tokens are dropped silently", source=_BOOKS)
async def _dropped(world: World) -> None:
    listed = await world.market()
    told = (await world.clob.post("/books", [{"token_id": NOBODY}, {"token_id": listed.yes}])).ok()
    same([book["asset_id"] for book in told], [listed.yes])


@check("CLOB-BOOKS-003", "more than 500 tokens are refused", source=_BOOKS)
async def _too_many(world: World) -> None:
    listed = await world.market()
    answer = await world.clob.post("/books", [{"token_id": listed.yes}] * 501)
    require(400 <= answer.status < 500, f"HTTP {answer.status}", "HTTP 4xx")


@check("CLOB-BOOKS-004", "a body that is no JSON is refused with an error text", source="docs: error codes")
async def _no_json(world: World) -> None:
    (await world.clob.ask("POST", "/books", body=b"[{")).refused()

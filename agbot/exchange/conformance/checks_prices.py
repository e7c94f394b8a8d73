"""Prices derived from the book, the last trade, and prices of the past."""

from __future__ import annotations

from typing import Any, Final

from agbot.exchange.conformance.check import check
from agbot.exchange.conformance.checks_books import NO_BOOK, NOBODY
from agbot.exchange.conformance.verdict import has, number, require, same, text_fields, whole
from agbot.exchange.conformance.world import World, rungs
from agbot.units import to_units

_PRICE: Final = "docs: CLOB GET /price"
_MID: Final = "docs: CLOB GET /midpoint"
_SPREAD: Final = "docs: CLOB GET /spread"
_LAST: Final = "docs: CLOB GET /last-trade-price"
_PAST: Final = "docs: CLOB GET /prices-history"
_SIDES: Final = {"BUY", "SELL", ""}


async def _beside_book(world: World, path: str, **query: object) -> tuple[str, int, int, Any]:
    """Return a token, its best bid and ask, and what a route says of it; the book was the same before and after."""
    token = (await world.two_sided()).yes
    told: Any = None
    for _ in range(4):
        book = await world.book(token)
        told = (await world.clob.get(path, token_id=token, **query)).ok()
        if (await world.book(token))["hash"] == book["hash"] or _same_top(book, await world.book(token)):
            break
    return token, rungs(book["bids"])[-1][0], rungs(book["asks"])[-1][0], told


def _same_top(one: Any, other: Any) -> bool:
    return bool(one["bids"][-1:] == other["bids"][-1:] and one["asks"][-1:] == other["asks"][-1:])


@check("CLOB-PRICE-001", "side BUY is the best bid", source=_PRICE)
async def _buy(world: World) -> None:
    _, bid, _, told = await _beside_book(world, "/price", side="BUY")
    same(to_units(told["price"]), bid, "price")


@check("CLOB-PRICE-002", "side SELL is the best ask", source=_PRICE)
async def _sell(world: World) -> None:
    _, _, ask, told = await _beside_book(world, "/price", side="SELL")
    same(to_units(told["price"]), ask, "price")


@check("CLOB-PRICE-003", "the price is a JSON string", source=_PRICE)
async def _price_text(world: World) -> None:
    text_fields((await world.clob.get("/price", token_id=(await world.two_sided()).yes, side="BUY")).ok(), "price")


@check("CLOB-PRICE-004", "an unknown token is a 404 with the venue's text", source="docs: error codes")
async def _price_unknown(world: World) -> None:
    (await world.clob.get("/price", token_id=NOBODY, side="BUY")).refused(NO_BOOK, status=404)


@check("CLOB-PRICE-005", "a side that is none is refused", source=_PRICE)
async def _bad_side(world: World) -> None:
    (await world.clob.get("/price", token_id=(await world.market()).yes, side="UP")).refused()


@check("CLOB-PRICE-006", "POST /prices maps token to side to price", source="docs: CLOB POST /prices")
async def _prices(world: World) -> None:
    token = (await world.two_sided()).yes
    told = (await world.clob.post("/prices", [{"token_id": token, "side": side} for side in ("BUY", "SELL")])).ok()
    has(told, token)
    has(told[token], "BUY", "SELL")
    require(to_units(str(told[token]["BUY"])) < to_units(str(told[token]["SELL"])), told[token], "BUY below SELL")


@check("CLOB-MID-001", "the midpoint is half of best bid and best ask", source=_MID)
async def _mid(world: World) -> None:
    _, bid, ask, told = await _beside_book(world, "/midpoint")
    same(2 * to_units(told.get("mid", told.get("mid_price"))), bid + ask, "twice the midpoint")


@check("CLOB-MID-002", "it is called mid and is a JSON string", source="official clients 2026-11")
async def _mid_text(world: World) -> None:
    text_fields((await world.clob.get("/midpoint", token_id=(await world.two_sided()).yes)).ok(), "mid")


@check("CLOB-MID-003", "an unknown token is a 404 with the venue's text", source="docs: error codes")
async def _mid_unknown(world: World) -> None:
    (await world.clob.get("/midpoint", token_id=NOBODY)).refused(NO_BOOK, status=404)


@check("CLOB-MID-004", "POST /midpoints maps token to midpoint", source="docs: CLOB POST /midpoints")
async def _mids(world: World) -> None:
    token = (await world.two_sided()).yes
    told = (await world.clob.post("/midpoints", [{"token_id": token}])).ok()
    text_fields(told, token)


@check("CLOB-SPREAD-001", "the spread is best ask minus best bid", source=_SPREAD)
async def _spread(world: World) -> None:
    _, bid, ask, told = await _beside_book(world, "/spread")
    same(to_units(told["spread"]), ask - bid, "spread")


@check("CLOB-SPREAD-002", "an unknown token is a 404 with the venue's text", source="docs: error codes")
async def _spread_unknown(world: World) -> None:
    (await world.clob.get("/spread", token_id=NOBODY)).refused(NO_BOOK, status=404)


@check("CLOB-SPREAD-003", "POST /spreads maps token to spread", source="docs: CLOB POST /spreads")
async def _spreads(world: World) -> None:
    token = (await world.two_sided()).yes
    text_fields((await world.clob.post("/spreads", [{"token_id": token}])).ok(), token)


@check("CLOB-LAST-001", "the last trade has string price and side", source=_LAST)
async def _last(world: World) -> None:
    told = (await world.clob.get("/last-trade-price", token_id=(await world.market()).yes)).ok()
    text_fields(told, "price", "side")
    require(told["side"] in _SIDES, told, "BUY, SELL or no side")


@check("CLOB-LAST-002", "before the first trade it is 0.5 without a side", source=_LAST)
async def _never_traded(world: World) -> None:
    for listed in (await world.listed())[:20]:
        told = (await world.clob.get("/last-trade-price", token_id=listed.yes)).ok()
        if told["side"] == "":
            return same(told["price"], "0.5", "price")
    return None


@check("CLOB-LAST-003", "POST /last-trades-prices is an array of token, price, side", source=_LAST)
async def _lasts(world: World) -> None:
    token = (await world.market()).yes
    told = (await world.clob.post("/last-trades-prices", [{"token_id": token}])).ok()
    require(isinstance(told, list) and len(told) == 1, told, "an array of one")
    text_fields(told[0], "token_id", "price", "side")
    same(told[0]["token_id"], token)


@check("CLOB-HIST-001", "the history is an array of t (seconds) and p (number)", source=_PAST)
async def _history(world: World) -> None:
    told = (await world.clob.get("/prices-history", market=(await world.market()).yes, interval="max")).ok()
    has(told, "history")
    require(isinstance(told["history"], list), told, "an array")
    for point in told["history"]:
        has(point, "t", "p")
        require(whole(point["t"]) and number(point["p"]), point, "numbers")


@check("CLOB-HIST-002", "its points ascend in time", source=_PAST)
async def _ascending(world: World) -> None:
    told = (await world.clob.get("/prices-history", market=(await world.market()).yes, interval="1d")).ok()
    stamps = [point["t"] for point in told["history"]]
    require(stamps == sorted(stamps), stamps[:5], "ascending times")


@check("CLOB-HIST-003", "startTs and endTs bound the points", source=_PAST)
async def _window(world: World) -> None:
    end = int(world.now_s) - 60
    query = {"market": (await world.market()).yes, "startTs": end - 3600, "endTs": end, "fidelity": 1}
    told = (await world.clob.get("/prices-history", **query)).ok()
    wrong = [point["t"] for point in told["history"] if not end - 3660 <= point["t"] <= end + 60]
    require(not wrong, wrong[:3], f"times in [{end - 3600}, {end}]")


@check("CLOB-HIST-004", "without a market it is refused", source=_PAST)
async def _no_market(world: World) -> None:
    (await world.clob.get("/prices-history", interval="1d")).refused()

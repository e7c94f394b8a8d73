"""Who trades with whom, at which price, and what is left."""

from __future__ import annotations

from typing import Final

from agbot.exchange.conformance.check import check
from agbot.exchange.conformance.checks_orders import BUY, SELL, buy, offer
from agbot.exchange.conformance.trader import Json, Pitch, Trader, accepted, refusal
from agbot.exchange.conformance.verdict import require, same
from agbot.exchange.conformance.world import World, rungs
from agbot.units import complement, notional, to_units

_RULE: Final = "docs: price-time priority"
_MINT: Final = "docs: complementary, mint and merge matches"
_TYPES: Final = "docs: order types"
_TRADE: Final = ("trade",)


async def hit(world: World, pitch: Pitch, steps: int, size: int = 0, order_type: str = "GTC") -> Json:
    """Let the second trader sell YES down to `steps` from the middle by buying NO; return the reply."""
    price = complement(pitch.at(steps))
    return await world.two.place(pitch, pitch.no, BUY, price, size or pitch.size, order_type)


async def left(trader: Trader, order_id: str) -> int:
    """Return the shares of an order that still rest, 10⁻⁶; 0 when it is gone."""
    rows = [row for row in await trader.open_orders() if row["id"] == order_id]
    return to_units(rows[0]["original_size"]) - to_units(rows[0]["size_matched"]) if rows else 0


@check("CLOB-MATCH-001", "the better price trades first", needs=_TRADE, source=_RULE)
async def _price(world: World) -> None:
    pitch = await world.pitch()
    worse, better = await world.rest(world.one, pitch, -2), await world.rest(world.one, pitch, -1)
    await hit(world, pitch, -2)
    same((await left(world.one, better), await left(world.one, worse)), (0, pitch.size), "better and worse")


@check("CLOB-MATCH-002", "of one price the older order trades first", needs=_TRADE, source=_RULE)
async def _time(world: World) -> None:
    pitch = await world.pitch()
    older, newer = await world.rest(world.one, pitch, -1), await world.rest(world.one, pitch, -1)
    await hit(world, pitch, -1)
    same((await left(world.one, older), await left(world.one, newer)), (0, pitch.size), "older and newer")


@check("CLOB-MATCH-003", "time priority holds between accounts", needs=_TRADE, source=_RULE)
async def _accounts(world: World) -> None:
    third, pitch = world.third(), await world.pitch()
    older = await world.rest(third, pitch, -1)
    newer = await world.rest(world.one, pitch, -1)
    await hit(world, pitch, -1)
    same((await left(third, older), await left(world.one, newer)), (0, pitch.size), "older and newer")


@check("CLOB-MATCH-004", "a partial fill leaves the rest, with size_matched", needs=_TRADE, source=_RULE)
async def _partial(world: World) -> None:
    pitch = await world.pitch()
    order_id = await world.rest(world.one, pitch, -1, 3 * pitch.size)
    await hit(world, pitch, -1)
    row = (await world.one.open_orders(id=order_id))[0]
    same(to_units(row["size_matched"]), pitch.size, "size_matched in units")
    same(rungs((await world.book(pitch.yes))["bids"])[-1], (pitch.at(-1), 2 * pitch.size), "best bid")


@check("CLOB-MATCH-005", "after a partial fill an order keeps its place", needs=_TRADE, source=_RULE)
async def _place(world: World) -> None:
    pitch = await world.pitch()
    older = await world.rest(world.one, pitch, -1, 2 * pitch.size)
    newer = await world.rest(world.one, pitch, -1)
    await hit(world, pitch, -1)
    await hit(world, pitch, -1)
    same((await left(world.one, older), await left(world.one, newer)), (0, pitch.size), "older and newer")


@check("CLOB-MATCH-006", "a taker gets the maker's better price", needs=_TRADE, source=_RULE)
async def _improved(world: World) -> None:
    pitch = await world.pitch()
    await offer(world, pitch, -2)
    told = await world.two.place(pitch, pitch.yes, BUY, pitch.at(2), pitch.size)
    same(to_units(told["takingAmount"]), pitch.size, "takingAmount in units")
    same(to_units(told["makingAmount"]), notional(pitch.at(-2), pitch.size), "makingAmount in units")


@check("CLOB-MATCH-007", "an order never trades beyond its price", needs=_TRADE, source=_RULE)
async def _limit(world: World) -> None:
    pitch = await world.pitch()
    near, far = await offer(world, pitch, 0), await offer(world, pitch, 2)
    await world.two.place(pitch, pitch.yes, BUY, pitch.at(1), 2 * pitch.size)
    same((await left(world.one, near), await left(world.one, far)), (0, pitch.size), "near and far")


@check("CLOB-MATCH-008", "what a GTC order cannot take rests at its price", needs=_TRADE, source=_RULE)
async def _remainder(world: World) -> None:
    pitch = await world.pitch()
    await offer(world, pitch)
    await world.two.place(pitch, pitch.yes, BUY, pitch.at(), 3 * pitch.size)
    same(rungs((await world.book(pitch.yes))["bids"])[-1], (pitch.at(), 2 * pitch.size), "best bid")


@check("CLOB-MATCH-009", "one order sweeps several levels, best first", needs=_TRADE, source=_RULE)
async def _sweep(world: World) -> None:
    pitch = await world.pitch()
    for steps in (0, 1, 2):
        await offer(world, pitch, steps)
    told = await world.two.place(pitch, pitch.yes, BUY, pitch.at(2), 3 * pitch.size)
    same(to_units(told["takingAmount"]), 3 * pitch.size, "takingAmount in units")
    paid = sum(notional(pitch.at(steps), pitch.size) for steps in (0, 1, 2))
    same(to_units(told["makingAmount"]), paid, "makingAmount in units")


@check("CLOB-MATCH-010", "two buyers of the two outcomes mint a pair", needs=_TRADE, source=_MINT)
async def _mint(world: World) -> None:
    pitch = await world.pitch()
    order_id = await world.rest(world.one, pitch, -1)
    same((await hit(world, pitch, -1))["status"], "matched", "status")
    same(await left(world.one, order_id), 0, "the maker's rest")


@check("CLOB-MATCH-011", "two sellers of the two outcomes merge a pair", needs=_TRADE, source=_MINT, deadline_s=60)
async def _merge(world: World) -> None:
    pitch = await world.pitch()
    await world.stock(pitch)
    order_id = await world.rest(world.one, pitch, 1, side=SELL)
    told = await world.two.place(pitch, pitch.no, SELL, complement(pitch.at(1)), pitch.size)
    same(told["status"], "matched", "status")
    same(await left(world.one, order_id), 0, "the maker's rest")


@check("CLOB-MATCH-012", "a seller and a buyer of one outcome trade", needs=_TRADE, source=_RULE, deadline_s=60)
async def _plain(world: World) -> None:
    pitch = await world.pitch()
    await world.stock(pitch)
    order_id = await world.rest(world.one, pitch, 1, side=SELL)
    same((await world.two.place(pitch, pitch.yes, BUY, pitch.at(1), pitch.size))["status"], "matched", "status")
    same(await left(world.one, order_id), 0, "the maker's rest")


@check("CLOB-MATCH-013", "bids for YES and asks of NO share one queue", needs=_TRADE, source=_MINT, deadline_s=60)
async def _one_queue(world: World) -> None:
    pitch = await world.pitch()
    await world.stock(pitch)
    price = complement(pitch.at(-1))
    older = str((await world.one.place(pitch, pitch.no, SELL, price, pitch.size))["orderID"])
    newer = await world.rest(world.one, pitch, -1)
    await hit(world, pitch, -1)
    same((await left(world.one, older), await left(world.one, newer)), (0, pitch.size), "older and newer")


@check("CLOB-MATCH-014", "a killed FOK leaves the book as it was", needs=_TRADE, source=_TYPES)
async def _killed(world: World) -> None:
    pitch = await world.pitch()
    order_id = await offer(world, pitch)
    refusal(await world.two.post(buy(world.two, pitch, 0, "FOK", size=2 * pitch.size)))
    same(await left(world.one, order_id), pitch.size, "the maker's rest in units")
    same(await world.two.open_orders(), [], "the taker's open orders")


@check("CLOB-MATCH-015", "what a FAK cannot take is gone", needs=_TRADE, source=_TYPES)
async def _fak(world: World) -> None:
    pitch = await world.pitch()
    await offer(world, pitch)
    accepted(await world.two.post(buy(world.two, pitch, 0, "FAK", size=2 * pitch.size)))
    same(await world.two.open_orders(), [], "the taker's open orders")


@check("CLOB-MATCH-016", "an account does not trade with itself", needs=_TRADE, source="observed: self-trades")
async def _self(world: World) -> None:
    pitch = await world.pitch()
    await offer(world, pitch)
    answer = await world.one.post(buy(world.one, pitch, 0))
    told = answer.json
    require(not told.get("tradeIDs") and told.get("status") != "matched", told, "no trade")


@check("CLOB-MATCH-017", "a filled order is open no more and in no book", needs=_TRADE, source=_RULE)
async def _gone(world: World) -> None:
    pitch = await world.pitch()
    order_id = await world.rest(world.one, pitch, -1)
    await hit(world, pitch, -1)
    require(order_id not in [row["id"] for row in await world.one.open_orders()], "still open", "gone")
    prices = [price for price, _ in rungs((await world.book(pitch.yes))["bids"])]
    require(pitch.at(-1) not in prices, "still in the book", "gone")


@check(
    "CLOB-MATCH-018", "the last trade's price and side are the taker's", needs=_TRADE, source="docs: last trade price"
)
async def _last(world: World) -> None:
    pitch = await world.pitch()
    await offer(world, pitch, 1)
    await world.two.place(pitch, pitch.yes, BUY, pitch.at(1), pitch.size)
    told = (await world.clob.get("/last-trade-price", token_id=pitch.yes)).ok()
    same((to_units(told["price"]), told["side"]), (pitch.at(1), "BUY"), "price and side")


@check("CLOB-MATCH-019", "a marketable FAK of the other outcome meets the mirror", needs=_TRADE, source=_MINT)
async def _mirror(world: World) -> None:
    pitch = await world.pitch()
    await world.rest(world.one, pitch, -1)
    same((await hit(world, pitch, -1, order_type="FAK"))["status"], "matched", "status")

"""Orders that are taken, and what is answered."""

from __future__ import annotations

from typing import Any, Final

from agbot.exchange.conformance.check import check
from agbot.exchange.conformance.trader import Pitch, Trader, accepted, body_of
from agbot.exchange.conformance.verdict import has, matches, require, same, text_fields
from agbot.exchange.conformance.world import World
from agbot.model.order import Side
from agbot.units import complement, notional, to_units

_POST: Final = "docs: CLOB POST /order"
_BATCH: Final = "docs: CLOB POST /orders"
_TYPES: Final = "docs: order types"
_TRADE: Final = ("trade",)
BUY, SELL = Side.BUY, Side.SELL
BATCH_MAX: Final = 15


def buy(trader: Trader, pitch: Pitch, steps: int = -1, order_type: str = "GTC", **more: Any) -> Any:
    """Return the body of a YES BUY of ordinary size `steps` ticks from the middle."""
    size = more.pop("size", pitch.size)
    return trader.draft(pitch, pitch.yes, BUY, pitch.at(steps), size, order_type, **more)


async def offer(world: World, pitch: Pitch, steps: int = 0, size: int = 0) -> str:
    """Let the first trader's YES ask rest, as a bid for NO; return its id."""
    price = complement(pitch.at(steps))
    return str((await world.one.place(pitch, pitch.no, BUY, price, size or pitch.size))["orderID"])


@check("CLOB-ORDER-001", "a GTC order away from the market rests: status live", needs=_TRADE, source=_TYPES)
async def _gtc(world: World) -> None:
    pitch = await world.pitch()
    told = accepted(await world.one.post(buy(world.one, pitch)))
    same(told["status"], "live", "status")


@check("CLOB-ORDER-002", "the reply has every field the clients need", needs=_TRADE, source="official clients 2026-11")
async def _fields(world: World) -> None:
    pitch = await world.pitch()
    told = (await world.one.post(buy(world.one, pitch))).ok()
    has(told, "success")
    text_fields(told, "errorMsg", "orderID", "status", "makingAmount", "takingAmount")
    same((told["success"], told["errorMsg"]), (True, ""), "success and errorMsg")


@check("CLOB-ORDER-003", "the order's id is its EIP-712 digest", needs=_TRADE, source="observed: orderID")
async def _digest(world: World) -> None:
    pitch = await world.pitch()
    amounts = (notional(pitch.at(-1), pitch.size), pitch.size)
    signed = world.one.signed(pitch, pitch.yes, BUY, amounts)
    told = accepted(await world.one.post(body_of(signed, world.one.creds.key, "GTC")))
    same(told["orderID"], signed.order_id, "orderID")


@check("CLOB-ORDER-004", "a success is HTTP 200, not 201", needs=_TRADE, source="official clients: 201 is an error")
async def _status(world: World) -> None:
    pitch = await world.pitch()
    same((await world.one.post(buy(world.one, pitch))).status, 200, "HTTP")


@check("CLOB-ORDER-005", "a GTD order rests", needs=_TRADE, source=_TYPES)
async def _gtd(world: World) -> None:
    pitch = await world.pitch()
    expires = world.one.now_s + 600
    told = accepted(await world.one.post(buy(world.one, pitch, order_type="GTD", expiration_s=expires)))
    row = await world.one.order(told["orderID"])
    require(row is not None, row, "the order")
    assert row is not None
    same((row["order_type"], str(row["expiration"])), ("GTD", str(expires)))


@check("CLOB-ORDER-006", "a post-only order away from the market rests", needs=_TRADE, source=_TYPES)
async def _post_only(world: World) -> None:
    pitch = await world.pitch()
    same(accepted(await world.one.post(buy(world.one, pitch, post_only=True)))["status"], "live", "status")


@check(
    "CLOB-ORDER-007", "a body without postOnly is taken", needs=_TRADE, source="official unified clients leave it out"
)
async def _no_flag(world: World) -> None:
    pitch = await world.pitch()
    body = buy(world.one, pitch)
    del body["postOnly"]
    accepted(await world.one.post(body))


@check("CLOB-ORDER-008", "a body without deferExec is taken", needs=_TRADE, source=_POST)
async def _no_defer(world: World) -> None:
    pitch = await world.pitch()
    body = buy(world.one, pitch)
    del body["deferExec"]
    accepted(await world.one.post(body))


@check("CLOB-ORDER-009", "an order that meets another is matched and names its trades", needs=_TRADE, source=_POST)
async def _matched(world: World) -> None:
    pitch = await world.pitch()
    await offer(world, pitch)
    told = accepted(await world.two.post(buy(world.two, pitch, 0)))
    same(told["status"], "matched", "status")
    require(told.get("tradeIDs"), told, "tradeIDs")


@check("CLOB-ORDER-010", "making and taking amounts of a match are human decimals", needs=_TRADE, source="observed")
async def _human(world: World) -> None:
    pitch = await world.pitch()
    await offer(world, pitch)
    told = accepted(await world.two.post(buy(world.two, pitch, 0)))
    same(to_units(told["takingAmount"]), pitch.size, "takingAmount in units")
    same(to_units(told["makingAmount"]), notional(pitch.at(), pitch.size), "makingAmount in units")


@check("CLOB-ORDER-011", "a FOK that can be filled is matched", needs=_TRADE, source=_TYPES)
async def _fok(world: World) -> None:
    pitch = await world.pitch()
    await offer(world, pitch)
    same(accepted(await world.two.post(buy(world.two, pitch, 0, "FOK")))["status"], "matched", "status")


@check("CLOB-ORDER-012", "a FAK takes what there is", needs=_TRADE, source=_TYPES)
async def _fak(world: World) -> None:
    pitch = await world.pitch()
    await offer(world, pitch)
    told = accepted(await world.two.post(buy(world.two, pitch, 0, "FAK", size=2 * pitch.size)))
    same(to_units(told["takingAmount"]), pitch.size, "takingAmount in units")


@check("CLOB-ORDER-013", "a FOK BUY reaches beyond the first level", needs=_TRADE, source=_TYPES)
async def _fok_levels(world: World) -> None:
    pitch = await world.pitch()
    await offer(world, pitch, 0)
    await offer(world, pitch, 1)
    told = accepted(await world.two.post(buy(world.two, pitch, 1, "FOK", size=2 * pitch.size - 1_000_000)))
    same(told["status"], "matched", "status")


@check("CLOB-ORDER-014", "a SELL of held shares rests", needs=_TRADE, source=_POST, deadline_s=60)
async def _sell(world: World) -> None:
    pitch = await world.pitch()
    await world.stock(pitch)
    body = world.one.draft(pitch, pitch.yes, SELL, pitch.at(1), pitch.size)
    same(accepted(await world.one.post(body))["status"], "live", "status")


@check("CLOB-ORDER-015", "prices at both ends of the grid are taken", needs=_TRADE, source="docs: tick sizes")
async def _ends(world: World) -> None:
    pitch = await world.pitch()
    accepted(await world.one.post(world.one.draft(pitch, pitch.yes, BUY, pitch.tick, 100 * pitch.size)))
    accepted(await world.one.post(world.one.draft(pitch, pitch.no, BUY, pitch.tick, 100 * pitch.size)))


@check("CLOB-ORDER-016", "sizes have two decimals", needs=_TRADE, source="docs: amounts")
async def _decimals(world: World) -> None:
    pitch = await world.pitch()
    told = accepted(await world.one.post(buy(world.one, pitch, size=pitch.size + 290_000)))
    row = (await world.one.open_orders(id=told["orderID"]))[0]
    same(to_units(row["original_size"]), pitch.size + 290_000, "original_size in units")


@check("CLOB-ORDER-017", "a transaction hash, where the reply has one, is 0x and 64 digits", needs=_TRADE, source=_POST)
async def _hashes(world: World) -> None:
    pitch = await world.pitch()
    await offer(world, pitch)
    told = accepted(await world.two.post(buy(world.two, pitch, 0)))
    for tx in told.get("transactionsHashes") or []:
        matches(r"0x[0-9a-f]{64}", tx, "a transaction hash")


# ---------------------------------------------------------------- batches


@check("CLOB-BATCH-001", "a batch is answered by an array in request order", needs=_TRADE, source=_BATCH)
async def _batch(world: World) -> None:
    pitch = await world.pitch()
    bodies, ids = [], []
    for steps in (-3, -1, -2):
        signed = world.one.signed(pitch, pitch.yes, BUY, (notional(pitch.at(steps), pitch.size), pitch.size))
        bodies.append(body_of(signed, world.one.creds.key, "GTC"))
        ids.append(signed.order_id)
    world.one.dirty = True
    told = (await world.one.send("POST", "/orders", bodies)).ok()
    same([row["orderID"] for row in told], ids, "ids")


@check("CLOB-BATCH-002", "each row has the fields of a single reply", needs=_TRADE, source=_BATCH)
async def _rows(world: World) -> None:
    pitch = await world.pitch()
    world.one.dirty = True
    for row in (await world.one.send("POST", "/orders", [buy(world.one, pitch), buy(world.one, pitch, -2)])).ok():
        has(row, "success")
        text_fields(row, "errorMsg", "orderID", "status", "makingAmount", "takingAmount")


@check("CLOB-BATCH-003", "fifteen orders are taken", needs=_TRADE, source=_BATCH)
async def _full(world: World) -> None:
    pitch = await world.pitch()
    world.one.dirty = True
    small = max(pitch.min_size, 5_000_000)
    bodies = [buy(world.one, pitch, -1, size=small) for _ in range(BATCH_MAX)]
    told = (await world.one.send("POST", "/orders", bodies)).ok()
    same([row["status"] for row in told], ["live"] * BATCH_MAX, "statuses")


@check("CLOB-BATCH-004", "sixteen are refused as a whole, with the venue's text", needs=_TRADE, source=_BATCH)
async def _too_many(world: World) -> None:
    pitch = await world.pitch()
    world.one.dirty = True
    small = max(pitch.min_size, 5_000_000)
    bodies = [buy(world.one, pitch, -1, size=small) for _ in range(BATCH_MAX + 1)]
    answer = await world.one.send("POST", "/orders", bodies)
    answer.refused("Too many orders in payload: 16, max allowed: 15")
    same(await world.one.open_orders(), [], "open orders")


@check("CLOB-BATCH-005", "one refused order does not stop the others", needs=_TRADE, source=_BATCH)
async def _mixed(world: World) -> None:
    pitch = await world.pitch()
    world.one.dirty = True
    bad = world.one.draft(pitch, pitch.yes, BUY, pitch.at(-1), pitch.size, amounts=(123_457, pitch.size))
    told = (await world.one.send("POST", "/orders", [buy(world.one, pitch), bad, buy(world.one, pitch, -2)])).ok()
    same([bool(row["orderID"]) and not row["errorMsg"] for row in told], [True, False, True], "taken")


@check("CLOB-BATCH-006", "a refused row has a text and no orderID that was taken", needs=_TRADE, source=_BATCH)
async def _refused_row(world: World) -> None:
    pitch = await world.pitch()
    world.one.dirty = True
    bad = world.one.draft(pitch, pitch.yes, BUY, pitch.at(-1), pitch.size, amounts=(123_457, pitch.size))
    row = (await world.one.send("POST", "/orders", [bad])).ok()[0]
    require(row["errorMsg"], row, "an errorMsg")
    same(row["orderID"], "", "orderID")

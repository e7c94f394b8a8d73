"""Cancels: one, many, all, by market."""

from __future__ import annotations

from typing import Any, Final

from agbot.exchange.conformance.check import check
from agbot.exchange.conformance.checks_matching import hit
from agbot.exchange.conformance.checks_orders import BUY, buy
from agbot.exchange.conformance.trader import accepted
from agbot.exchange.conformance.verdict import require, same
from agbot.exchange.conformance.world import World, rungs
from agbot.units import SCALE, complement

_ONE: Final = "docs: CLOB DELETE /order"
_MANY: Final = "docs: CLOB DELETE /orders"
_ALL: Final = "docs: CLOB DELETE /cancel-all"
_MARKET: Final = "docs: CLOB DELETE /cancel-market-orders"
_TRADE: Final = ("trade",)
NO_ORDER: Final = "0x" + "0d" * 32


async def _ids(world: World) -> list[str]:
    return [row["id"] for row in await world.one.open_orders()]


def _reply(told: Any, canceled: list[str], refused: list[str]) -> None:
    require(isinstance(told, dict) and set(told) >= {"canceled", "not_canceled"}, told, "canceled and not_canceled")
    same((sorted(told["canceled"]), sorted(told["not_canceled"])), (sorted(canceled), sorted(refused)), "reply")


@check("CLOB-CANCEL-001", "DELETE /order cancels one", needs=_TRADE, source=_ONE)
async def _one(world: World) -> None:
    order_id = await world.rest(world.one, await world.pitch(), -1)
    _reply((await world.one.send("DELETE", "/order", {"orderID": order_id})).ok(), [order_id], [])
    same(await _ids(world), [], "open orders")


@check("CLOB-CANCEL-002", "DELETE /orders cancels those named and no other", needs=_TRADE, source=_MANY)
async def _many(world: World) -> None:
    pitch = await world.pitch()
    ids = [await world.rest(world.one, pitch, -steps) for steps in (1, 2, 3)]
    _reply(await world.one.cancel(*ids[:2]), ids[:2], [])
    same(await _ids(world), ids[2:], "open orders")


@check("CLOB-CANCEL-003", "DELETE /cancel-all cancels everything", needs=_TRADE, source=_ALL)
async def _all(world: World) -> None:
    pitch = await world.pitch()
    ids = [await world.rest(world.one, pitch, -steps) for steps in (1, 2)]
    _reply(await world.one.cancel_all(), ids, [])
    same(await _ids(world), [], "open orders")


@check("CLOB-CANCEL-004", "with nothing open it answers two empty collections", needs=_TRADE, source=_ALL)
async def _none(world: World) -> None:
    await world.one.cancel_all()
    same(await world.one.cancel_all(), {"canceled": [], "not_canceled": {}}, "reply")


@check("CLOB-CANCEL-005", "by market: both tokens' orders go", needs=_TRADE, source=_MARKET)
async def _market(world: World) -> None:
    pitch = await world.pitch()
    yes = await world.rest(world.one, pitch, -1)
    no = str((await world.one.place(pitch, pitch.no, BUY, complement(pitch.at(1)), pitch.size))["orderID"])
    told = (await world.one.send("DELETE", "/cancel-market-orders", {"market": pitch.condition})).ok()
    _reply(told, [yes, no], [])


@check("CLOB-CANCEL-006", "by token: the other token's orders stay", needs=_TRADE, source=_MARKET)
async def _token(world: World) -> None:
    pitch = await world.pitch()
    yes = await world.rest(world.one, pitch, -1)
    no = str((await world.one.place(pitch, pitch.no, BUY, complement(pitch.at(1)), pitch.size))["orderID"])
    told = (await world.one.send("DELETE", "/cancel-market-orders", {"asset_id": pitch.yes})).ok()
    _reply(told, [yes], [])
    same(await _ids(world), [no], "open orders")


@check("CLOB-CANCEL-007", "by another market: nothing goes", needs=_TRADE, source=_MARKET)
async def _other_market(world: World) -> None:
    order_id = await world.rest(world.one, await world.pitch(), -1)
    told = (await world.one.send("DELETE", "/cancel-market-orders", {"market": "0x" + "66" * 32})).ok()
    same(told["canceled"], [], "canceled")
    same(await _ids(world), [order_id], "open orders")


@check("CLOB-CANCEL-008", "a cancel repeated is not_canceled, with a reason", needs=_TRADE, source=_ONE)
async def _repeat(world: World) -> None:
    order_id = await world.rest(world.one, await world.pitch(), -1)
    await world.one.cancel(order_id)
    told = (await world.one.send("DELETE", "/order", {"orderID": order_id})).ok()
    _reply(told, [], [order_id])
    require(isinstance(told["not_canceled"][order_id], str) and told["not_canceled"][order_id], told, "a reason")


@check("CLOB-CANCEL-009", "an unknown order is not_canceled", needs=_TRADE, source=_MANY)
async def _unknown(world: World) -> None:
    _reply(await world.one.cancel(NO_ORDER), [], [NO_ORDER])


@check("CLOB-CANCEL-010", "known and unknown ones in one request", needs=_TRADE, source=_MANY)
async def _mixed(world: World) -> None:
    order_id = await world.rest(world.one, await world.pitch(), -1)
    _reply(await world.one.cancel(NO_ORDER, order_id), [order_id], [NO_ORDER])


@check("CLOB-CANCEL-011", "another account's order is not cancelled", needs=_TRADE, source=_ONE)
async def _foreign(world: World) -> None:
    order_id = await world.rest(world.one, await world.pitch(), -1)
    _reply(await world.two.cancel(order_id), [], [order_id])
    same(await _ids(world), [order_id], "open orders")


@check("CLOB-CANCEL-012", "another account's cancel-all leaves ours", needs=_TRADE, source=_ALL)
async def _foreign_all(world: World) -> None:
    order_id = await world.rest(world.one, await world.pitch(), -1)
    await world.two.cancel_all()
    same(await _ids(world), [order_id], "open orders")


@check("CLOB-CANCEL-013", "a filled order cannot be cancelled", needs=_TRADE, source=_ONE)
async def _filled(world: World) -> None:
    pitch = await world.pitch()
    order_id = await world.rest(world.one, pitch, -1)
    await hit(world, pitch, -1)
    _reply(await world.one.cancel(order_id), [], [order_id])


@check("CLOB-CANCEL-014", "of a partly filled order the rest is cancelled", needs=_TRADE, source=_ONE)
async def _partly(world: World) -> None:
    pitch = await world.pitch()
    order_id = await world.rest(world.one, pitch, -1, 2 * pitch.size)
    await hit(world, pitch, -1)
    _reply(await world.one.cancel(order_id), [order_id], [])


@check("CLOB-CANCEL-015", "a cancelled order leaves the book", needs=_TRADE, source=_ONE)
async def _book(world: World) -> None:
    pitch = await world.pitch()
    order_id = await world.rest(world.one, pitch, -1)
    await world.one.cancel(order_id)
    prices = [price for price, _ in rungs((await world.book(pitch.yes))["bids"])]
    require(pitch.at(-1) not in prices, "still there", "gone")


@check("CLOB-CANCEL-016", "a cancelled order frees its money", needs=_TRADE, source=_ONE)
async def _money(world: World) -> None:
    pitch = await world.pitch()
    size = await world.one.usd() * 6 // 10 * SCALE // pitch.at(-1) // SCALE * SCALE
    told = accepted(await world.one.post(buy(world.one, pitch, size=size)))
    await world.one.cancel(told["orderID"])
    accepted(await world.one.post(buy(world.one, pitch, size=size)))


@check("CLOB-CANCEL-017", "a cancel without headers is a 401", needs=_TRADE, source="docs: CLOB authentication, L2")
async def _no_headers(world: World) -> None:
    (await world.clob.ask("DELETE", "/cancel-all")).refused(status=401)


@check("CLOB-CANCEL-018", "a body without orderID is a 400", needs=_TRADE, source=_ONE)
async def _empty(world: World) -> None:
    (await world.one.send("DELETE", "/order", {})).refused()

"""Where the money and the shares go: balances before and after settlement, to the last 10⁻⁶."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import attrs

from agbot.exchange.conformance.check import check
from agbot.exchange.conformance.checks_matching import hit
from agbot.exchange.conformance.checks_orders import BUY, SELL
from agbot.exchange.conformance.trader import Json, Pitch, Trader
from agbot.exchange.conformance.verdict import Skipped, require, same
from agbot.exchange.conformance.world import World
from agbot.model.fees import taker_fee
from agbot.units import complement, notional

_LEDGER: Final = "an exchange's ledger: nothing appears, nothing is lost"
_FEES: Final = "docs: taker fee = shares x rate x (p(1-p))^exponent, makers nothing"
_TRADE: Final = ("trade",)
FEE_STEP: Final = 10
"""The fee is rounded to 0.00001; which way ties go is unpublished."""
_LONG_S: Final = 60.0


@attrs.frozen
class Held:
    """What a trader holds, 10⁻⁶."""

    usd: int
    yes: int
    no: int

    @classmethod
    async def by(cls, trader: Trader, pitch: Pitch) -> Held:
        """Ask."""
        return cls(await trader.usd(), await trader.shares(pitch, pitch.yes), await trader.shares(pitch, pitch.no))

    def since(self, before: Held) -> Held:
        """Return the change."""
        return Held(self.usd - before.usd, self.yes - before.yes, self.no - before.no)


async def settle(world: World, pitch: Pitch, trade: Callable[[], Awaitable[Json]]) -> tuple[Held, Held]:
    """Trade, wait until it is confirmed, and return how the first and the second trader changed."""
    for trader in (world.one, world.two):
        await trader.idle()
    before = [await Held.by(trader, pitch) for trader in (world.one, world.two)]
    told = await trade()
    await world.two.settled(told.get("tradeIDs") or [])
    after = [await Held.by(trader, pitch) for trader in (world.one, world.two)]
    return after[0].since(before[0]), after[1].since(before[1])


async def _mint(world: World, pitch: Pitch) -> tuple[Held, Held]:
    async def trade() -> Json:
        await world.rest(world.one, pitch, -1)
        return await hit(world, pitch, -1)

    return await settle(world, pitch, trade)


async def _plain(world: World, pitch: Pitch) -> tuple[Held, Held]:
    await world.stock(pitch)

    async def trade() -> Json:
        await world.rest(world.one, pitch, 1, side=SELL)
        return await world.two.place(pitch, pitch.yes, BUY, pitch.at(1), pitch.size)

    return await settle(world, pitch, trade)


async def _sale(world: World, pitch: Pitch) -> tuple[Held, Held]:
    await world.stock(pitch)

    async def trade() -> Json:
        await world.rest(world.one, pitch, -1)
        return await world.two.place(pitch, pitch.yes, SELL, pitch.at(-1), pitch.size)

    return await settle(world, pitch, trade)


async def _merge(world: World, pitch: Pitch) -> tuple[Held, Held]:
    await world.stock(pitch)

    async def trade() -> Json:
        await world.rest(world.one, pitch, 1, side=SELL)
        return await world.two.place(pitch, pitch.no, SELL, complement(pitch.at(1)), pitch.size)

    return await settle(world, pitch, trade)


def _fee(pitch: Pitch, steps: int) -> int:
    return taker_fee(pitch.size, pitch.at(steps), pitch.rate, pitch.exponent)


def _near(seen: int, expected: int, what: str) -> None:
    require(abs(seen - expected) <= FEE_STEP, f"{what} {seen}", f"{expected} (10⁻⁶)")


@check("CLOB-MONEY-001", "a maker BUY pays exactly price x size", needs=_TRADE, source=_LEDGER, deadline_s=_LONG_S)
async def _maker_pays(world: World) -> None:
    pitch = await world.pitch()
    maker, _ = await _mint(world, pitch)
    same((maker.usd, maker.yes), (-notional(pitch.at(-1), pitch.size), pitch.size), "usd and YES, 10⁻⁶")


@check(
    "CLOB-MONEY-002",
    "a mint takes one dollar a pair from both, and fees",
    needs=_TRADE,
    source=_LEDGER,
    deadline_s=_LONG_S,
)
async def _mint_conserves(world: World) -> None:
    pitch = await world.pitch()
    maker, taker = await _mint(world, pitch)
    _near(maker.usd + taker.usd, -pitch.size - _fee(pitch, -1), "usd of both")
    same((maker.yes + taker.yes, maker.no + taker.no), (pitch.size, pitch.size), "YES and NO of both")


@check(
    "CLOB-MONEY-003",
    "a plain trade moves shares and conserves money less fees",
    needs=_TRADE,
    source=_LEDGER,
    deadline_s=_LONG_S,
)
async def _plain_conserves(world: World) -> None:
    pitch = await world.pitch()
    maker, taker = await _plain(world, pitch)
    _near(maker.usd + taker.usd, -_fee(pitch, 1), "usd of both")
    same((maker.yes, taker.yes), (-pitch.size, pitch.size), "YES")


@check(
    "CLOB-MONEY-004",
    "a merge gives one dollar a pair to both, less fees",
    needs=_TRADE,
    source=_LEDGER,
    deadline_s=_LONG_S,
)
async def _merge_conserves(world: World) -> None:
    pitch = await world.pitch()
    maker, taker = await _merge(world, pitch)
    _near(maker.usd + taker.usd, pitch.size - _fee(pitch, 1), "usd of both")
    same((maker.yes + taker.yes, maker.no + taker.no), (-pitch.size, -pitch.size), "YES and NO of both")


@check("CLOB-MONEY-005", "a taker BUY pays the fee on top", needs=_TRADE, source=_FEES, deadline_s=_LONG_S)
async def _buy_fee(world: World) -> None:
    pitch = await world.pitch()
    _, taker = await _plain(world, pitch)
    _near(-taker.usd, notional(pitch.at(1), pitch.size) + _fee(pitch, 1), "paid")
    same(taker.yes, pitch.size, "YES")


@check("CLOB-MONEY-006", "a taker SELL gets its proceeds less the fee", needs=_TRADE, source=_FEES, deadline_s=_LONG_S)
async def _sell_fee(world: World) -> None:
    pitch = await world.pitch()
    _, taker = await _sale(world, pitch)
    _near(taker.usd, notional(pitch.at(-1), pitch.size) - _fee(pitch, -1), "received")


@check("CLOB-MONEY-007", "a maker pays no fee", needs=_TRADE, source=_FEES, deadline_s=_LONG_S)
async def _maker_free(world: World) -> None:
    pitch = await world.pitch()
    maker, _ = await _plain(world, pitch)
    same(maker.usd, notional(pitch.at(1), pitch.size), "received, 10⁻⁶")


@check(
    "CLOB-MONEY-008", "a market with a fee charges more than nothing", needs=_TRADE, source=_FEES, deadline_s=_LONG_S
)
async def _charged(world: World) -> None:
    pitch = await world.pitch()
    if not pitch.rate:
        raise Skipped("the market for orders has no fee: name one that has, --market")
    maker, taker = await _mint(world, pitch)
    require(maker.usd + taker.usd < -pitch.size, maker.usd + taker.usd, "a fee")


@check("CLOB-MONEY-009", "orders that rest or are cancelled move nothing", needs=_TRADE, source=_LEDGER)
async def _nothing_moves(world: World) -> None:
    pitch = await world.pitch()
    await world.one.idle()
    before = await Held.by(world.one, pitch)
    order_id = await world.rest(world.one, pitch, -1)
    same(await Held.by(world.one, pitch), before, "while it rests")
    await world.one.cancel(order_id)
    same(await Held.by(world.one, pitch), before, "after the cancel")


@check("CLOB-MONEY-010", "bought shares can be sold once confirmed", needs=_TRADE, source=_LEDGER, deadline_s=_LONG_S)
async def _round_trip(world: World) -> None:
    pitch = await world.pitch()
    await world.one.idle()
    before = await world.one.shares(pitch, pitch.yes)
    maker, _ = await _mint(world, pitch)
    same(maker.yes, pitch.size, "YES bought")
    told = await world.one.place(pitch, pitch.yes, SELL, pitch.at(2), (before + maker.yes) // 10_000 * 10_000)
    same(told["status"], "live", "status")

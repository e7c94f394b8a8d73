"""The limits of one key, as its replies tell them."""

from __future__ import annotations

import json
import time
from typing import Final

from agbot.exchange.conformance.asking import Answer
from agbot.exchange.conformance.check import check
from agbot.exchange.conformance.checks_cancels import NO_ORDER
from agbot.exchange.conformance.checks_orders import buy
from agbot.exchange.conformance.trader import Trader
from agbot.exchange.conformance.verdict import Skipped, matches, require, same
from agbot.exchange.conformance.world import World

_SOURCE: Final = "docs: trading rate limits"
_TRADE: Final = ("trade",)
_REMAINING: Final = "poly-ratelimit-remaining"
_RESET: Final = "poly-ratelimit-reset"
_TIER: Final = "poly-ratelimit-tier"
_TIERS: Final = "standard|copper|bronze|silver|gold|platinum|diamond|elite"
FILLS_S: Final = 1.6
"""How long an empty bucket of the lowest tier takes to be full."""
_BURST: Final = {"standard": 120, "copper": 180, "bronze": 240, "silver": 600, "gold": 1200}
"""Cancels at once, by tier."""


async def _placed(world: World, trader: Trader) -> Answer:
    answer = await trader.post(buy(trader, await world.pitch()))
    if _REMAINING not in answer.headers:
        raise Skipped("the target tells no limits")
    return answer


@check("CLOB-LIMIT-001", "an order's reply tells what remains", needs=_TRADE, source=_SOURCE)
async def _remaining(world: World) -> None:
    matches(r"-?[0-9]+", (await _placed(world, world.one)).headers[_REMAINING], "a whole number")


@check("CLOB-LIMIT-002", "orders are counted down", needs=_TRADE, source=_SOURCE)
async def _cost(world: World) -> None:
    pitch = await world.pitch()
    bodies = [buy(world.one, pitch, -1, size=max(pitch.min_size, 5_000_000)) for _ in range(15)]
    await world.pause(FILLS_S)
    first = int((await _placed(world, world.one)).headers[_REMAINING])
    after = int((await world.one.send("POST", "/orders", bodies)).headers[_REMAINING])
    require(after < first, f"{first}, then {after} after fifteen more", "less")


@check("CLOB-LIMIT-003", "the reset is a time in seconds", needs=_TRADE, source=_SOURCE)
async def _reset(world: World) -> None:
    seen = (await _placed(world, world.one)).headers.get(_RESET, "")
    matches(r"[0-9]{10}", seen, "ten digits")
    require(abs(int(seen) - world.now_s) < 600, seen, "within minutes of now")


@check("CLOB-LIMIT-004", "the tier is one of eight", needs=_TRADE, source=_SOURCE)
async def _tier(world: World) -> None:
    matches(_TIERS, (await _placed(world, world.one)).headers.get(_TIER, "").lower(), "a tier's name")


@check("CLOB-LIMIT-005", "cancels have a bucket of their own", needs=_TRADE, source=_SOURCE)
async def _cancels(world: World) -> None:
    first = int((await _placed(world, world.one)).headers[_REMAINING])
    for _ in range(8):
        answer = await world.one.send("DELETE", "/order", {"orderID": NO_ORDER})
        require(_REMAINING in answer.headers, sorted(answer.headers), "the same headers")
    after = int((await world.one.post(buy(world.one, await world.pitch(), -2))).headers[_REMAINING])
    require(after >= first - 3, f"{first}, then {after} after eight cancels", "orders' own bucket")


@check("CLOB-LIMIT-006", "more cancels than the burst are refused whole: 429", needs=_TRADE, source=_SOURCE)
async def _burst(world: World) -> None:
    placed = await _placed(world, world.one)
    burst = _BURST.get(placed.headers.get(_TIER, "").lower())
    if burst is None or burst >= 1000:
        raise Skipped("no batch is larger than this tier's burst")
    ids = [placed.ok()["orderID"], *(f"0x{number:064x}" for number in range(1, burst + 1))]
    body = json.dumps(ids).encode()
    headers = world.one.headers("DELETE", "/orders", body)
    answer = await world.clob.ask("DELETE", "/orders", body=body, headers=headers, patient=False)
    answer.refused("Too Many Requests", status=429)
    require("retry-after" in answer.headers, sorted(answer.headers), "Retry-After")
    same(len(await world.one.open_orders()), 1, "open orders")


@check("CLOB-LIMIT-007", "one key's orders do not spend another's", needs=_TRADE, source=_SOURCE)
async def _apart(world: World) -> None:
    started = time.monotonic()
    first = int((await _placed(world, world.one)).headers[_REMAINING])
    for _ in range(10):
        await world.two.post(buy(world.two, await world.pitch(), -2))
    after = int((await _placed(world, world.one)).headers[_REMAINING])
    require(after >= first - 2, f"{first}, then {after} in {time.monotonic() - started:.1f} s", "only its own spent")

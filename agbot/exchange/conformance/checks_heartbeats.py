"""Heartbeats: a chain of ids, and what happens when it ends. Each check uses an API key of its own."""

from __future__ import annotations

from typing import Final

import trio

from agbot.exchange.conformance.asking import Answer
from agbot.exchange.conformance.check import check
from agbot.exchange.conformance.checks_auth import new_key
from agbot.exchange.conformance.trader import Trader
from agbot.exchange.conformance.verdict import failed, require, same, text_fields
from agbot.exchange.conformance.world import World

_SOURCE: Final = "docs: heartbeats; official clients 2026-11"
_TRADE: Final = ("trade",)
_PATH: Final = "/v1/heartbeats"
_LONG_S: Final = 45.0
_EXPIRES_S: Final = 25.0
_PERIOD_S: Final = 3.0


async def _beat(trader: Trader, heartbeat_id: str) -> Answer:
    return await trader.send("POST", _PATH, {"heartbeat_id": heartbeat_id})


async def _first(world: World) -> tuple[Trader, str]:
    trader, _ = await new_key(world, world.one)
    told = (await _beat(trader, "")).ok()
    text_fields(told, "heartbeat_id")
    require(told["heartbeat_id"], told, "an id")
    return trader, str(told["heartbeat_id"])


@check("CLOB-BEAT-001", "the first heartbeat, with an empty id, is answered by an id", needs=_TRADE, source=_SOURCE)
async def _starts(world: World) -> None:
    await _first(world)


@check("CLOB-BEAT-002", "the id just given is taken, and answered by an id", needs=_TRADE, source=_SOURCE)
async def _chain(world: World) -> None:
    trader, heartbeat_id = await _first(world)
    for _ in range(3):
        heartbeat_id = str((await _beat(trader, heartbeat_id)).ok()["heartbeat_id"])
        require(heartbeat_id, heartbeat_id, "an id")


@check(
    "CLOB-BEAT-003", "a stale id is a 400 that names the expected one, without an error", needs=_TRADE, source=_SOURCE
)
async def _stale(world: World) -> None:
    trader, heartbeat_id = await _first(world)
    answer = await _beat(trader, "stale")
    same(answer.status, 400, "HTTP")
    same(answer.json, {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": heartbeat_id})


@check("CLOB-BEAT-004", "the expected id mends the chain", needs=_TRADE, source=_SOURCE)
async def _mended(world: World) -> None:
    trader, _ = await _first(world)
    expected = (await _beat(trader, "stale")).json["heartbeat_id"]
    (await _beat(trader, expected)).ok()


@check("CLOB-BEAT-005", "a heartbeat without headers is a 401", needs=_TRADE, source="docs: CLOB authentication, L2")
async def _no_headers(world: World) -> None:
    (await world.clob.ask("POST", _PATH, body=b'{"heartbeat_id":""}')).refused(status=401)


@check("CLOB-BEAT-006", "the older POST /heartbeats answers ok", needs=_TRADE, source="docs: heartbeats, older form")
async def _older(world: World) -> None:
    trader, _ = await new_key(world, world.one)
    told = (await trader.ask("POST", "/heartbeats")).ok()
    same(told, {"status": "ok"})


@check("CLOB-BEAT-007", "while it beats, orders stay", needs=_TRADE, source=_SOURCE, deadline_s=_LONG_S)
async def _stays(world: World) -> None:
    trader, heartbeat_id = await _first(world)
    pitch = await world.pitch()
    world.one.dirty = True
    order_id = await world.rest(trader, pitch, -1)
    for _ in range(5):
        await world.pause(_PERIOD_S)
        heartbeat_id = str((await _beat(trader, heartbeat_id)).ok()["heartbeat_id"])
    require(order_id in [row["id"] for row in await trader.open_orders()], "gone after 15 s", "the order")


@check(
    "CLOB-BEAT-008",
    "when it ends, the key's orders are cancelled within 15 s, and no other key's",
    needs=_TRADE,
    source=_SOURCE,
    deadline_s=_LONG_S,
)
async def _ends(world: World) -> None:
    trader, heartbeat_id = await _first(world)
    pitch = await world.pitch()
    other = await world.rest(world.one, pitch, -2)
    order_id = await world.rest(trader, pitch, -1)
    heartbeat_id = str((await _beat(trader, heartbeat_id)).ok()["heartbeat_id"])
    await world.pause(8)
    rows = [row["id"] for row in await trader.open_orders()]
    require(order_id in rows, "gone after 8 s", "nothing before 10 s")
    with trio.move_on_after(_EXPIRES_S - 8):
        while order_id in rows:
            await trio.sleep(0.5)
            rows = [row["id"] for row in await trader.open_orders()]
        return require(other in rows, "the other key's order is gone, too", "only the silent key's orders")
    raise failed(f"still open after {_EXPIRES_S:g} s", "cancelled")

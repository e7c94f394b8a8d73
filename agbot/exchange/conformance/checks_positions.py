"""The Data API: positions and history, v2 and the old paths."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import trio

from agbot.exchange.conformance.check import check
from agbot.exchange.conformance.checks_matching import hit
from agbot.exchange.conformance.trader import Pitch
from agbot.exchange.conformance.verdict import Failed, has, require, same, text_fields
from agbot.exchange.conformance.world import World

_V2: Final = "docs: Data API v2"
_V1: Final = "docs: Data API, camelCase paths"
_CLIENTS: Final = "official clients 2026-11"
_NEEDS: Final = ("data",)
_TRADE: Final = ("data", "trade")
_NOBODY: Final = "0x" + "12" * 20
_LONG_S: Final = 40.0
_APPEARS_S: Final = 8.0
_POSITION: Final = (
    "proxy_wallet",
    "token_id",
    "condition_id",
    "current_size",
    "avg_price",
    "entry_cost_usdc",
    "entry_fees_usdc",
    "total_cost_usdc",
    "current_price",
    "current_value",
    "total_size",
    "realized_pnl",
    "unrealized_pnl",
    "total_pnl",
    "percent_pnl",
    "percent_realized_pnl",
    "status",
    "redeemable",
    "mergeable",
    "negative_risk",
    "archived",
    "verified",
)


async def _page(world: World, path: str, **query: object) -> list[Any]:
    told = (await world.data.get(path, **query)).ok()
    has(told, "data", "pagination")
    require(isinstance(told["data"], list), told["data"], "an array")
    rows: list[Any] = told["data"]
    return rows


async def _array(world: World, path: str, **query: object) -> list[Any]:
    told = (await world.data.get(path, **query)).ok()
    require(isinstance(told, list), told, "an array")
    rows: list[Any] = told
    return rows


async def _traded(world: World) -> tuple[Pitch, str]:
    """Trade and wait until it is confirmed; return the market and the first trader's wallet."""
    pitch = await world.pitch()
    await world.rest(world.one, pitch, -1)
    await world.two.settled((await hit(world, pitch, -1))["tradeIDs"])
    return pitch, world.one.account.maker


async def _appears(rows: Callable[[], Awaitable[list[Any]]], what: str, **wanted: str) -> Any:
    """Return the first row with these values (any case), waiting for it."""
    with trio.move_on_after(_APPEARS_S):
        while True:
            for row in await rows():
                if all(str(row.get(name)).lower() == value.lower() for name, value in wanted.items()):
                    return row
            await trio.sleep(0.2)
    raise Failed(f"none within {_APPEARS_S:g} s", what)


@check("DATA-V2-001", "positions are in the envelope data, pagination", needs=_NEEDS, source=_V2)
async def _positions(world: World) -> None:
    await _page(world, "/v2/positions", user=_NOBODY, limit=100)


@check("DATA-V2-002", "has_more says whether there is a cursor", needs=_NEEDS, source=_CLIENTS)
async def _has_more(world: World) -> None:
    told = (await world.data.get("/v2/trades", condition=(await world.market()).condition, limit=1)).ok()
    page = told["pagination"]
    has(page, "has_more")
    require(isinstance(page["has_more"], bool), page, "true or false")
    same(page["has_more"], bool(page.get("next_cursor")), "has_more")


@check("DATA-V2-003", "somebody who never traded has an empty page", needs=_NEEDS, source=_V2)
async def _nobody(world: World) -> None:
    for path in ("/v2/positions", "/v2/activity"):
        same(await _page(world, path, user=_NOBODY), [], path)


@check("DATA-V2-004", "limit bounds the page", needs=_NEEDS, source=_V2)
async def _limit(world: World) -> None:
    rows = await _page(world, "/v2/trades", condition=(await world.market()).condition, limit=1)
    require(len(rows) <= 1, len(rows), "at most one")


@check("DATA-V2-005", "positions without a user or a condition are refused", needs=_NEEDS, source=_V2)
async def _no_user(world: World) -> None:
    answer = await world.data.get("/v2/positions")
    require(400 <= answer.status < 500, f"HTTP {answer.status}", "HTTP 4xx")


@check("DATA-V2-006", "the value of a user is in the envelope", needs=_NEEDS, source=_V2)
async def _value(world: World) -> None:
    has((await world.data.get("/v2/value", user=_NOBODY)).ok(), "data")


@check("DATA-V2-007", "an unknown path is a 404", needs=_NEEDS, source=_V2)
async def _unknown(world: World) -> None:
    same((await world.data.get("/v2/no-such-path")).status, 404, "HTTP")


@check("DATA-V2-008", "a trade becomes a position with every field", needs=_TRADE, source=_CLIENTS, deadline_s=_LONG_S)
async def _position(world: World) -> None:
    pitch, wallet = await _traded(world)

    async def rows() -> list[Any]:
        return await _page(world, "/v2/positions", user=wallet, limit=100)

    row = await _appears(rows, "a position in the token bought", token_id=pitch.yes)
    has(row, *_POSITION)
    same((row["condition_id"], row["proxy_wallet"].lower()), (pitch.condition, wallet.lower()))
    require(row["status"] in {"OPEN", "MERGEABLE"}, row["status"], "OPEN")


@check("DATA-V2-009", "a position's size is the balance", needs=_TRADE, source=_V2, deadline_s=_LONG_S)
async def _size(world: World) -> None:
    pitch, wallet = await _traded(world)

    async def rows() -> list[Any]:
        return await _page(world, "/v2/positions", user=wallet, limit=100)

    row = await _appears(rows, "a position in the token bought", token_id=pitch.yes)
    held = await world.one.shares(pitch, pitch.yes)
    same(round(float(row["current_size"]) * 1e6), held, "size in units")


@check("DATA-V2-010", "a trade is in the market's trades", needs=_TRADE, source=_V2, deadline_s=_LONG_S)
async def _trades(world: World) -> None:
    pitch, wallet = await _traded(world)

    async def rows() -> list[Any]:
        return await _page(world, "/v2/trades", user=world.two.account.maker, limit=50)

    row = await _appears(rows, "the taker's trade", condition_id=pitch.condition)
    has(row, "proxy_wallet", "token_id", "condition_id", "side", "size", "price", "timestamp", "transaction_hash")
    require(len(str(row["timestamp"])) == 10, row["timestamp"], "seconds")
    require(wallet, wallet, "a wallet")


@check("DATA-V2-011", "a trade is in the user's activity", needs=_TRADE, source=_V2, deadline_s=_LONG_S)
async def _activity(world: World) -> None:
    pitch, wallet = await _traded(world)

    async def rows() -> list[Any]:
        return await _page(world, "/v2/activity", user=wallet, limit=50)

    row = await _appears(rows, "activity of type TRADE", condition_id=pitch.condition, type="TRADE")
    has(row, "type", "size", "usdc_size", "price")


@check("DATA-V2-012", "prices of the past have timestamp, price, resolution", needs=_NEEDS, source=_CLIENTS)
async def _prices(world: World) -> None:
    for row in await _page(world, "/v2/prices-history", token_id=(await world.market()).yes, interval="1d", limit=10):
        has(row, "timestamp", "price", "resolution_seconds")


# ---------------------------------------------------------------- the old paths


@check("DATA-V1-001", "the old positions are a plain array", needs=_NEEDS, source=_V1)
async def _old_positions(world: World) -> None:
    same(await _array(world, "/positions", user=_NOBODY, limit=20, offset=0), [], "positions of nobody")


@check("DATA-V1-002", "the old trades are a plain array", needs=_NEEDS, source=_V1)
async def _old_trades(world: World) -> None:
    rows = await _array(world, "/trades", market=(await world.market()).condition, limit=5)
    for row in rows:
        text_fields(row, "proxyWallet", "asset", "conditionId", "side")


@check("DATA-V1-003", "the old activity is a plain array", needs=_NEEDS, source=_V1)
async def _old_activity(world: World) -> None:
    same(await _array(world, "/activity", user=_NOBODY), [], "activity of nobody")


@check("DATA-V1-004", "the old value is an array of user and value", needs=_NEEDS, source=_V1)
async def _old_value(world: World) -> None:
    for row in await _array(world, "/value", user=_NOBODY):
        has(row, "user", "value")


@check("DATA-V1-005", "an old position is told in camelCase", needs=_TRADE, source=_V1, deadline_s=_LONG_S)
async def _old_position(world: World) -> None:
    pitch, wallet = await _traded(world)

    async def rows() -> list[Any]:
        return await _array(world, "/positions", user=wallet)

    row = await _appears(rows, "a position in the token bought", asset=pitch.yes)
    has(row, "proxyWallet", "asset", "conditionId", "size", "avgPrice", "currentValue", "outcome")

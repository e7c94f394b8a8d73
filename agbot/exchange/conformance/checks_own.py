"""What an account reads of itself: orders, trades, balances, notifications."""

from __future__ import annotations

from typing import Any, Final

from agbot.exchange.conformance.check import check
from agbot.exchange.conformance.checks_cancels import NO_ORDER
from agbot.exchange.conformance.checks_matching import hit
from agbot.exchange.conformance.checks_orders import BUY
from agbot.exchange.conformance.trader import Json, Pitch
from agbot.exchange.conformance.verdict import has, matches, require, same, text_fields, whole
from agbot.exchange.conformance.world import World
from agbot.units import complement, to_units

_ORDERS: Final = "docs: CLOB GET /data/orders"
_TRADES: Final = "docs: CLOB GET /data/trades"
_MONEY: Final = "docs: CLOB GET /balance-allowance"
_NOTES: Final = "docs: CLOB notifications"
_SCORING: Final = "docs: CLOB order scoring"
_CLIENTS: Final = "official clients 2026-11"
_TRADE: Final = ("trade",)
_LONG_S: Final = 40.0
_STATUS: Final = "MATCHED|MATCHED_NOT_BROADCASTED|MINED|CONFIRMED|RETRYING|FAILED"
_ORDER_TEXTS: Final = (
    "id",
    "market",
    "asset_id",
    "owner",
    "maker_address",
    "side",
    "price",
    "original_size",
    "size_matched",
    "outcome",
    "order_type",
    "status",
    "expiration",
)
_TRADE_TEXTS: Final = (
    "id",
    "taker_order_id",
    "market",
    "asset_id",
    "side",
    "size",
    "fee_rate_bps",
    "price",
    "status",
    "match_time",
    "last_update",
    "outcome",
    "owner",
    "maker_address",
    "transaction_hash",
    "trader_side",
)
_MAKER_TEXTS: Final = (
    "order_id",
    "owner",
    "maker_address",
    "matched_amount",
    "price",
    "fee_rate_bps",
    "asset_id",
    "outcome",
    "side",
)


async def _order(world: World) -> tuple[Pitch, Json]:
    pitch = await world.pitch()
    order_id = await world.rest(world.one, pitch, -1)
    rows = await world.one.open_orders(id=order_id)
    require(len(rows) == 1, f"{len(rows)} rows", "the order by its id")
    return pitch, rows[0]


async def _trade(world: World) -> tuple[Pitch, str, Json]:
    """Return the maker's order and the taker's trade."""
    pitch = await world.pitch()
    order_id = await world.rest(world.one, pitch, -1)
    told = await hit(world, pitch, -1)
    rows = await world.two.trades(id=told["tradeIDs"][0])
    require(len(rows) == 1, f"{len(rows)} rows", "the trade by its id")
    return pitch, order_id, rows[0]


# ---------------------------------------------------------------- orders


@check("CLOB-OWN-001", "open orders are a page: limit, count, next_cursor, data", needs=_TRADE, source=_ORDERS)
async def _page(world: World) -> None:
    told = (await world.one.get("/data/orders")).ok()
    has(told, "limit", "count", "next_cursor", "data")
    require(whole(told["limit"]) and whole(told["count"]), told, "limit and count as integers")
    require(told["next_cursor"], told["next_cursor"], "a cursor that is not empty")


@check("CLOB-OWN-002", "an open order has its fields, numbers as strings", needs=_TRADE, source=_ORDERS)
async def _fields(world: World) -> None:
    _, row = await _order(world)
    text_fields(row, *_ORDER_TEXTS)
    require(isinstance(row.get("associate_trades"), list), row.get("associate_trades"), "an array")


@check("CLOB-OWN-003", "created_at is in seconds", needs=_TRADE, source=_ORDERS)
async def _created(world: World) -> None:
    _, row = await _order(world)
    require(abs(int(row["created_at"]) - world.now_s) < 120, row["created_at"], "seconds, now")


@check("CLOB-OWN-004", "an open order says what was ordered", needs=_TRADE, source=_ORDERS)
async def _values(world: World) -> None:
    pitch, row = await _order(world)
    same((row["market"], row["asset_id"], row["side"]), (pitch.condition, pitch.yes, "BUY"))
    same((to_units(row["price"]), to_units(row["original_size"])), (pitch.at(-1), pitch.size), "price and size, 10⁻⁶")
    same((row["owner"], row["order_type"]), (world.one.creds.key, "GTC"), "owner and type")
    same(row["maker_address"].lower(), world.one.account.maker.lower(), "maker_address")


@check("CLOB-OWN-005", 'an order without an end has expiration "0"', needs=_TRADE, source=_CLIENTS)
async def _expiration(world: World) -> None:
    _, row = await _order(world)
    same(row["expiration"], "0", "expiration")


@check("CLOB-OWN-006", "the cursor MA== is the first page, its end LTE=", needs=_TRADE, source=_CLIENTS)
async def _cursor(world: World) -> None:
    _, row = await _order(world)
    told = (await world.one.get("/data/orders", next_cursor="MA==")).ok()
    same(([order["id"] for order in told["data"]], told["next_cursor"]), ([row["id"]], "LTE="))


@check("CLOB-OWN-007", "open orders can be asked by market and token", needs=_TRADE, source=_ORDERS)
async def _filters(world: World) -> None:
    pitch, row = await _order(world)
    for query, found in (
        ({"market": pitch.condition}, 1),
        ({"asset_id": pitch.yes}, 1),
        ({"asset_id": pitch.no}, 0),
        ({"market": "0x" + "66" * 32}, 0),
        ({"id": NO_ORDER}, 0),
    ):
        rows = await world.one.open_orders(**query)
        same([order["id"] for order in rows], [row["id"]] * found, f"by {next(iter(query))}")


@check("CLOB-OWN-008", "others' orders are not told", needs=_TRADE, source=_ORDERS)
async def _others(world: World) -> None:
    await _order(world)
    same(await world.two.open_orders(), [], "the other account's open orders")


@check("CLOB-OWN-009", "GET /data/order/{id} is the bare order", needs=_TRADE, source="docs: CLOB GET /data/order/{id}")
async def _one(world: World) -> None:
    _, row = await _order(world)
    told = (await world.one.get(f"/data/order/{row['id']}")).ok()
    same({name: told.get(name) for name in _ORDER_TEXTS}, {name: row[name] for name in _ORDER_TEXTS})


@check("CLOB-OWN-010", "another account's order is not told", needs=_TRADE, source="docs: CLOB GET /data/order/{id}")
async def _foreign(world: World) -> None:
    _, row = await _order(world)
    same(await world.two.order(row["id"]), None, "the order")


@check("CLOB-OWN-011", "a partly filled order names its trades", needs=_TRADE, source=_ORDERS)
async def _trades_of_order(world: World) -> None:
    pitch = await world.pitch()
    order_id = await world.rest(world.one, pitch, -1, 2 * pitch.size)
    told = await hit(world, pitch, -1)
    row = (await world.one.open_orders(id=order_id))[0]
    same(row["associate_trades"], told["tradeIDs"], "associate_trades")


# ---------------------------------------------------------------- trades


@check("CLOB-OWN-012", "trades are a page of their fields, numbers as strings", needs=_TRADE, source=_TRADES)
async def _trade_fields(world: World) -> None:
    _, _, row = await _trade(world)
    text_fields(row, *_TRADE_TEXTS)
    require(whole(row.get("bucket_index")), row.get("bucket_index"), "bucket_index, an integer")


@check("CLOB-OWN-013", "a trade's status carries the prefix TRADE_STATUS_", needs=_TRADE, source=_CLIENTS)
async def _status(world: World) -> None:
    _, _, row = await _trade(world)
    matches(f"TRADE_STATUS_({_STATUS})", row["status"], "TRADE_STATUS_ and a word")


@check("CLOB-OWN-014", "a trade has its maker orders with their fields", needs=_TRADE, source=_TRADES)
async def _maker_orders(world: World) -> None:
    pitch, order_id, row = await _trade(world)
    require(len(row["maker_orders"]) == 1, row["maker_orders"], "one maker order")
    maker = row["maker_orders"][0]
    text_fields(maker, *_MAKER_TEXTS)
    same((maker["order_id"], maker["asset_id"], maker["side"]), (order_id, pitch.yes, "BUY"), "maker order")
    same((to_units(maker["matched_amount"]), to_units(maker["price"])), (pitch.size, pitch.at(-1)), "amount and price")


@check("CLOB-OWN-015", "the taker's side of a trade is the taker's", needs=_TRADE, source=_TRADES)
async def _taker(world: World) -> None:
    pitch, _, row = await _trade(world)
    same((row["trader_side"], row["asset_id"], row["side"]), ("TAKER", pitch.no, "BUY"), "the taker's row")
    same((to_units(row["size"]), to_units(row["price"])), (pitch.size, complement(pitch.at(-1))), "size and price")


@check("CLOB-OWN-016", "the maker sees the same trade as MAKER", needs=_TRADE, source=_TRADES)
async def _maker(world: World) -> None:
    _, _, row = await _trade(world)
    mine = await world.one.trades(id=row["id"])
    same([trade["trader_side"] for trade in mine], ["MAKER"], "trader_side")


@check(
    "CLOB-OWN-017",
    "a trade becomes CONFIRMED, with a transaction hash",
    needs=_TRADE,
    source=_CLIENTS,
    deadline_s=_LONG_S,
)
async def _confirmed(world: World) -> None:
    _, _, row = await _trade(world)
    settled = (await world.two.settled([row["id"]]))[0]
    matches(r"0x[0-9a-f]{64}", settled["transaction_hash"], "0x and 64 hex digits")


@check("CLOB-OWN-018", "match_time and last_update are seconds in strings", needs=_TRADE, source=_TRADES)
async def _times(world: World) -> None:
    _, _, row = await _trade(world)
    for name in ("match_time", "last_update"):
        matches(r"[0-9]{10}", row[name], f"{name} of ten digits")


@check("CLOB-OWN-019", "trades can be asked by market and time", needs=_TRADE, source=_TRADES)
async def _trade_filters(world: World) -> None:
    pitch, _, row = await _trade(world)
    at = int(row["match_time"])
    newest = await world.two.trades(market=pitch.condition, after=at - 5)
    require(row["id"] in [trade["id"] for trade in newest], f"{len(newest)} trades", "the trade")
    older = await world.two.trades(market=pitch.condition, before=at - 3600)
    require(row["id"] not in [trade["id"] for trade in older], "the trade", "no trade of now")
    same(await world.two.trades(market="0x" + "66" * 32), [], "trades of another market")


@check("CLOB-OWN-020", "others' trades are not told", needs=_TRADE, source=_TRADES)
async def _others_trades(world: World) -> None:
    third = world.third()
    _, _, row = await _trade(world)
    same(await third.trades(id=row["id"]), [], "the third account's trades of that id")


# ---------------------------------------------------------------- balances and the rest


async def _balance(world: World, **query: object) -> Any:
    kind = int(world.one.account.signature_type)
    return (await world.one.get("/balance-allowance", signature_type=kind, **query)).ok()


@check("CLOB-OWN-021", "a balance is a string of base units, with allowances", needs=_TRADE, source=_MONEY)
async def _collateral(world: World) -> None:
    told = await _balance(world, asset_type="COLLATERAL")
    has(told, "balance", "allowances")
    matches(r"[0-9]+", told["balance"], "digits in a string")


@check("CLOB-OWN-022", "allowances are by address, integers in strings", needs=_TRADE, source=_CLIENTS)
async def _allowances(world: World) -> None:
    told = await _balance(world, asset_type="COLLATERAL")
    require(told["allowances"], told, "at least one spender")
    for spender, amount in told["allowances"].items():
        matches(r"0x[0-9a-fA-F]{40}", spender, "an address")
        matches(r"[0-9]+", amount, "digits in a string")


@check("CLOB-OWN-023", "a token's balance has the same shape", needs=_TRADE, source=_MONEY)
async def _conditional(world: World) -> None:
    told = await _balance(world, asset_type="CONDITIONAL", token_id=(await world.playing()).yes)
    has(told, "balance", "allowances")
    matches(r"[0-9]+", told["balance"], "digits in a string")


@check("CLOB-OWN-024", "an unknown asset type is refused", needs=_TRADE, source=_MONEY)
async def _asset_type(world: World) -> None:
    (await world.one.get("/balance-allowance", asset_type="GOLD", signature_type=0)).refused()


@check("CLOB-OWN-025", "balance-allowance/update answers 200", needs=_TRADE, source=_MONEY)
async def _update(world: World) -> None:
    answer = await world.one.get("/balance-allowance/update", asset_type="COLLATERAL", signature_type=0)
    same(answer.status, 200, "HTTP")


@check("CLOB-OWN-026", "notifications are an array", needs=_TRADE, source=_NOTES)
async def _notes(world: World) -> None:
    kind = int(world.one.account.signature_type)
    told = (await world.one.get("/notifications", signature_type=kind)).ok()
    require(isinstance(told, list), told, "an array")
    for note in told[:20]:
        has(note, "type", "owner", "payload")


@check("CLOB-OWN-027", "notifications can be dropped", needs=_TRADE, source=_NOTES)
async def _drop(world: World) -> None:
    answer = await world.one.ask("DELETE", "/notifications", {"ids": "1,2", "signature_type": 0})
    same(answer.status, 200, "HTTP")


@check("CLOB-OWN-028", 'GET /order-scoring is {"scoring": bool}', needs=_TRADE, source=_SCORING)
async def _scoring(world: World) -> None:
    _, row = await _order(world)
    told = (await world.one.get("/order-scoring", order_id=row["id"])).ok()
    require(isinstance(told.get("scoring"), bool), told, '{"scoring": true or false}')


@check("CLOB-OWN-029", "POST /orders-scoring maps order to bool", needs=_TRADE, source=_SCORING)
async def _scorings(world: World) -> None:
    _, row = await _order(world)
    told = (await world.one.send("POST", "/orders-scoring", [row["id"]])).ok()
    require(isinstance(told.get(row["id"]), bool), told, "a map of order ids")


@check(
    "CLOB-OWN-030", "more than a page of orders has a second page", needs=_TRADE, source=_CLIENTS, deadline_s=_LONG_S
)
async def _second_page(world: World) -> None:
    pitch = await world.pitch()
    limit = int((await world.one.get("/data/orders")).ok()["limit"])
    require(0 < limit <= 500, limit, "a page of at most 500")
    made = await _many(world, pitch, limit + 1)
    first = (await world.one.get("/data/orders")).ok()
    second = (await world.one.get("/data/orders", next_cursor=first["next_cursor"])).ok()
    ids = [row["id"] for row in first["data"] + second["data"]]
    same((len(first["data"]), sorted(ids) == sorted(made), second["next_cursor"]), (limit, True, "LTE="))


async def _many(world: World, pitch: Pitch, count: int) -> list[str]:
    size, made = max(pitch.min_size, 5_000_000), list[str]()
    while len(made) < count:
        bodies = [world.one.draft(pitch, pitch.yes, BUY, pitch.tick, size) for _ in range(min(15, count - len(made)))]
        world.one.dirty = True
        made += [row["orderID"] for row in (await world.one.send("POST", "/orders", bodies)).ok()]
    return made

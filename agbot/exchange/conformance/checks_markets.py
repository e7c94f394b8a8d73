"""What the CLOB tells of markets: ticks, flags, terms, lists."""

from __future__ import annotations

from typing import Any, Final

from agbot.exchange.conformance.check import check
from agbot.exchange.conformance.checks_books import NOBODY
from agbot.exchange.conformance.verdict import failed, has, number, require, same, text_fields, whole
from agbot.exchange.conformance.world import World
from agbot.units import TICKS, to_units

_TICK: Final = "docs: CLOB GET /tick-size; official TypeScript client takes number literals only"
_FLAG: Final = "docs: CLOB GET /neg-risk"
_FEE: Final = "docs: CLOB GET /fee-rate"
_TERMS: Final = "docs: CLOB GET /clob-markets/{condition}"
_BY_TOKEN: Final = "docs: CLOB GET /markets-by-token/{token}"  # noqa: S105 - a path
_LISTS: Final = "docs: CLOB markets lists and cursors"
NO_CONDITION: Final = "0x" + "77" * 32
PAGES_MAX: Final = 200
_PAGE: Final = ("limit", "count", "next_cursor", "data")


@check("CLOB-TICK-001", "the minimum tick size is a JSON number, one of six", source=_TICK)
async def _tick(world: World) -> None:
    told = (await world.clob.get("/tick-size", token_id=(await world.market()).yes)).ok()
    has(told, "minimum_tick_size")
    tick = told["minimum_tick_size"]
    require(number(tick) and to_units(str(tick)) in TICKS, tick, "0.1, 0.01, 0.005, 0.0025, 0.001 or 0.0001")


@check("CLOB-TICK-002", "the token may stand in the path", source=_TICK)
async def _tick_path(world: World) -> None:
    token = (await world.market()).yes
    told = (await world.clob.get(f"/tick-size/{token}")).ok()
    same(told, (await world.clob.get("/tick-size", token_id=token)).ok())


@check("CLOB-TICK-003", "it equals the book's tick size", source=_TICK)
async def _tick_agrees(world: World) -> None:
    token = (await world.market()).yes
    told = (await world.clob.get("/tick-size", token_id=token)).ok()
    same(to_units(str(told["minimum_tick_size"])), to_units((await world.book(token))["tick_size"]))


@check("CLOB-TICK-004", "an unknown token is a 404", source="docs: error codes")
async def _tick_unknown(world: World) -> None:
    (await world.clob.get("/tick-size", token_id=NOBODY)).refused("not found", status=404)


@check("CLOB-NEG-001", "neg_risk is a JSON boolean, as in the book", source=_FLAG)
async def _neg_risk(world: World) -> None:
    token = (await world.market()).yes
    told = (await world.clob.get("/neg-risk", token_id=token)).ok()
    require(isinstance(told.get("neg_risk"), bool), told, '{"neg_risk": true or false}')
    same(told["neg_risk"], (await world.book(token))["neg_risk"])


@check("CLOB-NEG-002", "the token may stand in the path", source=_FLAG)
async def _neg_risk_path(world: World) -> None:
    has((await world.clob.get(f"/neg-risk/{(await world.market()).no}")).ok(), "neg_risk")


@check("CLOB-NEG-003", "a market of a neg-risk event says so", source=_FLAG)
async def _neg_risk_true(world: World) -> None:
    listed = await world.some("neg risk", neg_risk=True)
    same((await world.clob.get("/neg-risk", token_id=listed.yes)).ok(), {"neg_risk": True})
    same((await world.book(listed.yes))["neg_risk"], True, "the book's neg_risk")


@check("CLOB-FEE-001", "base_fee is a whole number", source=_FEE)
async def _fee(world: World) -> None:
    told = (await world.clob.get("/fee-rate", token_id=(await world.market()).yes)).ok()
    require(whole(told.get("base_fee")), told, '{"base_fee": N}')


@check("CLOB-FEE-002", "the token may stand in the path", source=_FEE)
async def _fee_path(world: World) -> None:
    has((await world.clob.get(f"/fee-rate/{(await world.market()).yes}")).ok(), "base_fee")


# ---------------------------------------------------------------- terms of one market


async def _terms(world: World) -> Any:
    return (await world.clob.get(f"/clob-markets/{(await world.market()).condition}")).ok()


@check("CLOB-TERMS-001", "terms have condition, tokens, minimum size and tick", source=_TERMS)
async def _terms_fields(world: World) -> None:
    told = await _terms(world)
    has(told, "t", "mos", "mts")
    same(told.get("c", (await world.market()).condition), (await world.market()).condition, "c")


@check("CLOB-TERMS-002", "both tokens have an outcome's name", source=_TERMS)
async def _terms_tokens(world: World) -> None:
    listed = await world.market()
    tokens = (await _terms(world))["t"]
    for token in tokens:
        text_fields(token, "t", "o")
    same([token["t"] for token in tokens], [listed.yes, listed.no], "tokens")


@check("CLOB-TERMS-003", "tick and minimum size are JSON numbers", source=_TERMS)
async def _terms_numbers(world: World) -> None:
    told = await _terms(world)
    require(number(told["mts"]) and number(told["mos"]), (told["mts"], told["mos"]), "numbers")
    require(to_units(str(told["mts"])) in TICKS, told["mts"], "one of six ticks")


@check("CLOB-TERMS-004", "fees, where there are any, have rate and exponent as numbers", source=_TERMS)
async def _terms_fees(world: World) -> None:
    fees = (await _terms(world)).get("fd")
    if fees is not None:
        has(fees, "r", "e")
        require(number(fees["r"]) and number(fees["e"]), fees, "numbers")


@check("CLOB-TERMS-005", "nr and ao are booleans where they are", source=_TERMS)
async def _terms_flags(world: World) -> None:
    told = await _terms(world)
    wrong = {name: told[name] for name in ("nr", "ao") if name in told and not isinstance(told[name], bool)}
    require(not wrong, wrong, "true or false")


@check("CLOB-TERMS-006", "they agree with the book on tick and minimum size", source=_TERMS)
async def _terms_agree(world: World) -> None:
    told, book = await _terms(world), await world.book((await world.market()).yes)
    same(to_units(str(told["mts"])), to_units(book["tick_size"]), "tick")
    same(to_units(str(told["mos"])), to_units(book["min_order_size"]), "minimum size")


@check("CLOB-TERMS-007", "an unknown condition is a 404: market not found", source="docs: error codes")
async def _terms_unknown(world: World) -> None:
    (await world.clob.get(f"/clob-markets/{NO_CONDITION}")).refused("not found", status=404)


@check("CLOB-TOKEN-001", "a token leads to its condition", source=_BY_TOKEN)
async def _by_token(world: World) -> None:
    listed = await world.market()
    told = (await world.clob.get(f"/markets-by-token/{listed.yes}")).ok()
    has(told, "condition_id", "primary_token_id")
    same(told["condition_id"], listed.condition)


@check("CLOB-TOKEN-002", "both tokens lead to the same condition", source=_BY_TOKEN)
async def _by_other_token(world: World) -> None:
    listed = await world.market()
    same((await world.clob.get(f"/markets-by-token/{listed.no}")).ok()["condition_id"], listed.condition)


@check("CLOB-TOKEN-003", "an unknown token is a 404", source="docs: error codes")
async def _by_no_token(world: World) -> None:
    (await world.clob.get(f"/markets-by-token/{NOBODY}")).refused("not found", status=404)


# ---------------------------------------------------------------- lists


@check("CLOB-MARKET-001", "one market has its tokens with outcome and winner", source=_LISTS)
async def _one_market(world: World) -> None:
    listed = await world.market()
    told = (await world.clob.get(f"/markets/{listed.condition}")).ok()
    has(told, "condition_id", "question", "tokens", "minimum_tick_size", "minimum_order_size", "active", "closed")
    same([token["token_id"] for token in told["tokens"]], [listed.yes, listed.no], "tokens")
    for token in told["tokens"]:
        has(token, "outcome", "winner")


@check("CLOB-MARKET-002", "an unknown market is a 404: market not found", source="docs: error codes")
async def _no_market(world: World) -> None:
    (await world.clob.get(f"/markets/{NO_CONDITION}")).refused("not found", status=404)


async def _page(world: World, path: str) -> Any:
    told = (await world.clob.get(path)).ok()
    has(told, *_PAGE)
    require(whole(told["limit"]) and whole(told["count"]), told["limit"], "limit and count as integers")
    same(told["count"], len(told["data"]), "count")
    return told


@check("CLOB-PAGES-001", "GET /markets is a page: limit, count, next_cursor, data", source=_LISTS)
async def _markets(world: World) -> None:
    await _page(world, "/markets")


@check("CLOB-PAGES-002", "GET /simplified-markets is a page of condition_id and tokens", source=_LISTS)
async def _simplified(world: World) -> None:
    for row in (await _page(world, "/simplified-markets"))["data"]:
        has(row, "condition_id", "tokens")


@check("CLOB-PAGES-003", "GET /sampling-markets is a page", source=_LISTS)
async def _sampling(world: World) -> None:
    await _page(world, "/sampling-markets")


@check("CLOB-PAGES-004", "GET /sampling-simplified-markets is a page", source=_LISTS)
async def _sampling_simplified(world: World) -> None:
    await _page(world, "/sampling-simplified-markets")


@check("CLOB-PAGES-005", "the cursor MA== is the first page", source=_LISTS)
async def _first_page(world: World) -> None:
    first = (await world.clob.get("/simplified-markets", next_cursor="MA==")).ok()
    plain = (await world.clob.get("/simplified-markets")).ok()
    same([row["condition_id"] for row in first["data"][:5]], [row["condition_id"] for row in plain["data"][:5]])


@check("CLOB-PAGES-006", "following the cursor ends at LTE=", source=_LISTS, deadline_s=30)
async def _last_page(world: World) -> None:
    cursor = "MA=="
    for _ in range(PAGES_MAX):
        cursor = (await world.clob.get("/sampling-simplified-markets", next_cursor=cursor)).ok()["next_cursor"]
        if cursor == "LTE=":
            return
        require(cursor, cursor, "a cursor")
    raise failed(f"{PAGES_MAX} pages", "the cursor LTE=")


@check("CLOB-REWARDS-001", "GET /rewards/markets/current is a page", source="docs: CLOB rewards")
async def _rewards(world: World) -> None:
    has((await world.clob.get("/rewards/markets/current")).ok(), "data", "next_cursor")


@check("CLOB-REWARDS-002", "GET /rewards/markets/{condition} is a page", source="docs: CLOB rewards")
async def _market_rewards(world: World) -> None:
    has((await world.clob.get(f"/rewards/markets/{(await world.market()).condition}")).ok(), "data")


@check("CLOB-BUILDER-001", "an unknown builder code is a 404", source="docs: CLOB builder fees")
async def _builder(world: World) -> None:
    same((await world.clob.get(f"/fees/builder-fees/{NO_CONDITION}")).status, 404, "HTTP")

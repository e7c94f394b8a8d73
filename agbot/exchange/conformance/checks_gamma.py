"""Gamma: finding markets and events."""

from __future__ import annotations

import json
from typing import Any, Final

from agbot.exchange.conformance.check import check
from agbot.exchange.conformance.verdict import Skipped, has, matches, number, require, same, text_fields
from agbot.exchange.conformance.world import Listed, World
from agbot.units import to_units

_KEYSET: Final = "docs: Gamma GET /markets/keyset"
_MARKET: Final = "docs: Gamma market"
_EVENTS: Final = "docs: Gamma events"
_CLIENTS: Final = "official clients 2026-11"
_NEEDS: Final = ("gamma",)
_LISTS: Final = ("outcomes", "outcomePrices", "clobTokenIds")
_RFC3339: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?(Z|\+00:00)"


async def _rows(world: World, **query: object) -> list[Any]:
    told = (await world.gamma.get("/markets/keyset", **query)).ok()
    has(told, "markets")
    require(isinstance(told["markets"], list), told, "an array")
    rows: list[Any] = told["markets"]
    return rows


async def _row(world: World) -> Any:
    rows = await _rows(world, limit=1)
    if not rows:
        raise Skipped("no open market")
    return rows[0]


async def _known(world: World) -> Listed:
    listed = await world.market()
    if not listed.gamma:
        raise Skipped("the market was not found through Gamma")
    return listed


@check("GAMMA-MARKETS-001", "keyset is an object with markets", needs=_NEEDS, source=_KEYSET)
async def _keyset(world: World) -> None:
    await _rows(world)


@check("GAMMA-MARKETS-002", "limit bounds the page", needs=_NEEDS, source=_KEYSET)
async def _limit(world: World) -> None:
    require(len(await _rows(world, limit=2)) <= 2, "more than two", "at most two")


@check("GAMMA-MARKETS-003", "a limit above 100 is clamped, not refused", needs=_NEEDS, source=_KEYSET)
async def _clamped(world: World) -> None:
    require(len(await _rows(world, limit=500)) <= 100, "more than 100", "at most 100")


@check("GAMMA-MARKETS-004", "after_cursor continues without repeating", needs=_NEEDS, source=_KEYSET)
async def _cursor(world: World) -> None:
    first = (await world.gamma.get("/markets/keyset", limit=2)).ok()
    if not first.get("next_cursor"):
        raise Skipped("a single page")
    second = (await world.gamma.get("/markets/keyset", limit=2, after_cursor=first["next_cursor"])).ok()
    both = [row["id"] for row in first["markets"] + second["markets"]]
    require(second["markets"] and len(set(both)) == len(both), both, "other markets")


@check("GAMMA-MARKETS-005", "the last page has no next_cursor", needs=_NEEDS, source=_KEYSET, deadline_s=60)
async def _last(world: World) -> None:
    cursor, pages = "", 0
    while pages < 50:
        query = {"limit": 100, **({"after_cursor": cursor} if cursor else {})}
        told = (await world.gamma.get("/markets/keyset", **query)).ok()
        cursor, pages = told.get("next_cursor") or "", pages + 1
        if not cursor:
            return
    raise Skipped("more than 50 pages")


@check("GAMMA-MARKETS-006", "offset is refused: 422", needs=_NEEDS, source=_KEYSET)
async def _offset(world: World) -> None:
    same((await world.gamma.get("/markets/keyset", offset=10)).status, 422, "HTTP")


@check("GAMMA-MARKETS-007", "closed markets are left out unless asked for", needs=_NEEDS, source=_KEYSET)
async def _closed(world: World) -> None:
    require(not any(row["closed"] for row in await _rows(world, limit=100)), "a closed market", "open ones")
    require(all(row["closed"] for row in await _rows(world, limit=20, closed="true")), "an open one", "closed ones")


@check("GAMMA-MARKETS-008", "a token finds its market", needs=_NEEDS, source=_KEYSET)
async def _by_token(world: World) -> None:
    listed = await world.market()
    for token in (listed.yes, listed.no):
        rows = await _rows(world, clob_token_ids=token)
        same([row["conditionId"] for row in rows], [listed.condition])


@check("GAMMA-MARKETS-009", "a condition finds its market", needs=_NEEDS, source=_KEYSET)
async def _by_condition(world: World) -> None:
    listed = await world.market()
    same([row["conditionId"] for row in await _rows(world, condition_ids=listed.condition)], [listed.condition])


@check("GAMMA-MARKETS-010", "a slug finds its market", needs=_NEEDS, source=_KEYSET)
async def _by_slug(world: World) -> None:
    listed = await _known(world)
    same([row["conditionId"] for row in await _rows(world, slug=listed.gamma["slug"])], [listed.condition])


@check("GAMMA-MARKETS-011", "GET /markets/{id} is one market", needs=_NEEDS, source=_MARKET)
async def _by_id(world: World) -> None:
    listed = await _known(world)
    same((await world.gamma.get(f"/markets/{listed.gamma['id']}")).ok()["conditionId"], listed.condition)


@check("GAMMA-MARKETS-012", "GET /markets/slug/{slug} is one market", needs=_NEEDS, source=_MARKET)
async def _slug_path(world: World) -> None:
    listed = await _known(world)
    same((await world.gamma.get(f"/markets/slug/{listed.gamma['slug']}")).ok()["conditionId"], listed.condition)


@check("GAMMA-MARKETS-013", "an unknown market is a 404", needs=_NEEDS, source=_MARKET)
async def _unknown(world: World) -> None:
    same((await world.gamma.get("/markets/slug/no-such-market-anywhere")).status, 404, "HTTP")


@check("GAMMA-MARKETS-014", "unknown parameters are ignored", needs=_NEEDS, source="observed")
async def _ignored(world: World) -> None:
    await _rows(world, limit=1, colour="green")


@check("GAMMA-MARKETS-015", "the old GET /markets is an array", needs=_NEEDS, source="docs: Gamma GET /markets")
async def _old(world: World) -> None:
    told = (await world.gamma.get("/markets", limit=2)).ok()
    require(isinstance(told, list) and len(told) <= 2, told, "an array of at most two")


# ---------------------------------------------------------------- one market


@check(
    "GAMMA-FIELDS-001",
    "outcomes, prices and tokens are strings holding JSON arrays of two",
    needs=_NEEDS,
    source=_MARKET,
)
async def _strings(world: World) -> None:
    row = await _row(world)
    text_fields(row, *_LISTS)
    for name in _LISTS:
        parsed = json.loads(row[name])
        require(isinstance(parsed, list) and len(parsed) == 2, row[name], "an array of two")
        require(all(isinstance(value, str) for value in parsed), row[name], "strings in it")


@check("GAMMA-FIELDS-002", "the outcomes' prices add up to 1", needs=_NEEDS, source=_MARKET)
async def _prices(world: World) -> None:
    total = sum(to_units(price) for price in json.loads((await _row(world))["outcomePrices"]))
    require(abs(total - 1_000_000) <= 10_000, total, "1 (10⁻⁶)")


@check("GAMMA-FIELDS-003", "ids and names are strings", needs=_NEEDS, source=_MARKET)
async def _names(world: World) -> None:
    row = await _row(world)
    text_fields(row, "id", "conditionId", "slug", "question")
    matches(r"0x[0-9a-f]{64}", row["conditionId"], "0x and 64 hex digits")


@check("GAMMA-FIELDS-004", "flags are booleans", needs=_NEEDS, source=_MARKET)
async def _flags(world: World) -> None:
    row = await _row(world)
    flags = ("active", "closed", "acceptingOrders", "enableOrderBook", "negRisk")
    has(row, *flags)
    wrong = {name: row[name] for name in flags if not isinstance(row[name], bool)}
    require(not wrong, wrong, "true or false")


@check("GAMMA-FIELDS-005", "tick and minimum size are numbers", needs=_NEEDS, source=_MARKET)
async def _numbers(world: World) -> None:
    row = await _row(world)
    has(row, "orderPriceMinTickSize", "orderMinSize")
    require(number(row["orderPriceMinTickSize"]) and number(row["orderMinSize"]), row["orderMinSize"], "numbers")


@check("GAMMA-FIELDS-006", "the version is v1 or v2 where it is told", needs=_NEEDS, source=_MARKET)
async def _version(world: World) -> None:
    seen = (await _row(world)).get("version", "v1")
    require(seen in {"v1", "v2"}, seen, "v1 or v2")


@check("GAMMA-FIELDS-007", "marketMakerAddress is a string", needs=_NEEDS, source="official TypeScript client")
async def _address(world: World) -> None:
    text_fields(await _row(world), "marketMakerAddress")


@check(
    "GAMMA-FIELDS-008",
    "volume and liquidity are strings where they are",
    needs=_NEEDS,
    source="official TypeScript client",
)
async def _volume(world: World) -> None:
    row = await _row(world)
    wrong = {name: row[name] for name in ("volume", "liquidity") if not isinstance(row.get(name, ""), str)}
    require(not wrong, wrong, "strings")


@check("GAMMA-FIELDS-009", "the end is an RFC 3339 time", needs=_NEEDS, source=_MARKET)
async def _end(world: World) -> None:
    if (end := (await _row(world)).get("endDate")) is not None:
        matches(_RFC3339, end, "2026-11-21T00:00:00Z")


@check("GAMMA-FIELDS-010", "a fee schedule has exponent, rate, takerOnly", needs=_NEEDS, source=_MARKET)
async def _fees(world: World) -> None:
    for row in await _rows(world, limit=20):
        if row.get("feesEnabled") and row.get("feeSchedule"):
            return has(row["feeSchedule"], "exponent", "rate", "takerOnly")
    raise Skipped("no market with fees among the first twenty")


@check("GAMMA-FIELDS-011", "Gamma and the CLOB agree on tokens, tick and minimum size", needs=_NEEDS, source=_CLIENTS)
async def _agree(world: World) -> None:
    listed = await _known(world)
    terms = (await world.clob.get(f"/clob-markets/{listed.condition}")).ok()
    same([token["t"] for token in terms["t"]], [listed.yes, listed.no], "tokens")
    same(to_units(str(terms["mos"])), to_units(str(listed.gamma["orderMinSize"])), "minimum size")
    same(to_units(str(terms["mts"])), listed.tick, "tick")


@check("GAMMA-FIELDS-012", "a market names its event", needs=_NEEDS, source=_MARKET)
async def _event(world: World) -> None:
    row = await _row(world)
    has(row, "events")
    for event in row["events"]:
        text_fields(event, "id", "slug", "title")


# ---------------------------------------------------------------- events


async def _events(world: World) -> list[Any]:
    told = (await world.gamma.get("/events/keyset", limit=5)).ok()
    has(told, "events")
    if not told["events"]:
        raise Skipped("no event")
    rows: list[Any] = told["events"]
    return rows


@check("GAMMA-EVENTS-001", "events nest their markets", needs=_NEEDS, source=_EVENTS)
async def _nested(world: World) -> None:
    for event in await _events(world):
        text_fields(event, "id", "slug", "title")
        require(isinstance(event.get("markets"), list) and event["markets"], event.get("markets"), "markets")


@check("GAMMA-EVENTS-002", "GET /events/slug/{slug} is one event", needs=_NEEDS, source=_EVENTS)
async def _event_slug(world: World) -> None:
    event = (await _events(world))[0]
    same((await world.gamma.get(f"/events/slug/{event['slug']}")).ok()["id"], event["id"])


@check("GAMMA-EVENTS-003", "GET /events/{id} is one event", needs=_NEEDS, source=_EVENTS)
async def _event_id(world: World) -> None:
    event = (await _events(world))[0]
    same((await world.gamma.get(f"/events/{event['id']}")).ok()["slug"], event["slug"])


@check("GAMMA-EVENTS-004", "a neg-risk event has its market id, and neg-risk markets", needs=_NEEDS, source=_EVENTS)
async def _neg_risk(world: World) -> None:
    for event in await _events(world):
        if event.get("negRisk"):
            matches(r"0x[0-9a-f]{64}", event.get("negRiskMarketID"), "0x and 64 hex digits")
            return require(all(m["negRisk"] for m in event["markets"]), "a plain one", "neg-risk markets")
    raise Skipped("no neg-risk event among the first five")


@check("GAMMA-EVENTS-005", "an unknown event is a 404", needs=_NEEDS, source=_EVENTS)
async def _no_event(world: World) -> None:
    same((await world.gamma.get("/events/slug/no-such-event-anywhere")).status, 404, "HTTP")


@check("GAMMA-SEARCH-001", "search finds a market by a word of its question", needs=_NEEDS, source="docs: Gamma search")
async def _search(world: World) -> None:
    event = (await _events(world))[0]
    words = [word for word in event["title"].replace("?", " ").split() if len(word) > 3] or [event["title"]]
    told = (await world.gamma.get("/public-search", q=words[0])).ok()
    has(told, "events")
    require(told["events"], told, "an event")


@check("GAMMA-TAGS-001", "tags are an array of id, label, slug", needs=_NEEDS, source="docs: Gamma tags")
async def _tags(world: World) -> None:
    told = (await world.gamma.get("/tags", limit=3)).ok()
    require(isinstance(told, list), told, "an array")
    for tag in told:
        has(tag, "id", "label", "slug")

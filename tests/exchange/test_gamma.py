"""Gamma's routes: what they tell, how they are narrowed and paged, and that clients can read it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agbot.exchange.api import Routes
from agbot.exchange.core.model import Refused
from agbot.exchange.markets.catalogue import generated
from agbot.exchange.markets.files import load_markets
from agbot.exchange.markets.offer import Catalogue
from agbot.exchange.reads import gamma
from agbot.units import SCALE
from agbot.venue.polymarket.wire.gamma import decode_event, decode_events, decode_market, decode_markets
from tests.exchange.reading import World, ask, raw, told


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def routes(world: World) -> Routes:
    return gamma.routes(world.core, world.catalogue, world.clock, world.tape)


def slugs(page: Any) -> list[str]:
    return [
        row["slug"] for row in (page if isinstance(page, list) else page["events" if "events" in page else "markets"])
    ]


def test_a_market_has_lists_in_strings_and_live_numbers(world: World, routes: Routes) -> None:
    listing = world.listings[0]
    world.quote(listing, "0.4", "0.6")
    world.trade(listing, "0.55", "20")
    row = told(routes, f"/markets/{listing.gamma_id}")
    assert row["outcomes"] == '["Yes","No"]'
    assert json.loads(row["clobTokenIds"]) == list(listing.tokens)
    assert json.loads(row["outcomePrices"]) == ["0.5", "0.5"], "the middle of 0.4 and 0.6"
    assert (row["bestBid"], row["bestAsk"], row["spread"], row["lastTradePrice"]) == (0.4, 0.6, 0.2, 0.55)
    assert (row["volume"], row["volumeNum"], row["volume24hr"]) == ("11", 11, 11)
    assert (row["liquidity"], row["liquidityNum"]) == ("80", 80), "100 at 0.4 and 100 NO at 0.4"
    assert (row["orderPriceMinTickSize"], row["orderMinSize"], row["marketMakerAddress"]) == (0.01, 5, "")
    assert row["feeSchedule"] == {"exponent": 1, "rate": 0.04, "takerOnly": True, "rebateRate": 0.25}
    assert row["clobRewards"][0]["rewardsDailyRate"] == 100
    assert row["events"] == [{"id": listing.event.id, "slug": "demo-rate-cut", "title": listing.event.title}]
    world.pass_time(2 * 86_400)
    assert told(routes, f"/markets/{listing.gamma_id}")["volume24hr"] == 0


def test_an_empty_book_shows_the_last_trade(world: World, routes: Routes) -> None:
    row = told(routes, "/markets/slug/demo-coin")
    assert (row["bestBid"], row["bestAsk"], json.loads(row["outcomePrices"])) == (0, 1, ["0.5", "0.5"])


def test_a_resolved_market_is_closed_and_pays(world: World, routes: Routes) -> None:
    listing = world.listings[3]
    world.core.resolve(listing, listing.market.no, world.now)
    row = told(routes, "/markets/slug/demo-coin")
    assert (row["closed"], row["acceptingOrders"], row["umaResolutionStatus"]) == (True, False, "resolved")
    assert json.loads(row["outcomePrices"]) == ["0", "1"]
    assert row["closedTime"] == "2027-01-15T08:00:00Z"
    assert "demo-coin" not in slugs(told(routes, "/markets/keyset"))
    assert slugs(told(routes, "/markets/keyset", closed="true")) == ["demo-coin"]
    assert len(told(routes, "/markets")) == 8, "the old route takes both where nobody says"


def test_protocol_v2_has_positions_and_no_old_tokens(world: World, routes: Routes) -> None:
    listing = world.listings[2]
    row = told(routes, "/markets/slug/demo-launch")
    assert (row["version"], row["positionIds"], row["clobTokenIds"]) == ("v2", list(listing.tokens), "[]")
    assert row["conditionId"] == f"0x{int(listing.market.yes):064x}"
    assert row["resolutionStatus"] == "active"


def test_own_client_reads_everything(world: World, routes: Routes) -> None:
    listing = world.listings[0]
    world.quote(listing)
    page = decode_markets(raw(routes, "/markets/keyset"))
    assert (len(page.items), page.faults, page.next_cursor) == (8, (), "")
    market = decode_market(raw(routes, "/markets/slug/demo-derby"))
    assert (market.tick, market.fee_rate, market.delay_s) == (10_000, 30_000, 1)
    assert (market.rebate_rate, market.min_size, market.accepting, market.order_book) == (
        150_000,
        5 * SCALE,
        True,
        True,
    )
    assert decode_market(raw(routes, f"/markets/{listing.gamma_id}")).best_bid == 400_000
    event = decode_event(raw(routes, "/events/slug/demo-mayor"))
    assert (len(event.markets), event.neg_risk, event.faults, event.tags) == (4, True, (), ("demo", "politics"))
    assert event.neg_risk_market == world.listings[4].event.neg_risk_id
    assert len(decode_events(raw(routes, "/events/keyset")).items) == 5
    assert [e.slug for e in decode_events(raw(routes, "/public-search", q="mayor quill")).items] == ["demo-mayor"]


def test_the_official_models_read_everything(world: World, routes: Routes) -> None:
    sdk = pytest.importorskip("polymarket.models")
    world.quote(world.listings[0])
    world.core.resolve(world.listings[1], world.listings[1].market.yes, world.now)
    markets = [sdk.Market.parse_response(row) for row in told(routes, "/markets", include_tag="true")]
    assert [market.slug for market in markets] == [listing.market.slug for listing in world.listings]
    assert markets[2].outcomes.yes.position_id == world.listings[2].market.yes
    assert markets[1].resolution.uma_resolution_status == "resolved"
    assert str(markets[0].prices.best_bid) == "0.4"
    events = [sdk.Event.parse_response(row) for row in told(routes, "/events")]
    assert [len(event.markets) for event in events] == [1, 1, 1, 1, 4]
    assert sdk.SearchResults.parse_page_response(told(routes, "/public-search", q="demo")).total_count == 5
    assert sdk.Tag.parse_response_list(told(routes, "/tags"))[0].slug == "demo"
    assert sdk.Series.parse_response_list(told(routes, "/series")) == ()
    assert sdk.SportsMetadata.parse_response_list(told(routes, "/sports")) == ()
    assert sdk.SportsMarketTypes.parse_response(told(routes, "/sports/market-types")).market_types == ()


def test_pages_of_the_keyset_route(world: World, routes: Routes) -> None:
    seen: list[str] = []
    page = told(routes, "/markets/keyset", limit=3)
    while True:
        seen += slugs(page)
        if "next_cursor" not in page:
            break
        page = told(routes, "/markets/keyset", limit=3, after_cursor=page["next_cursor"])
    assert seen == [listing.market.slug for listing in world.listings]


def test_a_page_holds_100_at_most_and_20_by_default() -> None:
    world = World(generated(1, 150))
    routes = gamma.routes(world.core, world.catalogue, world.clock, world.tape)
    assert len(told(routes, "/markets/keyset")["markets"]) == 20
    assert len(told(routes, "/markets/keyset", limit=500)["markets"]) == 100
    assert slugs(told(routes, "/markets", limit=2, offset=149)) == ["demo-poll-150"]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/markets/keyset", {"offset": "0"}),
        ("/events/keyset", {"offset": "20"}),
        ("/markets/keyset", {"after_cursor": "nonsense!"}),
        ("/markets/keyset", {"limit": "many"}),
        ("/markets/keyset", {"closed": "perhaps"}),
        ("/markets/keyset", {"order": "beauty"}),
        ("/markets/keyset", {"volume_num_min": "much"}),
        ("/markets/keyset", {"end_date_min": "soon"}),
        ("/markets", {"offset": "2001"}),
        ("/events", {"offset": "2001"}),
        ("/public-search", {}),
    ],
)
def test_what_is_wrong_is_422(routes: Routes, path: str, query: dict[str, str]) -> None:
    with pytest.raises(Refused) as caught:
        ask(routes, path, **query)
    assert caught.value.status == 422


def test_old_routes_say_so(routes: Routes) -> None:
    for name in ("markets", "events"):
        headers = dict(ask(routes, f"/{name}", offset=2000).headers)
        assert headers["Deprecation"]
        assert f"/{name}/keyset" in headers["Link"]


@pytest.mark.parametrize(
    "path",
    [
        "/markets/1",
        "/markets/1/tags",
        "/events/1/tags",
        "/markets/slug/none",
        "/events/1",
        "/events/slug/none",
        "/tags/9",
        "/tags/slug/no",
        "/series/1",
    ],
)
def test_what_is_not_there_is_404(routes: Routes, path: str) -> None:
    assert ask(routes, path).status == 404


ALL = ["rate-cut", "derby", "launch", "coin", "mayor-ada", "mayor-ben", "mayor-eve", "mayor-other"]
MAYORS = ALL[4:]


def named(world: World, what: str) -> Any:
    """Return what a row of the table stands for."""
    first, third = world.listings[0], world.listings[2]
    tag = world.catalogue.tag
    return {
        "<id>": first.gamma_id,
        "<condition>": first.condition.upper().replace("0X", "0x"),
        "<token>": first.market.no,
        "<position>": third.market.yes,
        "<two>": [first.condition, third.condition],
        "<both>": f"{first.condition},{third.condition}",
        "<sports>": tag("sports").id,
        "<demo>": tag("demo").id,
        "<event>": world.listings[4].event.id,
    }.get(what, what)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ALL),
        ({"id": "<id>"}, ["rate-cut"]),
        ({"slug": ["demo-coin", "demo-derby"]}, ["derby", "coin"]),
        ({"condition_ids": "<condition>"}, ["rate-cut"]),
        ({"condition_ids": "<two>"}, ["rate-cut", "launch"]),
        ({"condition_ids": "<both>"}, ["rate-cut", "launch"]),
        ({"clob_token_ids": "<token>"}, ["rate-cut"]),
        ({"clob_token_ids": "<position>"}, ["launch"]),
        ({"position_ids": "<position>"}, ["launch"]),
        ({"position_ids": "<token>"}, []),
        ({"version": "v2"}, ["launch"]),
        ({"version": ["v1", "v2"]}, ALL),
        ({"resolution_status": "active"}, ["launch"]),
        ({"closed": "true"}, []),
        ({"closed": "false"}, ALL),
        ({"active": "true"}, ALL),
        ({"active": "false"}, []),
        ({"archived": "true"}, []),
        ({"archived": "false"}, ALL),
        ({"tag_id": "<sports>"}, ["derby"]),
        ({"tag_id": ["<sports>", "<demo>"], "tag_match": "all"}, ["derby"]),
        ({"tag_slug": "politics"}, MAYORS),
        ({"exclude_tag_id": "<demo>"}, []),
        ({"end_date_min": "2030-01-02T00:00:00Z"}, []),
        ({"end_date_max": "2030-01-01T00:00:00+00:00"}, ALL),
        ({"start_date_min": "2026-06-01"}, []),
        ({"volume_num_min": "1"}, ["rate-cut"]),
        ({"volume_num_max": "0.5"}, ALL[1:]),
        ({"liquidity_num_min": "50"}, ["rate-cut"]),
        ({"uma_resolution_status": "resolved"}, []),
        ({"market_maker_address": "0x1"}, []),
        ({"title_search": "ROCKET"}, ["launch"]),
        ({"order": "volumeNum", "ascending": "false", "limit": "1"}, ["rate-cut"]),
        ({"order": "volume24hr", "ascending": "true", "limit": "1"}, ["derby"]),
        ({"order": "liquidity", "ascending": "false", "limit": "1"}, ["rate-cut"]),
        ({"order": "slug", "limit": "2"}, ["coin", "derby"]),
        ({"order": "endDate,slug", "limit": "1"}, ["coin"]),
        ({"order": "bestBid", "ascending": "false", "limit": "1"}, ["rate-cut"]),
        ({"ascending": "false", "limit": "1"}, ["mayor-other"]),
        ({"moon_phase": "full"}, ALL),
    ],
)
def test_markets_are_narrowed_and_ordered(
    world: World, routes: Routes, query: dict[str, Any], found: list[str]
) -> None:
    world.quote(world.listings[0], "0.4", "0.6")
    world.trade(world.listings[0], "0.5", "10")
    asked = {
        name: [named(world, one) for one in value] if isinstance(value, list) else named(world, value)
        for name, value in query.items()
    }
    page = told(routes, "/markets/keyset", **asked)
    assert slugs(page) == [f"demo-{slug}" for slug in found]


EVENTS = ["rate-cut", "derby", "launch", "coin", "mayor"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, EVENTS),
        ({"id": "<event>"}, ["mayor"]),
        ({"slug": "demo-mayor"}, ["mayor"]),
        ({"tag_slug": "sports"}, ["derby"]),
        ({"tag_id": "<demo>", "limit": "1"}, ["rate-cut"]),
        ({"version": "v2"}, ["launch"]),
        ({"volume_min": "1"}, ["rate-cut"]),
        ({"liquidity_max": "1"}, EVENTS[1:]),
        ({"title_search": "mayor"}, ["mayor"]),
        ({"featured": "true"}, []),
        ({"series_id": "1"}, []),
        ({"order": "volume", "ascending": "false", "limit": "1"}, ["rate-cut"]),
        ({"order": "liquidity", "ascending": "false", "limit": "1"}, ["rate-cut"]),
        ({"order": "volume24hr", "ascending": "false", "limit": "1"}, ["rate-cut"]),
        ({"order": "title", "limit": "1"}, ["mayor"]),
    ],
)
def test_events_are_narrowed_and_ordered(world: World, routes: Routes, query: dict[str, Any], found: list[str]) -> None:
    world.quote(world.listings[0], "0.4", "0.6")
    world.trade(world.listings[0], "0.5", "10")
    page = told(routes, "/events/keyset", **{name: named(world, value) for name, value in query.items()})
    assert slugs(page) == [f"demo-{slug}" for slug in found]


def test_an_event_without_its_markets(routes: Routes) -> None:
    assert "markets" not in told(routes, "/events/keyset", include_markets="false")["events"][0]


def test_an_event_is_closed_when_all_its_markets_are(world: World, routes: Routes) -> None:
    for listing in world.listings[4:]:
        assert told(routes, "/events/slug/demo-mayor")["closed"] is False
        world.core.resolve(listing, listing.market.no, world.now)
    assert told(routes, "/events/slug/demo-mayor")["closed"] is True
    assert "demo-mayor" not in slugs(told(routes, "/events/keyset"))
    assert slugs(told(routes, "/public-search", q="mayor", events_status="active")) == []
    assert slugs(told(routes, "/public-search", q="mayor", events_status="resolved")) == ["demo-mayor"]


def test_search_finds_the_best_first_and_pages(routes: Routes) -> None:
    first = told(routes, "/public-search", q="demo rocket orbit", limit_per_type=2, search_tags="true")
    assert slugs(first)[0] == "demo-launch"
    assert first["pagination"] == {"hasMore": True, "totalResults": 5}
    assert [tag["slug"] for tag in first["tags"]] == ["demo"]
    last = told(routes, "/public-search", q="demo rocket orbit", limit_per_type=2, page=3)
    assert len(last["events"]) == 1
    assert last["pagination"]["hasMore"] is False


def test_tags_are_found_by_id_slug_and_owner(world: World, routes: Routes) -> None:
    sports = told(routes, "/tags/slug/sports")
    assert sports == told(routes, f"/tags/{sports['id']}")
    assert sports in told(routes, f"/markets/{world.listings[1].gamma_id}/tags")
    assert sports in told(routes, f"/events/{world.listings[1].event.id}/tags")
    assert {tag["slug"] for tag in told(routes, "/tags", limit=100)} == {
        "demo", "economy", "sports", "tech", "crypto", "politics",
    }  # fmt: skip


def test_what_there_is_nothing_of_is_empty(routes: Routes) -> None:
    assert [told(routes, path) for path in ("/series", "/sports", "/teams", "/comments")] == [[], [], [], []]
    assert ask(routes, "/public-profile", address="0x1").status == 404


def test_recorded_markets_are_told_as_they_were(shared: Any) -> None:
    folder = shared / "data" / "polymarket_negrisk_fed_june"
    catalogue = load_markets(folder / "gamma-event.json")
    world = World(list(catalogue.listings))
    routes = gamma.routes(world.core, catalogue, world.clock, world.tape)
    recorded = json.loads((folder / "gamma-event.json").read_text(encoding="utf-8"))
    same = ("id", "conditionId", "slug", "question", "groupItemTitle", "endDate", "orderPriceMinTickSize")
    same += ("orderMinSize", "negRisk", "negRiskMarketID", "rewardsMinSize", "rewardsMaxSpread", "feeSchedule")
    for row in recorded["markets"]:
        mine = told(routes, f"/markets/{row['id']}")
        assert {name: mine[name] for name in same} == {name: row[name] for name in same}
        assert json.loads(mine["clobTokenIds"]) == json.loads(row["clobTokenIds"])
    event = told(routes, f"/events/slug/{recorded['slug']}")
    assert [(tag["id"], tag["slug"]) for tag in event["tags"]] == [(t["id"], t["slug"]) for t in recorded["tags"]]
    assert isinstance(catalogue, Catalogue)

"""Invented markets, and markets from files: recorded ones and those a person wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agbot.errors import ConfigError
from agbot.exchange.markets.catalogue import generated
from agbot.exchange.markets.files import load_markets
from agbot.exchange.markets.offer import Catalogue, is_position
from agbot.units import SCALE, TICKS
from agbot.venue.demo.markets import demo_markets

HEX = "0x" + "12" * 32


def test_invented_markets_follow_from_the_seed() -> None:
    first, again, other = generated(3), generated(3), generated(4)
    assert [listing.condition for listing in first] == [listing.condition for listing in again]
    assert not {t for x in first for t in x.tokens} & {t for x in other for t in x.tokens}
    assert [x.condition for x in generated(3, 40)][:8] == [x.condition for x in first]


def test_the_first_eight_are_the_demo_s() -> None:
    demo = demo_markets(1)
    for listing, market in zip(generated(1), demo, strict=True):
        same = ("slug", "question", "tick", "fee_rate", "neg_risk", "min_size")
        assert [getattr(listing.market, name) for name in same] == [getattr(market, name) for name in same]


def test_terms_are_the_venue_s() -> None:
    listings = generated(1, 40)
    assert {listing.market.tick for listing in listings[:12]} == set(TICKS)
    assert {listing.market.min_size for listing in listings} == {5 * SCALE}
    assert any(listing.taker_delay_ns for listing in listings[:8])
    assert any(listing.rewards_daily_usd for listing in listings[:8])
    group = [listing for listing in listings if listing.event.neg_risk]
    assert len(group) == 4
    assert len({listing.event.neg_risk_id for listing in group}) == 1
    for what in ("gamma_id", "condition"):
        assert len({getattr(listing, what) for listing in listings}) == 40
    assert all(len(x.condition) == 66 and 0 < int(x.event.id) < 2**31 for x in listings)


def test_only_protocol_v2_has_position_ids() -> None:
    for listing in generated(5, 200):
        v3 = listing.market.exchange_version == 3
        assert [is_position(token) for token in listing.tokens] == [v3, v3]
        assert all(0 < int(token) < 2**256 for token in listing.tokens)
        if v3:
            yes, no = map(int, listing.tokens)
            assert (yes >> 248, yes & 0xFF, no - yes, f"0x{yes:064x}") == (1, 0, 1, listing.condition)


def test_a_catalogue_knows_its_tags() -> None:
    catalogue = Catalogue(generated(1))
    assert (catalogue.tag("crypto").id, catalogue.tag("crypto").label) == ("21", "Crypto")
    assert catalogue.tag("new-thing") == catalogue.tag("new-thing")


# ---------------------------------------------------------------- recorded


def test_a_recorded_neg_risk_event_with_its_books(shared: Path) -> None:
    folder = shared / "data" / "polymarket_negrisk_fed_june"
    found = load_markets(folder / "gamma-event.json", folder / "clob-books.json")
    assert (len(found.listings), len(found.books), found.left_out) == (5, 5, ())
    event = found.listings[0].event
    assert (event.slug, event.neg_risk, event.id) == ("fed-decision-in-june-825", True, "101772")
    assert found.tag("fed").id == "159"
    books = {row["asset_id"]: row for row in json.loads((folder / "clob-books.json").read_text(encoding="utf-8"))}
    for listing, book in zip(found.listings, found.books, strict=True):
        assert (listing.market.tick, listing.market.fee_rate, listing.rebate_rate) == (1_000, 50_000, 250_000)
        assert book.token == listing.market.yes
        recorded = books[book.token]
        best = [recorded[side][-1] for side in ("bids", "asks")]
        assert [book.bids[0][0], book.asks[0][0]] == [round(float(row["price"]) * SCALE) for row in best]
        assert (len(book.bids), len(book.asks)) == (len(recorded["bids"]), len(recorded["asks"]))
        assert book.bids[0][0] < book.asks[0][0]
        assert book.snapshot(5).bids == book.bids


def test_recorded_single_markets_keep_their_event(shared: Path) -> None:
    found = load_markets(shared / "data" / "polymarket_markets_drmanhattan" / "polymarket_markets.json")
    assert len(found.listings) == 5
    assert {listing.event.slug for listing in found.listings} == {"what-will-happen-before-gta-vi"}
    assert found.listings[0].volume == 832_995_125_818


def test_a_search_page_holds_events_too(shared: Path) -> None:
    assert load_markets(shared / "data" / "polymarket_negrisk_fed_june" / "gamma-search.json").listings


RECORDED: dict[str, Any] = {
    "id": "7",
    "slug": "rain",
    "question": "Rain?",
    "conditionId": HEX,
    "outcomes": '["Yes","No"]',
    "outcomePrices": '["1","0"]',
    "clobTokenIds": '["1111111111111111111111","2222222222222222222222"]',
    "orderPriceMinTickSize": 0.01,
    "closed": True,
    "closedTime": "2026-01-01T00:00:00Z",
    "umaResolutionStatus": "resolved",
}


def write(folder: Path, value: Any, name: str = "m.json") -> Path:
    path = folder / name
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def test_a_resolved_market_keeps_its_winner(tmp_path: Path) -> None:
    (listing,) = load_markets(write(tmp_path, RECORDED)).listings
    assert (listing.winner, listing.accepting, listing.resolved_ns > 0) == (listing.market.yes, False, True)


def test_a_placeholder_is_left_out(tmp_path: Path) -> None:
    event = {"title": "E", "slug": "e", "id": "1", "markets": [RECORDED, {**RECORDED, "clobTokenIds": "[]", "id": "8"}]}
    found = load_markets(write(tmp_path, [event]))
    assert len(found.listings) == 1
    assert "markets[1]: market rain has not two outcomes" in found.left_out[0]


def test_a_no_book_is_mirrored_and_a_foreign_one_left_out(tmp_path: Path) -> None:
    book = {"asset_id": "2222222222222222222222", "bids": [{"price": "0.3", "size": "5"}], "asks": []}
    books = [book, {**book, "asset_id": "3"}]
    found = load_markets(write(tmp_path, RECORDED), write(tmp_path, books, "b.json"))
    assert (found.books[0].bids, found.books[0].asks) == ((), ((700_000, 5_000_000),))
    assert "which no market here has" in found.left_out[0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"orderPriceMinTickSize": 0.03}, "orderPriceMinTickSize"),
        ({"outcomes": '["Yes"]'}, "2 tokens but 1 outcomes"),
        ({"clobTokenIds": "[1"}, "clobTokenIds"),
        ({"clobTokenIds": '["1111111111111111111111","1111111111111111111111"]'}, "both outcomes have token"),
        ({"endDate": "soon"}, "endDate"),
    ],
)
def test_a_recorded_market_that_cannot_be(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    path = write(tmp_path, {"markets": [RECORDED | {"id": "6", "slug": "x", "conditionId": "0x1"}, RECORDED | change]})
    with pytest.raises(ConfigError, match=reason) as caught:
        load_markets(path)
    assert (caught.value.id, caught.value.path, caught.value.key) == ("AGB-124", str(path), "markets[1]")


def test_a_bad_book_is_named(tmp_path: Path) -> None:
    book = {"asset_id": "1111111111111111111111", "bids": [{"price": "1.3", "size": "5"}], "asks": []}
    with pytest.raises(ConfigError, match="price") as caught:
        load_markets(write(tmp_path, RECORDED), write(tmp_path, [book], "b.json"))
    assert (caught.value.path, caught.value.key) == (str(tmp_path / "b.json"), "[0]")


# ---------------------------------------------------------------- written by a person

OWN = """
seed: 3
events:
  - {slug: cup, title: The cup, neg_risk: true, tags: [sports, cup]}
markets:
  - slug: owls
    question: Will the Owls win?
    event: cup
    tick: 0.0025
    fee_rate: 0.05
    rebate_rate: 0.15
    taker_delay_ms: 150
    end: 2030-01-01T00:00:00Z
    price: 0.3
    rewards_usd: 20
    bids: [[0.2975, 100], [0.29, 50]]
    asks: [[0.3, 7.5]]
  - slug: foxes
    question: Will the Foxes win?
    event: cup
    version: v2
  - slug: rain
    question: Rain?
    outcomes: [Wet, Dry]
    condition: "0x1212121212121212121212121212121212121212121212121212121212121212"
    tokens: ["1111111111111111111111111111111111111", "2222222222222222222222222222222222222"]
"""


@pytest.mark.parametrize("name", ["m.yaml", "m.yml"])
def test_own_format(tmp_path: Path, name: str) -> None:
    found = load_markets(write(tmp_path, OWN, name))
    owls, foxes, rain = found.listings
    assert (owls.market.tick, owls.market.fee_rate, owls.taker_delay_ns) == (2_500, 50_000, 150_000_000)
    assert (owls.event.neg_risk, owls.market.neg_risk, owls.event.tags) == (True, True, ("sports", "cup"))
    assert owls.event is foxes.event
    assert (owls.last_price, owls.rewards_daily_usd) == (300_000, 20 * SCALE)
    assert found.books[0].bids == ((297_500, 100 * SCALE), (290_000, 50 * SCALE))
    assert found.books[0].asks == ((300_000, 7_500_000),)
    assert (foxes.market.exchange_version, is_position(foxes.market.yes)) == (3, True)
    assert (rain.condition, rain.outcomes, rain.event.slug) == (HEX, ("Wet", "Dry"), "rain")
    assert load_markets(write(tmp_path, OWN, name)).listings[0].tokens == owls.tokens


def test_own_format_in_json_and_next_to_recorded(tmp_path: Path) -> None:
    own = write(tmp_path, {"markets": [{"slug": "sun", "question": "Sun?"}]}, "own.json")
    found = load_markets(write(tmp_path, RECORDED), own)
    assert [listing.market.slug for listing in found.listings] == ["rain", "sun"]


@pytest.mark.parametrize(
    ("text", "error_id", "line", "key"),
    [
        ("markets:\n  - slug: a\n    question: A?\n    tick: 0.03\n", "AGB-107", 4, "markets[0].tick"),
        ("markets:\n  - slug: a\n", "AGB-105", 2, "markets[0].question"),
        ("markets:\n  - {slug: a, question: A?, ticks: 1}\n", "AGB-104", 2, "markets[0].ticks"),
        ("markets:\n  - {slug: a, question: A?, version: v3}\n", "AGB-109", 2, "markets[0].version"),
        ("markets:\n  - {slug: a, question: A?, price: 1}\n", "AGB-107", 2, "markets[0].price"),
        ("markets:\n  - {slug: a, question: A?, bids: [[0.5]]}\n", "AGB-107", 2, "markets[0].bids[0]"),
        ("markets:\n  - {slug: a, question: A?, tokens: [a, b]}\n", "AGB-107", 2, "markets[0].tokens"),
        ("markets:\n  - {slug: a, question: A?, tokens: ['1', '2']}\n", "AGB-124", 2, "markets[0].tokens"),
        ("markets:\n  - {slug: a, question: A?, condition: 0x12}\n", "AGB-107", 2, "markets[0].condition"),
        ("markets:\n  - {slug: a, question: A?, outcomes: [x]}\n", "AGB-107", 2, "markets[0].outcomes"),
        ("markets:\n  - {slug: a, question: A?, end: soon}\n", "AGB-107", 2, "markets[0].end"),
        ("markets:\n  - {slug: a b, question: A?}\n", "AGB-107", 2, "markets[0].slug"),
        (
            "markets:\n  - {slug: a, question: A?, bids: [[0.6, 1]], asks: [[0.6, 1]]}\n",
            "AGB-107",
            2,
            "markets[0].asks",
        ),
        ("[{c: 1}]\n", "AGB-105", 1, ""),
        (" \n", "AGB-100", None, ""),
        ("events: []\n", "AGB-105", 1, "markets"),
        ("markets: [\n", "AGB-101", 2, ""),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, error_id: str, line: int, key: str) -> None:
    path = write(tmp_path, text, "m.yaml")
    with pytest.raises(ConfigError) as caught:
        load_markets(path)
    assert (caught.value.id, caught.value.line, caught.value.key) == (error_id, line, key)
    assert caught.value.path == str(path)


def test_no_market_and_markets_twice(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_markets(write(tmp_path, "markets: []\n", "m.yaml"))
    assert caught.value.id == "AGB-125"
    twice = "markets:\n  - {slug: a, question: A?}\n  - {slug: a, question: B?}\n"
    with pytest.raises(ConfigError, match="two markets have the slug a") as caught:
        load_markets(write(tmp_path, twice, "m.yaml"))
    assert caught.value.id == "AGB-124"
    with pytest.raises(ConfigError) as caught:
        load_markets(tmp_path / "none.json")
    assert caught.value.id == "AGB-100"
    (tmp_path / "bad.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_markets(tmp_path / "bad.json")


def test_the_example_of_the_page_is_read(tmp_path: Path, root: Path) -> None:
    page = (root / "docs" / "exchange.md").read_text(encoding="utf-8")
    (example,) = [part.partition("```")[0] for part in page.split("```yaml\n") if part.startswith("events:")]
    found = load_markets(write(tmp_path, example, "m.yaml"))
    assert [(x.market.slug, x.market.neg_risk) for x in found.listings] == [
        ("will-it-rain", True),
        ("will-it-snow", True),
    ]

"""Every public capture there is, file by file: read to exact values, or refused with a reason. None is left over."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from agbot.errors import VenueProtocolError
from agbot.model.ids import MarketId
from agbot.model.market import Market
from agbot.model.order import Settlement, Side
from agbot.store.mirror import MirrorCheck
from agbot.units import SCALE
from agbot.venue.polymarket.wire import FrameDecoder, account, gamma, public, rest
from agbot.venue.polymarket.wire.rtds import Quote, Refusal, RtdsDecoder
from agbot.venue.polymarket.wire.user import OrderUpdate, UserDecoder

JAN_2024 = 1_704_067_200_000_000_000
ORDER = "0x1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef12"


def _user(raw: bytes) -> OrderUpdate | rest.Trade:
    decoder = UserDecoder()
    frame = decoder.decode(raw)
    assert (frame.faults, decoder.messages.total(), decoder.unknown.total()) == ([], 1, 0)
    return frame.events[0]


def _quotes(raw: bytes) -> list[Quote]:
    decoder = RtdsDecoder()
    frame = decoder.decode(raw)
    assert (frame.faults, decoder.messages, decoder.malformed) == ([], {f"{frame.topic}/{frame.type}": 1}, 0)
    return [item for item in frame.items if isinstance(item, Quote)]


def _trade(raw: bytes) -> rest.Trade:
    return rest.decode_trades(b"[" + raw + b"]").items[0]


def _winner(record: public.MarketRecord) -> str:
    return next((token.outcome for token in record.tokens if token.token == record.winner), "")


# file: (decoder, what of its result is looked at, what that must be)
READ: dict[str, tuple[Callable[[bytes], Any], Callable[[Any], Any], Any]] = {
    "clob_book_response": (
        public.decode_book,
        lambda b: (b.bids[0], b.bids[-1], b.asks[0], b.asks[-1], b.neg_risk, b.ts_ns),
        (
            (500_000, 150_000_000),
            (480_000, 100_000_000),
            (510_000, 120_000_000),
            (530_000, 90_000_000),
            None,
            1_703_875_200_000_000_000,
        ),
    ),
    "clob_market_closed_binary_accepting_false": (
        public.decode_market_record,
        lambda m: (_winner(m), m.closed, m.accepting, m.tick, m.min_size),
        ("No", True, False, 1_000, 5_000_000),
    ),
    "clob_market_closed_binary_accepting_true": (
        public.decode_market_record,
        lambda m: (_winner(m), m.closed, m.accepting, m.tick, m.start_ns > 0),
        ("Yes", True, True, 10_000, True),
    ),
    "data_api_positions_response": (
        account.decode_positions,
        lambda p: ([(x.size, x.cost, x.unrealized, x.realized, x.outcome) for x in p.items[:2]], p.faults),
        ([(150_500_000, 82_775_000, 7_525_000, 0, "Yes"), (0, 0, 0, 5_000_000, "Yes")], ()),
    ),
    "data_api_trades_response": (
        account.decode_public_trades,
        lambda p: ([(x.side, x.price, x.size, x.ts_ns // 10**9) for x in p.items], p.faults),
        (
            [
                (Side.BUY, 550_000, 100_000_000, 1_710_000_000),
                (Side.SELL, 530_000, 50_000_000, 1_709_999_900),
                (Side.BUY, 450_000, 75_000_000, 1_709_999_800),
            ],
            (),
        ),
    ),
    "gamma_event": (
        gamma.decode_event,
        lambda e: (e.slug, e.neg_risk, e.faults, e.markets[0].prices, e.volume),
        ("democratic-presidential-nominee-2028", True, (), (10_500, 989_500), 799_823_812_487_094),
    ),
    "gamma_market": (
        gamma.decode_market,
        lambda m: (m.outcomes, m.prices, m.tick, m.min_size, m.accepting, m.liquidity, m.fee_rate),
        (("Up", "Down"), (505_000, 495_000), 10_000, 5_000_000, True, 20_328_374_700, None),
    ),
    "gamma_market_closed_binary_accepting_false": (
        gamma.decode_market,
        lambda m: (m.closed, m.accepting, m.resolution, m.prices, m.closed_ns // 10**9),
        (True, False, "resolved", (0, SCALE), 1_773_962_415),
    ),
    "gamma_market_closed_binary_accepting_true": (
        gamma.decode_market,
        lambda m: (m.closed, m.accepting, m.prices),
        (True, True, (SCALE, 0)),
    ),
    "gamma_market_closed_nonbinary_legacy": (
        gamma.decode_market,
        lambda m: (m.outcomes, m.prices, m.tick, m.order_book),
        (("Long", "Short"), (584_331, 415_668), 0, False),
    ),
    "gamma_market_closed_zero_zero_legacy": (
        gamma.decode_market,
        lambda m: (m.outcomes, m.prices, m.best_ask),
        (("Yes", "No"), (0, 0), SCALE),
    ),
    "gamma_market_sports_market_map_handicap": (
        gamma.decode_market,
        lambda m: (m.outcomes, m.best_bid, m.best_ask),
        (("FaZe", "illwill"), 999_000, SCALE),
    ),
    "gamma_market_sports_market_money_line": (
        gamma.decode_market,
        lambda m: (m.outcomes, len(m.tokens), m.closed),
        (("FaZe", "illwill"), 2, True),
    ),
    "http_balance_allowance_collateral": (
        rest.decode_balance,
        lambda b: (b.balance, b.allowances),
        (1_000_000_000, {"": 999_999_999_000_000}),
    ),
    "http_balance_allowance_no_allowance": (
        rest.decode_balance,
        lambda b: (b.balance, b.allowances),
        (250_500_000, {}),
    ),
    "http_batch_cancel_response": (
        rest.decode_cancel_reply,
        lambda c: (len(c.canceled), list(c.not_canceled.values())),
        (2, ["already canceled or matched"]),
    ),
    "http_cancel_response_failed": (
        rest.decode_cancel_reply,
        lambda c: (c.canceled, list(c.not_canceled.values())),
        ((), ["already canceled or matched"]),
    ),
    "http_cancel_response_ok": (rest.decode_cancel_reply, lambda c: (len(c.canceled), c.not_canceled), (1, {})),
    "http_open_order": (
        rest.decode_open_order,
        lambda o: (o.id, o.status, o.side, o.price, o.original_size, o.size_matched, o.expiration_s, o.trades),
        (ORDER, "LIVE", Side.BUY, 500_000, 100_000_000, 25_000_000, 0, ("0xabc001",)),
    ),
    "http_open_order_sell_fok": (
        rest.decode_open_order,
        lambda o: (o.side, o.order_type, o.status, o.expiration_s, o.trades),
        (Side.SELL, "FOK", "MATCHED", 1_735_689_600, ()),
    ),
    "http_open_orders_page": (
        rest.decode_open_orders,
        lambda p: ([(o.price, o.original_size - o.size_matched) for o in p.items], p.next_cursor),
        ([(600_000, 200_000_000), (400_000, 100_000_000)], ""),
    ),
    "http_order_response_error_500": (
        rest.decode_order_reply,
        lambda r: (r.accepted, r.error_msg),
        (False, "Internal server error"),
    ),
    "http_order_response_failed": (
        rest.decode_order_reply,
        lambda r: (r.accepted, r.error_msg, r.order_id),
        (False, "Insufficient balance", ""),
    ),
    "http_order_response_ok": (
        rest.decode_order_reply,
        # Without a status word nothing says that the order exists: it is to be looked up.
        lambda r: (r.success, r.error_msg, r.order_id, r.status, r.accepted),
        (True, "", ORDER, "", False),
    ),
    "http_trade_report": (
        _trade,
        lambda t: (t.status, t.match_ns, t.updated_ns, t.trader_side, [m.matched for m in t.maker_orders]),
        (Settlement.CONFIRMED, JAN_2024, JAN_2024 + 60 * 10**9, "TAKER", [25_000_000, 5_000_000]),
    ),
    "http_trades_page": (
        rest.decode_trades,
        lambda p: ([(t.status, t.size, t.transaction_hash) for t in p.items], p.next_cursor),
        ([(Settlement.MINED, 10_000_000, "0xabc123")], ""),
    ),
    "rtds_crypto_prices_subscribe": (
        _quotes,
        lambda q: [(x.value, x.backfill) for x in q],
        [(61_164_120_000, True), (61_161_070_000, True), (61_150_890_000, True)],
    ),
    "rtds_crypto_prices_update": (_quotes, lambda q: [(x.symbol, x.value) for x in q], [("btcusdt", 61_035_860_000)]),
    "rtds_equity_prices_subscribe": (
        _quotes,
        lambda q: [x.value for x in q],
        [307_914_990, 307_915_780, 307_915_470],
    ),
    "rtds_equity_prices_update": (
        _quotes,
        lambda q: [(x.symbol, x.value, x.received_ns - x.ts_ns) for x in q],
        [("aapl", 198_452_300, 5_000_000)],
    ),
    "search_response": (gamma.decode_events, lambda p: (len(p.items), p.faults, p.items[0].id), (1, (), "246060")),
    "ws_user_order_cancellation": (
        _user,
        lambda o: (o.kind, o.status, o.size_matched),
        ("CANCELLATION", "CANCELED", 0),
    ),
    "ws_user_order_fok_killed": (
        _user,
        lambda o: (o.kind, o.status, o.reason, o.size_matched, o.order_type),
        (
            "CANCELLATION",
            "CANCELED",
            "order couldn't be fully filled. FOK orders are fully filled or killed.",
            0,
            "FOK",
        ),
    ),
    "ws_user_order_matched": (
        _user,
        lambda o: (o.kind, o.status, o.size_matched, o.associate_trades),
        ("UPDATE", "MATCHED", 100_000_000, ("trade-0xfill1",)),
    ),
    "ws_user_order_msg": (_user, lambda o: (o.kind, o.status, o.price), ("PLACEMENT", "LIVE", 500_000)),
    "ws_user_order_placement": (
        _user,
        lambda o: (o.kind, o.created_ns, o.ts_ns - o.created_ns),
        ("PLACEMENT", 1_703_875_200_000_000_000, 1_000_000),
    ),
    "ws_user_order_update": (_user, lambda o: (o.kind, o.size_matched), ("UPDATE", 25_000_000)),
    "ws_user_order_venue_cancel": (
        _user,
        lambda o: (o.kind, o.status, o.created_ns // 10**6),
        ("CANCELLATION", "INVALID", 1_774_377_384_000),
    ),
    "ws_user_trade": (
        _user,
        lambda t: (t.status, t.taker_order_id, t.size, [(m.matched, m.side) for m in t.maker_orders]),
        (Settlement.CONFIRMED, ORDER, 25_000_000, [(25_000_000, None)]),
    ),
    "ws_user_trade_msg": (_user, lambda t: (t.status, t.maker_orders), (Settlement.CONFIRMED, ())),
}
REFUSED: dict[str, tuple[Callable[[bytes], object], str]] = {
    # What a client sends, not what the venue answers.
    "http_signed_order": (rest.decode_order_reply, "neither success, orderID nor an error"),
}
ASIDE = {"clob_fee_rate_response_nonzero", "clob_fee_rate_response_zero", "gamma_tags"}
"""Replies of routes that the bot never asks."""


@pytest.mark.parametrize("name", READ)
def test_a_capture_is_read_to_exact_values(fixtures: Path, name: str) -> None:
    decode, look, expected = READ[name]
    assert look(decode((fixtures / f"{name}.json").read_bytes())) == expected


@pytest.mark.parametrize("name", REFUSED)
def test_a_capture_that_is_no_reply_is_refused_with_the_reason(fixtures: Path, name: str) -> None:
    decode, reason = REFUSED[name]
    with pytest.raises(VenueProtocolError, match=reason):
        decode((fixtures / f"{name}.json").read_bytes())


def test_no_capture_is_left_over(fixtures: Path) -> None:
    names = {path.stem for path in fixtures.glob("*.json")}
    market_channel = {n for n in names if n.startswith("ws_") and not n.startswith("ws_user")}  # test_wire has these
    assert len(names) == 55
    assert names - market_channel == set(READ) | set(REFUSED) | ASIDE


def test_every_recorded_rtds_frame(captures: Path) -> None:
    lines = (captures / "polymarket_rtds_frames" / "rtds_crypto_2026-09-05.jsonl").read_bytes().splitlines()
    decoder = RtdsDecoder()
    frames = [decoder.decode(line) for line in lines]
    assert [fault for frame in frames for fault in frame.faults] == []
    told = [(q.source, q.value, q.window_s) for frame in frames[:5] for q in frame.items[:1] if isinstance(q, Quote)]
    assert told == [
        ("crypto_prices", 79_697_730_000, 0),
        ("crypto_prices_chainlink", 79_696_948_174, 0),
        ("crypto_prices_twap_thirty", 79_697_474_565, 30),
        ("crypto_prices_twap_sixty", 79_697_575_317, 60),
        ("crypto_prices_twap_thirty", 79_696_840_994, 30),
    ]
    assert [len(frame.items) for frame in frames] == [1, 1, 1, 1, 3, 3, 1]
    (refusal,) = frames[-1].items
    assert isinstance(refusal, Refusal)
    assert refusal.status == 401
    assert "definitely_not_a_topic" in refusal.text
    assert decoder.messages.total() == len(lines)


def every_book(raw: bytes) -> list[public.RestBook]:
    return [public.decode_book(json.dumps(row)) for row in json.loads(raw)]


def test_the_books_of_a_real_neg_risk_event_mirror_each_other(captures: Path) -> None:
    folder = captures / "polymarket_negrisk_fed_june"
    event = gamma.decode_event((folder / "gamma-event.json").read_bytes())
    assert (event.faults, event.neg_risk, len(event.markets)) == ((), True, 5)
    raw = (folder / "clob-books.json").read_bytes()
    books = {book.token: book for book in every_book(raw)}
    terms = [
        public.decode_clob_market(json.dumps(row)) for row in json.loads((folder / "clob-markets.json").read_bytes())
    ]
    assert len(books) == 10
    for described, market in zip(event.markets, terms, strict=True):
        (yes, _), (no, _) = market.tokens
        assert (described.condition, described.tokens) == (market.condition, (yes, no))
        assert (market.tick, market.neg_risk, market.fee_rate, market.min_size) == (1_000, True, 50_000, 5_000_000)
        assert books[yes].bids == tuple((SCALE - price, size) for price, size in books[no].asks)
        assert books[yes].asks == tuple((SCALE - price, size) for price, size in books[no].bids)
    for source in json.loads(raw):
        book = books[source["asset_id"]]
        assert book.bids[0][0] == max(Decimal(row["price"]) for row in source["bids"]) * SCALE
        assert book.asks[0][0] == min(Decimal(row["price"]) for row in source["asks"]) * SCALE
        assert sum(size for _, size in book.bids) == sum(Decimal(row["size"]) for row in source["bids"]) * SCALE
    search = gamma.decode_events((folder / "gamma-search.json").read_bytes())
    assert (search.faults, len(search.items)) == ((), 2)


def test_the_same_books_as_frames_of_the_market_channel(captures: Path) -> None:
    raw = (captures / "polymarket_negrisk_fed_june" / "clob-books.json").read_bytes()
    decoder = FrameDecoder()
    for book, source in zip(every_book(raw), json.loads(raw), strict=True):
        (_, snapshot), faults = decoder.decode(json.dumps({**source, "event_type": "book"}))
        assert faults == []
        assert (tuple(sorted(snapshot.bids, reverse=True)), tuple(sorted(snapshot.asks))) == (book.bids, book.asks)


def test_five_gamma_markets_with_json_inside_strings(captures: Path) -> None:
    page = gamma.decode_markets((captures / "polymarket_markets_drmanhattan" / "polymarket_markets.json").read_bytes())
    assert (len(page.items), page.faults, page.next_cursor) == (5, (), "")
    for market in page.items:
        assert (len(market.tokens), len(market.outcomes), len(market.prices)) == (2, 2, 2)
        assert (market.tick, market.fee_rate, market.version) == (10_000, 50_000, "v1")


def _as_frames(path: Path) -> list[list[dict[str, Any]]]:
    """Return the recording as frames of the market channel, one array for each timestamp."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return [
        [_message(list(message)) for _, message in groupby(group, key=itemgetter("asset_id", "event_type", "hash"))]
        for _, group in groupby(rows, key=itemgetter("timestamp"))
    ]


def _message(rows: list[dict[str, str]]) -> dict[str, Any]:
    sides = {"ask": "SELL", "bid": "BUY"}
    levels = [{"price": row["price"], "size": row["size"], "side": sides.get(row["side"], row["side"])} for row in rows]
    head = {"event_type": rows[0]["event_type"], "timestamp": rows[0]["timestamp"], "hash": rows[0]["hash"]}
    if head["event_type"] != "book":
        return {**head, "price_changes": [{**level, "asset_id": rows[0]["asset_id"]} for level in levels]}
    bids = [level for level in levels if level["side"] == "BUY"]
    asks = [level for level in levels if level["side"] == "SELL"]
    return {**head, "asset_id": rows[0]["asset_id"], "bids": bids, "asks": asks}


@pytest.mark.parametrize(
    ("name", "messages", "timestamps", "exceptions"),
    [
        ("20250617_mlb-sd-lad-2025-06-17", 408 + 7_476, 3_945, 3),
        ("20250619_mlb-hou-bal-2025-06-19", 196 + 4_572, 2_391, 19),
    ],
)
def test_no_mirrors_yes_through_a_recorded_game(
    captures: Path, name: str, messages: int, timestamps: int, exceptions: int
) -> None:
    frames = _as_frames(captures / "polymarket_l2_mlb" / f"{name}_market-events.csv.gz")
    decoder, check = FrameDecoder(), MirrorCheck([])
    for frame in frames:
        events, faults = decoder.decode(json.dumps(frame, separators=(",", ":")))
        assert faults == []
        if check.timestamps == 0:
            yes, no = dict.fromkeys(event.token for event in events)
            check = MirrorCheck([Market(id=MarketId("m"), yes=yes, no=no)])
        check.apply(events[-1].ts_ns, events)
    assert decoder.messages.total() == decoder._scanner.books + decoder._scanner.changes == messages
    assert (check.timestamps, check.exceptions) == (timestamps, exceptions)

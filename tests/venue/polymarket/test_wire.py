"""Market-channel frames become facts with exact integers; bad ones are set aside, never guessed."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.model.events import (
    BookDelta,
    BookSnapshot,
    MarketData,
    MarketResolved,
    TickSizeChanged,
    TradePrint,
)
from agbot.model.order import Side
from agbot.units import SCALE
from agbot.venue.polymarket.wire import UNKNOWN_NAMES, FrameDecoder, Top, exact_ms, exact_price, exact_units

MS = 1_703_875_200_000
NS = MS * 1_000_000


def _message(kind: str, **fields: Any) -> dict[str, Any]:
    return {"event_type": kind, "market": "0xm", "asset_id": "A", "timestamp": str(MS), **fields}


def _level(price: object, size: object) -> dict[str, object]:
    return {"price": price, "size": size}


BOOK = _message("book", bids=[_level("0.48", "500.0"), _level(".49", "350")], asks=[_level("0.53", "0.000001")])
BOOK_FACT = BookSnapshot("A", ((480_000, 500_000_000), (490_000, 350_000_000)), ((530_000, 1),), NS)
CHANGES = [
    {"asset_id": "A", "price": "0.51", "side": "BUY", "size": "150.0", "best_bid": "0.51", "best_ask": "0.52"},
    {"asset_id": "B", "price": "0.49", "side": "SELL", "size": "0", "best_bid": "0.48", "best_ask": "1"},
    {"asset_id": "A", "price": "0.52", "side": "SELL", "size": "7", "best_bid": "0.51", "best_ask": "0.515"},
]
GOOD: list[tuple[dict[str, Any], list[MarketData]]] = [
    (BOOK, [BOOK_FACT]),
    (
        _message("price_change", price_changes=CHANGES),
        [
            BookDelta("A", ((0, 510_000, 150_000_000), (1, 520_000, 7_000_000)), NS),
            BookDelta("B", ((1, 490_000, 0),), NS),
        ],
    ),
    (
        _message("price_change", changes=[{"price": "0.4", "side": "SELL", "size": "3300"}], hash="h"),
        [BookDelta("A", ((1, 400_000, 3_300_000_000),), NS)],
    ),
    (
        _message("last_trade_price", price="0.456", size="219.217767", side="BUY", fee_rate_bps="0"),
        [TradePrint("A", Side.BUY, 456_000, 219_217_767, NS)],
    ),
    (
        _message("tick_size_change", old_tick_size="0.01", new_tick_size="0.001"),
        [TickSizeChanged("A", 1_000, NS)],
    ),
    (_message("best_bid_ask", best_bid="0.73", best_ask="0.77", spread="0.04"), []),
    (_message("market_resolved", winning_asset_id="B", id="7", tags=["x"]), [MarketResolved("0xm", "B", NS)]),
]


@pytest.mark.parametrize(("message", "facts"), GOOD, ids=lambda value: str(value)[:40])
def test_each_kind_of_message(message: dict[str, Any], facts: list[MarketData]) -> None:
    for frame in (message, [message], {**message, "surprise": {"deep": [1, None]}, "hash": None}):
        decoder = FrameDecoder()
        assert decoder.decode(json.dumps(frame)) == (facts, [])
        assert decoder.decode(json.dumps(frame).encode()) == (facts, [])
        assert decoder.messages == {message["event_type"]: 2}
        assert decoder.malformed == 0


@pytest.mark.parametrize(("message", "facts"), [pair for pair in GOOD if pair[1]], ids=lambda value: str(value)[:40])
def test_json_numbers_are_read_from_their_digits(message: dict[str, Any], facts: list[MarketData]) -> None:
    numbers = json.dumps(message)
    for text in ("0.48", "500.0", "0.53", "0.000001", "0.51", "150.0", "0.49", "0.456", "219.217767", "0.001", str(MS)):
        numbers = numbers.replace(f'"{text}"', text)
    assert numbers != json.dumps(message)
    assert FrameDecoder().decode(numbers) == (facts, [])


def test_without_event_type_the_fields_decide() -> None:
    for message, facts in GOOD:
        if facts and message["event_type"] != "market_resolved":
            bare = {key: value for key, value in message.items() if key != "event_type"}
            assert FrameDecoder().decode(json.dumps(bare)) == (facts, [])


def test_an_array_keeps_its_order_and_survives_a_bad_element() -> None:
    bad = _message("book", bids="none", asks=[])
    worse = _message("last_trade_price", price="2", size="1", side="BUY")
    frame = [message for message, _ in GOOD]
    decoder = FrameDecoder()
    events, faults = decoder.decode(json.dumps([bad, *frame[:3], worse, *frame[3:]]))
    assert events == [fact for _, facts in GOOD for fact in facts]
    assert len(faults) == decoder.malformed == 2
    assert "book" in faults[0]
    assert "price '2' is not between 0 and 1" in faults[1]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("{", "not JSON"),
        ("nonsense", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("3", "Expected `object`"),
        ("[3]", "Expected `object`"),
        (_message("book", bids=[], asks=None), "bids or asks are missing"),
        (_message("book", bids=[_level("0.5", "")], asks=[]), "'' is not a number"),
        (_message("book", bids=[_level("0.5", "-1")], asks=[]), "'-1' is not a number"),
        (_message("book", bids=[_level("1", "5")], asks=[]), "not between 0 and 1"),
        (_message("book", bids=[_level("0.0000001", "5")], asks=[]), "more than six decimals"),
        (_message("book", bids=[_level("NaN", "5")], asks=[]), "'NaN' is not a number"),
        (_message("book", bids=[_level("0.5", "1e30")], asks=[]), "too large"),
        (_message("book", bids=[{"price": "0.5"}], asks=[]), "missing required field `size`"),
        (_message("book", bids=[], asks=[], asset_id=""), "asset_id is missing"),
        (_message("book", bids=[], asks=[], timestamp=""), "timestamp ''"),
        (_message("book", bids=[], asks=[], timestamp="9" * 30), "timestamp"),
        (_message("book", bids=[], asks=[], timestamp="-5"), "timestamp '-5'"),
        (_message("book", bids=[], asks=[], tick_size="0.3"), "tick '0.3'"),
        (_message("price_change"), "neither price_changes nor changes"),
        (_message("price_change", changes=[{"price": "0.5", "size": "1", "side": "MID"}]), "side 'MID'"),
        (_message("last_trade_price", price="0.5", size="0", side="BUY"), "a trade of size 0"),
        (_message("last_trade_price", price="0.5", size="1", side=""), "side ''"),
        (_message("tick_size_change", new_tick_size="0.02"), "tick '0.02'"),
        (_message("market_resolved"), "winning_asset_id is missing"),
        (_message("price_change", price_changes=[], timestamp=True), "Expected `str`"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_malformed_message_is_set_aside_with_a_reason(frame: object, reason: str) -> None:
    decoder = FrameDecoder()
    raw = frame if isinstance(frame, str | bytes) else json.dumps(frame)
    events, faults = decoder.decode(raw)
    assert events == []
    assert len(faults) == decoder.malformed == 1
    assert reason in faults[0]
    assert decoder.messages == {}


def test_pong_and_silence_are_no_frames() -> None:
    decoder = FrameDecoder()
    for raw in ("PONG", b"PONG", "", b"", "[]"):
        assert decoder.decode(raw) == ([], [])
    assert decoder.malformed == 0


def test_unknown_types_are_counted_by_a_bounded_number_of_names() -> None:
    decoder = FrameDecoder()
    decoder.decode(json.dumps([{"event_type": "new_kind", "price": {"odd": 1}}, {"hello": 1}, {}]))
    assert decoder.unknown == {"new_kind": 1, "unnamed": 2}
    for i in range(100):
        decoder.decode(json.dumps({"event_type": f"kind {i}"}))
    assert len(decoder.unknown) == UNKNOWN_NAMES + 1
    assert decoder.unknown.total() == 103
    assert decoder.malformed == 0


def test_the_venues_own_best_prices_are_kept_per_token() -> None:
    decoder = FrameDecoder()
    decoder.decode(json.dumps(GOOD[1][0]))
    assert decoder.top("A") == Top(510_000, 515_000)
    assert decoder.top("B") == Top(480_000, SCALE)
    decoder.decode(json.dumps(_message("best_bid_ask", best_bid="0", best_ask="0.77")))
    assert decoder.top("A") == Top(0, 770_000)
    decoder.decode(json.dumps(GOOD[2][0]))
    assert decoder.top("A") is None, "the older shape names no best prices"
    assert decoder.top("never seen") is None
    assert [decoder.market(token) for token in ("A", "B", "C")] == ["0xm", "0xm", None]


def test_a_book_that_names_another_tick_announces_it_once() -> None:
    decoder = FrameDecoder({"A": 10_000})
    events = [
        event
        for tick in ("0.01", "", "0.001", "0.001", "0.01")
        for event in decoder.decode(json.dumps({**BOOK, "tick_size": tick})).events
    ]
    ticks = [event.tick for event in events if isinstance(event, TickSizeChanged)]
    assert ticks == [1_000, 10_000]
    assert [type(event) for event in events].count(BookSnapshot) == 5


def test_a_level_of_size_zero_is_not_part_of_a_book() -> None:
    raw = json.dumps({**BOOK, "asks": [_level("0.6", "0"), _level("0.7", "0.0")]})
    assert FrameDecoder().decode(raw).events == [BookSnapshot("A", BOOK_FACT.bids, (), NS)]


@given(st.integers(0, 10**18), st.integers(0, 6), st.booleans())
def test_exact_units_agrees_with_decimal(value: int, places: int, bare: bool) -> None:
    digits = str(value).rjust(places + 1, "0")
    text = f"{digits[: len(digits) - places]}.{digits[len(digits) - places :]}" if places else digits
    if bare and places:
        text = text.removeprefix("0")
    expected = Decimal(text) * SCALE
    if expected < 2**63:
        assert exact_units(text) == expected
    else:
        with pytest.raises(ValueError, match="too large"):
            exact_units(text)


@given(st.text(alphabet="0123456789.eE+-_ xNaInf٣", max_size=24))
def test_exact_units_takes_a_number_or_refuses(text: str) -> None:
    try:
        got = exact_units(text)
    except ValueError:
        return
    assert got == Decimal(text) * SCALE
    assert text.isascii()
    assert "_" not in text
    assert " " not in text
    assert got >= 0


@pytest.mark.parametrize("text", ["", ".", "1_0", " 1", "1 ", "+1", "-0.5", "٣", "1e400", "inf", "0x1", "1.2.3", "1,5"])
def test_what_is_no_unsigned_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a number|too large|more than six"):
        exact_units(text)


def test_a_number_too_long_to_be_exact_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        exact_units("0.1234560000000000000000000000000000001")


@pytest.mark.parametrize(
    ("text", "units"), [("5.", 5_000_000), (".48", 480_000), ("1.5000000000", 1_500_000), ("1E3", 10**9)]
)
def test_odd_but_clear_numbers_are_read(text: str, units: int) -> None:
    assert exact_units(text) == units


def test_prices_and_times_have_bounds() -> None:
    assert exact_price("0.9999") == 999_900
    for text in ("0", "1", "1.0", "0.0"):
        with pytest.raises(ValueError, match="between 0 and 1"):
            exact_price(text)
    assert exact_ms("1") == 1_000_000
    for text in ("0", "1.5", "", "٣", str(2**63)):
        with pytest.raises(ValueError, match="milliseconds"):
            exact_ms(text)


KEYS = st.sampled_from([*_message("book", bids=0, asks=0, changes=0, price=0, size=0, side=0), "new_tick_size", "x"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["0.5", "BUY", "book", str(MS), ""])
)
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=9))


@given(st.dictionaries(KEYS, JSON, max_size=10), st.sampled_from([kind for m, _ in GOOD for kind in [m["event_type"]]]))
def test_whatever_json_comes_nothing_is_raised_and_every_fact_is_exact(item: dict[str, Any], kind: str) -> None:
    decoder = FrameDecoder()
    events, faults = decoder.decode(json.dumps([item, {**item, "event_type": kind}, BOOK]))
    assert events[-1] == BOOK_FACT
    assert len(faults) == decoder.malformed
    assert decoder.messages.total() + decoder.malformed + decoder.unknown.total() == 3
    for event in events:
        if isinstance(event, TradePrint):
            assert isinstance(event.price, int)
            assert 0 < event.price < SCALE


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_whatever_bytes_come_nothing_is_raised(raw: bytes | str) -> None:
    FrameDecoder().decode(raw)


CAPTURES = {
    "ws_market_book_msg": ([BookSnapshot, 2], {"book": 1}),
    "ws_book_snapshot": ([BookSnapshot, 3], {"book": 1}),
    "ws_market_price_change_msg": ([BookDelta], {"price_change": 1}),
    "ws_quotes": ([BookDelta, BookDelta], {"price_change": 1}),
    "ws_market_last_trade_msg": ([TradePrint], {"last_trade_price": 1}),
    "ws_last_trade": ([TradePrint], {"last_trade_price": 1}),
    "ws_market_tick_size_msg": ([TickSizeChanged], {"tick_size_change": 1}),
    "ws_tick_size_change": ([TickSizeChanged], {"tick_size_change": 1}),
    "ws_market_best_bid_ask_msg": ([], {"best_bid_ask": 1}),
    "ws_market_resolved_msg": ([MarketResolved], {"market_resolved": 1}),
    "ws_market_new_market_msg": ([], {"new_market": 1}),
}


@pytest.mark.parametrize("name", CAPTURES)
def test_every_public_capture_is_understood(fixtures: Path, name: str) -> None:
    decoder = FrameDecoder()
    events, faults = decoder.decode((fixtures / f"{name}.json").read_bytes())
    kinds, counts = CAPTURES[name]
    assert faults == []
    assert [type(event) for event in events] == [kind for kind in kinds if not isinstance(kind, int)]
    assert decoder.messages == counts
    assert decoder.unknown == {}
    for event in events:
        _compare(event, json.loads((fixtures / f"{name}.json").read_bytes(), parse_float=str))


def _compare(event: MarketData, source: dict[str, Any]) -> None:
    """Check a fact against the capture through `Decimal`, a second way to read it."""
    assert event.ts_ns == int(source["timestamp"]) * 1_000_000
    if isinstance(event, BookSnapshot):
        for side in ("bids", "asks"):
            levels = [(Decimal(x["price"]) * SCALE, Decimal(x["size"]) * SCALE) for x in source[side]]
            assert list(getattr(event, side)) == levels
    elif isinstance(event, BookDelta):
        rows = [x for x in source["price_changes"] if x["asset_id"] == event.token]
        sides = {"BUY": 0, "SELL": 1}
        changes = [(sides[x["side"]], Decimal(x["price"]) * SCALE, Decimal(x["size"]) * SCALE) for x in rows]
        assert list(event.changes) == changes
    elif isinstance(event, TradePrint):
        assert (event.price, event.size) == (Decimal(source["price"]) * SCALE, Decimal(source["size"]) * SCALE)
    elif isinstance(event, TickSizeChanged):
        assert event.tick == Decimal(source["new_tick_size"]) * SCALE


def test_every_market_capture_there_is_is_in_the_table(fixtures: Path) -> None:
    names = {path.stem for path in fixtures.glob("ws_*.json") if not path.stem.startswith("ws_user")}
    assert names == set(CAPTURES)

"""What the decoders forgive (spelling, absence, form) and what they never do (a number that is not clear)."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.errors import VenueProtocolError
from agbot.model.events import BookDelta, BookSnapshot, TickSizeChanged
from agbot.model.order import Settlement
from agbot.units import NS_PER_MS, NS_PER_S, SCALE
from agbot.venue.polymarket.wire import FrameDecoder, Top, account, gamma, public, rest
from agbot.venue.polymarket.wire.market import NEW_MARKETS
from agbot.venue.polymarket.wire.numbers import exact_time, floor_units
from agbot.venue.polymarket.wire.prices import Quote
from agbot.venue.polymarket.wire.realtime import Ack, OpError, Pong, Prices, RealtimeDecoder
from agbot.venue.polymarket.wire.rtds import Activity, MarketNotice, Refusal, RtdsDecoder
from agbot.venue.polymarket.wire.user import OrderUpdate, UserDecoder
from agbot.venue.polymarket.wire.words import settlement, status
from tests.venue.polymarket.samples import (
    BOOK,
    CONDITION,
    E18_QUOTE,
    GAMMA_MARKET,
    MARKET,
    MS,
    NO,
    OPEN_ORDER,
    REALTIME,
    REPLIES,
    RTDS,
    TRADE,
    USER,
    YES,
)


def _raw(item: object) -> bytes:
    return json.dumps(item).encode()


def _user(item: dict[str, Any]) -> Any:
    frame = UserDecoder().decode(_raw(item))
    return frame.events[0] if frame.events else frame.faults[0]


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1790000000", 1_790_000_000 * NS_PER_S),
        ("1790000000123", 1_790_000_000_123 * NS_PER_MS),
        ("0", 0),
        ("2024-01-01T00:00:00Z", 1_704_067_200 * NS_PER_S),
        ("2024-01-01T00:00:00.000001+00:00", 1_704_067_200 * NS_PER_S + 1_000),
        ("2026-03-19 23:20:15+00", 1_773_962_415 * NS_PER_S),
        ("2026-12-31", 1_798_675_200 * NS_PER_S),
    ],
)
def test_times_in_every_form(text: str, ns: int) -> None:
    assert exact_time(text) == ns


@pytest.mark.parametrize("text", ["", "-1", "1.5", "soon", "9" * 20, "1969-12-31", "٣", "1e9", "2024-13-01"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a time|milliseconds|before 1970"):
        exact_time(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=18))
def test_statistics_are_rounded_down_exactly(value: Decimal) -> None:
    assert floor_units(f"{value:f}") == floor(Fraction(value) * SCALE)
    scaled = floor(Fraction(value) * 10**18)
    assert floor_units(str(scaled), 18) == scaled // 10**12


@pytest.mark.parametrize("text", ["", "-", "NaN", "1e400", "--1", "1" * 121, "Infinity", "9" * 40])
def test_what_is_no_statistic_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a number|too large"):
        floor_units(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LIVE", ("LIVE", "")),
        ("order_status_live", ("LIVE", "")),
        ("CANCELED_MARKET_RESOLVED", ("CANCELED_MARKET_RESOLVED", "")),
        ("CANCELED_order couldn't be filled.", ("CANCELED", "order couldn't be filled.")),
        ("something new", ("something new", "something new")),
        ("", ("", "")),
    ],
)
def test_order_status_words(text: str, expected: tuple[str, str]) -> None:
    assert status(text) == expected


def test_a_trade_is_the_same_however_the_page_is_made_and_read_once_by_its_bytes() -> None:
    page = rest.decode_trades(_raw({"data": [TRADE, TRADE], "next_cursor": "LTE="}))
    again = rest.decode_trades(_raw({"data": [TRADE], "next_cursor": "more"}))
    assert (page.next_cursor, again.next_cursor) == ("", "more")
    assert page.items[0] is page.items[1] is again.items[0]
    odd = rest.decode_trades(_raw({"data": json.dumps([TRADE]), "next_cursor": None}))  # read the long way
    assert odd.items == again.items
    assert rest.decode_trades(_raw([{**TRADE, "status": "MINED"}])).items != rest.decode_trades(_raw([TRADE])).items
    for broken in ({"next_cursor": "x"}, {"data": 3}, [{**TRADE, "price": "2"}], {"data": [[]]}):
        with pytest.raises(VenueProtocolError, match="trades"):
            rest.decode_trades(_raw(broken))


def test_settlement_words() -> None:
    for word in Settlement:
        assert settlement(word.value) is settlement(f"trade_status_{word.value.lower()}") is word
    assert settlement("MATCHED_NOT_BROADCASTED") is Settlement.MATCHED
    assert settlement("REVERTED") is None
    unknown = rest.decode_trades(_raw([{**TRADE, "status": "REVERTED"}])).items[0]
    assert (unknown.status, unknown.status_text) == (Settlement.MATCHED, "REVERTED"), "provisional until it is known"


@pytest.mark.parametrize(
    ("change", "accepted"),
    [
        ({}, True),
        ({"status": "LIVE", "errorMsg": None}, True),
        ({"status": "delayed"}, True),
        ({"status": "unmatched"}, False),
        ({"status": ""}, False),
        ({"success": False}, False),
        ({"orderID": ""}, False),
        ({"errorMsg": "not enough balance"}, False),
    ],
)
def test_an_order_is_accepted_only_if_everything_says_so(change: dict[str, object], accepted: bool) -> None:
    assert rest.decode_order_reply(_raw({**REPLIES["order_reply"], **change})).accepted is accepted


@pytest.mark.parametrize(
    ("making", "taking", "expected"),
    [
        ("4.999999", "8.19672", (4_999_999, 8_196_720)),
        ("5", "10", (5_000_000, 10_000_000)),
        ("5000000", "10000000", (5_000_000, 10_000_000)),
        ("", "", (0, 0)),
        ("5.05", "10", (5_050_000, 10_000_000)),
    ],
)
def test_matched_amounts_in_decimals_or_base_units(making: str, taking: str, expected: tuple[int, int]) -> None:
    reply = rest.decode_order_reply(_raw({**REPLIES["order_reply"], "makingAmount": making, "takingAmount": taking}))
    assert reply.matched(5_000_000) == expected


@pytest.mark.parametrize("none", ["null", '""', "{}", "[]"])
def test_the_venue_can_answer_that_it_has_no_such_order(none: str) -> None:
    assert rest.decode_open_order(none) is None


@pytest.mark.parametrize("number", ["", None, "-1", "NaN", "1e400", "0.1234567", True, [], {}, 10**30, "1_0", "0x1"])
@pytest.mark.parametrize("field", ["price", "original_size", "size_matched"])
def test_a_number_of_an_order_is_exact_or_an_error(field: str, number: object) -> None:
    with pytest.raises(VenueProtocolError, match=field):
        rest.decode_open_orders(_raw([{**OPEN_ORDER, field: number}]))
    assert isinstance(_user({**USER["placement"], "type": "UPDATE", field: number}), str)


def test_only_a_cancellation_or_placement_may_leave_open_what_matched() -> None:
    assert isinstance(_user({**USER["killed"], "size_matched": ""}), OrderUpdate)
    assert "size_matched" in _user({**USER["killed"], "size_matched": None})
    assert "size_matched" in _user({**USER["killed"], "type": "UPDATE", "size_matched": ""})


def test_a_user_frame_without_event_type_is_told_by_its_fields() -> None:
    for name, kind in (("placement", OrderUpdate), ("killed", OrderUpdate), ("trade", rest.Trade)):
        bare = {key: value for key, value in USER[name].items() if key != "event_type"}
        assert type(_user(bare)) is kind
    decoder = UserDecoder()
    assert decoder.decode(_raw([{"event_type": "gift"}, {"type": "x"}, {}])) == ([], [])
    assert decoder.unknown == {"gift": 1, "X": 1, "unnamed": 1}
    assert decoder.decode("PONG") == decoder.decode(b"") == ([], [])


def test_levels_are_sorted_best_first_whatever_their_order() -> None:
    for bids in (BOOK["bids"], list(reversed(BOOK["bids"]))):
        book = public.decode_book(_raw({**BOOK, "bids": bids, "asks": [*BOOK["asks"], {"price": "0.6", "size": "0"}]}))
        assert [price for price, _ in book.bids] == [470_000, 10_000]
        assert [price for price, _ in book.asks] == [490_000, 990_000]
    with pytest.raises(VenueProtocolError, match="named twice"):
        public.decode_book(_raw({**BOOK, "bids": BOOK["bids"] * 2}))


def test_balances_in_base_units_decimals_and_the_old_shape() -> None:
    assert rest.decode_balance('{"balance":"22760000","allowances":null}').balance == 22_760_000
    assert rest.decode_balance('{"balance":22.76}').balance == 22_760_000
    assert rest.decode_balance('{"balance":"5","allowance":"7"}').allowances == {"": 7}
    for balance in ('""', "null", '"-1"', '"1e3"', '"9.1234567"'):
        with pytest.raises(VenueProtocolError, match="balance"):
            rest.decode_balance(f'{{"balance":{balance}}}')


def test_keys_are_not_shown() -> None:
    assert "words" not in repr(rest.decode_api_key(_raw(REPLIES["api_key"])))


def test_pages_of_own_things_are_whole_and_pages_of_descriptions_tell_what_is_missing() -> None:
    with pytest.raises(VenueProtocolError, match="price"):
        rest.decode_open_orders(_raw({"data": [OPEN_ORDER, {**OPEN_ORDER, "price": "x"}], "next_cursor": "MA=="}))
    odd = {**GAMMA_MARKET, "orderPriceMinTickSize": 0.3}
    page = gamma.decode_markets(_raw({"markets": [odd, GAMMA_MARKET, 7], "next_cursor": "c"}))
    assert ([market.id for market in page.items], page.next_cursor) == (["906973"], "c")
    assert [fault[:2] for fault in page.faults] == ["0:", "2:"]
    assert gamma.decode_market(_raw([GAMMA_MARKET])) == gamma.decode_market(_raw(GAMMA_MARKET)) == page.items[0]
    with pytest.raises(VenueProtocolError, match="expected one, got 0"):
        gamma.decode_market("[]")
    with pytest.raises(VenueProtocolError, match="has_more"):
        account.decode_positions('{"data":[],"pagination":{"has_more":true}}')
    assert account.decode_value("[]") == 0


def test_terms_of_a_market() -> None:
    market = public.decode_clob_market(_raw(REPLIES["clob_market"]))
    assert (market.tick, market.min_size, market.fee_rate, market.fee_exponent) == (1_000, 5_000_000, 50_000, 1)
    assert (market.delay_s, market.taker_delay, market.version, market.neg_risk) == (3, True, "v2", True)
    assert (market.reward_spread, market.reward_min_size, market.reward_age_s) == (35_000, 100_000_000, 4)
    free = public.decode_clob_market(_raw({**REPLIES["clob_market"], "fd": None, "nr": None, "v": None}))
    assert (free.fee_rate, free.neg_risk, free.version) == (0, False, "v1")
    described = gamma.decode_market(_raw(GAMMA_MARKET))
    assert (described.fee_rate, described.rebate_rate, described.reward_spread) == (50_000, 250_000, 35_000)
    assert (described.tokens, described.volume, described.delay_s) == ((YES, NO), 5_613_436_783_344, 3)


@pytest.mark.parametrize(
    ("name", "of_market"),
    [
        (
            "abbreviated",
            [BookDelta(YES, ((0, 500_000, 100_000_000),), MS * NS_PER_MS)],
        ),
        (
            "agg_orderbook",
            [
                BookSnapshot(
                    YES,
                    ((10_000, 900_000_000), (470_000, 55_500_000)),
                    ((990_000, 10_000_000), (490_000, 120_123_456)),
                    MS * NS_PER_MS,
                )
            ],
        ),
        ("ticks", [TickSizeChanged(token, 1_000, MS * NS_PER_MS) for token in (YES, NO)]),
    ],
)
def test_rtds_tells_the_market_channels_facts(name: str, of_market: list[object]) -> None:
    decoder = RtdsDecoder()
    frame = decoder.decode(_raw(RTDS[name]))
    assert (frame.items, frame.faults) == (of_market, [])
    if name == "abbreviated":
        assert (decoder.market.top(YES), decoder.market.market(YES)) == (Top(500_000, 510_000), CONDITION)


def test_other_topics_of_rtds() -> None:
    decoder = RtdsDecoder()
    said = {name: decoder.decode(_raw(message)).items[0] for name, message in RTDS.items()}
    assert isinstance(said["activity"], Activity)
    assert (said["activity"].price, said["activity"].size) == (560_000, 12_500_000)
    assert said["created"] == MarketNotice(
        kind="market_created", market=CONDITION, tokens=(YES, NO), tick=10_000, min_size=5_000_000, neg_risk=True
    )
    assert said["own order"] == _user(USER["placement"])
    assert said["own trade"] == _user(USER["trade"])
    assert said["refusal"] == Refusal(401, "topic: nonsense and type: update not found")
    assert decoder.messages.total() == len(RTDS)
    frame = decoder.decode('{"topic":"rfq","type":"quote_created","timestamp":1790000000123,"payload":{}}')
    assert (frame.items, frame.faults, decoder.unknown) == ([], [], {"rfq/quote_created": 1})


def test_the_most_accurate_price_counts_and_must_agree_with_the_other() -> None:
    def quote(topic: str, **change: object) -> Any:
        payload = {**E18_QUOTE, **change}
        frame = RtdsDecoder().decode(_raw({"topic": topic, "type": "update", "timestamp": MS, "payload": payload}))
        return frame.items[0] if frame.items else frame.faults[0]

    chainlink = quote("crypto_prices_chainlink")
    assert chainlink == Quote("btc/usd", "crypto_prices_chainlink", 79_696_948_174, MS * NS_PER_MS)
    assert quote("crypto_prices") == chainlink, "history of Chainlink comes under the other topic's name"
    assert "too large" in quote("equity_prices"), "there it is a decimal"
    assert "differ" in quote("equity_prices", full_accuracy_value="79796")
    assert quote("equity_prices", full_accuracy_value="79696.9481749").value == 79_696_948_174
    for value in (0, -1, "", None, "NaN"):
        assert isinstance(quote("equity_prices", value=value, full_accuracy_value=value), str)


def test_realtime_messages() -> None:
    decoder = RealtimeDecoder()
    said = {name: decoder.decode(_raw(message)).messages[0] for name, message in REALTIME.items()}
    assert said["authed"] == Ack("authed", "1")
    assert said["subscribed"] == Ack("subscribed", "2", "price.crypto")
    assert said["error"] == OpError("3", "bad_channel", "price.x")
    assert said["pong"] == Pong()
    price = said["price"]
    assert isinstance(price, Prices)
    quote = Quote("btcusd", "price.crypto", 61_035_861_234, MS * NS_PER_MS, provider="chainlink")
    assert (price.seq, price.snapshot, price.quotes) == (7, False, (quote,))
    snapshot = said["snapshot"]
    assert isinstance(snapshot, Prices)
    assert (snapshot.snapshot, snapshot.dropped, snapshot.quotes[0].backfill) == (True, 2, True)
    assert "version 2" in decoder.decode(_raw({**REALTIME["price"], "v": 2})).faults[0]
    assert "seq" in decoder.decode(_raw({**REALTIME["price"], "seq": None})).faults[0]
    assert decoder.decode('{"op":"party"}').messages == []
    assert (decoder.unknown, decoder.malformed) == ({"party": 1}, 2)


def test_new_markets_wait_to_be_read_up_to_a_bound() -> None:
    decoder = FrameDecoder()
    assert decoder.decode(_raw([MARKET["new_market"], MARKET["book"]])).faults == []
    (new,) = decoder.new_markets
    assert (new.market, new.tokens, new.tick, new.fee_rate) == (CONDITION, (YES, NO), 10_000, 50_000)
    for _ in range(NEW_MARKETS + 5):
        decoder.decode(_raw(MARKET["new_market"]))
    assert len(decoder.new_markets) == NEW_MARKETS
    assert "tick" in decoder.decode(_raw({**MARKET["new_market"], "order_price_min_tick_size": "0.3"})).faults[0]


def test_hashes_are_kept_on_request() -> None:
    for keep in (True, False):
        decoder = FrameDecoder(keep_hashes=keep)
        decoder.decode(_raw(MARKET["book"]))  # names a tick: read in Python
        decoder.decode(_raw(MARKET["price_change"]))
        assert decoder.hashes == ({YES: BOOK["hash"], NO: BOOK["hash"]} if keep else {})


def test_what_is_kept_of_tokens_is_bounded() -> None:
    decoder = FrameDecoder({"mine": 10_000})
    for i in range(40_000):
        token = f"{i:077d}"
        decoder.decode(_raw({**MARKET["best_bid_ask"], "asset_id": token}))
        assert decoder.top(token) == Top(730_000, 770_000)
    assert decoder.top(f"{1:077d}") is None

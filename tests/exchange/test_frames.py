"""Each fact as the frames it becomes, field by field, and through the decoders of agbot and of the official client."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agbot.exchange.core.model import (
    Listed,
    OrderNews,
    OrderStatus,
    OrderTold,
    Resolved,
    TickChanged,
    Traded,
    TradeStatus,
    TradeTold,
)
from agbot.exchange.sockets import frames
from agbot.exchange.sockets.mirror import Mirror
from agbot.model.events import ASK, BID, BookDelta, BookSnapshot, MarketResolved, TickSizeChanged, TradePrint
from agbot.model.order import Settlement, Side, TimeInForce
from agbot.venue.polymarket.wire.market import FrameDecoder
from agbot.venue.polymarket.wire.user import UserDecoder
from tests.exchange.fake_core import ADDRESS, KEY, NOW_NS, OTHER_ADDRESS, OTHER_KEY, listing, order, trade

MARKET = listing()
YES, NO = MARKET.tokens
BOOK = Mirror([(480_000, 30_000_000), (470_000, 10_000_000)], [(520_000, 25_500_000)])
STAMP = "1790000000123"


def told(frame: bytes) -> Any:
    return msgspec.json.decode(frame)


def official_market(frame: bytes) -> Any:
    events = pytest.importorskip("polymarket.models.clob.market_events")
    return events.parse_market_event(told(frame))


def official_user(event: dict[str, Any]) -> Any:
    events = pytest.importorskip("polymarket.models.clob.user_events")
    return events.parse_user_event(event)


# ---------------------------------------------------------------- the market channel


def test_a_book_has_numbers_as_text_and_the_best_level_last() -> None:
    frame = frames.book(MARKET, NO, BOOK, NOW_NS)
    assert told(frame) | {"hash": ""} == {
        "event_type": "book",
        "market": MARKET.condition,
        "asset_id": NO,
        "timestamp": STAMP,
        "hash": "",
        "bids": [{"price": "0.48", "size": "25.5"}],
        "asks": [{"price": "0.53", "size": "10"}, {"price": "0.52", "size": "30"}],
        "min_order_size": "5",
        "tick_size": "0.01",
        "neg_risk": False,
        "last_trade_price": "0.5",
    }
    (tick, book) = FrameDecoder().decode(frame).events
    assert isinstance(tick, TickSizeChanged)
    assert isinstance(book, BookSnapshot)
    assert official_market(frame).payload.asset_id == NO


def test_a_change_has_one_row_for_each_outcome() -> None:
    book = Mirror([(480_000, 30_000_000)], [(520_000, 25_500_000)])
    (frame,) = frames.price_changes(MARKET, [(ASK, 530_000, 0)], book, NOW_NS)
    message = told(frame)
    hashes = [row.pop("hash") for row in message["price_changes"]]
    assert message == {
        "event_type": "price_change",
        "market": MARKET.condition,
        "price_changes": [
            {"asset_id": YES, "price": "0.53", "size": "0", "side": "SELL", "best_bid": "0.48", "best_ask": "0.52"},
            {"asset_id": NO, "price": "0.47", "size": "0", "side": "BUY", "best_bid": "0.48", "best_ask": "0.52"},
        ],
        "timestamp": STAMP,
    }
    assert all(len(one) == 40 and int(one, 16) for one in hashes)
    assert hashes[0] != hashes[1]
    assert FrameDecoder().decode(frame).events == [
        BookDelta(YES, ((ASK, 530_000, 0),), 1_790_000_000_123_000_000),
        BookDelta(NO, ((BID, 470_000, 0),), 1_790_000_000_123_000_000),
    ]
    assert len(official_market(frame).payload.price_changes) == 2


def test_a_side_without_orders_is_zero_or_one() -> None:
    assert told(frames.best_bid_ask(MARKET, YES, Mirror(), NOW_NS)) == {
        "event_type": "best_bid_ask",
        "market": MARKET.condition,
        "asset_id": YES,
        "best_bid": "0",
        "best_ask": "1",
        "spread": "1",
        "timestamp": STAMP,
    }
    frame = frames.best_bid_ask(MARKET, NO, Mirror([(480_000, 1)]), NOW_NS)
    decoder = FrameDecoder()
    assert not decoder.decode(frame).faults
    assert decoder.top(NO) == (0, 520_000)
    assert official_market(frame).type == "best_bid_ask"


def test_a_print_is_the_taker_s() -> None:
    taker = order(MARKET, token=NO, side=Side.SELL, price=480_000)
    frame = frames.last_trade_price(Traded(trade(taker, order(MARKET, n=2), fee=40_000), NOW_NS))
    assert told(frame) == {
        "event_type": "last_trade_price",
        "market": MARKET.condition,
        "asset_id": NO,
        "price": "0.48",
        "size": "10",
        "side": "SELL",
        "fee_rate_bps": "400",
        "timestamp": STAMP,
    }
    assert FrameDecoder().decode(frame).events == [
        TradePrint(NO, Side.SELL, 480_000, 10_000_000, 1_790_000_000_123_000_000)
    ]
    assert official_market(frame).payload.side == "SELL"


def test_a_tick_is_told_with_the_old_one() -> None:
    frame = frames.tick_size_change(TickChanged(MARKET, 10_000, 1_000, NOW_NS), YES)
    assert told(frame) == {
        "event_type": "tick_size_change",
        "market": MARKET.condition,
        "asset_id": YES,
        "old_tick_size": "0.01",
        "new_tick_size": "0.001",
        "timestamp": STAMP,
    }
    assert FrameDecoder().decode(frame).events == [TickSizeChanged(YES, 1_000, 1_790_000_000_123_000_000)]
    assert official_market(frame).type == "tick_size_change"


def test_a_new_market_is_announced_with_its_terms() -> None:
    frame = frames.new_market(Listed(MARKET, NOW_NS))
    message = told(frame)
    assert message["condition_id"] == message["market"] == MARKET.condition
    assert message["assets_ids"] == message["clob_token_ids"] == [YES, NO]
    assert message["fee_schedule"] == {"exponent": 1, "rate": 0.04, "takerOnly": True, "rebateRate": 0.25}
    decoder = FrameDecoder()
    decoder.decode(frame)
    (new,) = decoder.new_markets
    assert (new.market, new.tokens, new.tick, new.fee_rate, new.event_slug) == (
        MARKET.condition,
        (YES, NO),
        10_000,
        40_000,
        "it-1",
    )
    assert official_market(frame).payload.order_price_min_tick_size is not None
    assert told(frames.new_market(Listed(listing(2, fee_rate=0), NOW_NS)))["fee_schedule"] is None


def test_a_winner_is_told_with_both_tokens() -> None:
    market = listing(3)
    market.winner = market.market.no
    frame = frames.market_resolved(Resolved(market, NOW_NS))
    message = told(frame)
    assert message["assets_ids"] == list(market.tokens)
    assert (message["winning_asset_id"], message["winning_outcome"]) == (market.market.no, "No")
    (event,) = FrameDecoder().decode(frame).events
    assert isinstance(event, MarketResolved)
    assert event.winner == market.market.no
    assert official_market(frame).payload.winning_asset_id == market.market.no


# ---------------------------------------------------------------- the user channel


@pytest.mark.parametrize(
    ("news", "status", "word"),
    [
        (OrderNews.PLACEMENT, OrderStatus.LIVE, "LIVE"),
        (OrderNews.PLACEMENT, OrderStatus.DELAYED, "DELAYED"),
        (OrderNews.UPDATE, OrderStatus.MATCHED, "MATCHED"),
        (OrderNews.CANCELLATION, OrderStatus.CANCELED, "CANCELED"),
        (OrderNews.CANCELLATION, OrderStatus.CANCELED_EXPIRED_ORDER, "CANCELED_EXPIRED_ORDER"),
    ],
)
def test_an_order_carries_every_field_a_client_needs(news: OrderNews, status: OrderStatus, word: str) -> None:
    event = frames.order_json(OrderTold(order(MARKET, status=status, matched=25_000_000), news, NOW_NS))
    assert event == {
        "event_type": "order",
        "id": f"0x{1:064x}",
        "owner": KEY,
        "market": MARKET.condition,
        "asset_id": YES,
        "side": "BUY",
        "order_owner": KEY,
        "original_size": "100",
        "size_matched": "25",
        "price": "0.48",
        "associate_trades": ["t1"],
        "outcome": "Yes",
        "type": news,
        "created_at": "1790000000",
        "expiration": "0",
        "order_type": "GTC",
        "status": word,
        "maker_address": ADDRESS,
        "timestamp": STAMP,
    }
    assert not UserDecoder().decode(frames.encode(event)).faults
    assert official_user(event).payload.status == word


def test_a_killed_order_is_told_with_the_sentence() -> None:
    killed = order(
        MARKET,
        status=OrderStatus.CANCELED,
        order_type=TimeInForce.FOK,
        reason="order couldn't be fully filled. FOK orders are fully filled or killed.",
    )
    event = frames.order_json(OrderTold(killed, OrderNews.CANCELLATION, NOW_NS))
    assert event["status"] == "CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed."
    (update,) = UserDecoder().decode(frames.encode(event)).events
    assert update.status == "CANCELED"  # type: ignore[union-attr]
    assert official_user(event).payload.order_event_type == "CANCELLATION"


@pytest.mark.parametrize("status", TradeStatus)
def test_a_trade_is_told_to_each_side_in_its_own_role(status: TradeStatus) -> None:
    taker = order(MARKET, token=NO, side=Side.BUY, price=520_000)
    maker = order(MARKET, n=2, mine=False, price=480_000)
    fact = TradeTold(trade(taker, maker, fee=40_000, status=status), NOW_NS)
    taking, making = (frames.trade_json(fact, leg) for leg in frames.viewers(fact))
    same = {k: v for k, v in taking.items() if k not in ("owner", "maker_address", "trader_side")}
    assert same == {k: v for k, v in making.items() if k not in ("owner", "maker_address", "trader_side")}
    assert [taking[k] for k in ("owner", "maker_address", "trader_side")] == [KEY, ADDRESS, "TAKER"]
    assert [making[k] for k in ("owner", "maker_address", "trader_side")] == [OTHER_KEY, OTHER_ADDRESS, "MAKER"]
    assert same == {
        "event_type": "trade",
        "type": "TRADE",
        "id": "t1",
        "taker_order_id": taker.id,
        "market": MARKET.condition,
        "asset_id": NO,
        "side": "BUY",
        "size": "10",
        "fee_rate_bps": "400",
        "price": "0.52",
        "status": status.value,
        "match_time": "1790000000",
        "last_update": "1790000000",
        "outcome": "No",
        "trade_owner": KEY,
        "transaction_hash": "" if status is TradeStatus.MATCHED else "0x" + "ab" * 32,
        "bucket_index": 0,
        "maker_orders": [
            {
                "order_id": maker.id,
                "owner": OTHER_KEY,
                "maker_address": OTHER_ADDRESS,
                "matched_amount": "10",
                "price": "0.48",
                "fee_rate_bps": "0",
                "asset_id": YES,
                "outcome": "Yes",
                "side": "BUY",
            }
        ],
        "timestamp": STAMP,
    }
    for event in (taking, making):
        (read,) = UserDecoder().decode(frames.encode(event)).events
        assert read.status is Settlement(status.value)  # type: ignore[union-attr]
        assert official_user(event).payload.status == status.value


def test_a_wallet_with_several_makers_in_a_trade_hears_of_it_once() -> None:
    makers = [order(MARKET, n=n, mine=False) for n in (2, 3)]
    fact = TradeTold(trade(order(MARKET, token=NO), *makers, order(MARKET, n=4)), NOW_NS)
    assert [leg.order.id for leg in frames.viewers(fact)] == [f"0x{n:064x}" for n in (1, 2, 4)]

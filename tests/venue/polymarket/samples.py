"""Frames and replies in the venue's words, made up for these tests: one of each kind that the decoders know."""

from __future__ import annotations

from typing import Any

MS = 1_790_000_000_123
CONDITION = "0x" + "c1" * 32
YES = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
NO = "52114319501245915516055106046884209969926127482827954674443846427813813222426"
HASH = "172231a6c00086ac1bf542b44355b9d37d9ff94e"
ORDER = "0x" + "ab" * 32
KEY = "00000000-0000-0000-0000-000000000001"
WALLET = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"

LEVELS = {
    "bids": [{"price": "0.01", "size": "900"}, {"price": "0.47", "size": "55.5"}],
    "asks": [{"price": "0.99", "size": "10"}, {"price": ".49", "size": "120.123456"}],
}
BOOK = {"market": CONDITION, "asset_id": YES, "timestamp": str(MS), "hash": HASH, **LEVELS}
ROW = {"asset_id": YES, "price": "0.5", "size": "150", "side": "BUY", "hash": HASH, "best_bid": "0.5", "best_ask": "1"}
ROW_NO = {**ROW, "asset_id": NO, "side": "SELL", "size": "0", "best_bid": ""}

MARKET: dict[str, Any] = {
    "book": {"event_type": "book", **BOOK, "tick_size": "0.01", "neg_risk": False},
    "price_change": {
        "event_type": "price_change",
        "market": CONDITION,
        "timestamp": str(MS),
        "price_changes": [ROW, ROW_NO],
    },
    "array": [{"event_type": "book", **BOOK}, {"event_type": "book", **BOOK, "asset_id": NO}],
    "last_trade_price": {
        "event_type": "last_trade_price",
        "market": CONDITION,
        "asset_id": YES,
        "price": "0.456",
        "size": "219.217767",
        "side": "BUY",
        "fee_rate_bps": "0",
        "timestamp": str(MS),
    },
    "tick_size_change": {
        "event_type": "tick_size_change",
        "market": CONDITION,
        "asset_id": YES,
        "old_tick_size": "0.01",
        "new_tick_size": "0.001",
        "timestamp": str(MS),
    },
    "best_bid_ask": {
        "event_type": "best_bid_ask",
        "market": CONDITION,
        "asset_id": YES,
        "best_bid": "0.73",
        "best_ask": "0.77",
        "spread": "0.04",
        "timestamp": str(MS),
    },
    "new_market": {
        "event_type": "new_market",
        "id": "1031769",
        "question": "Will it?",
        "market": CONDITION,
        "slug": "will-it",
        "assets_ids": [YES, NO],
        "outcomes": ["Yes", "No"],
        "event_message": {"id": "125819", "slug": "will-they"},
        "timestamp": str(MS),
        "active": True,
        "order_price_min_tick_size": "0.01",
        "group_item_title": "it",
        "fees_enabled": True,
        "fee_schedule": {"exponent": 1, "rate": 0.05, "takerOnly": True, "rebateRate": 0.25},
    },
    "market_resolved": {
        "event_type": "market_resolved",
        "id": "1031769",
        "market": CONDITION,
        "assets_ids": [YES, NO],
        "winning_asset_id": YES,
        "winning_outcome": "Yes",
        "timestamp": str(MS),
    },
}

MAKER_ORDER = {
    "order_id": ORDER,
    "owner": KEY,
    "maker_address": WALLET,
    "matched_amount": "25.5",
    "price": "0.5",
    "fee_rate_bps": "",
    "asset_id": YES,
    "outcome": "Yes",
    "side": "SELL",
}
TRADE = {
    "id": "b8e0f7c2",
    "taker_order_id": ORDER,
    "market": CONDITION,
    "asset_id": YES,
    "side": "BUY",
    "size": "25.5",
    "fee_rate_bps": "0",
    "price": "0.5",
    "status": "TRADE_STATUS_MINED",
    "match_time": "1790000000",
    "last_update": "1790000010",
    "outcome": "Yes",
    "bucket_index": 0,
    "owner": KEY,
    "maker_address": WALLET,
    "transaction_hash": "",
    "maker_orders": [MAKER_ORDER],
    "trader_side": "TAKER",
}
OPEN_ORDER = {
    "id": ORDER,
    "status": "ORDER_STATUS_LIVE",
    "owner": KEY,
    "maker_address": WALLET,
    "market": CONDITION,
    "asset_id": YES,
    "side": "BUY",
    "original_size": "100",
    "size_matched": "25.5",
    "price": "0.5",
    "outcome": "Yes",
    "expiration": "0",
    "order_type": "GTC",
    "associate_trades": ["b8e0f7c2"],
    "created_at": 1790000000,
}
USER: dict[str, Any] = {
    "placement": {**OPEN_ORDER, "event_type": "order", "type": "PLACEMENT", "status": "LIVE", "timestamp": str(MS)},
    "killed": {
        **OPEN_ORDER,
        "event_type": "order",
        "type": "CANCELLATION",
        "status": "CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed.",
        "size_matched": "",
        "created_at": "",
        "timestamp": str(MS),
    },
    "trade": {**TRADE, "event_type": "trade", "type": "TRADE", "status": "CONFIRMED", "timestamp": str(MS)},
}

E18_QUOTE = {
    "symbol": "btc/usd",
    "timestamp": MS,
    "value": 79696.94817428796,
    "full_accuracy_value": "79696948174287960000000",
}
RTDS: dict[str, Any] = {
    name: {"topic": topic, "type": kind, "timestamp": MS, "payload": payload, "connection_id": "g="}
    for name, topic, kind, payload in [
        (
            "crypto",
            "crypto_prices",
            "update",
            {"symbol": "btcusdt", "timestamp": MS, "value": 79697.73, "full_accuracy_value": "79697.73000000"},
        ),
        ("chainlink", "crypto_prices_chainlink", "update", E18_QUOTE),
        ("twap", "crypto_prices_twap_thirty", "subscribe", {"symbol": "btc/usd", "window_s": 30, "data": [E18_QUOTE]}),
        (
            "activity",
            "activity",
            "trades",
            {
                "asset": YES,
                "conditionId": CONDITION,
                "side": "BUY",
                "price": 0.5600000000000001,
                "size": 12.5,
                "timestamp": 1790000000,
                "transactionHash": ORDER,
                "proxyWallet": WALLET,
                "name": "someone",
            },
        ),
        (
            "comment",
            "comments",
            "comment_created",
            {"id": "1", "body": "yes", "parentEntityID": 7, "parentEntityType": "Event", "profile": {"name": "x"}},
        ),
        (
            "abbreviated",
            "clob_market",
            "price_change",
            {
                "m": CONDITION,
                "t": str(MS),
                "pc": [{"a": YES, "h": HASH, "p": "0.5", "s": "BUY", "si": "100", "ba": "0.51", "bb": "0.50"}],
            },
        ),
        ("agg_orderbook", "clob_market", "agg_orderbook", BOOK),
        (
            "ticks",
            "clob_market",
            "tick_size_change",
            {"market": CONDITION, "asset_id": [YES, NO], "old_tick_size": "0.01", "new_tick_size": "0.001"},
        ),
        (
            "created",
            "clob_market",
            "market_created",
            {"market": CONDITION, "asset_ids": [YES, NO], "min_order_size": "5", "tick_size": "0.01", "neg_risk": True},
        ),
        ("own order", "clob_user", "order", USER["placement"]),
        ("own trade", "clob_user", "trade", USER["trade"]),
    ]
}
RTDS["refusal"] = {"body": {"message": "topic: nonsense and type: update not found"}, "statusCode": 401}

REALTIME: dict[str, Any] = {
    "authed": {"op": "authed", "rid": "1"},
    "subscribed": {"op": "subscribed", "rid": "2", "channel": "price.crypto"},
    "error": {"op": "error", "rid": "3", "code": "bad_channel", "channel": "price.x"},
    "pong": {"op": "pong"},
    "price": {
        "v": 1,
        "channel": "price.crypto",
        "seq": 7,
        "ts": MS,
        "payload": {
            "symbol": "btcusd",
            "source": "chainlink",
            "timestamp": MS,
            "value": 61035.86,
            "full_accuracy_value": "61035.861234567",
        },
    },
    "snapshot": {
        "v": 1,
        "channel": "price.equity",
        "seq": 1,
        "ts": MS,
        "snapshot": True,
        "dropped": 2,
        "payload": {"symbol": "aaplusd", "source": "pyth", "data": [{"timestamp": MS, "value": 307.91499}]},
    },
}

GAMMA_MARKET = {
    "id": "906973",
    "question": "Will it?",
    "conditionId": CONDITION,
    "slug": "will-it",
    "version": "v1",
    "outcomes": '["Yes", "No"]',
    "outcomePrices": '["0.0055", "0.9945"]',
    "clobTokenIds": f'["{YES}", "{NO}"]',
    "positionIds": [],
    "active": True,
    "closed": False,
    "acceptingOrders": True,
    "enableOrderBook": True,
    "negRisk": True,
    "orderPriceMinTickSize": 0.001,
    "orderMinSize": 5,
    "secondsDelay": 3,
    "feesEnabled": True,
    "feeType": "economics_fees",
    "feeSchedule": {"exponent": 1, "rate": 0.05, "takerOnly": True, "rebateRate": 0.25},
    "bestBid": 0.005,
    "bestAsk": 0.006,
    "lastTradePrice": 0.006,
    "volume": "5613436.783344906",
    "volume24hr": 248946.43669499908,
    "endDate": "2026-06-17T00:00:00Z",
    "closedTime": "2026-03-19 23:20:15+00",
    "rewardsMinSize": 100,
    "rewardsMaxSpread": 3.5,
    "events": [{"id": "101772", "slug": "they", "title": "They?"}],
}
CLOB_MARKET = {
    "c": CONDITION,
    "t": [{"t": YES, "o": "Yes"}, {"t": NO, "o": "No"}],
    "mos": 5,
    "mts": 0.001,
    "ao": True,
    "nr": True,
    "cbos": True,
    "fd": {"r": 0.05, "e": 1, "to": True},
    "r": {"mi": 100, "ma": 3.5, "moas": 4},
    "sd": 3,
    "itode": True,
    "v": "v2",
    "gst": "2026-06-17T00:00:00Z",
}
REPLIES: dict[str, Any] = {
    "order_reply": {
        "success": True,
        "errorMsg": "",
        "orderID": ORDER,
        "status": "matched",
        "makingAmount": "4.999999",
        "takingAmount": "8.19672",
        "tradeIDs": ["b8e0f7c2"],
        "transactionsHashes": None,
    },
    "order_replies": [{"success": True, "errorMsg": "no balance", "orderID": ""}],
    "cancel_reply": {"canceled": [ORDER], "not_canceled": {"0x1": "already matched"}},
    "open_order": OPEN_ORDER,
    "open_orders": {"limit": 100, "count": 1, "next_cursor": "LTE=", "data": [OPEN_ORDER]},
    "trades": {"limit": 100, "count": 1, "next_cursor": "MTAw", "data": [TRADE]},
    "balance": {"balance": "22760000", "allowances": {WALLET: str(2**256 - 1)}},
    "heartbeat": {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": "7"},
    "api_key": {"apiKey": KEY, "secret": "c2VjcmV0", "passphrase": "words"},
    "api_keys": {"apiKeys": [KEY]},
    "closed_only": {"closed_only": False},
    "book": {**BOOK, "min_order_size": "5", "tick_size": "0.01", "neg_risk": False, "last_trade_price": "0.48"},
    "books": [BOOK],
    "tick_size": {"minimum_tick_size": 0.01},
    "server_time": 1790000000,
    "version": {"version": 2},
    "clob_market": CLOB_MARKET,
    "market_record": {
        "condition_id": CONDITION,
        "question": "Will it?",
        "tokens": [{"token_id": YES, "outcome": "Yes", "price": 1, "winner": True}],
        "minimum_tick_size": 0.01,
        "minimum_order_size": 5,
        "active": True,
        "closed": True,
        "end_date_iso": "2026-06-17T00:00:00Z",
    },
    "price_history": {"history": [{"t": 1790000000, "p": 0.525}]},
    "geoblock": {"blocked": False, "ip": "127.0.0.1", "country": "IE", "region": ""},
    "market": GAMMA_MARKET,
    "markets": {"markets": [GAMMA_MARKET], "next_cursor": "abc"},
    "event": {"id": "1", "slug": "they", "title": "They?", "markets": [GAMMA_MARKET], "tags": [{"id": 2, "slug": "x"}]},
    "events": {"events": [{"id": "1", "markets": [GAMMA_MARKET]}], "pagination": {"hasMore": False}},
    "positions": {
        "data": [
            {
                "proxy_wallet": WALLET,
                "token_id": YES,
                "condition_id": CONDITION,
                "current_size": 150.5,
                "avg_price": 0.55,
                "realized_pnl": -1.25,
                "status": "OPEN",
                "redeemable": False,
                "outcome_index": 0,
                "end_date": "2026-12-31",
            }
        ],
        "pagination": {"limit": 100, "has_more": True, "next_cursor": "c"},
    },
    "public_trades": [
        {"asset": YES, "conditionId": CONDITION, "side": "SELL", "price": 0.53, "size": 50.0, "timestamp": 1790000000}
    ],
    "activity": {"data": [{"type": "REDEEM", "timestamp": 1790000000, "size": 5, "usdc_size": 5, "side": ""}]},
    "value": {"data": [{"user": WALLET, "value": 90.3}]},
}

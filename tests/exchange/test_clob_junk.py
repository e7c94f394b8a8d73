"""Whatever a client with a good key sends to any route, it gets an answer, and the exchange is as it was."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.exchange.api import Ask
from tests.exchange.clob_desk import KEYS, Desk, Trader, listing_at

DESK = Desk(listing_at(1, rewards_daily_usd=1), limits=False)
TRADER = Trader(DESK)
ROUTES = sorted(DESK.router.routes)
NAMES = ("token_id", "market", "side", "next_cursor", "asset_type", "signature_type", "ids", "id", "after", "before")
MORE = ("interval", "fidelity", "startTs", "endTs", "order_id", "page_size", "address", "key", "token_ids", "q")
KNOWN = (
    DESK.yes,
    DESK.no,
    DESK.listing.condition,
    "",
    "0",
    "-1",
    "MA==",
    "LTE=",
    "BUY",
    "CONDITIONAL",
    "1e9",
    "9" * 400,
)

words = st.one_of(st.sampled_from(KNOWN), st.text(max_size=12), st.integers(-5, 2**70).map(str))
queries = st.dictionaries(st.sampled_from(NAMES + MORE), words, max_size=4)
fields = st.sampled_from(
    (
        "token_id",
        "side",
        "markets",
        "orderID",
        "market",
        "asset_id",
        "heartbeat_id",
        "key",
        "order",
        "owner",
        "orderType",
    )
)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words
bodies = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields, inner, max_size=3), max_leaves=6
)


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
@settings(max_examples=25)
@given(query=queries, body=bodies, tail=words)
def test_any_request_is_answered(route: tuple[str, str], query: dict[str, str], body: Any, tail: str) -> None:
    method, path = route
    path = path.replace("{}", tail.replace("/", "") or "x")
    DESK.keys.given(TRADER.address)
    TRADER.key = DESK.keys.given(TRADER.address).json()
    reply = TRADER.send(method, path, msgspec.json.encode(body), **query)
    assert reply.status in {200, 400, 401, 404, 405, 429}
    assert reply.response().body


@given(
    st.sampled_from(ROUTES),
    st.dictionaries(
        st.sampled_from(("poly_address", "poly_nonce", "poly_timestamp", "poly_signature", "poly_api_key")), words
    ),
    st.binary(max_size=40),
    queries,
)
def test_any_stranger_is_answered(
    route: tuple[str, str], headers: dict[str, str], body: bytes, query: dict[str, str]
) -> None:
    ask = Ask(method=route[0], path=route[1], headers=headers, body=body, query_text=urlencode(query))
    assert DESK.router(ask).status in {200, 400, 401, 404}


@given(st.binary(max_size=60))
def test_no_body_is_an_order(body: bytes) -> None:
    assert Trader(DESK, KEYS[1]).send("POST", "/order", body).status == 400

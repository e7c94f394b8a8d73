"""A market knows its two tokens and refuses impossible terms."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market, Outcome
from agbot.units import SCALE, TICKS

YES, NO = TokenId("y"), TokenId("n")


def make(**changes: Any) -> Market:
    return Market(**({"id": MarketId("0xm"), "yes": YES, "no": NO} | changes))


@pytest.mark.parametrize("tick", TICKS)
def test_every_known_tick_is_taken(tick: int) -> None:
    assert make(tick=tick).tick == tick


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"no": YES}, "both outcomes have token y"),
        ({"tick": 0}, "tick 0 is not one of"),
        ({"tick": -10_000}, "tick -10000 is not one of"),
        ({"tick": 20_000}, "tick 20000 is not one of"),
        ({"tick": SCALE}, "tick 1000000 is not one of"),
        ({"min_size": -1}, "not negative"),
        ({"fee_rate": -1}, "not negative"),
        ({"fee_exponent": -1}, "not negative"),
    ],
)
def test_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_a_recorded_market_is_checked_like_a_new_one() -> None:
    raw = msgspec.json.encode({"id": "0xm", "yes": "y", "no": "n", "tick": 7})
    with pytest.raises(msgspec.ValidationError, match="tick 7 is not one of"):
        msgspec.json.decode(raw, type=Market)


def test_tokens_and_outcomes() -> None:
    market = make()
    for outcome in Outcome:
        assert market.outcome(market.token(outcome)) is outcome
    with pytest.raises(KeyError, match="elsewhere"):
        market.outcome(TokenId("elsewhere"))


def test_name_is_the_slug_when_there_is_one() -> None:
    assert make().name == "0xm"
    assert make(slug="will-it-rain").name == "will-it-rain"


@given(st.integers(0, SCALE))
def test_yes_price_mirrors_no(price: int) -> None:
    market = make()
    assert market.yes_price(YES, price) == price
    assert market.yes_price(NO, market.yes_price(NO, price)) == price
    assert market.yes_price(NO, price) + price == SCALE


@given(st.builds(make, tick=st.sampled_from(TICKS), min_size=st.integers(0, 10**12), neg_risk=st.booleans()))
def test_round_trip(market: Market) -> None:
    raw = msgspec.json.encode(market)
    assert msgspec.json.decode(raw, type=Market) == market

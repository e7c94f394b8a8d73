"""From the order as it is given to the one that is signed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.errors import UnsupportedOrder, VenueRefused
from agbot.model.order import OrderType, Side, TimeInForce
from agbot.testing.builders import make_order
from agbot.units import NS_PER_MS, NS_PER_S, SCALE, TICKS, notional, to_decimal
from agbot.venue.polymarket.compose import Terms, compose
from agbot.venue.polymarket.orders import salt_of
from agbot.venue.polymarket.wire.public import ClobMarket

TERMS = Terms(tick=10_000, min_size=5 * SCALE)
NOW = 1_790_000_000 * NS_PER_S + 123 * NS_PER_MS


def order(name="o1", side=Side.BUY, price="0.52", size="21.04", **changes):
    return make_order(name, side, price, size, token="12345", created_ns=NOW, **changes)


@pytest.mark.parametrize(
    ("side", "maker", "taker"), [(Side.BUY, 10_940_800, 21_040_000), (Side.SELL, 21_040_000, 10_940_800)]
)
def test_a_resting_order(side, maker, taker):
    made = compose(order(side=side), TERMS)
    fields = made.fields
    assert (fields.maker_amount, fields.taker_amount, fields.side, fields.token_id) == (maker, taker, side, 12345)
    assert (fields.salt, fields.timestamp_ms, fields.expiration_s) == (salt_of("o1"), 1_790_000_000_123, 0)
    assert (made.order_type, made.asked, made.shares, made.budget) == ("GTC", 21_040_000, 21_040_000, 0)


def test_a_market_buy_spends_usd():
    made = compose(order(price="0.60", size="11", order_type=OrderType.MARKET, time_in_force=TimeInForce.FAK), TERMS)
    assert (made.fields.maker_amount, made.fields.taker_amount) == (11_000_000, 18_333_300)
    assert (made.order_type, made.asked, made.budget) == ("FAK", 0, 11_000_000)


def test_a_market_sale_offers_shares():
    made = compose(
        order(side=Side.SELL, size="10.019", order_type=OrderType.MARKET, time_in_force=TimeInForce.FOK), TERMS
    )
    assert (made.fields.maker_amount, made.fields.taker_amount) == (10_010_000, 5_205_200)
    assert (made.asked, made.shares, made.budget) == (10_019_000, 10_010_000, 0)


def test_ioc_is_the_venues_fak():
    assert compose(order(time_in_force=TimeInForce.IOC), TERMS).order_type == "FAK"


def test_a_gtd_order_gets_its_whole_life():
    """The venue drops it a minute before the time it is given."""
    made = compose(order(time_in_force=TimeInForce.GTD, expire_ns=NOW + 300 * NS_PER_S), TERMS)
    assert (made.order_type, made.fields.expiration_s) == ("GTD", 1_790_000_000 + 300 + 60)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"price": "0.525"}, "tick"),
        ({"price": "0.005"}, "tick"),
        ({"price": "0.5200001"}, "tick"),
        ({"size": "4.99"}, "min_size"),
        ({"size": "10.0000001"}, "size"),
        ({"time_in_force": TimeInForce.GTD, "expire_ns": NOW + 124 * NS_PER_S}, "expiration"),
    ],
)
def test_what_the_venue_would_refuse_is_not_sent(changes, code):
    with pytest.raises(VenueRefused) as refused:
        compose(order(**changes), TERMS)
    assert refused.value.code == code


def test_the_grid_is_the_tick_not_its_decimals():
    with pytest.raises(VenueRefused) as refused:
        compose(order(price="0.5026"), Terms(tick=2_500, min_size=SCALE))
    assert refused.value.code == "tick"
    compose(order(price="0.5025"), Terms(tick=2_500, min_size=SCALE))


@pytest.mark.parametrize("token", ["m1-yes", "-1", "", "١٢"])
def test_a_token_is_a_number(token):
    with pytest.raises(UnsupportedOrder, match="not an outcome token"):
        compose(make_order(token=token, created_ns=NOW), TERMS)


def market(**changes):
    return ClobMarket(
        **{"condition": "0xc", "tokens": (("1", "Yes"), ("2", "No")), "tick": 10_000, "min_size": 0, **changes}
    )


@pytest.mark.parametrize(("version", "domain"), [("v1", 2), ("v2", 3)])
def test_the_version_follows_from_the_market(version, domain):
    assert Terms.of(market(version=version)).version == domain


@pytest.mark.parametrize("changes", [{"version": "v3"}, {"version": ""}, {"tick": 20_000}])
def test_terms_that_are_not_known_stop_the_order(changes):
    with pytest.raises(VenueRefused) as refused:
        Terms.of(market(**changes))
    assert refused.value.code == "version"


@given(
    st.sampled_from(TICKS),
    st.data(),
    st.integers(5 * 10**6, 10**12),
    st.sampled_from(list(Side)),
    st.sampled_from(list(TimeInForce)),
)
def test_no_order_gives_more_than_was_asked_for(tick, data, size, side, tif):
    price = data.draw(st.integers(1, SCALE // tick - 1)) * tick
    expire = NOW + 999 * NS_PER_S if tif is TimeInForce.GTD else 0
    wish = make_order(
        "o", side, "0.5", "5", token="7", created_ns=NOW, time_in_force=tif, expire_ns=expire
    )  # the builder takes text; exact values come next
    wish = type(wish)(
        **{
            **{name: getattr(wish, name) for name in ("client_order_id", "venue", "market", "token", "side")},
            "price": to_decimal(price),
            "size": to_decimal(size),
            "time_in_force": tif,
            "expire_ns": expire,
            "created_ns": NOW,
        }
    )
    terms = Terms(tick=tick, min_size=5 * SCALE)
    try:
        made = compose(wish, terms)
    except UnsupportedOrder:
        assert tif.immediate  # too small to say its price
        return
    given_away = made.fields.maker_amount
    assert given_away <= (notional(price, size) if side is Side.BUY else size)
    assert made.shares <= size
    assert made == compose(wish, terms)
    assert Decimal(made.fields.salt) < 2**53

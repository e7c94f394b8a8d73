"""A sized strategy: never more than it wished, exits whole, and what is left out is told."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.core.view import Cancel, Intent, OwnOrder, Place, View
from agbot.errors import ConfigError
from agbot.located import loads
from agbot.model.ids import ClientOrderId, MarketId, StrategyId, TokenId
from agbot.model.market import Market
from agbot.model.order import OrderState, OrderType, Side, TimeInForce
from agbot.strategy.lifecycle import Lifecycle
from agbot.strategy.maker import Maker
from agbot.strategy.sized import SIZINGS, Sized, parse_sizing, sized
from agbot.strategy.sizing import FixedFractional, Kelly, Sizing, VolTarget, at_risk
from agbot.strategy.weighting import MaxDiversification, RiskParity
from agbot.testing.builders import levels, make_market, shares
from agbot.units import SCALE, to_text, to_units
from tests.strategy.test_quoter import own, view_of

EQUITY = shares(10_000)


class Says(Lifecycle):
    """Wishes what it was given."""

    def __init__(self, *wishes: Intent) -> None:
        super().__init__(name="says")
        self.wishes = list(wishes)

    def on_market_tick(self, view: View) -> Sequence[Intent]:
        return self.wishes


@attrs.define
class Around:
    """The same instant in other markets, and the equity."""

    views: list[View]
    equity: int = EQUITY

    @property
    def markets(self) -> Sequence[Market]:
        return [view.market for view in self.views]

    def see(self, market: MarketId) -> View | None:
        return next((view for view in self.views if view.market.id == market), None)


def together(views: list[View]) -> list[View]:
    """Return the views with each other around them."""
    around = Around([])
    around.views = [attrs.evolve(view, around=around) for view in views]
    return around.views


def seen(*, equity: int = EQUITY, **changes: Any) -> View:
    shown = {key: changes.pop(key) for key in ("bids", "asks", "orders", "market") if key in changes}
    view = view_of(**shown)
    return attrs.evolve(view, around=Around([view], equity), **changes)


def wish(size: str = "1000", price: str = "0.50", fair: str = "0", token: str = "m1-yes", **changes: Any) -> Place:
    fields = {"side": Side.BUY, "post_only": True, "why": "a test", **changes}
    return Place(token=TokenId(token), price=to_units(price), size=to_units(size), fair=to_units(fair), **fields)


def sizes(sizing: Sizing, view: View, *wishes: Intent) -> list[str]:
    return [to_text(i.size) for i in Sized(Says(*wishes), sizing).decide(view) if isinstance(i, Place)]


# The wrapper


ALL = [
    Kelly(fraction=1, cap="0.001"),
    FixedFractional(risk="0.001"),
    VolTarget(period=5),
    RiskParity(capital="0.001"),
    MaxDiversification(capital="0.001"),
]


@pytest.mark.parametrize("sizing", ALL, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize(
    ("held", "place", "expected"),
    [
        (100, wish("100", side=Side.SELL), "100"),
        (100, wish("100", token="m1-no"), "100"),
        (-100, wish("100"), "100"),
        (100, wish("7.123456", side=Side.SELL), "7.123456"),
        (0.5, wish("0.5", side=Side.SELL), "0.5"),
    ],
    ids=["sells", "buys the other", "buys back", "off the lot", "under the minimum"],
)
def test_an_exit_is_never_shrunk(sizing: Sizing, held: float, place: Place, expected: str) -> None:
    amount = int(held * SCALE)
    assert sizes(sizing, seen(own_yes=max(amount, 0), own_no=max(-amount, 0)), place) == [expected]


def test_an_order_that_closes_and_opens_is_shrunk_in_what_it_opens() -> None:
    view = seen(own_yes=shares(100))
    assert sizes(FixedFractional(risk="0.001"), view, wish("150", side=Side.SELL)) == ["120"]
    assert sizes(Kelly(fraction=1, cap=1), view, wish("150", side=Side.SELL)) == ["100"]
    # What already offers the position closes it first.
    resting = own("a", Side.SELL, "0.6", "90")
    view = attrs.evolve(view, orders=[resting])
    assert sizes(FixedFractional(risk="0.001"), view, wish("150", side=Side.SELL)) == ["30"]


def test_cancels_pass_and_what_is_left_out_is_told_once() -> None:
    says = Says(Cancel(client_order_id=ClientOrderId("a"), why="old"), wish("100", fair="0.4"))
    strategy = Sized(says, Kelly())
    for _ in range(3):
        assert strategy.decide(seen()) == says.wishes[:1]
    assert strategy.waits() == {}
    told = strategy.metadata()
    assert told["strategy"] == "Says"
    assert told["sizing"] == {
        "type": "Kelly",
        "fraction": 0.25,
        "cap": 0.05,
        "shrunk": 0,
        "not_placed": 3,
        "last_not_placed": "BUY YES in m1: Kelly: no edge, worth 0.4, costs 0.5",
    }
    says.wishes = [wish("10", fair="0.6"), wish("999", fair="0.6")]
    first, second = strategy.decide(seen())
    assert first.why == f"a test; 3 before it not placed, the last: {told['sizing']['last_not_placed']}"
    assert second.why == "a test; 990 of 999: Kelly: worth 0.6, costs 0.5, 5.00% of the equity"
    assert strategy.metadata()["sizing"]["shrunk"] == 1


def test_sizes_are_whole_lots_and_never_under_the_minimum() -> None:
    fixed = FixedFractional(risk="0.001")
    assert sizes(fixed, seen(market=make_market(size_step=SCALE)), wish(price="0.33")) == ["30"]
    assert sizes(fixed, seen(market=make_market(min_size=shares(30))), wish(price="0.50")) == []
    assert sizes(fixed, seen(market=make_market(min_size=shares(20))), wish(price="0.50")) == ["20"]
    taking = {"post_only": False, "time_in_force": TimeInForce.FAK, "order_type": OrderType.MARKET}
    small = seen(market=make_market(min_size=shares(30)))
    (place,) = Sized(Says(wish("100", **taking, budget=shares(60))), fixed).decide(small)
    assert isinstance(place, Place)
    assert (place.size, place.budget) == (shares(20), shares(12))


@pytest.mark.parametrize("equity", [0, -1])
def test_without_equity_nothing_opens(equity: int) -> None:
    strategy = Sized(Says(wish(fair="0.9")), Kelly())
    assert strategy.decide(seen(equity=equity)) == []
    assert "equity" in strategy.metadata()["sizing"]["last_not_placed"]


def test_an_order_for_another_market_is_sized_there() -> None:
    here, there = view_of(), attrs.evolve(view_of(market=make_market("m2")), own_yes=shares(100))
    view, _ = together([here, there])
    assert sizes(FixedFractional(risk="0.001"), view, wish("100", token="m2-yes", side=Side.SELL)) == ["100"]
    assert sizes(FixedFractional(risk="0.001"), view, wish("100", token="m2-yes")) == ["20"]
    assert sizes(FixedFractional(risk="0.001"), view, wish("100", token="m9-yes")) == ["100"]  # the gate denies it


def test_the_wrapped_strategy_keeps_its_name_and_its_markets() -> None:
    class Only:
        id = StrategyId("only")
        only_in = ("m1",)

        def decide(self, view: View) -> Sequence[Intent]:
            return ()

    strategy = sized(Only(), {"type": "Kelly"})
    assert (strategy.id, strategy.only_in) == ("only", ("m1",))  # type: ignore[attr-defined]
    assert strategy.metadata()["sizing"]["type"] == "Kelly"  # type: ignore[attr-defined]


@st.composite
def wishes(draw: st.DrawFn) -> Place:
    return Place(
        token=TokenId(draw(st.sampled_from(["m1-yes", "m1-no"]))),
        side=draw(st.sampled_from(Side)),
        price=draw(st.integers(1, 99)) * 10_000,
        size=draw(st.integers(1, shares(500))),
        why="a property",
        post_only=draw(st.booleans()),
        fair=draw(st.integers(0, SCALE - 1)),
    )


RESTING = st.builds(
    OwnOrder,
    client_order_id=st.uuids().map(lambda u: ClientOrderId(str(u))),
    token=st.sampled_from([TokenId("m1-yes"), TokenId("m1-no")]),
    side=st.sampled_from(Side),
    price=st.integers(1, 99).map(lambda n: n * 10_000),
    remaining=st.integers(1, shares(100)),
    state=st.sampled_from([OrderState.OPEN, OrderState.PENDING_CANCEL]),
)


@pytest.mark.parametrize("sizing", ALL, ids=lambda s: type(s).__name__)
@settings(max_examples=40)
@given(asked=st.lists(wishes(), max_size=4), resting=st.lists(RESTING, max_size=3), held=st.integers(-(10**9), 10**9))
def test_no_sizing_makes_a_wish_larger_or_another(
    sizing: Sizing, asked: list[Place], resting: list[OwnOrder], held: int
) -> None:
    view = seen(own_yes=max(held, 0), own_no=max(-held, 0), orders=resting)
    numbered = {f"wish {n}.": attrs.evolve(each, why=f"wish {n}.") for n, each in enumerate(asked)}
    strategy = Sized(Says(*numbered.values()), sizing)
    given_back = [place for place in strategy.decide(view) if isinstance(place, Place)]
    for place in given_back:
        origin = numbered[place.why[:7]]
        assert 0 < place.size <= origin.size
        assert place.size == origin.size or (place.size % 10_000 == 0 and place.size >= view.market.min_size)
        assert attrs.evolve(place, size=origin.size, why=origin.why) == origin
    assert [place.why[:7] for place in given_back] == sorted({place.why[:7] for place in given_back})
    assert strategy.metadata()["sizing"]["not_placed"] == len(asked) - len(given_back)


@settings(max_examples=40)
@given(asked=st.lists(wishes(), max_size=5))
def test_kelly_never_has_more_at_risk_than_its_cap(asked: list[Place]) -> None:
    for way in (1, -1):
        wanted = [w for w in asked if (w.side is Side.BUY) == ((w.token == "m1-yes") == (way > 0))]
        placed = Sized(Says(*wanted), Kelly(fraction=1, cap="0.001")).decide(seen())
        cheapest = min((at_risk(seen(), w) for w in wanted), default=SCALE)
        assert sum(p.size for p in placed if isinstance(p, Place)) <= EQUITY * 0.001 / cheapest * SCALE + 1


def test_a_maker_may_be_sized() -> None:
    strategy = sized(Maker(), {"type": "FixedFractional", "risk": "0.0004"})
    places = strategy.decide(seen(bids=levels(("0.47", "100")), asks=levels(("0.53", "100"))))
    assert [to_text(p.size) for p in places if isinstance(p, Place)] == ["8.33", "8.33"]


# Configuration


@pytest.mark.parametrize("name", SIZINGS)
def test_every_type_is_made_from_its_name(name: str) -> None:
    assert type(parse_sizing({"type": name})).__name__ == name
    assert type(parse_sizing(loads(f"type: {name}", "a.yaml"))).__name__ == name


@pytest.mark.parametrize(
    ("text", "id_", "words"),
    [
        ("[Kelly]", "AGB-624", ["a.yaml:1", "expected a mapping"]),
        ("fraction: 1", "AGB-624", ["a.yaml:1", "a sizing names its type", "one of Kelly"]),
        ("type: Kely", "AGB-624", ["a.yaml:1", "type", "there is no sizing 'Kely'", "did you mean 'Kelly'?"]),
        ("type: 7", "AGB-624", ["a.yaml:1", "there is no sizing"]),
        ("type: Kelly\nfractoin: 1", "AGB-625", ["a.yaml:2", "Kelly has no such parameter", "'fraction'"]),
        ("type: Kelly\nfraction: 0", "AGB-625", ["a.yaml:2", "fraction", "must be > 0"]),
        ("type: Kelly\nfraction: '2'", "AGB-625", ["a.yaml:2", "must be <= 1:"]),
        ("type: Kelly\ncap: much", "AGB-625", ["a.yaml:2", "'much' is not a number"]),
        ("type: Kelly\ncap: [1]", "AGB-625", ["a.yaml:2", "cap"]),
        ("type: VolTarget\nperiod: 1.5", "AGB-625", ["a.yaml:2", "1.5 is not a whole number"]),
        ("type: RiskParity\nwindow: 20\nleast: 30", "AGB-625", ["a.yaml:2", "window", "least is at most window"]),
        ("type: RiskParity\n_parts: {}", "AGB-625", ["a.yaml:2", "no such parameter"]),
    ],
)
def test_what_cannot_be_says_where_and_why(text: str, id_: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_sizing(loads(text, "a.yaml"))
    assert caught.value.id == id_
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_mapping_without_a_file_is_named_by_its_keys() -> None:
    with pytest.raises(ConfigError, match=r"sizing\.cap: impossible parameter"):
        parse_sizing({"type": "Kelly", "cap": Decimal(2)})
    with pytest.raises(ConfigError, match=r"sizing\.window: impossible parameter: least is at most window"):
        parse_sizing({"type": "RiskParity", "window": 20, "least": 30})

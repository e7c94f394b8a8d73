"""The market maker by example: where it quotes, when it does not, and what moves its quotes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from agbot.core.view import Intent, OwnFill, OwnOrder, Place, View
from agbot.located import loads
from agbot.model.events import TradePrint
from agbot.model.ids import ClientOrderId, TokenId
from agbot.model.order import Liquidity, OrderState, Side
from agbot.strategy.maker import Maker, MakerParams
from agbot.strategy.sized import SIZINGS, Sized, sized
from agbot.testing.builders import levels, make_market, shares
from agbot.units import NS_PER_S, to_text, to_units
from tests.strategy.test_quoter import cancelled, own, shown, view_of

NOW = 10**18


def seen(*, end_s: float = 0, **changes: Any) -> View:
    """Return a view at `NOW` of a market around 0.50 that ends in `end_s`, 0 for one of which nobody said."""
    market = make_market(end_ns=NOW + int(end_s * NS_PER_S) if end_s else 0)
    books = {key: changes.pop(key) for key in ("bids", "asks", "orders", "cash", "trusted") if key in changes}
    return attrs.evolve(view_of(market=market, **books), now_ns=NOW, **changes)


def prices(view: View, intents: Sequence[Intent]) -> dict[str, str]:
    """Return the YES price of each side's best quote."""
    found: dict[str, str] = {}
    for place in intents:
        if isinstance(place, Place):
            side = place.why.split()[0]
            found.setdefault(side, to_text(view.market.yes_price(place.token, place.price)))
    return found


def maker(**params: Any) -> Maker:
    return Maker(MakerParams(**{"vol_period": 0, **params}))


def fill(view: View, side: Side = Side.BUY, *, voided: bool = False, token: str = "m1-yes") -> OwnFill:
    return OwnFill(
        client_order_id=ClientOrderId("f"),
        token=TokenId(token),
        side=side,
        price=to_units("0.48"),
        size=shares(5),
        fee=0,
        liquidity=Liquidity.MAKER,
        ts_ns=view.now_ns,
        voided=voided,
    )


# Where


def test_a_flat_maker_rests_on_both_sides_and_says_why() -> None:
    intents = maker().decide(seen())
    assert shown(intents) == [("m1-yes", "BUY", "0.48", "20"), ("m1-no", "BUY", "0.48", "20")]
    assert [i.why for i in intents] == [
        "bid 0.48 ×20: fair 0.5, inventory 0/200 moves it 0 ticks",
        "ask 0.52 ×20: fair 0.5, inventory 0/200 moves it 0 ticks",
    ]
    assert all(isinstance(i, Place) and i.post_only and i.fair == to_units("0.5") for i in intents)


@pytest.mark.parametrize(
    ("model", "yes", "no", "expected"),
    [
        # logit p moves by γ·q = 0.1 for 100 shares, so p by 0.025; both wait for about 0.01, and a quote's own risk.
        ("cara", 100, 0, {"bid": "0.46", "ask": "0.49"}),
        ("cara", 0, 100, {"bid": "0.51", "ask": "0.54"}),
        # By 0.05 for 200, and no further than the book: a quote never takes.
        ("cara", 200, 0, {"ask": "0.48"}),
        ("cara", 0, 200, {"bid": "0.52"}),
        ("cara", 300, 300, {"bid": "0.48", "ask": "0.52"}),
        # 3 for a √year is nothing within an hour: inventory hardly moves what is held so shortly.
        ("glft", 100, 0, {"bid": "0.48", "ask": "0.51"}),
        ("glft", 0, 0, {"bid": "0.49", "ask": "0.51"}),
    ],
)
def test_inventory_moves_the_quotes_against_itself(model: str, yes: int, no: int, expected: Mapping[str, str]) -> None:
    view = seen(own_yes=shares(yes), own_no=shares(no), yes_size=shares(yes), no_size=shares(no))
    assert prices(view, maker(model=model).decide(view)) == expected


def test_a_price_that_moves_more_is_quoted_further_from_inventory() -> None:
    view = seen(own_yes=shares(100), bids=levels(("0.3", "9")), asks=levels(("0.7", "9")))
    calm, wild = (maker(model="glft", logit_vol=vol, gamma="0.01", rate="0.001").decide(view) for vol in ("1", "60"))
    assert to_units(prices(view, wild)["ask"]) < to_units(prices(view, calm)["ask"])


def test_a_prior_is_blended_in_logits() -> None:
    view = seen()
    assert prices(view, maker(priors={"m1": "0.9"}, prior_weight="0.5").decide(view)) == {"bid": "0.52", "ask": "0.77"}
    assert prices(view, maker(priors={"other": "0.9"}, prior_weight="0.5").decide(view)) == {
        "bid": "0.48",
        "ask": "0.52",
    }


def test_order_flow_moves_fair_value_as_far_as_it_may() -> None:
    # Bids of 100, 300, 500: 400 shares of flow over a depth of 600 is ⅔ of a tick; the microprice is at the asks' side.
    def fair(**params: str) -> float:
        quoter, intents = maker(flow_period=2, **params), list[Intent]()
        for size in ("100", "300", "500", "500", "500"):  # looks at what did not change say nothing new
            intents = list(quoter.decide(seen(bids=levels(("0.47", size)), asks=levels(("0.53", "100")))))
        return next(i.fair for i in intents if isinstance(i, Place))

    plain = 520_000
    assert fair() == plain
    assert fair(flow_weight="1") == plain + 6667
    assert fair(flow_weight="0.5") == plain + 3333
    assert fair(flow_weight="1", flow_ticks_max="0.1") == plain + 1000


def test_levels_are_steps_apart_and_share_the_room() -> None:
    quoter = maker(levels=3, level_step_ticks=2, max_position="50")
    view = seen(own_yes=shares(10))
    assert [
        (place.why.split()[0], to_text(view.market.yes_price(place.token, place.price)), to_text(place.size))
        for place in quoter.decide(view)
        if isinstance(place, Place)
    ] == [
        ("bid", "0.48", "20"),
        ("bid", "0.46", "15"),  # the first may grow to 25 of the room for 40
        ("ask", "0.51", "20"),
        ("ask", "0.53", "20"),
        ("ask", "0.55", "10"),
    ]


def test_levels_that_stand_are_left_and_the_missing_one_is_placed() -> None:
    quoter = maker(levels=2, level_step_ticks=3)
    stands = [own("a", price="0.48"), own("b", price="0.48", token="m1-no"), own("c", price="0.45", token="m1-no")]
    assert shown(quoter.decide(seen(orders=stands))) == [("m1-yes", "BUY", "0.45", "20")]


def test_what_two_levels_sell_is_held_and_settled() -> None:
    view = seen(yes_size=shares(30), own_yes=shares(30))
    asks = [i for i in maker(levels=2).decide(view) if i.why.startswith("ask")]
    assert shown(asks) == [("m1-yes", "SELL", "0.51", "20"), ("m1-no", "BUY", "0.48", "20")]


# When it does not


@pytest.mark.parametrize(
    ("view", "why"),
    [
        (seen(trusted=False), "the book is not trusted"),
        (seen(bids=()), "one side of the book has nobody else"),
        (seen(bids=levels(("0.53", "9"))), "the book is empty, locked or crossed"),
        (seen(bids=levels(("0.02", "1")), asks=levels(("0.03", "1"))), "fair 0.025 is outside 0.05–0.95"),
        (seen(bids=levels(("0.97", "1")), asks=levels(("0.98", "1"))), "fair 0.975 is outside 0.05–0.95"),
        (seen(end_s=300), "it ends within 300 s"),
        (seen(end_s=-1), "it has ended"),
    ],
    ids=["untrusted", "one side", "locked", "low", "high", "ends", "ended"],
)
def test_quotes_are_pulled(view: View, why: str) -> None:
    intents = maker().decide(attrs.evolve(view, orders=[own("a"), own("b", price="0.45", token="m1-no")]))
    assert shown(intents) == []
    assert cancelled(intents) == ["a", "b"]
    assert [i.why for i in intents] == [f"no bid now: {why}", f"no ask now: {why}"]


@pytest.mark.parametrize(
    ("left_s", "size", "bid", "ask"),
    [(3601, "20", "0.48", "0.52"), (1950, "10", "0.47", "0.53"), (1200, "5.45", "0.47", "0.53"), (1100, "", "", "")],
)
def test_quotes_shrink_and_widen_as_the_end_nears(left_s: int, size: str, bid: str, ask: str) -> None:
    view = seen(end_s=left_s)
    intents = maker().decide(view)
    assert prices(view, intents) == ({"bid": bid, "ask": ask} if size else {})
    assert {row[3] for row in shown(intents)} == ({size} if size else set())


def test_a_quote_that_fades_stays_until_it_is_a_quarter_too_large() -> None:
    quoter = maker()
    resting = [own("a", price="0.47", remaining="10"), own("b", price="0.47", remaining="10", token="m1-no")]
    assert quoter.decide(seen(end_s=1700, orders=resting)) == []
    assert cancelled(quoter.decide(seen(end_s=1600, orders=resting))) == ["a", "b"]


# The guard


def guarded(*moments: tuple[float, Sequence[OwnFill]]) -> tuple[Maker, list[dict[str, str]]]:
    quoter, told = maker(guard_fills=2, guard_window_s="10", guard_pause_s="30"), []
    for at_s, fills in moments:
        view = attrs.evolve(seen(fills=fills), now_ns=NOW + int(at_s * NS_PER_S))
        told.append(prices(view, quoter.decide(view)))
    return quoter, told


BOTH = {"bid": "0.48", "ask": "0.52"}


@pytest.mark.parametrize(
    ("fills", "after"),
    [
        ([fill(seen()), fill(seen())], {"ask": "0.52"}),
        ([fill(seen(), Side.SELL, token="m1-no"), fill(seen())], {"ask": "0.52"}),
        ([fill(seen(), Side.SELL), fill(seen(), Side.SELL)], {"bid": "0.48"}),
        ([fill(seen()), fill(seen(), Side.SELL)], BOTH),
        ([fill(seen()), fill(seen(), voided=True)], BOTH),
        ([fill(seen())], BOTH),
    ],
    ids=["two bids", "either token", "two asks", "one each", "one taken back", "one"],
)
def test_a_side_that_fills_too_fast_is_pulled(fills: Sequence[OwnFill], after: dict[str, str]) -> None:
    assert guarded((0, fills))[1] == [after]


@pytest.mark.parametrize(
    ("times", "told"),
    [
        ((0, 9.9), [BOTH, {"ask": "0.52"}]),
        ((0, 10), [BOTH, BOTH]),
    ],
)
def test_only_fills_within_the_window_count(times: Sequence[float], told: list[dict[str, str]]) -> None:
    assert guarded(*[(at, [fill(seen())]) for at in times])[1] == told


def test_a_pulled_side_comes_back_and_says_when() -> None:
    quoter, told = guarded((0, [fill(seen()), fill(seen())]), (29.9, []), (30, []))
    assert told == [{"ask": "0.52"}, {"ask": "0.52"}, BOTH]
    (cancel, *_) = quoter.decide(seen(fills=[fill(seen()), fill(seen())], orders=[own("a")]))
    assert cancel.why == "no bid now: 2 fills on the bid: 30 s without it"


# The reward band


WIDE = {"bids": levels(("0.40", "100")), "asks": levels(("0.60", "100"))}


@pytest.mark.parametrize(
    ("params", "yes", "expected", "size"),
    [
        ({}, 0, {"bid": "0.45", "ask": "0.55"}, "20"),
        ({"reward_usd": "0.4", "reward_distance": "0.03"}, 0, {"bid": "0.47", "ask": "0.53"}, "20"),
        ({"reward_usd": "0.39", "reward_distance": "0.03"}, 0, {"bid": "0.45", "ask": "0.55"}, "20"),
        ({"reward_usd": "2", "reward_min_size": "50"}, 0, {"bid": "0.47", "ask": "0.53"}, "50"),
        ({"reward_usd": "0.4", "reward_min_size": "50"}, 0, {"bid": "0.45", "ask": "0.55"}, "20"),
        # Inside already: nothing moves. And where moving the bid would meet the ask, neither is moved.
        ({"reward_usd": "2", "reward_distance": "0.06"}, 0, {"bid": "0.45", "ask": "0.55"}, "20"),
        ({"reward_usd": "99", "reward_distance": "0.001"}, 0, {"bid": "0.45", "ask": "0.55"}, "20"),
    ],
)
def test_the_reward_band_is_met_where_it_pays(
    params: dict[str, str], yes: int, expected: Mapping[str, str], size: str
) -> None:
    view = seen(**WIDE, own_yes=shares(yes))
    intents = maker(edge="0.05", **params).decide(view)
    assert prices(view, intents) == expected
    assert {row[3] for row in shown(intents)} == {size}


def test_a_band_narrower_than_a_tick_is_approached_and_the_book_is_not_met() -> None:
    view = seen(bids=levels(("0.50", "100")), asks=levels(("0.51", "100")))
    intents = maker(edge="0.05", reward_usd="2", reward_distance="0.001").decide(view)
    assert prices(view, intents) == {"bid": "0.5", "ask": "0.51"}


# What is learnt


def traded(view: View, at_s: float, price: str = "0.53", side: Side = Side.BUY, token: str = "m1-yes") -> View:
    printed = TradePrint(TokenId(token), side, to_units(price), shares(10), NOW)
    return attrs.evolve(view, now_ns=NOW + int(at_s * NS_PER_S), prints=[printed])


def test_it_waits_until_it_knows_how_far_takers_reach() -> None:
    quoter = maker(k=0)
    (cancel, *_) = quoter.decide(seen(orders=[own("a")]))
    assert cancel.why == "no bid now: how far takers reach is not known: nothing traded yet"
    quoted = [bool(shown(quoter.decide(traded(seen(), at_s)))) for at_s in range(1, 41)]
    # 95 % of the belief within a factor of 2 takes (2·1.96/ln 2)² = 32 takers, as the old ones hardly fade yet.
    assert quoted.index(True) + 1 == 32
    assert all(quoted[31:])
    curve = quoter._watched[seen().market.id].fills.curve(NOW + 40 * NS_PER_S)
    assert curve is not None
    assert curve.k == pytest.approx(1 / 0.03)
    assert curve.rate == pytest.approx(0.5, rel=0.03)


def test_a_taker_counts_once_a_batch_as_far_as_it_reached() -> None:
    quoter = maker(k=0)
    quoter.decide(seen())
    sweep = [traded(seen(), 1, price).prints[0] for price in ("0.53", "0.54", "0.56")]
    other = traded(seen(), 1, "0.55", token="m1-no").prints[0]  # a buyer of NO at 0.55 sells YES at 0.45
    quoter.decide(attrs.evolve(seen(), now_ns=NOW + NS_PER_S, prints=[*sweep, other]))
    curve = quoter._watched[seen().market.id].fills.curve(NOW + NS_PER_S)
    assert curve is not None
    assert curve.k == pytest.approx(2 / (0.06 + 0.05))


def test_what_traded_is_held_against_the_mid_from_before_it() -> None:
    quoter = maker(k=0)
    quoter.decide(seen())
    moved = seen(bids=levels(("0.55", "9")), asks=levels(("0.61", "9")))
    quoter.decide(traded(moved, 1, "0.53"))
    curve = quoter._watched[moved.market.id].fills.curve(NOW + NS_PER_S)
    assert curve is not None
    assert curve.k == pytest.approx(1 / 0.03)


def test_volatility_is_bounded_until_it_is_realised() -> None:
    quoter, resting = Maker(MakerParams(model="glft", vol_period=3, gamma="0.005")), seen(own_yes=shares(190))
    unknown = prices(resting, quoter.decide(resting))
    for at_s in range(1, 5):
        known = quoter.decide(attrs.evolve(resting, now_ns=NOW + at_s * NS_PER_S, second=True))
    assert to_units(unknown["ask"]) < to_units(prices(resting, known)["ask"])


def test_it_says_what_it_is() -> None:
    quoter = Maker(name="mm")
    quoter.decide(seen())
    assert quoter.metadata() == {
        "strategy": "Maker",
        "id": "mm",
        "model": "cara",
        "markets": {"m1": {"mid": 0.5, "logit_vol": None}},
    }


def test_the_page_has_every_parameter_and_its_example_is_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "market_making.md").read_text(encoding="utf-8")
    kinds = [MakerParams, *SIZINGS.values()]
    names = {field.name for kind in kinds for field in attrs.fields(kind) if field.init} | set(SIZINGS)
    assert sorted(name for name in names if f"`{name}`" not in page) == []
    example = loads(page.partition("```yaml")[2].partition("```")[0], "page.yaml").fields["strategies"].items[0]
    params: Any = example.fields["params"].plain()
    assert MakerParams(**params).size == shares(20)
    assert isinstance(sized(Maker(), example.fields["sizing"]), Sized)


# Parameters


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", "as"),
        ("size", 0),
        ("levels", 0),
        ("levels", 11),
        ("level_step_ticks", 0),
        ("gamma", 0),
        ("gamma", "1.1"),
        ("size", "100000"),
        ("k", -1),
        ("rate", 0),
        ("fit_ratio_max", 1),
        ("horizon_s", 0),
        ("priors", {"m1": "1"}),
        ("priors", {"m1": "0"}),
        ("priors", ["0.5"]),
        ("prior_weight", "1.1"),
        ("low", "0.95"),
        ("high", "1.1"),
        ("reward_distance", 0),
        ("reward_min_size", "201"),
        ("stop_before_end_s", "3601"),
        ("guard_fills", "1.5"),
        ("edge", "nothing"),
    ],
)
def test_impossible_parameters_are_refused(name: str, value: object) -> None:
    with pytest.raises((ValueError, TypeError), match=r"\S"):
        MakerParams(**{name: value})  # type: ignore[arg-type]


def test_orders_of_its_own_that_stand_where_it_would_quote_are_kept() -> None:
    quoter = maker()
    placed = [
        OwnOrder(
            client_order_id=ClientOrderId(str(n)),
            token=place.token,
            side=place.side,
            price=place.price,
            remaining=place.size,
            state=OrderState.OPEN,
        )
        for n, place in enumerate(quoter.decide(seen()))
        if isinstance(place, Place)
    ]
    assert quoter.decide(seen(orders=placed)) == []

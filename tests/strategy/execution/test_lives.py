"""Whole lives by property: whatever fills, ends, is denied, lost or taken back, in whatever order, and over restarts, a
parent order never does more than its total, its children obey the venue, and in the end it is done.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.core.view import Place
from agbot.model.order import Side
from agbot.strategy.execution import ALGORITHMS
from agbot.strategy.execution.children import MOVABLE
from agbot.testing.builders import levels, make_market, shares
from agbot.units import SCALE
from tests.strategy.execution.floor import T0, Floor

START, END = "2026-02-25T06:13:20Z", "2026-02-25T06:14:20Z"
"""The minute that begins when the floor opens."""

SHAPES = {
    "twap": {"slices": 5},
    "vwap": {"profile": [1, 0, 5, 2], "size_jitter": "0.5", "time_jitter": "0.9"},
    "pov": {"rate": "0.3"},
    "shortfall": {"slices": 6, "sigma": "0.1", "eta": "0.0001", "aversion": "1"},
    "iceberg": {"limit": "0.55", "show": "8"},
    "pegged": {"peg": "bid", "offset_ticks": 1},
    "stop": {"trigger": "0.5", "side": "BUY"},
    "trailing": {"distance": "0.02", "trigger": "0.53", "side": "BUY"},
    "oco": {"trigger": "0.55", "target": "0.45", "side": "BUY"},
}

events = st.lists(
    st.one_of(
        st.tuples(st.just("fill"), st.integers(0, 5), st.integers(1, shares(30))),
        st.tuples(st.just("wait"), st.integers(1, 15)),
        st.tuples(st.just("move"), st.integers(40, 55), st.integers(1, 6), st.integers(1, 60)),
        st.tuples(st.just("print"), st.integers(1, 60)),
        st.tuples(st.just("deny"), st.booleans()),
        st.tuples(st.just("trust"), st.booleans()),
        st.tuples(st.sampled_from(["accept", "cancelled", "lose", "reject", "void", "kill", "restart"])),
    ),
    max_size=40,
)


def happen(floor: Floor, event: tuple) -> None:
    match event:
        case ("fill", which, size) if floor.live:
            floor.fill(floor.live[which % len(floor.live)], size)
        case ("wait", seconds):
            floor.wait(seconds)
        case ("move", bid, spread, size):
            floor.bids = ((bid * 10_000, shares(size)), (bid * 10_000 - 10_000, shares(100)))
            floor.asks = ((bid + spread) * 10_000, shares(size)), ((bid + spread + 1) * 10_000, shares(100))
        case ("print", size):
            floor.print(shares(size))
        case ("deny", denies):
            floor.denies = ("RejectedLately",) if denies else ()
        case ("trust", trusted):
            floor.trusted = trusted
        case ("accept",):
            floor.accept()
        case ("cancelled",):
            floor.cancelled()
        case ("lose",):
            floor.lose()
        case ("reject",):
            floor.reject()
        case ("void",):
            floor.void()
        case ("kill",):
            floor.cancel_everything()


def made(name: str, total: int, changes: dict):
    kind, params = ALGORITHMS[name]
    plain = {"market": "m1", "start": START, "end": END, "finish": "take", **SHAPES[name], **changes}
    return kind(params(total=f"{total}", **plain), name="parent")


def calm(floor: Floor) -> None:
    """Make the venue honest, the book deep and the price one that sets everything off; and let the window pass."""
    floor.trusted, floor.denies = True, ()
    floor.bids, floor.asks = levels(("0.54", "10000")), levels(("0.55", "10000"))
    floor.wait(70)


def finish(floor: Floor, algorithm) -> None:
    calm(floor)
    for _ in range(12):
        floor.look(algorithm)
        floor.accept()
        floor.cancelled()
        floor.wait(2)
        floor.look(algorithm)
        floor.fill_all()
        floor.cancelled()


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=40)
@given(
    script=events,
    total=st.integers(1, 120),
    style=st.sampled_from(["take", "join"]),
    step=st.sampled_from([1, 10_000, SCALE]),
    cap=st.sampled_from(["0", "9"]),
)
def test_never_more_than_the_total_and_in_the_end_all_of_it(name, script, total, style, step, cap):
    floor = Floor(market=make_market(size_step=step))
    styled = {"style": style, "max_child": cap} if name in ("twap", "vwap", "pov", "shortfall") else {}
    algorithm = made(name, total, styled)
    for event in script:
        if event == ("restart",):
            algorithm = made(name, total, styled)
        happen(floor, event)
        floor.look(algorithm)
        assert floor.own_yes + floor.working() <= shares(total)
    finish(floor, algorithm)
    left = shares(total) - floor.own_yes
    assert left >= 0
    assert left == 0 or left < floor.market.min_size, algorithm.status


@settings(max_examples=60)
@given(script=events, total=st.integers(1, 120), sells=st.booleans())
def test_an_exit_never_exceeds_what_the_entry_filled(script, total, sells):
    kind, params = ALGORITHMS["bracket"]
    prices = ("0.55", "0.45", "0.60") if sells else ("0.45", "0.55", "0.40")
    limit, target, trigger = prices
    side = Side.SELL if sells else Side.BUY
    floor = Floor(yes=shares(1000) if sells else 0)
    algorithm = kind(params(market="m1", total=total, side=side, limit=limit, target=target, trigger=trigger, end=END))
    taken_back = False
    for event in script:
        if event != ("restart",):
            happen(floor, event)
        floor.look(algorithm)
        held = side.sign * floor.own_yes
        taken_back |= event == ("void",)
        if taken_back:  # what rests is cancelled as soon as it can be
            resting = [o for o in floor.live if o.place.side is side.other and o.state in MOVABLE]
            assert sum(order.remaining for order in resting) <= max(0, held)
        else:
            assert floor.working(side.other) <= held
        assert held + floor.working(side) <= shares(total)
    calm(floor)
    if sells:
        floor.bids, floor.asks = levels(("0.61", "10000")), levels(("0.62", "10000"))
    else:
        floor.bids, floor.asks = levels(("0.38", "10000")), levels(("0.39", "10000"))
    for _ in range(8):
        floor.look(algorithm)
        floor.accept()
        floor.cancelled()
        floor.wait(2)
        floor.look(algorithm)
        floor.fill_all()
    assert side.sign * floor.own_yes < floor.market.min_size


@settings(max_examples=60)
@given(
    script=events,
    late=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9)), max_size=4),
    total=st.integers(5, 120),
)
def test_fills_told_after_the_end_of_their_orders_are_all_that_can_be_too_much(script, late, total):
    floor, algorithm, told = Floor(), made("twap", total, {}), 0
    for at, event in enumerate(script):
        happen(floor, event)
        for when, which in late:
            ended = [order for order in floor.orders if order.state == "CANCELLED"]
            if when == at and ended:
                told += floor.fill(ended[which % len(ended)], late=True)
        floor.look(algorithm)
        assert floor.own_yes + floor.working() <= shares(total) + told
    floor.accept()
    floor.trusted = True
    for _ in range(3):
        floor.look(algorithm)
        floor.cancelled()
        floor.accept()
    assert floor.working() == 0 or floor.own_yes + floor.working() <= shares(total)


def scripted(kills: set[int]):
    """Run one script, with a new object at the looks in `kills`; return what was placed."""
    floor = Floor()
    algorithm = made("twap", 100, {"time_jitter": "0.5", "size_jitter": "0.5", "seed": 7})
    for look in range(60):
        if look in kills:
            algorithm = made("twap", 100, {"time_jitter": "0.5", "size_jitter": "0.5", "seed": 7})
        floor.look(algorithm)
        match look % 3:
            case 0:
                floor.accept()
            case 1:
                for order in floor.live:
                    floor.fill(order, shares(3) + look)
            case 2:
                floor.fill_all()
        floor.wait(1.05)
    return floor


def test_killed_at_every_step_the_total_is_exact_and_the_children_are_the_same():
    whole = scripted(set())
    assert whole.own_yes == shares(100)
    told = [(place.price, place.size) for place in whole.placed]
    assert len(told) == 5
    for kill in range(60):
        killed = scripted({kill})
        assert killed.own_yes == shares(100)
        assert [(place.price, place.size) for place in killed.placed] == told
    assert scripted(set(range(60))).own_yes == shares(100)


def test_the_same_seed_is_the_same_schedule_and_another_is_another():
    def children(seed):
        floor = Floor()
        algorithm = made("twap", 100, {"time_jitter": "1", "size_jitter": "1", "seed": seed})
        rows = []
        for _ in range(130):
            rows += [(floor.now_ns - T0, i.size) for i in floor.look(algorithm) if isinstance(i, Place)]
            floor.fill_all()
            floor.wait(0.5)
        return rows

    assert children(1) == children(1) != children(2)
    assert sum(size for _, size in children(3)) == shares(100)

"""States × events, by table: what a parent order does next, in every state its child can be in."""

from __future__ import annotations

import pytest

from agbot.model.order import OrderState
from agbot.strategy.execution import Twap, TwapParams
from agbot.strategy.execution.report import Stage
from agbot.testing.builders import levels, make_market, shares
from agbot.units import to_text
from tests.strategy.execution.floor import T0, Floor, cancels, shown

S = OrderState


def params(**changes):
    plain = {"market": "m1", "total": "100", "end": "100", "slices": 10, "time_jitter": 0, "size_jitter": 0}
    return TwapParams(**{**plain, **changes})


def begun(state: OrderState | None = None, **changes):
    """Return a floor and a TWAP whose first child of 10 is in `state`; None is before there is one."""
    floor, twap = Floor(yes=shares(1000)), Twap(params(**changes))
    if state is None:
        return floor, twap
    assert shown(floor.look(twap)) == [("BUY", "0.52", "10")]
    child = floor.orders[0]
    if state is S.PARTIALLY_FILLED:
        floor.accept()
        floor.fill(child, shares(4))
    elif state in (S.FILLED, S.CANCELLED, S.REJECTED):
        {S.FILLED: floor.fill_all, S.CANCELLED: floor.cancel_everything, S.REJECTED: floor.reject}[state]()
    else:
        child.state = state
    return floor, twap


ANOTHER = [("BUY", "0.52", "10")]
NOTHING: list = []

# state of the first child → what comes at once, and what comes a slice (10 s) later, nothing else having happened
ROWS = {
    None: (ANOTHER, [("BUY", "0.52", "11.111112")]),
    S.PENDING_NEW: (NOTHING, NOTHING),
    S.OPEN: (NOTHING, NOTHING),
    S.PARTIALLY_FILLED: (NOTHING, NOTHING),
    S.PENDING_CANCEL: (NOTHING, NOTHING),
    S.UNKNOWN: (NOTHING, NOTHING),
    S.FILLED: (NOTHING, ANOTHER),
    S.CANCELLED: (ANOTHER, [("BUY", "0.52", "11.111112")]),
    S.REJECTED: (NOTHING, [("BUY", "0.52", "11.111112")]),
}


@pytest.mark.parametrize("state", ROWS, ids=str)
def test_at_once(state):
    floor, twap = begun(state)
    assert shown(floor.look(twap)) == ROWS[state][0]


@pytest.mark.parametrize("state", ROWS, ids=str)
def test_a_slice_later(state):
    floor, twap = begun(state)
    if state in (None, S.REJECTED):
        floor.denies = ("KillSwitch",)
        floor.look(twap)
        floor.denies = ()
    floor.wait(10)
    assert shown(floor.look(twap)) == ROWS[state][1]


LIVE = [S.PENDING_NEW, S.OPEN, S.PARTIALLY_FILLED, S.PENDING_CANCEL, S.UNKNOWN]


@pytest.mark.parametrize("state", LIVE, ids=str)
def test_what_may_still_fill_is_never_placed_again(state):
    """At the last slice everything is due, and only what neither is done nor works is placed."""
    floor, twap = begun(state)
    floor.wait(95)
    placed = shown(floor.look(twap))
    assert placed == [("BUY", "0.52", "90")]


@pytest.mark.parametrize("state", LIVE, ids=str)
@pytest.mark.parametrize("restart", [False, True])
def test_the_end_takes_off_what_can_be_cancelled(state, restart):
    floor, twap = begun(state)
    if restart:
        twap = Twap(params(start="2026-02-25T06:13:20Z", end="2026-02-25T06:15:00Z"))
    floor.wait(101)
    intents = floor.look(twap)
    assert shown(intents) == []
    assert bool(cancels(intents)) == (state in (S.OPEN, S.PARTIALLY_FILLED))
    floor.accept()
    floor.look(twap)
    floor.cancelled()
    assert floor.look(twap) == []
    assert floor.working() == 0
    done = floor.own_yes
    assert twap.status.stage is Stage.OVER
    assert twap.status.why.startswith(f"{to_text(shares(100) - done)} undone: its time is up")


@pytest.mark.parametrize("state", LIVE, ids=str)
def test_the_end_can_take_the_rest(state):
    floor, twap = begun(state, finish="take")
    floor.wait(101)
    floor.look(twap)
    floor.fill_all()
    floor.look(twap)
    floor.fill_all()
    floor.look(twap)
    assert floor.own_yes == shares(100)
    assert twap.status.stage is Stage.DONE


@pytest.mark.parametrize("state", [S.OPEN, S.PARTIALLY_FILLED, S.PENDING_NEW, S.UNKNOWN, S.PENDING_CANCEL], ids=str)
def test_a_child_away_from_the_book_is_moved_once_it_can_be_cancelled(state):
    floor, twap = begun(state)
    floor.asks = levels(("0.53", "1000"))
    intents = floor.look(twap)
    assert shown(intents) == []
    assert bool(cancels(intents)) == (state in (S.OPEN, S.PARTIALLY_FILLED))
    floor.accept()
    floor.look(twap)
    floor.cancelled()
    left = "6" if state is S.PARTIALLY_FILLED else "10"
    assert shown(floor.look(twap)) == [("BUY", "0.53", left)]


@pytest.mark.parametrize("state", [S.OPEN, S.PARTIALLY_FILLED], ids=str)
def test_a_book_that_is_not_trusted_holds_everything(state):
    floor, twap = begun(state)
    floor.trusted = False
    intents = floor.look(twap)
    assert cancels(intents) == ["o1"]
    floor.cancelled()
    floor.wait(10)
    assert floor.look(twap) == []
    assert twap.status.why == "the book is not trusted"
    floor.trusted = True
    assert len(shown(floor.look(twap))) == 1


def test_a_fill_taken_back_is_done_again():
    floor, twap = begun(S.FILLED)
    floor.look(twap)
    assert twap.status.done == shares(10)
    floor.void()
    assert shown(floor.look(twap)) == ANOTHER
    assert twap.status.done == 0
    assert twap.costs.filled == 0


def test_a_fill_told_after_the_end_of_its_order_counts_and_what_is_too_much_goes():
    floor, twap = Floor(), Twap(params(slices=1))
    floor.look(twap)
    floor.cancel_everything()
    assert shown(floor.look(twap)) == [("BUY", "0.52", "100")]
    floor.accept()
    floor.fill(floor.orders[0], shares(30), late=True)
    assert cancels(floor.look(twap)) == ["o2"]
    floor.cancelled()
    assert shown(floor.look(twap)) == [("BUY", "0.52", "70")]


def test_a_denial_is_not_repeated_until_a_second_has_passed():
    floor, twap = Floor(), Twap(params())
    floor.denies = ("BuyingPower", "PositionLimit")
    floor.look(twap)
    for _ in range(9):
        floor.wait(0.1)
        floor.look(twap)
    assert floor.tried == 1
    assert twap.status.why == "denied: BuyingPower, PositionLimit"
    floor.wait(0.2)
    floor.look(twap)
    assert floor.tried == 2


def test_a_rejection_is_not_repeated_until_a_second_has_passed():
    floor, twap = begun(S.REJECTED)
    assert floor.look(twap) == []
    assert twap.status.why == "the venue said no: because"
    floor.wait(1)
    assert shown(floor.look(twap)) == ANOTHER


def test_after_a_kill_switch_it_catches_up_slice_by_slice_and_says_so():
    floor, twap = begun(S.FILLED)
    floor.look(twap)
    floor.wait(50)  # nobody asked it meanwhile
    intents = floor.look(twap)
    assert shown(intents) == [("BUY", "0.52", "18")]
    assert "catching up 40" in intents[0].why
    floor.fill_all()
    assert floor.look(twap) == [], "the slice has had its part of what was missed"
    for _ in range(8):
        floor.fill_all()
        floor.look(twap)
        floor.wait(10)
    assert floor.own_yes == shares(100)


def test_what_is_undone_is_told_with_what_was_in_the_way():
    floor, twap = Floor(), Twap(params(slices=1))
    floor.denies = ("PositionLimit",)
    floor.look(twap)
    floor.wait(0.5)
    floor.look(twap)
    floor.wait(100)
    assert floor.look(twap) == []
    assert twap.status.why == "100 undone: its time is up, before that: denied: PositionLimit"


def test_catching_up_has_a_cap():
    floor, twap = Floor(), Twap(params(max_child="12"))
    floor.wait(0)
    twap.first_ns = T0
    floor.now_ns = T0 + 95 * 10**9
    assert shown(floor.look(twap)) == [("BUY", "0.52", "12")]


def test_before_its_start_it_waits():
    floor, twap = Floor(), Twap(params(start="10", end="110"))
    assert floor.look(twap) == []
    assert (twap.status.stage, twap.status.why) == (Stage.WAITING, "its time has not come")
    assert (twap.status.next_ns, twap.status.next_size) == (T0 + 10 * 10**9, shares(10))
    floor.wait(10)
    assert shown(floor.look(twap)) == ANOTHER
    assert (twap.status.next_ns, twap.status.next_size) == (T0 + 20 * 10**9, shares(10))


def test_an_end_that_had_passed_at_the_first_look_trades_nothing():
    floor, twap = Floor(), Twap(params(end="2026-02-25T06:13:19Z"))
    assert floor.look(twap) == []
    assert twap.status.stage is Stage.OVER


def test_other_markets_are_none_of_its_business():
    floor = Floor(market=make_market("other"))
    assert floor.look(Twap(params())) == []
    assert floor.look(Twap(params(market="other"))) != []


def test_a_resolved_market_is_left_alone():
    """The core takes the orders off, distrusts the books and pays out: nothing is bought again."""
    floor, twap = begun(S.FILLED)
    floor.cancel_everything()
    floor.trusted, floor.own_yes = False, 0
    floor.wait(30)
    assert floor.look(twap) == []

"""States × events, by table: what a parent order does next, in every state its child can be in."""

from __future__ import annotations

from fractions import Fraction

import pytest

from agbot.core.view import Cancel, Place
from agbot.model.order import OrderState, Side
from agbot.strategy.execution import Twap, TwapParams
from agbot.strategy.execution.report import Stage
from agbot.testing.builders import levels, make_market, shares
from agbot.units import to_text
from tests.strategy.execution.floor import ASKS, BIDS, T0, Floor

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


def shown(intents):
    return [(i.side.value, to_text(i.price), to_text(i.size)) for i in intents if isinstance(i, Place)]


def cancels(intents):
    return [i.client_order_id for i in intents if isinstance(i, Cancel)]


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


@pytest.mark.parametrize(
    ("changes", "asks", "placed", "why"),
    [
        ({}, ASKS, [("BUY", "0.52", "50")], "buy 50"),
        ({"limit": "0.515"}, ASKS, [], "the best price 0.52 is beyond the limit 0.515"),
        ({"limit": "0.525"}, levels(("0.52", "20"), ("0.53", "90")), [("BUY", "0.52", "20")], "buy 20"),
        ({}, levels(("0.52", "20"), ("0.53", "90")), [("BUY", "0.53", "50")], "buy 50"),
        ({}, levels(("0.52", "20"), ("0.55", "90")), [("BUY", "0.52", "20")], "buy 20"),
        ({"max_slippage": 0}, levels(("0.52", "20"), ("0.53", "90")), [("BUY", "0.52", "20")], "buy 20"),
        ({}, levels(("0.52", "3")), [], "only 3 can be traded now, below the minimum of 5"),
        ({}, (), [], "nobody is there to trade with"),
        ({"style": "join"}, ASKS, [("BUY", "0.48", "50")], "rests at 0.48"),
        ({"style": "join", "limit": "0.455"}, ASKS, [("BUY", "0.45", "50")], "rests at 0.45"),
        ({"side": "SELL"}, ASKS, [("SELL", "0.48", "50")], "sell 50"),
        ({"side": "SELL", "limit": "0.5"}, ASKS, [], "the best price 0.48 is beyond the limit 0.5"),
        ({"side": "SELL", "style": "join"}, ASKS, [("SELL", "0.52", "50")], "rests at 0.52"),
        ({"total": "4"}, ASKS, [], "4 is below the venue's minimum of 5"),
    ],
)
def test_where_a_child_goes(changes, asks, placed, why):
    floor, twap = Floor(yes=shares(1000)), Twap(params(**{"slices": 2, **changes}))
    floor.asks = asks
    assert shown(floor.look(twap)) == placed
    assert why in twap.status.why


def test_joining_follows_others_not_itself():
    """A feed that shows our own order must not make us chase it."""
    floor, twap = Floor(), Twap(params(style="join", tolerance_ticks=0))
    floor.look(twap)
    floor.accept()
    floor.bids = levels(("0.48", "10"), ("0.47", "1000"))  # the others at 0.48 have gone
    assert cancels(floor.look(twap)) == ["o1"]
    floor.cancelled()
    floor.bids = levels(("0.47", "1000"))
    assert shown(floor.look(twap)) == [("BUY", "0.47", "10")]
    floor.accept()
    floor.bids = levels(("0.47", "1010"))
    assert floor.look(twap) == []


def test_the_last_child_takes_a_remainder_along():
    floor, twap = Floor(), Twap(params(total="23", slices=4, size_jitter=0))
    sizes = []
    for _ in range(4):
        sizes += [size for _, _, size in shown(floor.look(twap))]
        floor.fill_all()
        floor.wait(25)
    assert floor.own_yes == shares(23)
    assert min(map(float, sizes)) >= 5


def test_a_remainder_that_could_not_be_placed_again_stays():
    floor, twap = Floor(), Twap(params(total="10", slices=1))
    floor.look(twap)
    floor.accept()
    floor.fill(floor.orders[0], shares(7))
    floor.asks = levels(("0.53", "1000"))
    assert floor.look(twap) == []
    floor.fill_all()
    floor.look(twap)
    assert twap.status.stage is Stage.DONE


def test_what_a_void_leaves_below_the_minimum_goes_with_the_order_that_rests():
    floor, twap = Floor(), Twap(params(total="20", slices=1, style="join"))
    floor.look(twap)
    floor.accept()
    floor.fill(floor.orders[0], shares(3))
    floor.cancel_everything()
    floor.look(twap)
    floor.accept()
    floor.void()
    assert cancels(floor.look(twap)) == ["o2"]
    floor.cancelled()
    assert shown(floor.look(twap)) == [("BUY", "0.48", "20")]


def test_steps_of_the_venue_are_kept_and_what_is_below_one_is_undone():
    market = make_market(size_step=10_000)
    floor, twap = Floor(market=market), Twap(params(total="20.005", slices=3))
    for _ in range(4):
        floor.look(twap)
        floor.fill_all()
        floor.wait(33)
    floor.look(twap)
    assert floor.own_yes == shares(20)
    assert twap.status.left == 5000


def test_a_taking_buy_is_worth_a_dollar_at_least():
    floor, twap = Floor(), Twap(params(total="30", slices=5))
    floor.asks, floor.bids = levels(("0.1", "1000")), ()
    placed = []
    for _ in range(5):
        placed += shown(floor.look(twap))
        floor.fill_all()
        floor.wait(20)
    assert placed[0] == ("BUY", "0.1", "10") or float(placed[0][2]) >= 10
    assert floor.own_yes == shares(30)


def test_money_and_shares_bound_a_child():
    floor, twap = Floor(), Twap(params(slices=1))
    floor.cash = shares(26)
    assert shown(floor.look(twap)) == [("BUY", "0.52", "49.999998")]
    floor, twap = Floor(market=make_market(fee_rate=40_000)), Twap(params(slices=1))
    floor.cash = shares(26)
    assert shown(floor.look(twap)) == [("BUY", "0.52", "49.058082")], "26 / (0.52 + 0.04·0.52·0.48)"
    floor, twap = Floor(yes=shares(40)), Twap(params(slices=1, side="SELL"))
    assert shown(floor.look(twap)) == [("SELL", "0.48", "40")]


def test_no_is_traded_at_its_own_prices():
    floor, twap = Floor(), Twap(params(outcome="no", slices=1))
    floor.bids, floor.asks = levels(("0.40", "1000")), levels(("0.44", "1000"))
    intents = floor.look(twap)
    assert shown(intents) == [("BUY", "0.6", "100")]
    assert intents[0].token == floor.market.no
    floor.fill_all()
    floor.look(twap)
    assert twap.status.stage is Stage.DONE


def test_costs_add_up_to_the_last_digit():
    floor, twap = Floor(), Twap(params(slices=2))
    floor.bids, floor.asks = levels(("0.48", "1000")), levels(("0.51", "1000"))
    floor.look(twap)
    floor.accept()
    floor.fill(floor.orders[0], shares(20), price=510_000)
    floor.fill(floor.orders[0], shares(30), price=500_000)
    floor.asks = levels(("0.55", "1000"))
    floor.print(shares(7), 530_000)
    floor.look(twap)
    found = twap.costs.shortfall(twap.status.left)
    assert found.total == found.delay + found.execution + found.opportunity + found.fees
    told = twap.metadata()
    assert (told["average"], told["arrival"]) == ("0.504", "0.495")
    assert told["execution"] == to_text(20 * 15_000 + 30 * 5_000)
    assert told["opportunity"] == to_text(50 * 20_000)
    assert (told["done"], told["left"], told["side"], told["strategy"]) == ("50", "50", "BUY", "Twap")
    assert found.participation == Fraction(50, 7)


def test_metadata_before_anything_was_seen():
    told = Twap(params()).metadata()
    assert (told["stage"], told["why"], told["average"], told["shortfall"]) == ("waiting", "not asked yet", None, None)


def test_a_policy_that_asks_for_the_value_gets_it():
    floor = Floor()
    place = floor.look(Twap(params(fair="0.6")))[0]
    assert place.fair == 600_000
    assert place.side is Side.BUY
    assert BIDS[0][0] < place.price

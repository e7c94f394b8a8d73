"""What raises a doubt about a book, what does not, and what ends it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.core.book import CURED_BY_SNAPSHOT, OrderBook
from agbot.model.events import BookDelta, BookSnapshot, Doubt, TradePrint
from agbot.model.order import Side
from agbot.units import NS_PER_S
from agbot.venue.polymarket.trust import TokenTrust, TrustTerms
from agbot.venue.polymarket.wire import Top

TERMS = TrustTerms()
S = NS_PER_S
REAL = BookSnapshot("y", ((480_000, 5),), ((520_000, 5),), 10)
FAR = BookSnapshot("y", ((10_000, 5),), ((990_000, 5),), 10)
TIGHT = Top(480_000, 520_000)
NUDGE = BookDelta("y", ((0, 470_000, 7),), 11)


def believed(snapshot: BookSnapshot = REAL) -> TokenTrust:
    trust = TokenTrust(10_000)
    assert trust.snapshot(snapshot)
    return trust


def test_nothing_is_believed_before_a_whole_book():
    trust = TokenTrust(10_000)
    trust.look(5 * S, TIGHT)
    assert trust.cause is Doubt.NO_SNAPSHOT
    assert trust.wants_a_new_book
    trust.snapshot(REAL)
    assert (trust.cause, trust.live, trust.wants_a_new_book, trust.wants_a_check) == (None, True, False, False)


def spoil(trust: TokenTrust, cause: Doubt) -> None:
    """Raise `cause` by what raises it."""
    match cause:
        case Doubt.GAP:
            trust.lost()
        case Doubt.TICK:
            trust.retick(1_000)
        case Doubt.CROSSED:
            trust.delta(BookDelta("y", ((0, 530_000, 1),), 11))
            trust.look(0, None)
            trust.look(4 * S, None)
        case Doubt.DISAGREES:
            trust.look(0, Top(480_000, 510_000))
            trust.look(4 * S, Top(480_000, 510_000))
        case Doubt.REST:
            for _ in range(2):
                trust.checked(BookSnapshot("y", ((490_000, 1),), ((520_000, 1),), 12))
        case Doubt.GHOST:
            trust.snapshot(FAR)
            trust.look(0, None, believed().book)
        case Doubt.SILENT:
            trust.silent(True)
        case Doubt.IMPOSSIBLE:
            assert not trust.snapshot(BookSnapshot("y", ((480_001, 1),), (), 11))
        case _:
            raise AssertionError(cause)


RAISED = [cause for cause in Doubt if cause not in (Doubt.UNSUBSCRIBED, Doubt.NO_SNAPSHOT)]


@pytest.mark.parametrize("cause", RAISED)
def test_each_doubt_and_whether_a_whole_book_ends_it(cause):
    trust = believed()
    spoil(trust, cause)
    assert trust.cause is cause
    assert trust.wants_a_new_book == (cause is not Doubt.SILENT)
    trust.snapshot(REAL)
    assert (trust.cause is None) == (cause in CURED_BY_SNAPSHOT)


@given(st.lists(st.sampled_from(RAISED), min_size=1))
def test_the_first_doubt_that_holds_is_told(raised):
    trust = believed()
    for cause in raised:
        trust.doubt(cause)
    assert trust.cause is min(raised, key=RAISED.index)


# ---------------------------------------------------------------- crossed, contradicted: in messages and in time


@pytest.mark.parametrize(("messages", "doubted"), [(TERMS.messages, False), (TERMS.messages + 1, True)])
def test_a_crossed_book_is_doubted_after_so_many_messages(messages, doubted):
    trust = believed()
    trust.delta(BookDelta("y", ((0, 530_000, 1),), 11))
    trust.look(0, None)
    for _ in range(messages - 1):
        trust.delta(NUDGE)
        trust.look(0, None)
    assert (trust.cause is Doubt.CROSSED) == doubted


@pytest.mark.parametrize(("seconds", "doubted"), [(3, False), (3.001, True)])
@pytest.mark.parametrize("claimed", [Top(480_000, 510_000), Top(0, 520_000), Top(480_000, 1_000_000)])
def test_a_contradicted_book_is_doubted_after_some_seconds_of_a_quiet_market(seconds, doubted, claimed):
    trust = believed()
    trust.look(S, claimed)
    trust.look(S + int(seconds * S), claimed)
    assert (trust.cause is Doubt.DISAGREES) == doubted


def test_what_passes_starts_anew():
    trust = believed()
    for _ in range(20):
        trust.look(0, Top(480_000, 510_000))
        trust.look(2 * S, Top(480_000, 510_000))
        trust.look(2 * S, TIGHT)
        trust.delta(NUDGE)
    assert trust.cause is None


# ---------------------------------------------------------------- ghosts


def printed(trust: TokenTrust, price: int, at_s: int) -> None:
    trust.print(TradePrint("y", Side.BUY, price, 1, 1), at_s * S)


def test_far_levels_alone_are_a_book_like_any_other():
    trust = believed(FAR)
    trust.look(S, None)
    trust.look(S, Top(10_000, 990_000), believed(FAR).book)
    printed(trust, 990_000, 1)
    trust.look(S, None)
    assert trust.cause is None


def test_a_trade_between_far_levels_speaks_against_them_for_a_minute():
    trust = believed(FAR)
    printed(trust, 500_000, 1)
    trust.look(S, None)
    assert (trust.cause, trust.wants_a_check) == (Doubt.GHOST, True)
    trust.look(61 * S, None)
    assert trust.cause is Doubt.GHOST
    trust.look(62 * S, None)
    assert trust.cause is None


@pytest.mark.parametrize(
    ("claimed", "other"),
    [(Top(400_000, 0), None), (Top(10_000, 500_000), None), (None, REAL)],
    ids=["bid", "ask", "other outcome"],
)
def test_what_else_shows_a_ghost(claimed, other):
    trust = believed(FAR)
    trust.look(S, claimed, believed(other).book if other else None)
    assert trust.cause is Doubt.GHOST
    trust.delta(BookDelta("y", ((0, 480_000, 1),), 12))
    trust.look(S, claimed, believed(other).book if other else None)
    assert trust.cause is not Doubt.GHOST


def test_an_empty_book_is_far():
    trust = believed(BookSnapshot("y", (), (), 10))
    trust.look(S, None, believed().book)
    assert trust.cause is Doubt.GHOST


# ---------------------------------------------------------------- REST

OTHERWISE = BookSnapshot("y", ((490_000, 1),), ((520_000, 1),), 12)


def test_one_other_answer_may_be_early_a_second_one_is_not():
    trust = believed()
    trust.checked(OTHERWISE)
    assert (trust.cause, trust.wants_a_check) == (None, True)
    trust.checked(OTHERWISE)
    assert trust.cause is Doubt.REST
    trust.checked(REAL)
    assert (trust.cause, trust.wants_a_check) == (None, False)


def test_an_answer_older_than_our_book_says_nothing():
    trust = believed()
    for _ in range(3):
        trust.checked(BookSnapshot("y", (), (), 10))
    assert trust.cause is None


def test_a_book_that_moved_between_two_answers_is_given_time():
    trust = believed()
    for ts_ns in range(11, 20):
        trust.checked(BookSnapshot("y", ((490_000, 1),), (), ts_ns + 1))
        trust.delta(BookDelta("y", ((0, 470_000, ts_ns),), ts_ns))
    assert trust.cause is None


def test_a_new_book_after_the_answer_settles_it_only_when_rest_is_older():
    trust = believed()
    spoil(trust, Doubt.REST)
    trust.snapshot(BookSnapshot("y", ((480_000, 5),), ((520_000, 5),), 20))
    assert trust.cause is Doubt.REST
    trust.checked(OTHERWISE)
    assert trust.cause is None


def test_a_book_that_is_not_live_is_not_compared():
    trust = TokenTrust(10_000)
    trust.checked(OTHERWISE)
    trust.checked(OTHERWISE)
    assert trust.cause is Doubt.NO_SNAPSHOT


# ---------------------------------------------------------------- the core folds it alike

levels = st.lists(st.tuples(st.integers(1, 99).map(lambda p: p * 10_000), st.integers(1, 9)), max_size=4)


@given(
    st.lists(
        st.one_of(
            st.builds(lambda b, a: BookSnapshot("y", tuple(b), tuple(a), 1), levels, levels),
            st.builds(lambda c: BookDelta("y", tuple((0, p, s) for p, s in c), 1), levels),
            st.sampled_from(RAISED),
        ),
        max_size=12,
    )
)
def test_the_core_told_of_every_change_believes_exactly_what_the_feed_believes(story):
    """The invariant that matters: after the events of a read, trusted in the core means no doubt here."""
    trust, core, told = TokenTrust(10_000), OrderBook(10_000), Doubt.NO_SNAPSHOT
    for event in story:
        if isinstance(event, Doubt):
            trust.doubt(event)
        elif isinstance(event, BookSnapshot):
            trust.snapshot(event)
            core.snapshot(event.bids, event.asks, 1)
        elif trust.live:
            trust.delta(event)
            core.delta(event.changes, 1)
        cause = trust.cause or ""
        if cause != told:
            core.doubt, told = ("" if cause == Doubt.NO_SNAPSHOT else cause), cause
        assert core.trusted == (trust.cause is None)

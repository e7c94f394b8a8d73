"""The circuit breaker: every state against every event, and what holds after any sequence of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.core.backoff import Backoff
from agbot.core.breaker import IN_A_ROW, LAST, OF_LAST, Breaker, Position

PAUSE = Backoff(first_s=1.0, longest_s=8.0)
LATE_S = 100.0
"""After any pause."""


def closed() -> Breaker:
    return Breaker(PAUSE)


def opened() -> Breaker:
    breaker = closed()
    for _ in range(IN_A_ROW):
        breaker.failed(0.0, breaker.sent(0.0), 0.5)
    return breaker


EVENTS = {
    "asked at once": lambda breaker, _ticket: breaker.sent(0.0),
    "asked later": lambda breaker, _ticket: breaker.sent(LATE_S),
    "success": lambda breaker, _ticket: breaker.succeeded(),
    "failure": lambda breaker, ticket: breaker.failed(LATE_S, ticket, 0.5),
    "withdrawn": lambda breaker, ticket: breaker.withdrawn(ticket),
}
NEXT = {
    Position.CLOSED: {"failure": Position.CLOSED},
    Position.OPEN: {"asked later": Position.TRIAL, "success": Position.CLOSED},
    Position.TRIAL: {"success": Position.CLOSED, "failure": Position.OPEN, "withdrawn": Position.OPEN},
}
"""What is in no row stays where it is."""


def at(position: Position):
    """Return a breaker there, and the ticket of the request that went last."""
    breaker = closed() if position is Position.CLOSED else opened()
    ticket = breaker.sent(LATE_S if position is Position.TRIAL else 0.0)
    assert breaker.position is position
    return breaker, ticket


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("position", Position)
def test_every_state_and_event(position: Position, event: str) -> None:
    breaker, ticket = at(position)
    EVENTS[event](breaker, ticket)
    assert breaker.position is NEXT[position].get(event, position)


@pytest.mark.parametrize("position", [Position.OPEN, Position.TRIAL])
def test_what_was_sent_before_it_opened_does_not_lengthen_the_pause(position: Position) -> None:
    breaker = closed()
    old = breaker.sent(0.0)
    for _ in range(IN_A_ROW):
        breaker.failed(0.0, breaker.sent(0.0), 0.5)
    if position is Position.TRIAL:
        breaker.sent(LATE_S)
    wait_s = breaker.wait_s(0.0)
    assert not breaker.failed(0.5, old, 0.5)
    assert (breaker.position, breaker.wait_s(0.0)) == (position, wait_s)


def test_a_share_of_failures_opens_it_though_answers_come_between() -> None:
    breaker, sent = closed(), 0
    while breaker.position is Position.CLOSED:
        sent += 1
        ticket = breaker.sent(0.0)
        if sent % 3 == 0:
            breaker.succeeded()
        else:
            breaker.failed(0.0, ticket, 0.5)
    assert breaker.failures < IN_A_ROW
    assert OF_LAST <= sent <= LAST


def test_fewer_failures_than_that_open_nothing() -> None:
    breaker = closed()
    for _ in range(100):
        breaker.succeeded()
        breaker.failed(0.0, breaker.sent(0.0), 0.5)
    assert breaker.position is Position.CLOSED


def test_pauses_grow_with_each_trial_that_fails_and_start_anew_after_an_answer() -> None:
    breaker, now_s, pauses = opened(), 0.0, []
    for _ in range(5):
        pauses.append(breaker.wait_s(now_s))
        now_s += pauses[-1]
        breaker.failed(now_s, breaker.sent(now_s), 0.5)
    assert pauses == [0.75, 1.5, 3.0, 6.0, 6.0]
    breaker.succeeded()
    for _ in range(IN_A_ROW):
        breaker.failed(now_s, breaker.sent(now_s), 0.5)
    assert breaker.wait_s(now_s) == pytest.approx(0.75)


@given(st.lists(st.tuples(st.sampled_from(["ask", "ok", "ill", "gone"]), st.floats(0, 3), st.floats(0, 0.99))))
def test_any_sequence_keeps_one_trial_and_never_shuts_for_good(events) -> None:
    breaker, now_s, under_way = closed(), 0.0, []
    for event, pause_s, dice in events:
        now_s += pause_s
        if event == "ask":
            if breaker.admits(now_s):
                under_way.append(breaker.sent(now_s))
        elif under_way:
            ticket = under_way.pop()
            if event == "ok":
                breaker.succeeded()
                assert breaker.position is Position.CLOSED
            elif event == "ill":
                breaker.failed(now_s, ticket, dice)
            else:
                breaker.withdrawn(ticket)
        assert 0 <= breaker.wait_s(now_s) <= PAUSE.longest_s
        current = [ticket for ticket in under_way if ticket.trial and ticket.opened == breaker._opened]
        assert len(current) == (breaker.position is Position.TRIAL)
        if breaker.position is not Position.TRIAL:
            assert breaker.admits(now_s + PAUSE.longest_s)

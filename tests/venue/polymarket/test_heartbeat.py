"""The venue's dead man's switch: the chain of ids, the deadline, and what a miss leads to."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from agbot.errors import VenueAuthFailed, VenueUnavailable
from agbot.units import NS_PER_S
from agbot.venue.polymarket.heartbeat import Heart, Heartbeat


def s(seconds):
    return int(seconds * NS_PER_S)


def test_the_first_is_due_at_once_and_arms_it():
    beat = Heartbeat()
    assert (beat.due(s(5)), beat.id, beat.armed) == (0, "", False)
    assert not beat.overdue(s(1000))
    beat.accepted(s(5), "a")
    assert (beat.due(s(5)), beat.id, beat.armed) == (s(5), "a", True)


def test_the_deadline_counts_from_the_last_accepted_send():
    beat = Heartbeat()
    beat.accepted(s(0), "a")
    beat.missed(s(4))
    assert not beat.overdue(s(9.9))
    assert beat.overdue(s(10))


def test_a_miss_is_counted_and_tried_again_soon():
    beat = Heartbeat()
    beat.accepted(0, "a")
    beat.missed(s(5))
    assert (beat.misses, beat.due(s(5)), beat.id) == (1, s(1), "a")
    assert not beat.accepted(s(6), "b")
    assert beat.misses == 0


def test_a_loss_is_told_once_and_again_after_it_came_back():
    beat = Heartbeat()
    beat.accepted(0, "a")
    told = [beat.newly_lost(s(t)) for t in (9, 10, 11, 60)]
    assert told == [False, True, False, False]
    assert beat.accepted(s(61), "b")
    assert not beat.accepted(s(66), "c")
    assert beat.newly_lost(s(76))


@given(st.lists(st.tuples(st.sampled_from(["yes", "no"]), st.integers(0, 8)), max_size=40))
def test_it_is_overdue_exactly_ten_seconds_after_the_last_yes(steps):
    beat, now, last = Heartbeat(), 0, None
    for what, gap in steps:
        now += s(gap)
        if what == "yes":
            beat.accepted(now, "x")
            last = now
        else:
            beat.missed(now)
        assert beat.overdue(now) is False or last != now
        assert beat.overdue(now + s(3)) == (last is not None and now + s(3) - last >= s(10))
        assert 0 <= beat.due(now) <= s(5)


# ---------------------------------------------------------------- the task


class Venue:
    """Answers by script: an id, an error, or "hang"; then names ids of its own."""

    def __init__(self, *script):
        self.script = list(script)
        self.sent = []

    async def send(self, heartbeat_id):
        self.sent.append((round(trio.current_time(), 1), heartbeat_id))
        said = self.script.pop(0) if self.script else f"h{len(self.sent)}"
        match said:
            case "hang":
                await trio.sleep_forever()
            case Exception():
                raise said
        return said


async def beaten(venue, seconds):
    """Run a heart; returns it and the times at which orders were read anew."""
    synced = []

    async def back():
        synced.append(trio.current_time())

    heart = Heart(venue.send, back=back, now_ns=lambda: s(trio.current_time()))
    with trio.move_on_after(seconds):
        await heart.run()
    return heart, synced


async def test_it_beats_every_five_seconds_with_the_id_it_was_given(autojump_clock):
    venue = Venue()
    heart, synced = await beaten(venue, 16)
    assert venue.sent == [(0, ""), (5, "h1"), (10, "h2"), (15, "h3")]
    assert (heart.overdue, synced) == (False, [])


async def test_an_answer_that_does_not_come_is_a_miss_and_does_not_stop_the_beat(autojump_clock):
    venue = Venue("a", "hang")
    heart, _ = await beaten(venue, 13)
    assert venue.sent == [(0, ""), (5, "a"), (10, "a")]
    assert not heart.overdue


@pytest.mark.parametrize(("seconds", "overdue", "read_at"), [(12, True, []), (20, False, [13])])
async def test_ten_seconds_without_one_and_then_orders_are_read_anew(seconds, overdue, read_at, autojump_clock):
    heart, synced = await beaten(Venue("a", *[VenueUnavailable("no route")] * 8), seconds)
    assert (heart.overdue, synced) == (overdue, read_at)


async def test_a_read_that_fails_afterwards_does_not_stop_the_beat(autojump_clock):
    async def back():
        raise VenueUnavailable("no route")

    venue = Venue("a", *[VenueUnavailable("no route")] * 8)
    heart = Heart(venue.send, back=back, now_ns=lambda: s(trio.current_time()))
    with trio.move_on_after(30):
        await heart.run()
    assert not heart.overdue
    assert len(venue.sent) >= 12


async def test_a_read_that_takes_its_time_afterwards_does_not_stop_the_beat(autojump_clock):
    venue = Venue("a", *[VenueUnavailable("no route")] * 8)
    heart = Heart(venue.send, back=trio.sleep_forever, now_ns=lambda: s(trio.current_time()))
    with trio.move_on_after(40):
        await heart.run()
    assert [at for at, _ in venue.sent][-6:] == [13, 18, 23, 28, 33, 38]
    assert not heart.overdue


@pytest.mark.parametrize("error", [KeyError("a bug")])
async def test_a_bug_is_not_a_miss(error, autojump_clock):
    with pytest.RaisesGroup(KeyError, flatten_subgroups=True):
        await beaten(Venue(error), 5)


async def test_a_key_that_is_refused_again_and_again_ends_it(autojump_clock):
    refused = VenueAuthFailed("HTTP 401")
    venue = Venue("a", refused, refused, "b", refused, refused, refused, "c")
    with pytest.RaisesGroup(VenueAuthFailed, flatten_subgroups=True):
        await beaten(venue, 60)
    assert len(venue.sent) == 7


def test_how_long_the_venue_has_heard_none_is_told_once_that_is_too_long():
    async def send(_id):
        return "next"

    async def back():
        raise AssertionError("it was never lost")

    now = [0]
    heart = Heart(send, back=back, now_ns=lambda: now[0])
    assert heart.silent_ns() == 0, "not armed"
    heart.beat.accepted(s(5), "a")
    told = []
    for at in (14.9, 15, 40):
        now[0] = s(at)
        told.append(heart.silent_ns())
    assert told == [0, s(10), s(35)]

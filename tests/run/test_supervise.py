"""Supervision: what is run again, what is let out, and how a backstop ends."""

from __future__ import annotations

from itertools import pairwise

import pytest
import trio

from agbot.core.backoff import Backoff
from agbot.errors import NotFlatError, VenueAmbiguous, VenueUnavailable, leaves
from agbot.run.supervise import HEALTHY_AFTER_S, Backstop, background, doubt_told, flat_on_exit, supervise

SCHEDULE = Backoff(first_s=1, longest_s=8)


class Losing:
    """Raises what the test lists, one a run, after living for `lives` seconds; then returns."""

    def __init__(self, *losses, lives=0.0):
        self.losses = list(losses)
        self.lives = lives
        self.began = []
        self.said = []

    async def run(self):
        self.began.append(trio.current_time())
        await trio.sleep_until(self.began[-1] + self.lives)
        if self.losses:
            raise self.losses.pop(0)

    async def supervised(self):
        await supervise(
            self.run, lost=VenueUnavailable, backoff=SCHEDULE, on_loss=self.said.append, random_unit=lambda: 0.999999
        )

    def gaps(self):
        return [round(b - a - self.lives, 3) for a, b in pairwise(self.began)]


async def test_a_loss_is_tried_again_by_the_schedule_from_its_beginning(autojump_clock):
    losing = Losing(*(VenueUnavailable(f"no {n}") for n in range(5)))
    await losing.supervised()
    assert losing.gaps() == [1, 2, 4, 8, 8]
    assert [s.partition("no ")[2] for s in losing.said] == ["0", "1", "2", "3", "4"]


async def test_a_healthy_while_starts_the_schedule_anew(autojump_clock):
    losing = Losing(*(VenueUnavailable("x") for _ in range(3)), lives=HEALTHY_AFTER_S)
    await losing.supervised()
    assert losing.gaps() == [1, 1, 1]


async def test_losses_inside_groups_are_losses_and_all_are_told(autojump_clock):
    group = ExceptionGroup("g", [VenueUnavailable("a"), ExceptionGroup("h", [VenueUnavailable("b")])])
    losing = Losing(group)
    await losing.supervised()
    assert len(losing.began) == 2
    (said,) = losing.said
    assert "a" in said
    assert "b" in said


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("bug"), ExceptionGroup("g", [VenueUnavailable("a"), ZeroDivisionError("bug")])]
)
async def test_everything_else_is_let_out(error, autojump_clock):
    losing = Losing(error)
    with pytest.RaisesGroup(ZeroDivisionError, allow_unwrapped=True, flatten_subgroups=True):
        await losing.supervised()
    assert len(losing.began) == 1


async def test_a_service_is_ready_before_the_body_and_cancelled_after_it():
    story = []

    async def service(task_status=trio.TASK_STATUS_IGNORED):
        story.append("up")
        task_status.started("ready")
        try:
            await trio.sleep_forever()
        finally:
            story.append("down")

    async with background(service) as started:
        story.append(started)
    assert story == ["up", "ready", "down"]


@pytest.mark.parametrize(("polite", "took"), [(True, 0.0), (False, 3.0)])
async def test_a_polite_service_is_asked_then_given_a_grace(polite, took, autojump_clock):
    asked = trio.Event()

    async def service(task_status=trio.TASK_STATUS_IGNORED):
        task_status.started()
        if polite:
            await asked.wait()
        else:
            await trio.sleep_forever()

    began = trio.current_time()
    async with background(service, ask=asked.set, grace_s=3):
        pass
    assert asked.is_set()
    assert trio.current_time() - began == pytest.approx(took)


class Flattable:
    def __init__(self, error=None, hang=False):
        self.error, self.hang, self.calls = error, hang, 0

    async def cancel_all(self):
        self.calls += 1
        if self.hang:
            await trio.sleep_forever()
        if self.error:
            raise self.error


def lost_answers():
    """Return a venue whose every answer is lost."""
    return Flattable(ExceptionGroup("g", [VenueAmbiguous("lost")]))


async def test_the_backstop_works_in_a_cancelled_scope(autojump_clock):
    venue = Flattable()
    with trio.CancelScope() as scope:
        async with flat_on_exit(venue, Backstop(), grace_s=5):
            scope.cancel()
            await trio.sleep_forever()
    assert venue.calls == 1


async def test_a_venue_that_refuses_or_hangs_is_said_and_does_not_hide_the_cause(logged, autojump_clock):
    log, backstop = logged("agbot.run.supervise"), Backstop()
    with pytest.RaisesGroup(ZeroDivisionError, NotFlatError):
        async with doubt_told(backstop), flat_on_exit(lost_answers(), backstop, grace_s=5):
            raise ZeroDivisionError
    assert log.lines[0] == ("cancel_all.failed", {"errors": ["[AGB-405] lost"]})
    assert log.lines[-1] == ("cancel_all.unconfirmed", {"grace_s": 5, "last": "[AGB-405] lost"})
    async with flat_on_exit(Flattable(hang=True), backstop, grace_s=5):
        began = trio.current_time()
    assert trio.current_time() - began == pytest.approx(5)
    assert backstop.doubt == "no answer within 5 s"


async def test_where_an_outer_service_breaks_the_doubt_is_raised_beside_it(autojump_clock):
    async def breaks(task_status=trio.TASK_STATUS_IGNORED):
        task_status.started()
        await trio.sleep(1)
        raise ZeroDivisionError

    backstop = Backstop()
    with pytest.RaisesGroup(ZeroDivisionError, NotFlatError, flatten_subgroups=True):
        async with doubt_told(backstop), background(breaks), flat_on_exit(lost_answers(), backstop, grace_s=5):
            await trio.sleep_forever()


async def test_a_run_that_is_cancelled_as_a_whole_is_told_of_by_who_did_it(autojump_clock):
    backstop = Backstop()
    with trio.CancelScope() as scope:
        async with doubt_told(backstop), flat_on_exit(lost_answers(), backstop, grace_s=5):
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert backstop.doubt == "[AGB-405] lost"


async def test_a_doubt_after_an_orderly_end_is_an_error(autojump_clock):
    backstop = Backstop()
    with pytest.raises(NotFlatError, match=r"orders may still rest: .*lost"):
        async with doubt_told(backstop), flat_on_exit(lost_answers(), backstop, grace_s=5):
            pass


async def test_the_backstop_asks_again_while_the_venue_refuses(autojump_clock):
    class Restarting:
        calls = 0

        async def cancel_all(self):
            self.calls += 1
            if self.calls < 4:
                raise VenueUnavailable("restarting")

    venue = Restarting()
    backstop = Backstop()
    async with flat_on_exit(venue, backstop, grace_s=5):
        pass
    assert (venue.calls, backstop.doubt) == (4, "")


async def test_an_unknown_error_of_the_backstop_comes_out():
    with pytest.raises(RuntimeError):
        async with flat_on_exit(Flattable(RuntimeError("bug")), Backstop(), grace_s=5):
            pass


def test_leaves_are_the_plain_errors():
    a, b, c = ValueError("a"), KeyError("b"), SystemExit(1)
    assert list(leaves(BaseExceptionGroup("g", [a, BaseExceptionGroup("h", [b, c])]))) == [a, b, c]
    assert list(leaves(a)) == [a]

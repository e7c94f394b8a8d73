"""A venue watched over: what counts against it, what waits for its breaker, and what its answers measured."""

from __future__ import annotations

import pytest

from agbot.core.backoff import Backoff
from agbot.core.breaker import IN_A_ROW, Position
from agbot.errors import (
    VenueAmbiguous,
    VenueAuthFailed,
    VenueHeld,
    VenueNotFound,
    VenueProtocolError,
    VenueRefused,
    VenueThrottled,
    VenueUnavailable,
)
from agbot.model.events import Health
from agbot.venue.care import SILENCE_S, SLOW_OF, SLOW_S, SLOW_WINDOW_S, THROTTLED_MAX, WINDOW_S, Call, Care

PAUSE = Backoff(first_s=1.0, longest_s=4.0)
FREE = ("cancel", "heartbeat", "auth")
ILL = [VenueUnavailable, VenueAmbiguous, VenueProtocolError]
WELL = [VenueAuthFailed, VenueNotFound, VenueThrottled]


class Gone(BaseException):
    """Stands for a cancelled scope."""


class Bench:
    def __init__(self) -> None:
        self.now_s = 100.0
        self.care = Care("v", lambda: self.now_s, lambda: 0.5, held={"submit": PAUSE, "read": PAUSE})

    def ask(self, operation: str, kind=None, seconds: float = 0.1, **more) -> None:
        """Make a request that takes so long and ends so."""
        with self.care.request(operation) as under:
            self.now_s += seconds
            if kind is not None:
                raise kind("so", **({} if kind is Gone else {"venue": "v"}), **more)
            under.answer()

    def fails(self, operation: str, kind, times: int = 1, **more) -> None:
        for _ in range(times):
            with pytest.raises(kind):
                self.ask(operation, kind, **more)

    def gives_up(self, operation: str, seconds: float) -> None:
        with pytest.raises(Gone):
            self.ask(operation, Gone, seconds)

    @property
    def health(self) -> Health:
        return self.care.condition().health


@pytest.mark.parametrize("kind", ILL)
@pytest.mark.parametrize(("operation", "health"), [("submit", Health.DOWN), ("read", Health.DEGRADED)])
def test_what_is_held_is_not_sent_while_its_breaker_is_open_and_one_trial_ends_it(kind, operation, health) -> None:
    bench = Bench()
    bench.fails(operation, kind, IN_A_ROW)
    assert bench.health is health
    with pytest.raises(VenueHeld, match=f"{operation} failed {IN_A_ROW} times in a row; tried again in"):
        bench.ask(operation)
    bench.now_s += PAUSE.longest_s
    assert bench.health is Health.HEALTHY, "the trial may go"
    with bench.care.request(operation) as under:
        with pytest.raises(VenueHeld, match="a trial is under way"):
            bench.ask(operation)
        under.answer()
    bench.ask(operation)
    assert bench.health is Health.HEALTHY


@pytest.mark.parametrize("operation", FREE)
def test_cancels_and_heartbeats_are_never_held_back(operation) -> None:
    bench = Bench()
    bench.fails(operation, VenueUnavailable, 50)
    assert (bench.health, bench.care.condition().reason[: len(operation)]) == (Health.DEGRADED, operation)
    bench.ask(operation)
    assert bench.health is Health.HEALTHY


@pytest.mark.parametrize("kind", WELL)
def test_a_no_is_the_answer_of_a_venue_that_is_well(kind) -> None:
    bench = Bench()
    for _ in range(2):
        bench.fails("submit", VenueUnavailable, IN_A_ROW - 1)
        bench.fails("submit", kind, **({"retry_after_s": 1.0} if kind is VenueThrottled else {}))
    bench.fails("submit", VenueRefused, 50, code="balance")
    assert bench.care.breaker("submit").position is Position.CLOSED


def test_a_request_given_up_early_says_nothing_and_a_long_silence_is_a_failure() -> None:
    bench = Bench()
    for _ in range(50):
        bench.gives_up("submit", SILENCE_S / 2)
    assert bench.health is Health.HEALTHY
    for _ in range(IN_A_ROW):
        bench.gives_up("submit", SILENCE_S)
    assert bench.health is Health.DOWN


def test_a_trial_that_is_given_up_early_lets_the_next_one_go() -> None:
    bench = Bench()
    bench.fails("submit", VenueAmbiguous, IN_A_ROW)
    bench.now_s += PAUSE.longest_s
    bench.gives_up("submit", 0.1)
    bench.ask("submit")
    assert bench.health is Health.HEALTHY


def test_heavy_throttling_degrades_and_is_over_with_its_window() -> None:
    bench = Bench()
    bench.fails("submit", VenueThrottled, THROTTLED_MAX, seconds=0.0, retry_after_s=0.1)
    assert bench.health is Health.HEALTHY
    bench.fails("cancel", VenueThrottled, seconds=0.0, retry_after_s=0.1)
    assert bench.health is Health.DEGRADED
    assert dict(bench.care.throttles) == {"submit": THROTTLED_MAX, "cancel": 1}
    bench.now_s += WINDOW_S + 0.1
    assert bench.health is Health.HEALTHY


def test_slow_answers_to_orders_degrade_and_slow_reads_do_not() -> None:
    bench = Bench()
    for _ in range(SLOW_OF):
        bench.ask("read", seconds=SLOW_S * 2)
    assert bench.health is Health.HEALTHY
    for _ in range(SLOW_OF):
        bench.ask("submit", seconds=SLOW_S * 1.1)
    assert (bench.health, "slow" in bench.care.condition().reason) == (Health.DEGRADED, True)
    bench.now_s += SLOW_WINDOW_S
    assert bench.health is Health.HEALTHY


def test_every_request_is_measured_once_with_the_class_of_its_error() -> None:
    bench = Bench()
    bench.ask("submit", seconds=0.25)
    bench.fails("read", VenueNotFound, seconds=0.5)
    bench.fails("cancel", VenueAmbiguous, seconds=0.5)
    bench.fails("submit", VenueRefused, seconds=0.5, code="x")
    bench.gives_up("submit", SILENCE_S / 4)
    bench.gives_up("submit", SILENCE_S)
    assert bench.care.drain() == [
        Call("submit", 0.25),
        Call("read", 0.5),
        Call("cancel", 0.5, "ambiguous"),
        Call("submit", 0.5, "refused"),
        Call("submit", SILENCE_S, "silence"),
    ]
    assert bench.care.drain() == []

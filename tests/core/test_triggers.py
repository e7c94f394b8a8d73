"""Limits of the kill switch: above trips, at the limit does not, unknown is no excuse, a restart no second chance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.core.limits import DEFAULT, OFF, Limits
from agbot.core.triggers import UNKNOWN_NS, Baseline, Triggers
from agbot.core.turnover import NS_PER_DAY
from agbot.units import NS_PER_S, SCALE

NOON = 20_000 * NS_PER_DAY + NS_PER_DAY // 2
USD = SCALE
S = NS_PER_S


class Bench:
    """Triggers of an account of 1000 usd, and a clock that goes on by a second a look."""

    def __init__(self, limits: Limits = DEFAULT, baseline: Baseline | None = None) -> None:
        self.triggers = Triggers(limits, baseline)
        self.now = NOON
        self.brought = 1000 * USD

    def look(self, equity: int | None = 1000 * USD, *, believed: bool = True, after_ns: int = S) -> str:
        self.now += after_ns
        trip = self.triggers.look(self.now, equity=equity, brought=self.brought, believed=believed)
        return str(trip or "")


@pytest.mark.parametrize(
    ("limits", "at", "above"),
    [
        (Limits(daily_loss=50_000), 950 * USD, 950 * USD - 1),
        (Limits(drawdown=150_000), 850 * USD, 850 * USD - 1),
        (Limits(daily_loss=0), 1000 * USD, 1000 * USD - 1),
        (Limits(daily_loss=SCALE), 0, -1),
    ],
)
def test_a_loss_at_the_limit_is_let_pass_and_one_millionth_more_is_not(limits: Limits, at: int, above: int) -> None:
    bench = Bench(limits)
    assert bench.look() == bench.look(at) == ""
    assert "over the limit of" in bench.look(above)


def test_the_reason_names_trigger_figure_and_limit() -> None:
    bench = Bench()
    bench.look()
    assert bench.look(940 * USD) == "daily_loss: 60.00 usd (6.00 %) below 1000.00 usd, over the limit of 5 %"
    bench = Bench(Limits(drawdown=150_000))
    bench.look(2000 * USD)
    assert bench.look(1000 * USD) == "drawdown: 1000.00 usd (50.00 %) below 2000.00 usd, over the limit of 15 %"


def test_a_day_begins_with_the_equity_of_its_first_look_and_the_peak_stays() -> None:
    bench = Bench()
    bench.look()
    assert bench.look(951 * USD) == ""
    assert bench.look(951 * USD, after_ns=NS_PER_DAY) == ""
    assert bench.look(905 * USD) == ""
    assert bench.look(903 * USD).startswith("daily_loss: 48.00 usd (5.05 %) below 951.00 usd")
    slow = Bench()
    for equity in range(1000, 840, -10):
        assert slow.look(equity * USD, after_ns=NS_PER_DAY) == ""
    assert slow.look(849 * USD, after_ns=NS_PER_DAY).startswith("drawdown")


def test_a_clock_put_back_begins_no_new_day() -> None:
    bench = Bench()
    bench.look()
    assert bench.look(960 * USD, after_ns=-NS_PER_DAY) == ""
    assert bench.look(949 * USD, after_ns=NS_PER_DAY).startswith("daily_loss")


def test_what_is_off_never_trips() -> None:
    bench = Bench(OFF)
    assert not bench.triggers.watching
    bench.look()
    for _ in range(200):
        bench.triggers.erred(bench.now)
        bench.triggers.traded("m", flat=True, realised=-bench.now)
    bench.triggers.unheard(10**15)
    assert bench.look(1, believed=False, after_ns=10**15) == bench.look(None, after_ns=10**15) == ""


def test_equity_that_stays_unknown_trips() -> None:
    bench = Bench(Limits(daily_loss=50_000))
    assert bench.look(None) == bench.look(None, after_ns=UNKNOWN_NS) == ""
    assert bench.look(None, after_ns=1).startswith("equity_unknown: unknown for 60")
    bench = Bench()
    assert bench.look(None) == bench.look(1000 * USD) == bench.look(None, after_ns=UNKNOWN_NS) == ""


def test_markets_left_with_a_loss_in_a_row() -> None:
    bench = Bench(Limits(losses=2))
    bench.look()
    traded = bench.triggers.traded
    traded("a", flat=True, realised=-5)
    traded("a", flat=False, realised=-500)
    traded("b", flat=True, realised=-1)
    assert bench.look() == ""
    traded("a", flat=True, realised=-5)  # nothing lost since it was flat the last time
    assert bench.look() == ""
    traded("a", flat=True, realised=5)
    traded("a", flat=True, realised=4)
    traded("b", flat=True, realised=-2)
    assert bench.look() == ""
    traded("b", flat=True, realised=-3)
    assert bench.look() == "consecutive_losses: 3 markets left with a loss in a row, over the limit of 2"


def test_errors_count_within_their_window() -> None:
    bench = Bench(Limits(errors=2, window_ns=10 * S))
    for _ in range(2):
        bench.triggers.erred(bench.now)
    assert bench.look() == ""
    bench.triggers.erred(bench.now)
    assert bench.look(after_ns=9 * S) == ""  # the first two are 10 s old
    bench.triggers.erred(bench.now)
    bench.triggers.erred(bench.now)
    assert bench.look(after_ns=0).startswith("errors: 3 refusals or silences of the venue in 10 s")


def test_books_that_nobody_believes() -> None:
    bench = Bench(Limits(distrust_ns=60 * S))
    assert bench.look(believed=False) == bench.look(believed=False, after_ns=60 * S) == bench.look() == ""
    assert bench.look(believed=False) == ""
    assert bench.look(believed=False, after_ns=60 * S + 1).startswith("feed_distrust: no book was believed for 60 s")


def test_a_heartbeat_lost_at_the_venue_or_in_here() -> None:
    bench = Bench(Limits(heartbeat_ns=30 * S))
    bench.triggers.unheard(30 * S)
    assert bench.look() == ""
    bench.triggers.unheard(30 * S + 1000)
    assert bench.look() == "heartbeat: none for 30.000001 s, over the limit of 30 s"
    assert bench.look() == ""  # told once
    bench.triggers.beat(bench.now)
    bench.triggers.beat(bench.now + S)
    assert bench.look() == ""
    bench.triggers.beat(bench.now + 32 * S)
    assert bench.look().startswith("heartbeat: none for 3")


# ---------------------------------------------------------------- over restarts


def test_a_restart_does_not_re_arm_a_loss() -> None:
    bench = Bench()
    bench.look()
    bench.look(960 * USD)
    again = Bench(baseline=bench.triggers.baseline(book=1000 * USD))
    assert again.look(955 * USD) == ""
    assert again.look(949 * USD).startswith("daily_loss: 51.00 usd")


def test_what_had_tripped_trips_again_until_a_person_opened_the_gate() -> None:
    bench = Bench()
    bench.look()
    assert bench.look(940 * USD).startswith("daily_loss")
    kept = bench.triggers.baseline(book=1000 * USD)
    assert kept is not None
    assert kept.tripped == ("daily_loss",)
    assert Bench(baseline=kept).look(940 * USD).startswith("daily_loss")
    opened = Bench(baseline=kept.released())
    assert opened.look(940 * USD) == opened.look(893 * USD) == ""
    assert opened.look(892 * USD).startswith("daily_loss: 48.00 usd (5.11 %) below 940.00")
    bench.triggers.release()
    assert bench.look(940 * USD) == bench.look(893 * USD) == ""


def test_opening_the_gate_forgives_only_what_had_tripped() -> None:
    bench = Bench()
    bench.look()
    bench.look(960 * USD)
    bench.triggers.release()
    assert bench.look(949 * USD).startswith("daily_loss: 51.00 usd")


def test_a_losing_streak_goes_on_after_a_restart() -> None:
    bench = Bench(Limits(losses=1))
    bench.look()
    bench.triggers.traded("a", flat=True, realised=-1)
    again = Bench(Limits(losses=1), bench.triggers.baseline(book=1000 * USD))
    again.triggers.traded("b", flat=True, realised=-1)
    assert again.look().startswith("consecutive_losses: 2")


@given(after=st.integers(100 * USD, 10_000 * USD), lost=st.integers(0, 100))
def test_a_deposit_or_withdrawal_changes_no_loss_as_a_fraction(after: int, lost: int) -> None:
    first = Bench()
    first.look()
    again = Bench(baseline=first.triggers.baseline(book=1000 * USD))
    again.brought = after
    assert again.look(after) == ""
    assert bool(again.look(after - after * lost // 1000)) == (after * lost // 1000 * 20 > after)


def test_positions_taken_over_in_the_middle_of_a_run_are_no_gain() -> None:
    bench = Bench()
    bench.look()
    bench.brought += 1000 * USD
    assert bench.look(2000 * USD) == ""
    assert bench.look(1901 * USD) == ""
    assert bench.look(1899 * USD).startswith("daily_loss: 101.00 usd (5.05 %) below 2000.00 usd")


def test_an_account_that_was_emptied_begins_anew() -> None:
    bench = Bench()
    bench.look()
    bench.brought -= 1000 * USD
    assert bench.look(0) == ""
    bench.brought += 50 * USD
    assert bench.look(50 * USD) == ""
    assert bench.look(47 * USD).startswith("daily_loss: 3.00 usd (6.00 %) below 50.00 usd")


@given(st.lists(st.integers(1, 3000 * USD), max_size=30))
def test_no_path_of_equity_loses_more_than_the_limit_without_a_trip(path: list[int]) -> None:
    bench = Bench(Limits(daily_loss=50_000, drawdown=150_000))
    bench.look()
    peak = 1000 * USD
    for equity in path:
        peak = max(peak, equity)
        over = (1000 * USD - equity) * 20 > 1000 * USD or (peak - equity) * 100 > 15 * peak
        assert bool(bench.look(equity)) == over


def test_nothing_known_leaves_what_was_kept() -> None:
    kept = Baseline(day=3, day_equity=5, peak=7, equity=5, book=5, losses=1)
    assert Triggers(DEFAULT, kept).baseline(book=99) == kept
    assert Triggers(DEFAULT).baseline(book=99) is None

"""Explain: what a denial was for: the figure over its limit, or what was asked first."""

from __future__ import annotations

import pytest

from agbot.cli.story import text
from agbot.core.view import Place
from agbot.model.events import (
    Health,
    KillSwitchSet,
    ReconcileDifference,
    VenueHealth,
)
from agbot.model.ids import StrategyId
from agbot.model.order import Side
from agbot.store.explain_sight import _Witness
from agbot.units import NS_PER_S, to_units
from tests.store.told import MARKET, Run, story_of, turns


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


@pytest.mark.parametrize(
    ("order", "rule", "figure"),
    [
        ({"size": "3000", "price": "0.30"}, "PositionLimit", "3000 shares net, 0 without it"),
        ({"size": "9000", "price": "0.30"}, "BuyingPower", "2700.00 usd"),
        ({"size": "1"}, "VenueTerms", "1 at 0.5"),
        ({"size": "7", "side": Side.SELL}, "SharesHeld", "7 shares"),
    ],
)
def test_a_denial_shows_the_figure_that_was_over_its_limit(order, rule, figure, run):
    denied = run.order(**order)
    story = story_of(run.close(), denied)
    found = [f for f in story.choices[0].sight.figures if not f.passed]
    assert (rule, figure) in [(f.rule, f.figure) for f in found]
    assert sorted(f.rule for f in found) == sorted(story.choices[0].decision.violated)
    assert turns(story)[0][2] == "→ DENIED, never sent"
    assert "DENIED" in text(story)


def test_after_the_kill_switch_nothing_else_was_asked(run):
    run.step(KillSwitchSet(True, "fire", "me", 1))
    denied = run.order()
    story = story_of(run.close(), denied)
    assert [(f.rule, f.figure, f.passed) for f in story.choices[0].sight.figures] == [("KillSwitch", "fire", False)]


def test_a_denial_by_what_is_known_of_the_venue_says_what_is_known(run):
    run.step(
        VenueHealth(MARKET.venue, Health.DEGRADED, "it throttles", 1), ReconcileDifference(MARKET.id, "10 of 12 YES", 1)
    )
    denied = run.order()
    run.step(VenueHealth(MARKET.venue, Health.DOWN, "its breaker is open", 1))
    worse = run.order()
    path = run.close()
    found = {
        f.rule: (f.figure, f.passed)
        for order in (denied, worse)
        for f in story_of(path, order).choices[0].sight.figures
    }
    assert found["VenueDegraded"] == ("degraded: it throttles", False)
    assert found["VenueDown"] == ("down: its breaker is open", False)
    assert found["ReconcileDifference"] == ("10 of 12 YES", False)


@pytest.mark.parametrize(("scope", "name"), [("market", MARKET.slug), ("strategy", "operator")])
def test_a_switch_that_is_on_for_a_part_says_why_and_nothing_else_was_asked(scope, name, run):
    run.step(KillSwitchSet(True, "fire", "me", 1, scope, name))
    denied = run.order()
    (figure,) = story_of(run.close(), denied).choices[0].sight.figures
    assert (figure.rule, figure.figure, figure.passed) == (f"KillSwitch({scope} {name})", "fire", False)


def test_a_pause_after_rejections_says_how_many_and_how_long(run):
    witness = _Witness(run.engine.state)
    for _ in range(3):
        witness.rejected(run.now, StrategyId("s"), MARKET.id)
    place = Place(token=MARKET.yes, side=Side.BUY, price=to_units("0.50"), size=to_units("10"), why="w")
    assert witness.violations(run.now + NS_PER_S // 5, MARKET.id, StrategyId("s"), place) == ("RejectedLately",)
    (figure,) = witness.seen[0].sight.figures
    assert (figure.rule, figure.figure, figure.limit) == ("RejectedLately", "3 in a row", "0.8 s more of a pause")

"""Arbitrage through the real gateway and adapter in worlds with faults: no leg is left alone, none counted wrong."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from agbot.core.view import Strategy
from agbot.simulate.schedule import Trouble, drawn
from agbot.simulate.seeds import quiet
from agbot.simulate.setting import ELECTION
from agbot.simulate.world import World
from agbot.strategy.arbitrage import Arbitrage
from agbot.units import SCALE

SMALLEST = 5 * SCALE


class Election(World):
    """Keeps its strategies, and asks in the calm after the troubles what is held."""

    def __init__(self, seed: int, troubles: tuple[Trouble, ...]) -> None:
        self.made: list[Arbitrage] = []
        super().__init__(seed, troubles, setting=attrs.evolve(ELECTION, strategies=self.make))

    def make(self, seed: int) -> list[Strategy]:
        (made,) = ELECTION.strategies(seed)
        assert isinstance(made, Arbitrage)
        self.made.append(made)
        return [made]

    def nets(self) -> list[int]:
        """Return YES − NO of the strategy in each market, by the last life's core."""
        engine, strategy = self.bot.engine, self.made[-1]
        assert engine is not None
        return [yes - no for yes, no in (engine.portfolio.own(strategy.id, market) for market in engine.markets)]

    def _finish(self) -> list[str]:
        plans, nets = self.made[-1].plans, self.nets()
        found = super()._finish()
        if max(nets) - min(nets) >= SMALLEST and not plans:
            found.append(f"{nets} unequal, and no plan")
        return found + [f"a plan without a reason: {p}" for p in plans if not (p.reason or p.phase == "legs sent")]


@pytest.mark.parametrize("seed", [1, 3, 5, 21])
def test_in_a_world_with_faults_no_leg_is_left_alone(seed: int) -> None:
    with quiet():
        world = Election(seed, drawn(seed))
        assert world.run() == []
    ended: list[Any] = [plan for made in world.made for plan, _ in made.done]
    assert ended
    assert all(plan.reason for plan in ended)


def test_without_troubles_sets_are_bought_whole() -> None:
    with quiet():
        world = Election(1, ())
        assert world.run() == []
    assert world.auditor.orders > 10
    nets = world.nets()
    assert max(nets) - min(nets) < SCALE
    assert abs(nets[0]) >= SMALLEST

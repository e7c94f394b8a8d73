"""The demo's markets: invented questions, real terms (ticks, fees, a neg-risk event)."""

from __future__ import annotations

import random
from typing import Final, NamedTuple

from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.units import SCALE


class _Plan(NamedTuple):
    slug: str
    question: str
    tick: int
    fee_rate: int
    event: str = ""


_PLANS: Final = (
    _Plan("demo-rate-cut", "Will the demo central bank cut rates this month?", 10_000, 40_000),
    _Plan("demo-derby", "Will the Harbour Owls win the demo derby?", 10_000, 30_000),
    _Plan("demo-launch", "Will the demo rocket reach orbit on its first flight?", 1_000, 0),
    _Plan("demo-coin", "Will demo coin close the week higher?", 1_000, 70_000),
    _Plan("demo-mayor-ada", "Demo mayor: Ada Quill?", 10_000, 0, "demo-mayor"),
    _Plan("demo-mayor-ben", "Demo mayor: Ben Archer?", 10_000, 0, "demo-mayor"),
    _Plan("demo-mayor-eve", "Demo mayor: Eve Stone?", 10_000, 0, "demo-mayor"),
    _Plan("demo-mayor-other", "Demo mayor: somebody else?", 1_000, 0, "demo-mayor"),
)


def demo_markets(seed: int) -> tuple[Market, ...]:
    """Return the demo's markets: four binary ones and a neg-risk event of four; ids depend on `seed`."""
    rng = random.Random(f"markets {seed}")  # noqa: S311 - a simulation, not a secret
    return tuple(_market(plan, rng) for plan in _PLANS)


def _market(plan: _Plan, rng: random.Random) -> Market:
    return Market(
        id=MarketId(f"0xdemo{rng.getrandbits(240):060x}"),
        yes=TokenId(f"{plan.slug}-yes-{rng.getrandbits(32):08x}"),
        no=TokenId(f"{plan.slug}-no-{rng.getrandbits(32):08x}"),
        tick=plan.tick,
        min_size=5 * SCALE,
        fee_rate=plan.fee_rate,
        slug=plan.slug,
        question=f"{plan.question} (simulated)",
        event_id=plan.event,
        neg_risk=bool(plan.event),
    )

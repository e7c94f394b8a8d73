"""Invented markets with real terms: every tick, the fee of each category, taker delay, neg-risk, Protocol V2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from agbot.exchange.core.model import Event, Listing
from agbot.exchange.markets.offer import ctf_ids, draw, hex32, position_ids
from agbot.model.ids import MarketId, TokenId, VenueId
from agbot.model.market import Market
from agbot.units import NS_PER_MS, NS_PER_S, SCALE, TICKS

_BEGIN_NS: Final = 1_767_225_600 * NS_PER_S
"""2026-01-01, when invented markets began."""
_END_NS: Final = 1_893_456_000 * NS_PER_S
"""2030-01-01, when they are due."""


class _Plan(NamedTuple):
    slug: str
    question: str
    tag: str
    tick: int = 10_000
    fee_rate: int = 0
    rebate_rate: int = 250_000
    delay_ns: int = 0
    version: int = 2
    rewards_usd: int = 0
    event: str = ""
    event_title: str = ""
    group: str = ""


def _mayor(slug: str, name: str, tick: int = 10_000) -> _Plan:
    question = f"Demo mayor: {name}?"
    return _Plan(slug, question, "politics", tick, event="demo-mayor", event_title="Demo mayor", group=name)


# The first eight are the demo's, in its words.
_PLANS: Final = (
    _Plan(
        "demo-rate-cut",
        "Will the demo central bank cut rates this month?",
        "economy",
        fee_rate=40_000,
        rewards_usd=100 * SCALE,
    ),
    _Plan(
        "demo-derby",
        "Will the Harbour Owls win the demo derby?",
        "sports",
        fee_rate=30_000,
        rebate_rate=150_000,
        delay_ns=NS_PER_S,
    ),
    _Plan("demo-launch", "Will the demo rocket reach orbit on its first flight?", "tech", 1_000, version=3),
    _Plan("demo-coin", "Will demo coin close the week higher?", "crypto", 1_000, 70_000, 200_000),
    _mayor("demo-mayor-ada", "Ada Quill"),
    _mayor("demo-mayor-ben", "Ben Archer"),
    _mayor("demo-mayor-eve", "Eve Stone"),
    _mayor("demo-mayor-other", "somebody else", 1_000),
    _Plan("demo-snow", "Will it snow on the demo harbour this year?", "weather", 100_000, 50_000),
    _Plan("demo-cup", "Will the Quay Foxes win the demo cup?", "sports", 2_500, 50_000, 150_000),
    _Plan("demo-index", "Will the demo index close the month higher?", "finance", 5_000, 40_000),
    _Plan("demo-treaty", "Will the demo islands sign the treaty?", "geopolitics", 100),
    _Plan("demo-album", "Will the Paper Lanterns release a demo album this year?", "culture", 1_000, 50_000),
    _Plan("demo-phone", "Will the demo phone fold twice?", "tech", 10_000, 40_000),
    _Plan("demo-speech", "Will the demo speech mention lighthouses?", "mentions", 10_000, 40_000),
    _Plan(
        "demo-coin-hour",
        "Will demo coin close the hour higher?",
        "crypto",
        1_000,
        70_000,
        200_000,
        150 * NS_PER_MS,
    ),
)


def generated(seed: int, count: int = 8) -> list[Listing]:
    """Return `count` invented markets; their ids follow from `seed`.

    With eight there are the demo's: one with a taker delay, one of Protocol V2 and a neg-risk event of four; from
    twelve on there is a market of every tick.
    """
    events: dict[str, Event] = {}
    first = 1_000_000 + draw("gamma", seed) % 1_000_000
    listings = []
    for i, plan in zip(range(count), _endless(), strict=False):
        name = plan.event or plan.slug
        if name not in events:
            events[name] = _event(seed, plan, name, len(events))
        listings.append(_listing(seed, plan, events[name], str(first + i)))
    return listings


def _endless() -> Iterator[_Plan]:
    yield from _PLANS
    models = _PLANS[8:]
    number = len(_PLANS)
    while True:
        number += 1
        model = models[number % len(models)]
        yield model._replace(
            slug=f"demo-poll-{number}",
            question=f"Demo poll {number}: will more say yes than no?",
            tick=TICKS[number % len(TICKS)],
        )


def _event(seed: int, plan: _Plan, name: str, number: int) -> Event:
    grouped = bool(plan.event)
    return Event(
        id=str(100_000 + draw("event", seed) % 800_000 + number),
        slug=name,
        title=plan.event_title or _question(plan),
        neg_risk=grouped,
        neg_risk_id=hex32(draw("neg risk", seed, name) >> 8 << 8) if grouped else "",
        tags=("demo", plan.tag),
    )


def _listing(seed: int, plan: _Plan, event: Event, gamma_id: str) -> Listing:
    return Listing(
        market=_market(seed, plan),
        gamma_id=gamma_id,
        event=event,
        group_title=plan.group,
        description=f"{_question(plan)} An invented question: its exchange decides the answer.",
        start_ns=_BEGIN_NS,
        rebate_rate=plan.rebate_rate if plan.fee_rate else 0,
        taker_delay_ns=plan.delay_ns,
        rewards_daily_usd=plan.rewards_usd,
    )


def _market(seed: int, plan: _Plan) -> Market:
    make = position_ids if plan.version == 3 else ctf_ids
    condition, yes, no = make(seed, plan.slug)
    return Market(
        id=MarketId(condition),
        yes=TokenId(yes),
        no=TokenId(no),
        tick=plan.tick,
        min_size=5 * SCALE,
        fee_rate=plan.fee_rate,
        slug=plan.slug,
        question=_question(plan),
        venue=VenueId("polymarket"),
        event_id=plan.event or plan.slug,
        neg_risk=bool(plan.event),
        exchange_version=plan.version,
        end_ns=_END_NS,
    )


def _question(plan: _Plan) -> str:
    return f"{plan.question} (simulated)"

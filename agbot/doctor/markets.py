"""Whether each market of the configuration can be traded; the gravest finding is told, with the market's name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

import attrs
import trio

from agbot.doctor.report import Check, Finding, Status, fail, ok, skip, warn, worst
from agbot.doctor.run import refused
from agbot.doctor.venue import Venue
from agbot.errors import AgbotError
from agbot.model.market import Market
from agbot.units import on_tick, to_text
from agbot.venue.polymarket.hosts import Hosts

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE: Final = 8
"""Markets that are asked about side by side."""
NO_MARKET: Final = "not checked: no market, see D17"


@attrs.frozen
class Looked:
    """A market that was looked for, by the name that the configuration has for it; `found` is the error otherwise."""

    name: str
    found: Market | AgbotError


class Listing(Venue, Protocol):
    """What these checks ask."""

    @property
    def hosts(self) -> Hosts: ...

    async def markets_looked(self) -> Sequence[Looked]:
        """Return what became of every configured market, else of the busiest; looked for once."""
        ...


async def each_of(things: Sequence[T], ask: Callable[[T], Awaitable[R]]) -> list[R]:
    """Return what `ask` answers of each thing, in their order; some are asked side by side."""
    answers: dict[int, R] = {}
    room = trio.CapacityLimiter(AT_ONCE)

    async def one(at: int) -> None:
        async with room:
            answers[at] = await ask(things[at])

    async with trio.open_nursery() as nursery:
        for at in range(len(things)):
            nursery.start_soon(one, at)
    return [answers[at] for at in range(len(things))]


async def listed(world: Listing) -> Finding:
    """D17: every market can be found and takes orders."""
    looked = await world.markets_looked()
    return _together([_listed(each, world.hosts.gamma) for each in looked], "can be found and take orders")


def _listed(looked: Looked, host: str) -> Finding:
    market = looked.found
    if isinstance(market, AgbotError):
        return refused(market, host)
    return ok(f"{market.name}: tick {to_text(market.tick)}, at least {to_text(market.min_size)} shares")


async def book(world: Listing) -> Finding:
    """D18: the tick that is configured for a market is the one its book has, and its prices are on it."""
    if await world.known_market() is None:
        return skip(NO_MARKET)
    found = [looked.found for looked in await world.markets_looked() if isinstance(looked.found, Market)]

    async def ask(market: Market) -> Finding:
        try:
            return await _book(world, market)
        except AgbotError as e:
            finding = refused(e, world.hosts.clob)
            return attrs.evolve(finding, cause=f"{market.name}: {finding.cause}")

    return _together(await each_of(found, ask), "have a book on their tick")


async def _book(world: Listing, market: Market) -> Finding:
    told = await world.clob.book(market.yes)
    tick = await world.clob.tick_size(market.yes)
    ticks = {tick, market.tick, told.tick or tick}
    if len(ticks) > 1:
        said = ", ".join(map(to_text, sorted(ticks)))
        return warn(
            f"{market.name}: the venue tells different ticks ({said})", "wait a minute; the tick has just changed"
        )
    off = [price for price, _ in (*told.bids, *told.asks) if not on_tick(price, tick)]
    if off:
        remedy = "update agbot; do not trade this market before"
        return fail(f"{market.name}: {to_text(off[0])} in the book is not on the tick {to_text(tick)}", remedy)
    return ok(f"{market.name}: {len(told.bids)} bids, {len(told.asks)} asks, all on the tick {to_text(tick)}")


def _together(findings: Sequence[Finding], well: str) -> Finding:
    """Return the gravest finding, the others as its lines; `well` is what holds for all when none is grave."""
    gravest = worst(findings)
    if len(findings) == 1:
        return gravest
    lines = [each.cause for each in findings if each is not gravest]
    if gravest.status is Status.OK:
        return ok(f"all {len(findings)} markets {well}", *(each.cause for each in findings))
    ill = sum(each.status is not Status.OK for each in findings)
    told = f"{gravest.cause} ({ill} of {len(findings)} markets)"
    return attrs.evolve(gravest, cause=told, details=tuple(lines))


CHECKS: Final[tuple[Check[Listing], ...]] = (
    Check("D17", "markets", listed, "gamma"),
    Check("D18", "book and tick", book, "clob"),
)

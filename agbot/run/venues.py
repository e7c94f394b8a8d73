"""Which venue a run trades at: what the nursery tree needs of it, built when the account is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import attrs
import trio

from agbot.core.approvals import Request
from agbot.core.health import WELL, Condition
from agbot.core.portfolio import CarriedPosition
from agbot.matching.checks import Terms
from agbot.matching.paper import PaperMatcher
from agbot.model.events import MarketData, OrderAttempted
from agbot.model.ids import TokenId
from agbot.model.market import Market
from agbot.run.bot import Service
from agbot.settings import Settings
from agbot.store.carry import Left
from agbot.venue.care import Care
from agbot.venue.paper import PaperVenue
from agbot.venue.ports import VenueAdapter
from agbot.venue.shadow import ShadowVenue

if TYPE_CHECKING:
    from agbot.run.session import RunPlan


@attrs.frozen(kw_only=True)
class Account:
    """What a run starts with: free cash in 10⁻⁶ usd, and positions.

    At a venue, `balance` is its figure for the usd, those behind orders included, and `allowances` are by spender.
    `requests` are the trades that other programs had approved before. `left` are orders that the last run's journal had
    open or unsettled, as they are now: what nobody says has ended has ended with that run's simulated venue.
    """

    cash: int
    positions: tuple[CarriedPosition, ...] = ()
    balance: int = 0
    allowances: Mapping[str, int] = attrs.field(factory=dict)
    resting: int = 0
    """How many orders of the key rest."""
    requests: tuple[Request, ...] = ()
    left: tuple[Left, ...] = attrs.field(default=(), eq=False)


async def idle(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Be the service of a venue that needs none."""
    task_status.started()


@attrs.frozen(kw_only=True)
class VenueLink:
    """A venue, the service it needs beside trading, and who there wants to see the market's messages.

    `deaf` says why nothing is heard of our orders now, empty while it is.
    `silent_ns` tells for how long it has heard no heartbeat, 0 while that is in order.
    `condition` tells how it is; `care` what its answers measured, and `utilisation` the used part of its limits.
    """

    venue: VenueAdapter
    run: Service = idle
    deaf: Callable[[], str] = lambda: ""
    on_market: Callable[[Sequence[MarketData]], None] = lambda _batch: None
    silent_ns: Callable[[], int] = lambda: 0
    condition: Callable[[], Condition] = lambda: WELL
    care: Care | None = None
    note_attempts: Callable[[Callable[[OrderAttempted], None]], None] = lambda _noted: None
    utilisation: Callable[[], Mapping[str, float]] = dict


OpenVenue = Callable[["RunPlan", Account, Callable[[], int]], VenueLink]


def open_paper(plan: RunPlan, account: Account, now_ns: Callable[[], int]) -> VenueLink:
    """Return a paper venue with the account as it was left."""
    venue = PaperVenue(paper_matcher(plan.settings, plan.markets, account), now_ns)
    return VenueLink(venue=venue, run=venue.run, on_market=venue.on_market)


def open_shadow(_plan: RunPlan, _account: Account, now_ns: Callable[[], int]) -> VenueLink:
    """Return the venue that sends nothing."""
    venue = ShadowVenue(now_ns)
    return VenueLink(venue=venue, run=venue.run)


def paper_matcher(settings: Settings, markets: Sequence[Market], account: Account) -> PaperMatcher:
    """Return the paper venue's core with the account as it was left; what it draws follows from the run's seed."""
    paper = settings.paper
    tokens = {m.id: m for m in markets}
    positions: Counter[TokenId] = Counter()
    for c in account.positions:
        if c.market in tokens:
            positions[tokens[c.market].token(c.outcome)] += c.size
    terms = Terms(order_latency_ns=paper.order_latency_ns, feed_latency_ns=paper.feed_latency_ns)
    conditions = attrs.evolve(paper.conditions, seed=settings.seed)
    return PaperMatcher(account.cash, positions=positions, terms=terms, conditions=conditions)

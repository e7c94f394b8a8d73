"""What the core knows: one record of it, written by `Engine` alone, read by admission."""

from __future__ import annotations

from collections import deque
from typing import Final

import attrs

from agbot.core.book import OrderBook
from agbot.core.health import WELL, Condition
from agbot.core.limits import OFF, Limits
from agbot.core.oms import Oms
from agbot.core.portfolio import CarriedPosition, Portfolio
from agbot.core.references import References
from agbot.core.risk import Gate
from agbot.core.rules import asks_for_losses, parse_rules
from agbot.core.triggers import Baseline, Triggers
from agbot.core.turnover import Turnover
from agbot.located import loads
from agbot.model.events import Health, PoliciesSet, VenueHealth
from agbot.model.ids import MarketId, TokenId, VenueId
from agbot.model.market import Market

SENT_MAX: Final = 10_000


@attrs.frozen(kw_only=True)
class EngineSettings:
    """What a run is made of besides its events.

    Args:
        run_id: prefix of every client order id.
        capital: 10⁻⁶ usd at the start.
        carried: positions of an earlier run, taken over when their market is listed.
        in_flight_max: orders sent and not yet acknowledged; more intents are denied, cancels never are.
        limits: what makes the kill switch trip; nothing unless told.
        baseline: what losses are measured from, None for an account that never traded.
    """

    run_id: str
    capital: int
    in_flight_max: int = 32
    carried: tuple[CarriedPosition, ...] = ()
    limits: Limits = OFF
    baseline: Baseline | None = None


@attrs.define(kw_only=True)
class CoreState:
    """Markets, books, orders, money, and the gate. `halted` is the reason of an orderly stop, empty before.

    `resolved` are the markets that have paid out: a feed may go on telling of their books. `differing` says by market
    why the venue's figures are not ours; under the empty id, the cash.
    """

    settings: EngineSettings
    gate: Gate
    portfolio: Portfolio
    oms: Oms = attrs.field(factory=Oms)
    turnover: Turnover = attrs.field(factory=Turnover)
    sent: deque[int] = attrs.field(factory=lambda: deque(maxlen=SENT_MAX))
    """When orders were asked for, the newest last."""
    triggers: Triggers = attrs.field(init=False)
    references: References = attrs.field(factory=References)
    markets: dict[MarketId, Market] = attrs.field(factory=dict)
    market_of: dict[TokenId, Market] = attrs.field(factory=dict)
    books: dict[TokenId, OrderBook] = attrs.field(factory=dict)
    resolved: set[MarketId] = attrs.field(factory=set)
    differing: dict[MarketId, str] = attrs.field(factory=dict)
    conditions: dict[VenueId, Condition] = attrs.field(factory=dict)
    """How venues are, as they were told last; one that was never told of is well."""
    halted: str = ""

    def __attrs_post_init__(self) -> None:
        measures = asks_for_losses(self.gate.rules)
        self.triggers = Triggers(self.settings.limits, self.settings.baseline, measures=measures)

    def differs(self, market: MarketId, reason: str) -> None:
        """Note that the venue's figures in a market are not ours, or, without a reason, that they are again."""
        if reason:
            self.differing[market] = reason
        else:
            self.differing.pop(market, None)

    def policies_set(self, _now_ns: int, event: PoliciesSet) -> None:
        """Take other policies on; the kill switch, and what was lost and sent so far, stay as they are."""
        self.gate.change(parse_rules(loads(event.policies, "<journal>", "json")))
        self.triggers.measures = asks_for_losses(self.gate.rules)

    @property
    def kill_switch(self) -> str:
        """Return why nothing may be placed, empty while orders may."""
        return self.gate.kill_reason

    def health_told(self, _now_ns: int, event: VenueHealth) -> None:
        """Take in how a venue is."""
        self.conditions[event.venue] = Condition(event.health, event.reason)

    def health(self, venue: VenueId) -> Health:
        """Return how a venue is."""
        return self.conditions.get(venue, WELL).health

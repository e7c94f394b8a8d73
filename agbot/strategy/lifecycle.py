"""A strategy as hooks, for those who would rather be told what happened than look for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agbot.core.view import Intent, OwnEnd, OwnFill, View
from agbot.model.ids import MarketId, StrategyId

Wishes = Iterable[Intent] | None


class Lifecycle:
    """Turns a look into calls of hooks, in this order: `initialize` (once a market), `on_fill` for each execution,
    `on_cancel` for each order that ended, `on_timer` when a second has passed, `on_market_tick`.

    Every hook may return intents; what one says is carried out after what the one before it said.
    """

    def __init__(self, *, name: str) -> None:
        self.id = StrategyId(name)
        self._met: set[MarketId] = set()

    def initialize(self, view: View) -> Wishes:
        """Meet a market: the first look at it."""

    def on_market_tick(self, view: View) -> Wishes:
        """Look at a market that moved, or at the second."""

    def on_fill(self, view: View, fill: OwnFill) -> Wishes:
        """Hear of an execution, or (`fill.voided`) that one of before failed to settle."""

    def on_cancel(self, view: View, end: OwnEnd) -> Wishes:
        """Hear that an order ended: filled, cancelled, expired or rejected."""

    def on_timer(self, view: View) -> Wishes:
        """Hear that a second has passed."""

    def metadata(self) -> dict[str, Any]:
        """Return what a person may want to know of it, as plain values."""
        return {"strategy": type(self).__name__, "id": self.id}

    def waits(self) -> Mapping[str, str]:
        """Return what waits for a person, each under a name that lasts as long as it does; it is told once."""
        return {}

    def decide(self, view: View) -> Sequence[Intent]:
        """Call the hooks that have something to hear."""
        said: list[Wishes] = []
        if view.market.id not in self._met:
            self._met.add(view.market.id)
            said.append(self.initialize(view))
        said += [self.on_fill(view, fill) for fill in view.fills]
        said += [self.on_cancel(view, end) for end in view.ended]
        if view.second:
            said.append(self.on_timer(view))
        said.append(self.on_market_tick(view))
        return [intent for wishes in said for intent in wishes or ()]

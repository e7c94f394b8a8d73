"""Bracket: an entry with its way out: a resting take-profit and a stop, never more of them than was entered.

What is held is what the engine attributes to the strategy. Flat is the one state that does not tell whether the entry
is still to come or the way out is behind: so the entry has an end in UTC, and after a way out began none is entered
again as long as the object lives.
"""

from __future__ import annotations

import attrs

from agbot.core.view import View
from agbot.model.ids import TokenId
from agbot.model.order import Side
from agbot.strategy.execution.children import Goal, Quote, Work, ours, taking, work, working
from agbot.strategy.execution.params import Instant, ParentParams, above, choice, decimal, to_instant
from agbot.strategy.execution.parent import Parent
from agbot.strategy.execution.report import Stage, Status
from agbot.strategy.execution.triggers import Watch, reached
from agbot.units import SCALE, to_text


@attrs.frozen(kw_only=True)
class BracketParams(ParentParams):
    """An entry at `limit` or better until `end`, then out at `target` or, past `trigger`, at what is there.

    Args:
        target: where the take-profit rests.
        trigger: the price that sets the stop off.
        source: the price that is watched: `bid`, `ask`, `mid` or `last`.
    """

    limit: int = decimal(attrs.NOTHING, above(0), attrs.validators.lt(SCALE))
    end: Instant = attrs.field(converter=to_instant)
    target: int = decimal(attrs.NOTHING, above(0), attrs.validators.lt(SCALE))
    trigger: int = decimal(attrs.NOTHING, above(0), attrs.validators.lt(SCALE))
    source: str = choice("mid", "bid", "ask", "last")

    def check(self) -> None:
        """Refuse prices out of order, and an end that a restart would move."""
        order = (self.trigger, self.limit, self.target)
        if list(order) != sorted(set(order), reverse=self.side is Side.SELL):
            raise ValueError("a bracket that buys has trigger < limit < target, one that sells the other way round")
        if self.end is None or self.end.relative:
            raise ValueError("a bracket's end is a UTC time: counted from a restart, it would enter again")


class Bracket(Parent[BracketParams]):
    """Enters, and protects what it entered. It ends flat."""

    def __init__(self, params: BracketParams, *, name: str = "bracket") -> None:
        super().__init__(params, name=name)
        self._watch = Watch(params.source)
        self.fired = False
        self._past = False
        self.leaving = False
        """A way out has begun: nothing is entered any more."""

    @property
    def exit_side(self) -> Side:
        """Return the side that closes the position."""
        return self.params.side.other

    def observe(self, view: View) -> None:
        """Look whether the stop is set off, and whether anything left."""
        token, price = self.token(view), self._watch.price(view, self.token(view))
        left = any(f.token == token and f.side is self.exit_side and not f.voided for f in view.fills)
        self._past = reached(self.exit_side, price, self.params.trigger)
        self.fired |= self._past and self.net(view) > 0
        self.leaving |= self.fired or left

    def advance(self, view: View) -> Work:
        """Return what to do for the way out, then for the way in."""
        token, held = self.token(view), max(0, self.net(view))
        out = work(view, self._way_out(view, token, held))
        into = work(view, self._way_in(view, token, held))
        busy = working(ours(view, token, self.exit_side))
        why = out.why if held else into.why
        left = max(0, self.params.total - held)
        self.status = Status(stage=self._stage(view, held), done=held, left=left, working=busy, why=why)
        return Work([*out.intents, *into.intents], why)

    def _way_out(self, view: View, token: TokenId, held: int) -> Goal:
        params, side = self.params, self.exit_side
        quote: Quote | str = "the book is not trusted"
        if view.trusted and self.fired:
            quote = taking(view.books[params.outcome], side, held, limit=0, max_slippage=params.max_slippage)
        elif view.trusted:
            quote = self.limited(view, side, params.target, held)
        at = f"stop by {params.source} at {to_text(params.trigger)}"
        why = f"{to_text(held)} held, {at}"
        quiet, fair = self.quiet(view, side), params.fair
        return Goal(token=token, side=side, left=held, due=held, quote=quote, why=why, quiet=quiet, fair=fair)

    def _way_in(self, view: View, token: TokenId, held: int) -> Goal:
        params = self.params
        left = max(0, params.total - held)
        why = self._closed(view)
        return Goal(
            token=token,
            side=params.side,
            left=left,
            due=0 if why else left,
            quote=self._entry(view, left),
            why=why or "enters",
            quiet=self.quiet(view, params.side),
            over=bool(why),
            fair=params.fair,
        )

    def _entry(self, view: View, left: int) -> Quote | str:
        if not view.trusted:
            return "the book is not trusted"
        return self.limited(view, self.params.side, self.params.limit, left)

    def _closed(self, view: View) -> str:
        """Return why nothing may be entered, empty when it may."""
        if not self.begun(view):
            return "its time has not come"
        if self.ended(view):
            return "its time is up"
        if self._past:
            return "the price is past the stop"
        return "the way out has begun" if self.leaving else ""

    def _stage(self, view: View, held: int) -> Stage:
        if held:
            return Stage.WORKING
        if self.leaving or self.ended(view):
            return Stage.DONE
        return Stage.WORKING if self.begun(view) else Stage.WAITING

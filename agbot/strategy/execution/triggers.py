"""Orders that wait for a price: stop, trailing stop, and one that cancels the other.

The venue has none of these: they live here, see the price once a message, and are gone while the bot is down. What
triggers is told by `source`: the best bid, the best ask, the mid or the last print of the token that is traded.
"""

from __future__ import annotations

import attrs

from agbot.core.view import View
from agbot.model.ids import TokenId
from agbot.model.order import Side
from agbot.strategy.execution.children import Quote
from agbot.strategy.execution.params import ParentParams, above, at_least, choice, decimal, to_side
from agbot.strategy.execution.parent import Parent
from agbot.strategy.execution.report import doubled_mid
from agbot.units import SCALE, complement, to_text


@attrs.frozen(kw_only=True)
class TriggerParams(ParentParams):
    """What sets an order off. A SELL is set off by a price at or below its trigger, a BUY by one at or above.

    Args:
        source: the price that is watched: `bid`, `ask`, `mid` or `last`.
    """

    side: Side = attrs.field(default=Side.SELL, converter=to_side)
    source: str = choice("mid", "bid", "ask", "last")


class Watch:
    """The price of a token that triggers look at; doubled, so that a mid stays whole."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._last: int | None = None

    def price(self, view: View, token: TokenId) -> int | None:
        """Return twice the price now, None while it is not known or not to be believed."""
        if not view.trusted:
            return None
        if view.prints:
            last = view.prints[-1]
            self._last = 2 * (last.price if last.token == token else complement(last.price))
        book = view.books[view.market.outcome(token)]
        match self._source:
            case "bid":
                return 2 * book.best_bid if book.best_bid else None
            case "ask":
                return 2 * book.best_ask if book.best_ask < SCALE else None
            case "mid":
                return doubled_mid(book)
        return self._last


def reached(side: Side, doubled: int | None, trigger: int) -> bool:
    """Return whether a price sets an order of `side` off at `trigger`; one that is not known never does."""
    return doubled is not None and (doubled - 2 * trigger) * side.sign >= 0


@attrs.frozen(kw_only=True)
class StopParams(TriggerParams):
    """A stop, or with `limit` a stop limit.

    Args:
        trigger: the price that sets it off.
    """

    trigger: int = decimal(attrs.NOTHING, above(0), attrs.validators.lt(SCALE))


@attrs.frozen(kw_only=True)
class TrailingParams(TriggerParams):
    """A stop that follows the price.

    Args:
        distance: how far behind the best price seen since it began to look.
        trigger: where it stands at worst from the start; 0 for wherever the first price puts it.
    """

    distance: int = decimal(attrs.NOTHING, above(0), attrs.validators.lt(SCALE))
    trigger: int = decimal("0", at_least(0), attrs.validators.lt(SCALE))


@attrs.frozen(kw_only=True)
class OcoParams(StopParams):
    """Two ways to one total: an order that rests at `target`, and a stop. What one trades, the other does not.

    Args:
        target: the price of the resting order.
    """

    target: int = decimal(attrs.NOTHING, above(0), attrs.validators.lt(SCALE))

    def check(self) -> None:
        """Refuse a target on the wrong side of the trigger."""
        if (self.target - self.trigger) * self.side.sign >= 0:
            where = "below" if self.side is Side.BUY else "above"
            raise ValueError(f"the target of a {self.side} is {where} its trigger")


class Stop(Parent[StopParams]):
    """Takes its total once the price was reached, and does not stop again.

    One that began to trade before a restart goes on after it.
    """

    def __init__(self, params: StopParams, *, name: str = "stop") -> None:
        super().__init__(params, name=name)
        self._watch = Watch(params.source)
        self.fired = False

    def observe(self, view: View) -> None:
        """Look whether the price was reached."""
        price = self._watch.price(view, self.token(view))
        if self.begun(view) and not self.ended(view):
            self.fired |= self.done(view) > 0 or reached(self.params.side, price, self.params.trigger)

    def due(self, view: View, done: int) -> tuple[int, str]:  # noqa: ARG002 - the base's shape
        """Return everything once it is set off."""
        at = f"{self.params.source} at {to_text(self.params.trigger)}"
        return (self.params.total, f"set off by {at}") if self.fired else (0, f"waits for {at}")


class Trailing(Parent[TrailingParams]):
    """A stop behind the best price seen; after a restart it begins behind the price it finds, or at its `trigger`."""

    def __init__(self, params: TrailingParams, *, name: str = "trailing") -> None:
        super().__init__(params, name=name)
        self._watch = Watch(params.source)
        self.trigger = params.trigger
        self.fired = False

    def observe(self, view: View) -> None:
        """Let the stop follow, then look whether it was reached."""
        price = self._watch.price(view, self.token(view))
        if price is None or not self.begun(view) or self.ended(view):
            return
        side = self.params.side
        behind = price // 2 + side.sign * self.params.distance
        if not self.trigger or (behind - self.trigger) * side.sign < 0:
            self.trigger = min(max(behind, 1), SCALE - 1)
        self.fired |= self.done(view) > 0 or reached(side, price, self.trigger)

    def due(self, view: View, done: int) -> tuple[int, str]:  # noqa: ARG002 - the base's shape
        """Return everything once it is set off."""
        at = f"{self.params.source} at {to_text(self.trigger)}"
        return (self.params.total, f"set off by {at}") if self.fired else (0, f"waits for {at}")


class Oco(Parent[OcoParams]):
    """Rests at the target until the trigger is reached; then that order goes, and only when it is gone the stop takes.

    After a restart it watches anew: that it was set off before is not known, what it traded is.
    """

    def __init__(self, params: OcoParams, *, name: str = "oco") -> None:
        super().__init__(params, name=name)
        self._watch = Watch(params.source)
        self.fired = False

    def observe(self, view: View) -> None:
        """Look whether the price was reached."""
        price = self._watch.price(view, self.token(view))
        if self.begun(view) and not self.ended(view):
            self.fired |= reached(self.params.side, price, self.params.trigger)

    def due(self, view: View, done: int) -> tuple[int, str]:  # noqa: ARG002 - the base's shape
        """Return everything: the quote says where."""
        params = self.params
        at = f"{params.source} at {to_text(params.trigger)}"
        rests = f"rests at {to_text(params.target)}, stop by {at}"
        return params.total, f"set off by {at}" if self.fired else rests

    def quote(self, view: View, size: int) -> Quote | str:
        """Return the target, or the way out."""
        if self.fired:
            return self.take(view, size)
        params = self.params
        return self.limited(view, params.side, params.target, size)

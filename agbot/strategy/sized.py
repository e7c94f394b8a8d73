"""A strategy whose opening orders are no larger than a sizing says.

The strategy's own size is the most. What makes its position smaller is never shrunk, cancels pass, and an order that
would be under the market's minimum is not placed: `metadata` counts those, and the next order that is placed says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from agbot.core.view import Cancel, Intent, Place, Strategy, View
from agbot.errors import ConfigError
from agbot.located import Located, suggest
from agbot.model.ids import MarketId, StrategyId
from agbot.model.order import Side
from agbot.strategy.quoting import HUNDREDTH
from agbot.strategy.sizing import FixedFractional, Kelly, Sizing, VolTarget
from agbot.strategy.weighting import MaxDiversification, RiskParity
from agbot.units import to_text

SIZINGS: Final[Mapping[str, type[Any]]] = {
    kind.__name__: kind for kind in (Kelly, FixedFractional, VolTarget, RiskParity, MaxDiversification)
}


def sized(strategy: Strategy, said: Located | Mapping[str, Any]) -> Strategy:
    """Return `strategy` with the sizing that a configuration says, such as ``{type: Kelly, fraction: "0.25"}``.

    Raises:
        ConfigError: AGB-624 no such type, AGB-625 an unknown or impossible parameter.
    """
    return Sized(strategy, parse_sizing(said))


def parse_sizing(said: Located | Mapping[str, Any]) -> Sizing:
    """Return the sizing that a mapping says; errors as `sized`."""
    params, place = _read(said)
    name = params.pop("type", None)
    if not isinstance(name, str) or name not in SIZINGS:
        reason = "a sizing names its type" if name is None else f"there is no sizing {str(name)[:60]!r}"
        raise place("type", reason, "AGB-624", suggest(str(name), SIZINGS) if name else f"one of {', '.join(SIZINGS)}")
    kind = SIZINGS[name]
    known = [field.name for field in attrs.fields(kind) if field.init]
    for key in params:
        if key not in known:
            raise place(key, f"{name} has no such parameter", "AGB-625", suggest(key, known))
    try:
        sizing: Sizing = kind(**params)
    except (ValueError, TypeError) as e:
        key = next((key for key, value in params.items() if _refuses(kind, key, value)), "")
        raise place(key, f"impossible parameter: {e}", "AGB-625", "docs/market_making.md") from e
    return sizing


def _refuses(kind: type[Any], key: str, value: object) -> bool:
    """Return whether one parameter is impossible by itself."""
    try:
        kind(**{key: value})
    except (ValueError, TypeError):
        return True
    return False


class _Place:
    """Where a fault is: in a file, or in a mapping that nobody wrote in one."""

    def __init__(self, node: Located | None) -> None:
        self._node = node

    def __call__(self, key: str, reason: str, error_id: str, remedy: str) -> ConfigError:
        if self._node is None:
            return ConfigError(reason, id=error_id, key=f"sizing.{key}".rstrip("."), remedy=remedy)
        return self._node.fields.get(key, self._node).fault(reason, id=error_id, remedy=remedy)


def _read(said: Located | Mapping[str, Any]) -> tuple[dict[str, Any], _Place]:
    if not isinstance(said, Located):
        return dict(said), _Place(None)
    place = _Place(said)
    if said.kind != "mapping":
        raise place("", f"expected a mapping, got {said}", "AGB-624", "write sizing: {type: Kelly}")
    return {name: node.plain() for name, node in said.fields.items()}, place


class Sized:
    """The wrapped strategy goes by its own id."""

    def __init__(self, strategy: Strategy, sizing: Sizing) -> None:
        self.id: StrategyId = strategy.id
        self.only_in = getattr(strategy, "only_in", None)
        self.sizing = sizing
        self._strategy = strategy
        self._shrunk = self._dropped = self._unsaid = 0
        self._last = ""

    def metadata(self) -> dict[str, Any]:
        """Return what the strategy says of itself, the sizing, and how often it shrank or dropped a wish."""
        own: dict[str, Any] = getattr(self._strategy, "metadata", dict)()
        told = {"type": type(self.sizing).__name__, **self.sizing.metadata()}
        counts = {"shrunk": self._shrunk, "not_placed": self._dropped, "last_not_placed": self._last}
        return {**own, "sizing": {**told, **counts}}

    def waits(self) -> Mapping[str, str]:
        """Return what of the strategy waits for a person."""
        told: Mapping[str, str] = getattr(self._strategy, "waits", dict)()
        return told

    def decide(self, view: View) -> Sequence[Intent]:
        """Ask the strategy, and return what it wishes within the sizing."""
        self.sizing.watch(view)
        wishes = list(self._strategy.decide(view))
        gone = {wish.client_order_id if isinstance(wish, Cancel) else wish.replaces for wish in wishes}
        return [sized for sized in self._each(view, wishes, gone) if sized is not None]

    def _each(self, view: View, wishes: Sequence[Intent], gone: set[str]) -> Sequence[Intent | None]:
        opened: dict[tuple[MarketId, int], int] = {}
        told: list[Intent | None] = []
        for wish in wishes:
            at = None if isinstance(wish, Cancel) else _view_of(view, wish)
            if isinstance(wish, Cancel) or at is None:
                told.append(wish)  # an order for a market it does not follow is for the gate to deny
                continue
            way = _way(at, wish.token, wish.side)
            so_far = way * at.own_net + opened.get((at.market.id, way), 0)
            so_far += sum(o.remaining for o in _resting(at, way) if o.client_order_id not in gone)
            sized = self._sized(at, wish, so_far)
            if sized is not None:
                opened[at.market.id, way] = opened.get((at.market.id, way), 0) + sized.size
            told.append(sized)
        return told

    def _sized(self, view: View, place: Place, so_far: int) -> Place | None:
        """Return the order as it may be placed, None where it may not.

        `so_far` is the position in the order's direction with all that rests in it: below 0, the order closes first.
        """
        closing = min(place.size, max(0, -so_far))
        if closing == place.size:
            return self._said(place)
        if view.equity <= 0:
            self._drop(view, place, "the equity is not above zero")
            return None
        allowed = self.sizing.most(view, place)
        room = allowed.shares if self.sizing.per_order else allowed.shares - max(0, so_far)
        if place.size - closing <= room:
            return self._said(place)
        step = math.lcm(HUNDREDTH, view.market.size_step)
        size = (closing + max(0, room)) // step * step
        if size < (step if place.time_in_force.immediate else max(step, view.market.min_size)):
            self._drop(view, place, allowed.why)
            return None
        self._shrunk += 1
        budget = place.budget * size // place.size // step * step
        why = f"{place.why}; {to_text(size)} of {to_text(place.size)}: {allowed.why}"
        return self._said(attrs.evolve(place, size=size, budget=budget, why=why))

    def _said(self, place: Place) -> Place:
        if not self._unsaid:
            return place
        count, self._unsaid = self._unsaid, 0
        return attrs.evolve(place, why=f"{place.why}; {count} before it not placed, the last: {self._last}")

    def _drop(self, view: View, place: Place, why: str) -> None:
        self._dropped += 1
        self._unsaid += 1
        self._last = f"{place.side.value} {view.market.outcome(place.token)} in {view.market.name}: {why}"


def _view_of(view: View, place: Place) -> View | None:
    """Return the view of the market of an order, None for one that the strategy does not follow."""
    if place.token in (view.market.yes, view.market.no):
        return view
    market = next((market for market in view.markets if place.token in (market.yes, market.no)), None)
    return view.see(market.id) if market else None


def _way(view: View, token: Any, side: Side) -> int:
    """Return +1 where a fill makes YES − NO grow, −1 where it shrinks."""
    return side.sign if token == view.market.yes else -side.sign


def _resting(view: View, way: int) -> Sequence[Any]:
    return [order for order in view.orders if _way(view, order.token, order.side) == way]

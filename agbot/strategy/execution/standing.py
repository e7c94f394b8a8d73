"""Orders that rest: iceberg and pegged."""

from __future__ import annotations

import attrs

from agbot.core.view import View
from agbot.model.order import Side
from agbot.strategy.execution.children import Quote, best_of_others, bounded, ours, resting
from agbot.strategy.execution.params import ParentParams, above, at_least, choice, count, decimal, whole
from agbot.strategy.execution.parent import Parent
from agbot.units import SCALE, to_text


@attrs.frozen(kw_only=True)
class IcebergParams(ParentParams):
    """A large order of which little is seen; `limit` is its price.

    Args:
        show: shares shown at a time.
    """

    limit: int = decimal(attrs.NOTHING, above(0), attrs.validators.lt(SCALE))
    show: int = decimal(attrs.NOTHING, above(0))


class Iceberg(Parent[IcebergParams]):
    """Shows a part at the limit, and the next part when that is filled.

    Where the limit meets the book, it takes what is there within the slippage and rests with the part after that.
    """

    def __init__(self, params: IcebergParams, *, name: str = "iceberg") -> None:
        super().__init__(params, name=name)

    def due(self, view: View, done: int) -> tuple[int, str]:  # noqa: ARG002 - the base's shape
        """Return all of it: the quote says how much is seen."""
        return self.params.total, f"shows {to_text(self.params.show)} of {to_text(self.params.total - done)}"

    def quote(self, view: View, size: int) -> Quote | str:
        """Return the limit, for one part, while none is in the market."""
        params, token = self.params, self.token(view)
        shown = 0 if ours(view, token, params.side) else params.show
        found = self.limited(view, params.side, params.limit, min(shown, size))
        return found if isinstance(found, str) else attrs.evolve(found, most=min(shown, found.most))


@attrs.frozen(kw_only=True)
class PeggedParams(ParentParams):
    """An order that follows the book and never crosses it.

    Args:
        peg: what it follows: the best `bid`, the best `ask` or the `mid` of the token.
        offset_ticks: ticks above it; negative is below.
        tolerance_ticks: how far it may be off before it is moved and loses its place.
        show: shares shown at a time; 0 for all.
    """

    peg: str = choice("bid", "ask", "mid")
    offset_ticks: int = attrs.field(default=0, converter=whole)
    tolerance_ticks: int = count(1, 0, 1000)
    show: int = decimal("0", at_least(0))


class Pegged(Parent[PeggedParams]):
    """Rests at an offset from the best prices of others: its own orders do not move it."""

    def __init__(self, params: PeggedParams, *, name: str = "pegged") -> None:
        super().__init__(params, name=name)

    def due(self, view: View, done: int) -> tuple[int, str]:  # noqa: ARG002 - the base's shape
        """Return what is done and may be seen."""
        show, total = self.params.show, self.params.total
        return min(total, done + show) if show else total, f"{to_text(done)} of {to_text(total)} done"

    def quote(self, view: View, size: int) -> Quote | str:  # noqa: ARG002 - the base's shape
        """Return the peg's price."""
        params, token = self.params, self.token(view)
        followed = self._followed(view)
        if followed is None:
            return f"there is no {params.peg} to follow"
        price = followed + params.offset_ticks * view.books[params.outcome].tick
        return resting(
            view,
            token,
            params.side,
            price,
            limit=params.limit,
            tolerance_ticks=params.tolerance_ticks,
            why=f"{params.peg} {to_text(followed)} {params.offset_ticks:+d}",
        )

    def _followed(self, view: View) -> int | None:
        """Return the price that is followed; a mid between two ticks is rounded away from the other side."""
        token, params = self.token(view), self.params
        bid, ask = best_of_others(view, token, Side.BUY), best_of_others(view, token, Side.SELL)
        wanted = {"bid": (bid,), "ask": (ask,), "mid": (bid, ask)}[params.peg]
        if not all(0 < price < SCALE for price in wanted):
            return None
        whole_price = sum(wanted) // len(wanted)
        return bounded(params.side, whole_price, 0, view.books[params.outcome].tick)

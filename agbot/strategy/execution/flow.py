"""POV: a part of what others trade."""

from __future__ import annotations

import attrs

from agbot.core.view import View
from agbot.strategy.execution.params import StyledParams, above, at_most, decimal
from agbot.strategy.execution.parent import Styled
from agbot.units import SCALE, to_text


@attrs.frozen(kw_only=True)
class PovParams(StyledParams):
    """How much to take part.

    Args:
        rate: our shares for each share of others; of all volume, ours included, that is rate/(1 + rate).
    """

    rate: int = decimal("0.1", above(0), at_most(SCALE))


class Pov(Styled[PovParams]):
    """Keeps what it did at `rate` of what others traded since it began to look.

    All prints of the market count, less our own fills: those are printed too. Volume that passed while nobody looked,
    such as during a restart or a kill switch, is let go.
    """

    def __init__(self, params: PovParams, *, name: str = "pov") -> None:
        super().__init__(params, name=name)
        self._printed = 0
        self._ours = 0
        self._before: int | None = None

    @property
    def others(self) -> int:
        """Return the shares that others traded."""
        return max(0, self._printed - self._ours)

    def observe(self, view: View) -> None:
        """Count what traded."""
        if self._before is None:
            self._before = self.done(view)
        if self.begun(view) and not self.ended(view):
            self._printed += sum(print_.size for print_ in view.prints)
            self._ours += sum(fill.size for fill in view.fills if not fill.voided)

    def due(self, view: View, done: int) -> tuple[int, str]:  # noqa: ARG002 - the base's shape
        """Return the rate's part of the volume."""
        share = (self._before or 0) + self.others * self.params.rate // SCALE
        if self.params.max_child:
            share = min(share, done + self.params.max_child)
        rate = to_text(self.params.rate * 100)
        return share, f"{rate} % of {to_text(self.others)} traded by others, {to_text(done)} done"

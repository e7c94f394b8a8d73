"""Buy what is offered below its average, sell it when the average is bid again: at prices to be had, spread included.

`agbot new strategy NAME` copies this file. A strategy is pure: no clock but `view.now_ns`, no dice, no files.
"""

import attrs

from agbot.model.ids import MarketId
from agbot.strategy.base import Intent, View
from agbot.strategy.fields import count, decimal
from agbot.strategy.lifecycle import Lifecycle
from agbot.strategy.signals import Ema
from agbot.strategy.targets import Mover, Target, mid, own
from agbot.units import SCALE


@attrs.frozen(kw_only=True)
class TemplateParams:
    """What a configuration may set under `params:`; impossible values are refused with file and line.

    Args:
        size: shares to hold.
        period: seconds of the average.
        edge: usd below the average at which to buy; it has to pay for the fees.
    """

    size: int = decimal("20", attrs.validators.gt(0))
    period: int = count(30, 2)
    edge: int = decimal("0.03", attrs.validators.gt(0))


class Template(Lifecycle):
    """One instance trades every market it is shown."""

    def __init__(self, *, name: str = "template", **params: object) -> None:
        super().__init__(name=name)
        self.params = TemplateParams(**params)  # type: ignore[arg-type]  # converters take what a person writes
        self.mover = Mover(slip_ticks=1)
        self.averages: dict[MarketId, Ema] = {}

    def on_timer(self, view: View) -> list[Intent]:
        """Look once a second."""
        price = mid(view)
        if price is None:
            return []
        average = self.averages.setdefault(view.market.id, Ema(self.params.period)).update(price)
        below = average * SCALE - view.book.best_ask
        if below >= self.params.edge:
            why = f"offered {below / SCALE:.4f} below the average"
            return self.mover.toward(view, Target(net=self.params.size, why=why))
        if own(view) and view.book.best_bid >= average * SCALE:
            return self.mover.toward(view, Target(net=0, why="the average is bid again"))
        return []

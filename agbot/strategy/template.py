"""Buy what fell below its average, sell it when it is back.

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
        edge: usd below the average at which to buy.
    """

    size: int = decimal("20", attrs.validators.gt(0))
    period: int = count(30, 2)
    edge: int = decimal("0.01", attrs.validators.gt(0))


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
        below = (average - price) * SCALE
        if below >= self.params.edge:
            return self.mover.toward(view, Target(net=self.params.size, why=f"{below / SCALE:.4f} below the average"))
        if own(view) and below <= 0:
            return self.mover.toward(view, Target(net=0, why="back at the average"))
        return []

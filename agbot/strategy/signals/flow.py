"""Signals of who pushes the price: order flow at the best prices, what volume moves, and how one-sided it is."""

from __future__ import annotations

from collections import deque

from agbot.quant.normal import cdf
from agbot.quant.signals import Top, order_flow
from agbot.strategy.signals.averages import counted
from agbot.strategy.signals.windows import Moments


class OrderFlow:
    """Order-flow imbalance over the last `period` changes of the best prices (Cont, Kukanov and Stoikov 2014)."""

    def __init__(self, period: int) -> None:
        self._pressures: deque[float] = deque()
        self._period = counted(period)
        self._last: Top | None = None
        self._sum = 0.0
        self._steps = 0

    @property
    def value(self) -> float | None:
        """Return the imbalance of now, in shares; above 0 where buyers push. None until there are `period` changes."""
        return self._sum if len(self._pressures) == self._period else None

    def update(self, top: Top) -> float | None:
        """Take the best prices (bid, its size, ask, its size) and return the imbalance of now."""
        if self._last is not None:
            self._add(order_flow((self._last, top)))
        self._last = top
        return self.value

    def _add(self, pressure: float) -> None:
        self._pressures.append(pressure)
        gone = self._pressures.popleft() if len(self._pressures) > self._period else 0.0
        self._steps += 1
        if self._steps % self._period:
            self._sum += pressure - gone
        else:
            self._sum = sum(self._pressures)  # rounding would pile up


class Vpin:
    """The part of volume that was one-sided, over the last `window` buckets (Easley, López de Prado, O'Hara 2012).

    Volume counts as bought by Φ(change/sigma), and fills buckets of `bucket`; a trade over an edge is split.
    """

    def __init__(self, bucket: float, sigma: float, window: int) -> None:
        if not (bucket > 0 and sigma > 0):
            raise ValueError(f"a bucket and a sigma above 0, not {bucket} and {sigma}")
        self._bucket, self._sigma = bucket, sigma
        self._left, self._net = bucket, 0.0
        self._imbalances: deque[float] = deque(maxlen=counted(window))
        self.buckets = 0
        self.value: float | None = None
        """The part, 0 to 1; None until `window` buckets are full."""

    def update(self, change: float, volume: float) -> float | None:
        """Take a change of price and the volume that came with it, and return the part of now."""
        lean, rest = 2 * cdf(change / self._sigma) - 1, volume
        while rest >= self._left:
            self._filled(abs(self._net + lean * self._left))
            rest, self._left, self._net = rest - self._left, self._bucket, 0.0
        self._left, self._net = self._left - rest, self._net + lean * rest
        return self.value

    def _filled(self, imbalance: float) -> None:
        self.buckets += 1
        kept = self._imbalances
        kept.append(imbalance)
        if len(kept) == kept.maxlen:
            self.value = sum(kept) / (len(kept) * self._bucket)


class KyleLambda:
    """How far a unit of signed volume moves the price: the slope of changes on it over the last `period` trades."""

    def __init__(self, period: int) -> None:
        self._moments = Moments(counted(period, 3))

    @property
    def value(self) -> float | None:
        """Return the slope of now; None until there are `period` trades, and where their volume does not differ."""
        return self._moments.slope() if self._moments.full else None

    def update(self, signed_volume: float, change: float) -> float | None:
        """Take a trade's volume (above 0 where the buyer came) and the change of price, and return the slope of now."""
        self._moments.add(signed_volume, change)
        return self.value

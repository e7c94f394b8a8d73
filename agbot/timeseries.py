"""A ring of (timestamp, value) points in C, read as NumPy arrays without a Python loop.

NumPy is imported at the first query, so that importing this module stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from agbot._timeseries import Series

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Columns: TypeAlias = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]
    """(timestamps, values), equally long."""


class TimeSeries(Series):
    """The newest `capacity` points; a full series evicts its oldest point. One thread at a time.

    Timestamps are milliseconds by convention and never interpreted: equal and earlier ones are accepted, points stay
    in the order of their appends. Memory is 32 bytes per point, 64 with `stats`.

    Args:
        capacity: how many points to hold, at least 1.
        stats: keep `mean`, `min` and `max` of the values held, O(1) per append.
        ewma_alpha: keep `ewma` with this weight of the newest value, in (0, 1].

    Raises:
        ValueError: capacity or ewma_alpha out of range; a statistic that is not kept was read.
        MemoryError: there is no room for that many points.
    """

    __slots__ = ("_times", "_values")

    _times: npt.NDArray[np.int64]
    _values: npt.NDArray[np.float64]

    def view(self, n: int) -> Columns:
        """Return the newest `n` points or fewer, oldest first, without copying.

        The arrays are read-only windows over live memory and keep that memory alive, also after the series is gone.
        They hold still for `capacity - n` appends; from then on newer points overwrite their oldest ones in place.
        Use `last` or `.copy()` for something that stays.

        Raises:
            ValueError: n is negative.
        """
        window = self._window(n)
        try:
            return self._times[window], self._values[window]
        except AttributeError:
            self._bind()
            return self._times[window], self._values[window]

    def last(self, n: int) -> Columns:
        """Return a copy of the newest `n` points or fewer, newest first.

        Raises:
            ValueError: n is negative.
        """
        if n < 0:
            raise ValueError(f"cannot copy {n} points")
        columns = _columns(min(n, len(self)))
        self._last_into(*columns)
        return columns

    def range(self, start_ms: int, end_ms: int, max_points: int | None = None) -> Columns:
        """Return a copy of the points with start_ms ≤ timestamp ≤ end_ms in order of their appends, O(len).

        Args:
            max_points: return only the first that many.

        Raises:
            ValueError: max_points is negative.
        """
        found = self._count_range(start_ms, end_ms)
        if max_points is not None:
            if max_points < 0:
                raise ValueError(f"cannot copy {max_points} points")
            found = min(found, max_points)
        columns = _columns(found)
        self._range_into(start_ms, end_ms, *columns)
        return columns

    def __repr__(self) -> str:
        return f"TimeSeries(capacity={self.capacity}, len={len(self)})"

    def _bind(self) -> None:
        import numpy as np  # noqa: PLC0415 - see the module's docstring

        points, memory = 2 * self.capacity, memoryview(self._memory)
        self._times = np.frombuffer(memory, np.int64, points)
        self._values = np.frombuffer(memory, np.float64, points, points * 8)


def _columns(count: int) -> Columns:
    import numpy as np  # noqa: PLC0415 - see the module's docstring

    return np.empty(count, np.int64), np.empty(count, np.float64)

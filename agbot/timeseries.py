"""A ring of (timestamp, value): stands in for the native one until that is merged, with the part of its API we use."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt


class TimeSeries:
    """The newest `capacity` points; the oldest is evicted."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError("capacity must be at least 1")
        self._points: deque[tuple[int, float]] = deque(maxlen=capacity)

    def append(self, ts_ms: int, value: float) -> None:
        """Add a point."""
        self._points.append((ts_ms, value))

    def view(self, n: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Return the newest `n` points, oldest first."""
        return self._arrays(list(self._points)[-n:] if n else [])

    def range(self, start_ms: int, end_ms: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Return the points with `start_ms` ≤ timestamp ≤ `end_ms`, oldest first."""
        return self._arrays([p for p in self._points if start_ms <= p[0] <= end_ms])

    @staticmethod
    def _arrays(points: list[tuple[int, float]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        return np.array([p[0] for p in points], np.int64), np.array([p[1] for p in points], np.float64)

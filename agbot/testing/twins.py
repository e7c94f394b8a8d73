"""Pure-Python twins of the native parts: slow, plain, obviously right. Oracles for tests, not for trading.

They have the methods and the errors of `agbot.timeseries.TimeSeries`, `agbot._book.Book` and `agbot._keccak`. Columns
are lists here, and averages are computed exactly before they become floats, so compare those with a relative tolerance
of 10⁻¹².
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from fractions import Fraction
from itertools import islice, product

from agbot.units import SCALE, TICKS, on_tick

_INT64 = range(-(2**63), 2**63)
_LANE = 2**64 - 1
_RATE = 136

Points = tuple[list[int], list[float]]
"""(timestamps, values), equally long."""


class TimeSeriesTwin:
    """`TimeSeries` over a deque. Statistics look at every value each time they are asked."""

    def __init__(self, capacity: int, *, ewma_alpha: float | None = None) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self.capacity = capacity
        self._points: deque[tuple[int, float]] = deque(maxlen=capacity)
        self._ewma_alpha = ewma_alpha
        self.ewma: float | None = None

    def __len__(self) -> int:
        return len(self._points)

    def append(self, ts_ms: int, value: float) -> None:
        """Append one point; a full series evicts its oldest."""
        self._points.append((ts_ms, value))
        if self._ewma_alpha is not None and math.isfinite(value):
            before = value if self.ewma is None else self.ewma
            self.ewma = self._ewma_alpha * value + (1 - self._ewma_alpha) * before

    def append_batch(self, timestamps: Iterable[int], values: Iterable[float]) -> None:
        """Append equally long columns in order."""
        for ts_ms, value in zip(timestamps, values, strict=True):
            self.append(ts_ms, value)

    def view(self, n: int) -> Points:
        """Return the newest `n` points, oldest first."""
        if n < 0:
            raise ValueError(f"cannot show {n} points")
        return _columns(islice(self._points, max(0, len(self) - n), None))

    def last(self, n: int) -> Points:
        """Return the newest `n` points, newest first."""
        if n < 0:
            raise ValueError(f"cannot copy {n} points")
        return _columns(islice(reversed(self._points), n))

    def range(self, start_ms: int, end_ms: int, max_points: int | None = None) -> Points:
        """Return the points with start_ms ≤ timestamp ≤ end_ms in order of their appends."""
        if max_points is not None and max_points < 0:
            raise ValueError(f"cannot copy {max_points} points")
        return _columns(islice((point for point in self._points if start_ms <= point[0] <= end_ms), max_points))

    @property
    def mean(self) -> float | None:
        """Return the correctly rounded mean of the values held."""
        values = self._values()
        if not values:
            return None
        if all(map(math.isfinite, values)):
            return float(sum(map(Fraction, values)) / len(values))
        return sum(value for value in values if not math.isfinite(value))

    @property
    def min(self) -> float | None:
        """Return the least value held, NaN while a NaN is held."""
        values = self._values()
        return math.nan if any(map(math.isnan, values)) else min(values, default=None)

    @property
    def max(self) -> float | None:
        """Return the greatest value held, NaN while a NaN is held."""
        values = self._values()
        return math.nan if any(map(math.isnan, values)) else max(values, default=None)

    def _values(self) -> list[float]:
        return [value for _, value in self._points]


def _columns(points: Iterable[tuple[int, float]]) -> Points:
    kept = list(points)
    return [ts_ms for ts_ms, _ in kept], [value for _, value in kept]


class BookTwin:
    """`Book` over two dicts from price to size."""

    def __init__(self, tick: int = 10_000) -> None:
        self._check_tick(tick)
        self.tick = tick
        self._sides: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def update(self, side: int, price: int, size: int) -> None:
        """Set one level's size; 0 removes it."""
        self.apply([(side, price, size)])

    def apply(self, changes: Iterable[tuple[int, int, int]]) -> None:
        """Apply (side, price, size) rows in order, all or none."""
        rows = list(changes)
        for side, price, size in rows:
            self._check(side, price, size)
        for side, price, size in rows:
            self._put(side, price, size)

    def snapshot(self, bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]]) -> None:
        """Replace the book by (price, size) rows, all or nothing; the last of two at one price counts."""
        rows = [(0, price, size) for price, size in bids] + [(1, price, size) for price, size in asks]
        for side, price, size in rows:
            self._check(side, price, size)
        self.clear()
        self.apply(rows)

    def clear(self) -> None:
        """Remove every level."""
        self._sides = ({}, {})

    def regrid(self, tick: int) -> None:
        """Move to another tick; ValueError and unchanged when a level would not fit."""
        self._check_tick(tick)
        if not all(on_tick(price, tick) for side in self._sides for price in side):
            raise ValueError(f"a level does not fit the tick {tick}")
        self.tick = tick

    @property
    def best_bid(self) -> int:
        """Return the best bid, 0 when there is none."""
        return max(self._sides[0], default=0)

    @property
    def best_ask(self) -> int:
        """Return the best ask, 1 000 000 when there is none."""
        return min(self._sides[1], default=SCALE)

    @property
    def best_bid_size(self) -> int:
        """Return the size at the best bid."""
        return self.size_at(0, self.best_bid)

    @property
    def best_ask_size(self) -> int:
        """Return the size at the best ask."""
        return self.size_at(1, self.best_ask)

    @property
    def bid_count(self) -> int:
        """Return how many bid levels there are."""
        return len(self._sides[0])

    @property
    def ask_count(self) -> int:
        """Return how many ask levels there are."""
        return len(self._sides[1])

    @property
    def empty(self) -> bool:
        """Return whether there is no level at all."""
        return not self.bid_count and not self.ask_count

    @property
    def locked(self) -> bool:
        """Return whether best bid equals best ask."""
        return self.best_bid == self.best_ask

    @property
    def crossed(self) -> bool:
        """Return whether best bid is above best ask."""
        return self.best_bid > self.best_ask

    def size_at(self, side: int, price: int) -> int:
        """Return the size at a price, 0 when there is no level."""
        return self._side(side).get(price, 0)

    def levels(self, side: int) -> list[tuple[int, int]]:
        """Return every level as (price, size), best first."""
        return sorted(self._side(side).items(), reverse=side == 0)

    def top(self, side: int, n: int) -> list[tuple[int, int]]:
        """Return the best `n` levels, best first."""
        if n < 0:
            raise ValueError(f"{n} levels asked, needs 0 at least")
        return self.levels(side)[:n]

    def mid(self) -> float | None:
        """Return half way between the best prices, None unless both sides are there."""
        return (self.best_bid + self.best_ask) / 2 if self.bid_count and self.ask_count else None

    def microprice(self) -> float | None:
        """Return the mid weighted by the opposite best sizes, None unless both sides are there."""
        if not (self.bid_count and self.ask_count):
            return None
        weighted = self.best_bid * self.best_ask_size + self.best_ask * self.best_bid_size
        return weighted / (self.best_bid_size + self.best_ask_size)

    def imbalance(self, levels: int = 1) -> float | None:
        """Return (bid − ask)/(bid + ask) sizes over the best levels, None on an empty book."""
        if levels < 1:
            raise ValueError(f"{levels} levels asked, needs 1 at least")
        bid, ask = (sum(size for _, size in self.top(side, levels)) for side in (0, 1))
        return None if self.empty else (bid - ask) / (bid + ask)

    def vwap(self, side: int, size: int) -> tuple[float, int]:
        """Walk a side: (average price, filled size); (nan, 0) on an empty side."""
        if size <= 0:
            raise ValueError(f"size {size} is not positive")
        value, left = 0, size
        for price, visible in self.levels(side):
            taken = min(visible, left)
            value += price * taken
            left -= taken
        filled = size - left
        return (value / filled if filled else math.nan), filled

    def _put(self, side: int, price: int, size: int) -> None:
        self._sides[side][price] = size
        if size == 0:
            del self._sides[side][price]

    def _side(self, side: int) -> dict[int, int]:
        if side not in (0, 1):
            raise ValueError(f"side {side} is neither 0 (bid) nor 1 (ask)")
        return self._sides[side]

    def _check(self, side: int, price: int, size: int) -> None:
        self._side(side)
        if size < 0 or size not in _INT64:
            raise ValueError(f"size {size} is negative or too large")
        if not on_tick(price, self.tick):
            raise ValueError(f"price {price} is not on the tick {self.tick}")

    @staticmethod
    def _check_tick(tick: int) -> None:
        if tick not in TICKS:
            raise ValueError(f"tick {tick} is none of {TICKS}")


def keccak256(data: bytes) -> bytes:
    """Return Keccak-256 with Ethereum's padding, as FIPS 202 words it: theta, rho and pi, chi, iota."""
    padded = bytearray(data + b"\x01" + bytes(-(len(data) + 1) % _RATE))
    padded[-1] |= 0x80
    lanes = [[0] * 5 for _ in range(5)]  # lanes[x][y]
    for start in range(0, len(padded), _RATE):
        for i in range(_RATE // 8):
            lane = padded[start + 8 * i : start + 8 * i + 8]
            lanes[i % 5][i // 5] ^= int.from_bytes(lane, "little")
        lanes = _permuted(lanes)
    return b"".join(lanes[i][0].to_bytes(8, "little") for i in range(4))


def _permuted(a: list[list[int]]) -> list[list[int]]:
    shift_register = 1
    for _ in range(24):
        parity = [x[0] ^ x[1] ^ x[2] ^ x[3] ^ x[4] for x in a]
        theta = [parity[x - 1] ^ _rotated(parity[(x + 1) % 5], 1) for x in range(5)]
        b = [[0] * 5 for _ in range(5)]
        for x, y in product(range(5), repeat=2):
            b[y][(2 * x + 3 * y) % 5] = _rotated(a[x][y] ^ theta[x], _RHO[x, y])
        a = [[b[x][y] ^ ~b[(x + 1) % 5][y] & b[(x + 2) % 5][y] for y in range(5)] for x in range(5)]
        for j in range(7):
            a[0][0] ^= (shift_register & 1) << (2**j - 1)
            shift_register = shift_register << 1 ^ (shift_register >> 7) * 0x171
    return a


def _rotated(lane: int, by: int) -> int:
    return (lane << by | lane >> 64 - by) & _LANE


def _rho() -> dict[tuple[int, int], int]:
    offsets, x, y = {(0, 0): 0}, 1, 0
    for t in range(24):
        offsets[x, y] = (t + 1) * (t + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    return offsets


_RHO = _rho()

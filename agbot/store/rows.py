"""What history keeps, and the one way to ask for it, whichever database is behind it.

Prices, sizes and money are integers of 10⁻⁶, times integer nanoseconds, UTC. Metrics alone are floats: they are for
charts. A row that is stored twice is one row: metrics by (series, time), the others by their key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

import attrs

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Sorted by name."""


class MetricRow(NamedTuple):
    """One observation."""

    ts_ns: int
    name: str
    labels: Labels
    value: float


class MetricPoint(NamedTuple):
    """What was observed in [ts_ns, ts_ns + step): a single observation when the step is 0."""

    ts_ns: int
    observed: int
    minimum: float
    maximum: float
    mean: float
    last: float


@attrs.frozen
class Series:
    """A metric under one set of labels, its points in time order."""

    name: str
    labels: Labels
    points: Sequence[MetricPoint]


class OrderRow(NamedTuple):
    """An order as it was last heard of. Key: client_order_id."""

    client_order_id: str
    run_id: str
    mode: str
    venue: str
    strategy: str
    market: str
    token: str
    outcome: str
    side: str
    price: int
    size: int
    filled: int
    state: str
    reason: str
    why: str
    created_ns: int
    updated_ns: int


class FillRow(NamedTuple):
    """An execution. Key: venue, trade_id, client_order_id."""

    venue: str
    trade_id: str
    client_order_id: str
    run_id: str
    mode: str
    strategy: str
    market: str
    token: str
    outcome: str
    side: str
    price: int
    size: int
    fee: int
    liquidity: str
    settlement: str
    ts_ns: int


class PositionRow(NamedTuple):
    """What a strategy held of a token at a time. Key: run_id, strategy, token, ts_ns."""

    ts_ns: int
    run_id: str
    mode: str
    strategy: str
    market: str
    token: str
    outcome: str
    size: int
    cost: int
    realised: int


@attrs.frozen(kw_only=True)
class Filter:
    """Which orders or fills: all that is given has to hold; `limit` newest ones."""

    start_ns: int = 0
    end_ns: int = 2**63 - 1
    run_id: str = ""
    mode: str = ""
    strategy: str = ""
    market: str = ""
    state: str = ""
    limit: int = 1_000


class HistoryStore(Protocol):
    """A database of metrics and executions. Calls block: they belong in a worker thread. StoreError when it fails."""

    def insert_metrics_batch(self, rows: Sequence[MetricRow]) -> None:
        """Store observations in one transaction; one that is there already stays as it is."""
        ...

    def query_metrics(
        self, name: str, start_ns: int, end_ns: int, labels: Mapping[str, str] | None = None, step_ns: int = 0
    ) -> list[Series]:
        """Return every series of `name` that has all of `labels`, in [start_ns, end_ns), by `step_ns` (0: as stored).

        Asked with a step, it is answered from the coarsest roll-up whose step divides it.
        """
        ...

    def store_order(self, row: OrderRow) -> None:
        """Store an order; one with a later `updated_ns` replaces what is there."""
        ...

    def store_fill(self, row: FillRow) -> None:
        """Store an execution; told again, the later settlement replaces the earlier one."""
        ...

    def store_position(self, row: PositionRow) -> None:
        """Store a holding."""
        ...

    def query_orders(self, wanted: Filter) -> list[OrderRow]:
        """Return orders, newest first."""
        ...

    def query_fills(self, wanted: Filter) -> list[FillRow]:
        """Return executions, newest first."""
        ...

    def close(self) -> None:
        """Let go of the database; what was stored is on disk."""
        ...

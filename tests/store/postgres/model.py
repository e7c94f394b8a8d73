"""A history in memory, as plain as can be: what the database has to agree with. And rows to tell both."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from agbot.store.rows import (
    FillRow,
    Filter,
    Labels,
    MetricPoint,
    MetricRow,
    OrderRow,
    PositionRow,
    Series,
)

FINAL = ["MATCHED", "MINED", "RETRYING", "CONFIRMED", "FAILED"]
DAY_NS = 86_400 * 10**9
START_NS = 20_000 * DAY_NS


class MemoryStore:
    """A `HistoryStore` of dictionaries."""

    def __init__(self) -> None:
        self.metrics: dict[tuple[str, Labels], dict[int, float]] = defaultdict(dict)
        self.orders: dict[str, OrderRow] = {}
        self.fills: dict[tuple[str, str, str], FillRow] = {}
        self.positions: dict[tuple[str, str, str, int], PositionRow] = {}

    def insert_metrics_batch(self, rows: Sequence[MetricRow]) -> None:
        for row in rows:
            self.metrics[row.name, row.labels].setdefault(row.ts_ns, row.value)

    def query_metrics(
        self, name: str, start_ns: int, end_ns: int, labels: Mapping[str, str] | None = None, step_ns: int = 0
    ) -> list[Series]:
        found = []
        for (its_name, its_labels), points in sorted(self.metrics.items()):
            if its_name == name and (labels or {}).items() <= dict(its_labels).items():
                spans: dict[int, list[float]] = defaultdict(list)
                for ts_ns in sorted(ts for ts in points if start_ns <= ts < end_ns):
                    spans[ts_ns // step_ns * step_ns if step_ns else ts_ns].append(points[ts_ns])
                if spans:
                    found.append(Series(name, its_labels, [_point(*span) for span in spans.items()]))
        return found

    def store_order(self, row: OrderRow) -> None:
        old = self.orders.get(row.client_order_id)
        if old is None or row.updated_ns > old.updated_ns:
            self.orders[row.client_order_id] = row if old is None else row._replace(created_ns=old.created_ns)

    def store_fill(self, row: FillRow) -> None:
        old = self.fills.setdefault((row.venue, row.trade_id, row.client_order_id), row)
        if FINAL.index(row.settlement) > FINAL.index(old.settlement):
            self.fills[old[:3]] = old._replace(settlement=row.settlement, fee=row.fee)

    def store_position(self, row: PositionRow) -> None:
        self.positions.setdefault((row.run_id, row.strategy, row.token, row.ts_ns), row)

    def query_orders(self, wanted: Filter) -> list[OrderRow]:
        rows = [row for row in self.orders.values() if _matches(row, row.created_ns, row.state, wanted)]
        return sorted(rows, key=lambda row: (row.created_ns, row.client_order_id), reverse=True)[: wanted.limit]

    def query_fills(self, wanted: Filter) -> list[FillRow]:
        rows = [row for row in self.fills.values() if _matches(row, row.ts_ns, row.settlement, wanted)]
        return sorted(rows, key=lambda row: (row.ts_ns, row.trade_id), reverse=True)[: wanted.limit]

    def close(self) -> None:
        """Nothing is open."""


def digest(rows: Iterable[tuple[object, ...]]) -> tuple[int, str]:
    """Return how many rows there are, and a hash of them in whatever order."""
    texts = sorted(repr(tuple(row)) for row in rows)
    return len(texts), hashlib.sha256("\n".join(texts).encode()).hexdigest()


def order(n: int = 0, **changes: object) -> OrderRow:
    """Return an order."""
    made = START_NS + n
    row = OrderRow(
        f"o{n}", "r", "paper", "v", "s", "m", "t", "YES", "BUY", 480_000, 10**7, 0, "OPEN", "", "", made, made
    )
    return row._replace(**changes)  # type: ignore[arg-type]


def fill(n: int = 0, **changes: object) -> FillRow:
    """Return an execution."""
    row = FillRow(
        "v",
        f"t{n}",
        f"o{n}",
        "r",
        "paper",
        "s",
        "m",
        "t",
        "YES",
        "BUY",
        480_000,
        10**6,
        7,
        "MAKER",
        "MATCHED",
        START_NS + n,
    )
    return row._replace(**changes)  # type: ignore[arg-type]


def position(n: int = 0, **changes: object) -> PositionRow:
    """Return a holding."""
    return PositionRow(START_NS + n, "r", "paper", "s", "m", "t", "YES", 10**6, 5, -3)._replace(**changes)  # type: ignore[arg-type]


def metric(n: int = 0, name: str = "pnl", **changes: object) -> MetricRow:
    """Return an observation."""
    row = MetricRow(START_NS + n * 10**9, name, (("mode", "paper"), ("strategy", f"s{n % 3}")), n / 8)
    return row._replace(**changes)  # type: ignore[arg-type]


def _point(ts_ns: int, values: list[float]) -> MetricPoint:
    return MetricPoint(ts_ns, len(values), min(values), max(values), sum(values) / len(values), values[-1])


def _matches(row: OrderRow | FillRow, ts_ns: int, state: str, wanted: Filter) -> bool:
    names = ("run_id", "mode", "strategy", "market")
    exact = all(getattr(wanted, name) in ("", getattr(row, name)) for name in names)
    return exact and wanted.state in ("", state) and wanted.start_ns <= ts_ns < wanted.end_ns

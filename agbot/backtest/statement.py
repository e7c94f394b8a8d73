"""What an account made in some UTC days, out of its journals: figures that add up, what was denied, what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

import attrs
import msgspec

from agbot.backtest.result import Attribution, Calibration, Markout, Point
from agbot.units import NS_PER_S

DAY_NS: Final = 86_400 * NS_PER_S
PERIODS: Final = {"day": 1, "week": 7, "month": 30}
"""How many UTC days a period has; its last one is named."""


@attrs.frozen(kw_only=True)
class Span:
    """UTC days from the midnight `start_ns` up to the midnight `end_ns`, which is no longer in it."""

    start_ns: int
    end_ns: int

    @classmethod
    def ending(cls, period: str, last: date) -> Span:
        """Return the period, a name in `PERIODS`, whose last day is `last`."""
        end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
        end_ns = int(end.timestamp()) * NS_PER_S
        return cls(start_ns=end_ns - PERIODS[period] * DAY_NS, end_ns=end_ns)

    @property
    def midnights(self) -> list[int]:
        """Return the beginnings of its days, and its end."""
        return list(range(self.start_ns, self.end_ns + 1, DAY_NS))

    def __contains__(self, ts_ns: int) -> bool:
        return self.start_ns <= ts_ns < self.end_ns


def day_of(ts_ns: int) -> date:
    """Return the UTC day of an instant."""
    return datetime.fromtimestamp(ts_ns // NS_PER_S, UTC).date()


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """One UTC day of the account: `opening + pnl + brought == closing`. Money in 10⁻⁶ usd."""

    day: str
    opening: int
    pnl: int
    brought: int
    closing: int


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What one strategy made in one market on one day; fees are in the PnL. Money and shares in 10⁻⁶."""

    day: str
    strategy: str
    market: str
    fills: int
    shares: int
    turnover: int
    fees: int
    pnl: int


class Denial(msgspec.Struct, frozen=True, kw_only=True):
    """How often a rule denied a strategy's wish; a wish that is repeated unchanged counts once."""

    rule: str
    strategy: str
    times: int


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, of one kind: how often, from when to when, and the newest in words."""

    kind: str
    times: int
    first_ns: int
    last_ns: int
    words: str


class Credit(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue says that it paid into the wallet, or out of it, of one kind such as maker_rebate."""

    kind: str
    times: int
    usd: int


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """An account over a period. Money and shares in 10⁻⁶, times UTC nanoseconds.

    Attributes:
        runs: the runs that were traded in it.
        opening, closing: equity at its beginning and its end; holdings at liquidation value.
        brought: what came from outside or went there: deposits, rebates that the venue credited, corrections.
        unrealised: the part of what was ever made that prices can still take back, at its end.
        rows: by day, strategy and market; their PnL is all PnL.
        orders: that were sent; `cancels` that were asked for; `rejected` by the venue; `unknown` at some time.
        markouts: of fills in the period. `calibration`: of markets that ended in it.
        credits: what is in `brought` by the venue's own account, None when it was not asked.
        credits_unread: rows of its answer, of whatever time, that could not be read: then there may be more.
    """

    version: str
    mode: str
    period: str
    start_ns: int
    end_ns: int
    runs: tuple[str, ...]
    opening: int
    brought: int
    closing: int
    unrealised: int
    orders: int
    cancels: int
    rejected: int
    unknown: int
    days: tuple[Day, ...]
    rows: tuple[Row, ...]
    points: tuple[Point, ...]
    markouts: tuple[Markout, ...]
    calibration: Calibration | None
    denials: tuple[Denial, ...]
    incidents: tuple[Incident, ...]
    credits: tuple[Credit, ...] | None = None
    credits_unread: int = 0

    @property
    def pnl(self) -> int:
        """Return what was made, fees paid."""
        return sum(row.pnl for row in self.rows)

    @property
    def fees(self) -> int:
        """Return what was paid in fees."""
        return sum(row.fees for row in self.rows)

    @property
    def turnover(self) -> int:
        """Return the usd that were traded."""
        return sum(row.turnover for row in self.rows)

    @property
    def fills(self) -> int:
        """Return how many executions stood."""
        return sum(row.fills for row in self.rows)

    @property
    def rebates(self) -> int | None:
        """Return the rebates that the venue says it paid, None when it was not asked."""
        if self.credits is None:
            return None
        return sum(credit.usd for credit in self.credits if credit.kind.endswith("_rebate"))

    @property
    def unexplained(self) -> int:
        """Return by how much the figures miss the account: 0."""
        return self.closing - self.opening - self.pnl - self.brought

    @property
    def strategies(self) -> tuple[str, ...]:
        """Return the strategies that made something, by name."""
        return tuple(sorted({row.strategy for row in self.rows}))

    def attribution(self) -> tuple[Attribution, ...]:
        """Return the rows of all days together, by strategy and market."""
        keys = sorted({(row.strategy, row.market) for row in self.rows})
        of = {key: [row for row in self.rows if (row.strategy, row.market) == key] for key in keys}
        return tuple(_together(strategy, market, rows) for (strategy, market), rows in of.items())


def _together(strategy: str, market: str, rows: Sequence[Row]) -> Attribution:
    return Attribution(
        strategy=strategy,
        market=market,
        fills=sum(row.fills for row in rows),
        shares=sum(row.shares for row in rows),
        fees=sum(row.fees for row in rows),
        pnl=sum(row.pnl for row in rows),
    )

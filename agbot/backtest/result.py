"""What a backtest came to. Money and shares are integers of 10⁻⁶; written to and read from JSON as they are."""

from __future__ import annotations

import math
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Final, Protocol

import msgspec

from agbot.errors import ConfigError
from agbot.quant.performance import DAYS_A_YEAR, sharpe, sharpe_error
from agbot.units import NS_PER_S

YEAR_NS: Final = DAYS_A_YEAR * 86_400 * NS_PER_S


class Point(msgspec.Struct, frozen=True, array_like=True):
    """The account at one instant: equity and the liquidation value of what is held."""

    ts_ns: int
    equity: int
    inventory: int


class Fill(msgspec.Struct, frozen=True, array_like=True):
    """One execution. `price` is the token's own; `yes` says which token, `buy` whether it was bought."""

    ts_ns: int
    market: str
    yes: bool
    buy: bool
    price: int
    size: int
    fee: int
    taker: bool
    strategy: str


class Attribution(msgspec.Struct, frozen=True, kw_only=True):
    """What one strategy made in one market; all of them add up to the account's PnL."""

    strategy: str
    market: str
    fills: int
    shares: int
    fees: int
    pnl: int


class Markout(msgspec.Struct, frozen=True, kw_only=True):
    """What fills gained against the middle `after_ns` later: usd over `shares`; `unseen` fills met no middle."""

    after_ns: int
    fills: int
    shares: int
    usd: int
    unseen: int

    @property
    def a_share(self) -> int | None:
        """Return the gain a share, rounded down; None without a fill."""
        return self.usd * 1_000_000 // self.shares if self.shares else None


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """Claims bought at prices from `low` up to 0.1 more: how many, at what mean price, and which part of them paid."""

    low: int
    shares: int
    price: float
    paid: float


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """Price paid against outcome over the markets that resolved; `brier` is weighted by shares."""

    markets: int
    shares: int
    brier: float
    buckets: tuple[Bucket, ...]


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of orders by how they ended; `ordered` and `filled` in shares."""

    placed: int
    filled_whole: int
    cancelled: int
    rejected: int
    expired: int
    cancels_sent: int
    ordered: int
    filled: int


class Measured(Protocol):
    """What has markouts and a calibration: a backtest's result, an account's statement."""

    @property
    def markouts(self) -> tuple[Markout, ...]: ...
    @property
    def calibration(self) -> Calibration | None: ...


class BacktestResult(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One run of one specification.

    Args:
        data: SHA-256 of the market data.
        messages: of market data that were read.
        capital: equity at the start; `equity` at the end, after everything was cancelled.
        digest: over every decision, command and fill in order.
        period_ns: between two points of the curve; the last point comes when it comes.
        drawdown: the deepest fall of equity in usd, seen at every step, and `drawdown_peak` from where.
        rebates: estimated like `rewards`, paid beside trades; no part of the equity.
        trades: executions; `fills` are all of them up to a bound, then every second, fourth, … one.
        mids: YES middles on the curve's grid of the first markets, None where a side is missing.
        denials: by policy; `denials_repeated` counts wishes denied again unchanged, which are recorded once.
        stopped: why the kill switch tripped, empty when it did not.
        failed: what strategies raised that were stopped for it.
    """

    version: str
    source: str
    data: str
    strategies: tuple[str, ...]
    markets: int
    messages: int
    first_ns: int
    last_ns: int
    seed: int
    queue: str
    latency: str
    capital: int
    equity: int
    fees: int
    rebates: int
    rewards: int
    turnover: int
    digest: str
    period_ns: int
    points: tuple[Point, ...]
    drawdown: int
    drawdown_peak: int
    inventory_max: int
    orders: Orders
    trades: int
    fills: tuple[Fill, ...]
    mids: dict[str, tuple[int | None, ...]]
    attribution: tuple[Attribution, ...]
    markouts: tuple[Markout, ...]
    calibration: Calibration | None
    denials: dict[str, int]
    denials_repeated: int
    stopped: str
    failed: dict[str, str]

    @property
    def pnl(self) -> int:
        """Return what was gained, fees paid, holdings at liquidation value."""
        return self.equity - self.capital

    @cached_property
    def returns(self) -> tuple[float, ...]:
        """Return simple returns between the points of the curve."""
        path = [point.equity for point in self.points]
        return tuple((b - a) / a if a > 0 else 0.0 for a, b in pairwise(path))

    @property
    def sharpe(self) -> float | None:
        """Return the Sharpe ratio a year out of `returns`; None without variance."""
        return sharpe(self.returns, periods=YEAR_NS / self.period_ns)

    @property
    def sharpe_error(self) -> float | None:
        """Return the standard error of `sharpe`, as of independent returns; large where there are few of them."""
        if self.sharpe is None:
            return None
        a_year = math.sqrt(YEAR_NS / self.period_ns)
        return sharpe_error(self.sharpe / a_year, len(self.returns)) * a_year

    @property
    def fill_rate(self) -> float | None:
        """Return the part of the ordered shares that traded; None when nothing was ordered."""
        return self.orders.filled / self.orders.ordered if self.orders.ordered else None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A result beside the same backtest under the queue rules that fill least and most; `trials` were tried for it."""

    chosen: BacktestResult
    lower: BacktestResult
    upper: BacktestResult
    trials: int = 1

    def to_json(self) -> bytes:
        """Return the report as JSON, the same bytes for the same report."""
        return msgspec.json.encode(self, order="deterministic")


def read_report(path: Path) -> Report:
    """Return a report that was written as JSON. ConfigError AGB-587."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except (OSError, msgspec.DecodeError) as e:
        reason = e.strerror if isinstance(e, OSError) else str(e)
        remedy = "name a result.json that agbot backtest --out FOLDER wrote"
        raise ConfigError(f"not a backtest's result: {reason}", id="AGB-587", path=path, remedy=remedy) from e

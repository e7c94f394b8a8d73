"""What others take for the same events: each returns a measurement, or None where the peer is not installed.

All of them run the same random changes with a strategy that does as good as nothing; only their run is timed, not the
making of their data.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import numpy as np

Measure = Callable[[], float]
"""Runs once; returns nanoseconds an event."""

BARS = 20_000


@attrs.frozen
class Changes:
    """Level changes of one book in ticks of 0.001, a millisecond apart: sides 0 bid or 1 ask, sizes in shares."""

    ts_ns: np.ndarray
    side: np.ndarray
    tick: np.ndarray
    size: np.ndarray

    @classmethod
    def drawn(cls, count: int) -> Changes:
        """Return `count` of them around a middle that wanders; a third removes its level."""
        dice = np.random.default_rng(4)
        middle = np.clip(500 + np.cumsum(dice.integers(-1, 2, count)) // 8, 60, 940)
        side, away = dice.integers(0, 2, count), 1 + dice.geometric(0.15, count).clip(1, 40)
        size = np.where(dice.random(count) < 0.35, 0, dice.integers(1, 5000, count))
        ts_ns = np.arange(count, dtype=np.int64) * 1_000_000 + 1_700_000_000_000_000_000
        return cls(ts_ns, side, np.where(side == 0, middle - away, middle + away), size)

    def first(self, count: int) -> Changes:
        """Return the first `count`."""
        return Changes(self.ts_ns[:count], self.side[:count], self.tick[:count], self.size[:count])


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keep to itself what a library prints or warns of."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def installed(name: str) -> Any:
    """Return a library, None when it is not there."""
    with quietly():
        try:
            return importlib.import_module(name)
        except ImportError:
            return None


def nautilus(changes: Changes) -> Measure | None:
    """L2 deltas to a Python strategy that counts them, matching on."""
    if installed("nautilus_trader") is None:
        return None
    instrument = installed("nautilus_trader.test_kit.providers").TestInstrumentProvider.default_fx_ccy("AUD/USD")
    deltas = _nautilus_deltas(changes, instrument)
    return lambda: _nautilus_run(instrument, deltas)


def _nautilus_deltas(changes: Changes, instrument: Any) -> list[Any]:
    data, enums, objects = (installed(f"nautilus_trader.model.{name}") for name in ("data", "enums", "objects"))
    found = []
    columns = (changes.ts_ns.tolist(), changes.side.tolist(), changes.tick.tolist(), changes.size.tolist())
    for i, (at, side, tick, size) in enumerate(zip(*columns, strict=True)):
        price = objects.Price(tick / 1000, instrument.price_precision)
        quantity = objects.Quantity(size, instrument.size_precision)
        order = data.BookOrder(enums.OrderSide.SELL if side else enums.OrderSide.BUY, price, quantity, tick)
        action = enums.BookAction.UPDATE if size else enums.BookAction.DELETE
        found.append(data.OrderBookDelta(instrument.id, action, order, 0, i, at, at))
    return found


def _nautilus_run(instrument: Any, deltas: list[Any]) -> float:
    enums, objects = installed("nautilus_trader.model.enums"), installed("nautilus_trader.model.objects")
    strategy = _nautilus_counts(instrument)
    engine = _nautilus_engine()
    engine.add_venue(
        venue=instrument.id.venue,
        oms_type=enums.OmsType.NETTING,
        account_type=enums.AccountType.MARGIN,
        base_currency=installed("nautilus_trader.model.currencies").USD,
        starting_balances=[objects.Money(1_000_000, installed("nautilus_trader.model.currencies").USD)],
        book_type=enums.BookType.L2_MBP,
    )
    engine.add_instrument(instrument)
    engine.add_data(deltas)
    engine.add_strategy(strategy)
    began = time.perf_counter_ns()
    engine.run()
    taken = time.perf_counter_ns() - began
    assert strategy.asked >= len(deltas) * 0.99, "a strategy of nautilus_trader was not asked"
    engine.dispose()
    return taken / len(deltas)


def _nautilus_engine() -> Any:
    config = installed("nautilus_trader.config")
    trader = installed("nautilus_trader.model.identifiers").TraderId("B-1")
    quiet = config.LoggingConfig(bypass_logging=True)
    return installed("nautilus_trader.backtest.engine").BacktestEngine(
        config=config.BacktestEngineConfig(trader_id=trader, logging=quiet, run_analysis=False)
    )


def _nautilus_counts(instrument: Any) -> Any:
    base, kind = (
        installed("nautilus_trader.trading.strategy").Strategy,
        installed("nautilus_trader.model.enums").BookType,
    )

    class Counts(base):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            super().__init__()
            self.asked = 0

        def on_start(self) -> None:
            self.subscribe_order_book_deltas(instrument.id, book_type=kind.L2_MBP)

        def on_order_book_deltas(self, _deltas: Any) -> None:
            self.asked += 1

    return Counts()


def hftbacktest(changes: Changes) -> Measure | None:
    """A numba strategy that looks at the best prices at each feed event, on the faster of its two books."""
    hft, numba = installed("hftbacktest"), installed("numba")
    if hft is None or numba is None:
        return None
    data = np.zeros(len(changes.ts_ns), installed("hftbacktest.types").event_dtype)
    side = np.where(changes.side == 0, hft.BUY_EVENT, hft.SELL_EVENT).astype(np.uint64)
    data["ev"] = hft.DEPTH_EVENT | hft.EXCH_EVENT | hft.LOCAL_EVENT | side
    data["exch_ts"], data["local_ts"] = changes.ts_ns, changes.ts_ns + 100_000
    data["px"], data["qty"] = changes.tick / 1000, changes.size

    def each(backtest: Any) -> float:
        total = 0.0
        while backtest.wait_next_feed(False, 1_000_000_000) != 1:
            depth = backtest.depth(0)
            total += depth.best_bid_tick + depth.best_ask_tick
        return total

    run = numba.njit(each)
    with quietly():
        _hft_run(hft, data[:100], run)
    return lambda: _hft_run(hft, data, run)


def _hft_run(hft: Any, data: np.ndarray, run: Callable[[Any], float]) -> float:
    asset = hft.BacktestAsset().data([data]).linear_asset(1.0).constant_order_latency(1000, 1000)
    asset = asset.risk_adverse_queue_model().no_partial_fill_exchange().trading_value_fee_model(0, 0)
    asset = asset.tick_size(0.001).lot_size(1.0).roi_lb(0.0).roi_ub(1.0)
    backtest = hft.ROIVectorMarketDepthBacktest([asset])
    began = time.perf_counter_ns()
    run(backtest)
    taken = time.perf_counter_ns() - began
    backtest.close()
    return taken / len(data)


def _bars(changes: Changes) -> Any:
    pandas = installed("pandas")
    price = changes.tick[:BARS] / 1000
    at = pandas.date_range("2024-01-01", periods=len(price), freq="1min")
    columns = {"Open": price, "High": price + 0.002, "Low": price - 0.002, "Close": price, "Volume": 1}
    return pandas.DataFrame(columns, index=at)


def backtesting(changes: Changes) -> Measure | None:
    """Bars to a Python strategy that counts them."""
    module = installed("backtesting")
    if module is None:
        return None

    class Counts(module.Strategy):  # type: ignore[misc, name-defined]
        def init(self) -> None:
            self.asked = 0

        def next(self) -> None:
            self.asked += 1

    bars = _bars(changes)

    def run() -> float:
        with quietly():
            test = module.Backtest(bars, Counts, cash=10_000)
            began = time.perf_counter_ns()
            test.run()
            return (time.perf_counter_ns() - began) / len(bars)

    return run


def vectorbt(changes: Changes) -> Measure | None:
    """A whole column of bars at once, signals made before."""
    module = installed("vectorbt")
    if module is None:
        return None
    close = _bars(changes)["Close"]
    fast, slow = close.rolling(10).mean(), close.rolling(40).mean()
    enter, leave = fast > slow, fast < slow

    def run() -> float:
        began = time.perf_counter_ns()
        module.Portfolio.from_signals(close, enter, leave, init_cash=10_000, size=1).total_return()
        return (time.perf_counter_ns() - began) / len(close)

    with quietly():
        run()
    return run

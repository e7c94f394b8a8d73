"""The L2 book against two no-op calls, sortedcontainers and, where it installs, nautilus_trader."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import numpy as np
from sortedcontainers import SortedDict

from agbot._book import Book
from agbot._timeseries import _noop
from benchmarks.timing import Case, Effort, Row, at_most, best_ns, faster, not_installed, within

TICK = 1_000
CHANGES = 20_000
REMOVALS = 0.35  # the share of removals in recorded price changes
TOP_GOAL = 10

Change = tuple[int, int, int]


def rows(effort: Effort) -> list[Row]:
    """Measure every promise about the book."""
    changes = _changes()
    ns = best_ns(
        {
            "update + best": _update_and_best(changes),
            "two no-op calls": _two_noops(changes),
            "sortedcontainers": _sorted_book(changes),
            "change in C": _batch(changes),
        },
        effort,
    )
    return [
        at_most("book update + best bid and ask", 5, ns, "update + best", "two no-op calls"),
        faster("book update + best bid and ask", 6, ns, "update + best", "sortedcontainers"),
        within("one change of a batch inside C", 20, ns, "change in C"),
        _top_row(changes, effort),
    ]


def _changes() -> list[Change]:
    """Return changes around 0.5 as a market shows them: many near the middle, each side on its own half."""
    dice = random.Random(5)
    drawn = []
    for _ in range(CHANGES):
        index = min(999, max(1, int(dice.gauss(500, 40))))
        size = 0 if dice.random() < REMOVALS else dice.randrange(1, 5_000) * 1_000_000
        drawn.append((0 if index < 500 else 1, index * TICK, size))
    return drawn


def _cycle(changes: list[Change], count: int) -> Iterator[list[Change]]:
    """Yield slices of the changes until `count` are out."""
    for _ in range(count // len(changes)):
        yield changes
    yield changes[: count % len(changes)]


def _update_and_best(changes: list[Change]) -> Case:
    def case(count: int) -> None:
        book = Book(TICK)
        update = book.update
        for part in _cycle(changes, count):
            for side, price, size in part:
                update(side, price, size)
                book.best_bid  # noqa: B018 - reading it is what is measured
                book.best_ask  # noqa: B018

    return case


def _two_noops(changes: list[Change]) -> Case:
    def case(count: int) -> None:
        noop = _noop
        for part in _cycle(changes, count):
            for side, price, size in part:
                noop(side, price, size)
                noop(side, price, size)

    return case


def _sorted_book(changes: list[Change]) -> Case:
    def case(count: int) -> None:
        bids, asks = SortedDict(), SortedDict()
        for part in _cycle(changes, count):
            for side, price, size in part:
                levels = asks if side else bids
                if size:
                    levels[price] = size
                else:
                    levels.pop(price, None)
                bids.peekitem(-1)[0] if bids else 0
                asks.peekitem(0)[0] if asks else 1_000_000

    return case


def _batch(changes: list[Change]) -> Case:
    buffer = np.array(changes, np.int64)

    def case(count: int) -> None:
        book = Book(TICK)
        for _ in range(count // CHANGES):
            book.apply(buffer)
        book.apply(buffer[: count % CHANGES])

    return case


def _top_row(changes: list[Change], effort: Effort) -> Row:
    name, peer = "top 10 of both sides", "nautilus_trader"
    theirs = _nautilus_top(changes)
    if theirs is None:
        return not_installed(name, f">= {TOP_GOAL} x faster than {peer}", peer)
    book = Book(TICK)
    book.apply(changes)
    ns = best_ns({"top": _repeat(lambda: (book.top(0, 10), book.top(1, 10))), peer: theirs}, effort)
    return faster(name, TOP_GOAL, ns, "top", peer)


def _nautilus_top(changes: list[Change]) -> Case | None:
    """Return the peer's top 10 of the same book, None where it is not installed."""
    try:
        from nautilus_trader.model.book import OrderBook  # noqa: PLC0415 - optional
        from nautilus_trader.model.data import BookOrder, OrderBookDelta  # noqa: PLC0415
        from nautilus_trader.model.enums import BookAction, BookType, OrderSide  # noqa: PLC0415
        from nautilus_trader.model.identifiers import InstrumentId  # noqa: PLC0415
        from nautilus_trader.model.objects import Price, Quantity  # noqa: PLC0415
    except ImportError:
        return None
    instrument = InstrumentId.from_str("X.POLYMARKET")
    book = OrderBook(instrument, BookType.L2_MBP)
    for i, (side, price, size) in enumerate(changes):
        order = BookOrder(
            OrderSide.SELL if side else OrderSide.BUY, Price(price / 1e6, 3), Quantity(size / 1e6, 6), price
        )
        action = BookAction.UPDATE if size else BookAction.DELETE
        book.apply_delta(OrderBookDelta(instrument, action, order, 0, i, 0, 0))
    return _repeat(lambda: (book.bids()[:10], book.asks()[:10]))


def _repeat(call: Callable[[], object]) -> Case:
    def case(count: int) -> None:
        for _ in range(count):
            call()

    return case

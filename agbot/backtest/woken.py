"""When a strategy is asked: at every touch of its markets as live, or only when what it waits for has happened."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from agbot.core.view import Intent, OwnOrder, Strategy, View
from agbot.model.ids import MarketId, StrategyId
from agbot.model.market import Outcome

BESTS: Final = 8
"""The best prices of YES and NO (bid, ask, bid, ask), then their sizes."""

Bests: TypeAlias = npt.NDArray[np.int64]


class Wake(enum.IntEnum):
    """What a strategy waits for. Whatever it waits for, news of its own orders and holdings wakes it, and so does a
    market that begins or ceases to be trusted. The numbers are those of native/src/replay_object.h.
    """

    EVERY = 0
    """Everything: a change, a print, the second."""
    BEST = 1
    """A best price or its size is another than when it was asked last, in the YES or the NO book."""
    PRICE = 2
    """A best price is another."""
    SECOND = 3
    """A second has passed."""


class Script:
    """What strategies have said already in the instant that is done again: first nothing, then one answer."""

    def __init__(self) -> None:
        self._silent = 0
        self._answer: tuple[Any, bool] | None = None

    def write(self, silent: int, answer: object, *, raised: bool) -> None:
        """Let the next `silent` calls say nothing, and the one after them `answer`."""
        self._silent, self._answer = silent, (answer, raised)

    def read(self) -> tuple[Any, bool] | None:
        """Return what is to be said, and whether it is raised; None when that is for the strategy to say."""
        if self._silent:
            self._silent -= 1
            return (), False
        answer, self._answer = self._answer, None
        return answer


class Woken:
    """A strategy that is asked when its `wake` says so. Give it to the engine in place of the strategy.

    What the strategy does not see when it sleeps: the prints of the batches it slept through.
    """

    def __init__(self, strategy: Strategy, wake: Wake = Wake.EVERY) -> None:
        self.strategy = strategy
        self.wake = wake
        self.only_in: Sequence[str] | None = getattr(strategy, "only_in", None)
        self.script = Script()
        self._seen: dict[MarketId, Bests] = {}
        self._own: dict[MarketId, tuple[Sequence[OwnOrder], int, int, bool]] = {}

    @property
    def id(self) -> StrategyId:
        """Return the strategy's own."""
        return self.strategy.id

    def decide(self, view: View) -> Sequence[Intent]:
        """Return what the strategy wishes when it is woken, nothing when it sleeps on."""
        if (said := self.script.read()) is None:
            return self.strategy.decide(view) if self.wakes(view) else ()
        answer, raised = said
        if raised:
            raise answer
        return answer  # type: ignore[no-any-return]  # what the strategy said

    def wakes(self, view: View) -> bool:
        """Return whether it is woken by what it sees, and take it to have seen it."""
        if self.wake is Wake.EVERY:
            return True
        own = self.has_news(view)
        if self.wake is Wake.SECOND:
            return own or view.second
        bests, seen = _bests(view), self._seen_of(view.market.id)
        length = BESTS // 2 if self.wake is Wake.PRICE else BESTS
        if not own and seen[:length].tolist() == bests[:length]:
            return False
        seen[:] = bests
        return True

    def has_news(self, view: View) -> bool:
        """Return whether its orders, holdings or the market's trust are news to it, and take it to have heard."""
        own = (list(view.orders), view.yes_size, view.no_size, view.trusted)
        news = bool(view.fills or view.ended or view.denied) or self._own.get(view.market.id) != own
        self._own[view.market.id] = own
        return news

    def bind(self, markets: Sequence[MarketId]) -> npt.NDArray[np.int64]:
        """Return an array of shape (markets, `BESTS`) of what it saw last: whoever asks it may look and write."""
        rows = np.full((len(markets), BESTS), -1, dtype=np.int64)
        for market, row in zip(markets, rows, strict=True):
            row[:] = self._seen_of(market)
            self._seen[market] = row
        return rows

    def _seen_of(self, market: MarketId) -> Bests:
        return self._seen.setdefault(market, np.full(BESTS, -1, dtype=np.int64))


def _bests(view: View) -> list[int]:
    yes, no = view.books[Outcome.YES], view.books[Outcome.NO]
    prices = [yes.best_bid, yes.best_ask, no.best_bid, no.best_ask]
    return [*prices, yes.best_bid_size, yes.best_ask_size, no.best_bid_size, no.best_ask_size]

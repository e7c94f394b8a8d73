"""A parent order: a pure state machine over fills and clock that gives birth to children until its total is done.

What is done is what the engine attributes to the strategy's name, which outlives a restart; what works are its live
orders. So a new object goes on where an old one was killed, with nothing remembered. What a machine does remember
(what was denied a moment ago, where a slice began) only makes it slower, never larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar

from agbot.core.view import Intent, Place, View
from agbot.model.ids import StrategyId, TokenId
from agbot.model.order import OrderState, Side
from agbot.strategy.execution.children import (
    Goal,
    Quote,
    Work,
    best_of_others,
    limited,
    ours,
    resting,
    taking,
    work,
    working,
)
from agbot.strategy.execution.params import ParentParams, StyledParams
from agbot.strategy.execution.report import Ledger, Stage, Status
from agbot.units import NS_PER_S, SCALE, to_text

PAUSE_NS: Final = NS_PER_S
"""How long nothing is placed after risk, or the venue, said no."""

P = TypeVar("P", bound=ParentParams)


class Parent(Generic[P]):
    """What all algorithms share; each says how much is `due` and where its children go (`quote`).

    It trades one token of the market in its params and is silent elsewhere.
    """

    def __init__(self, params: P, *, name: str) -> None:
        self.id = StrategyId(name)
        self.params = params
        self.costs = Ledger(params.side, params.total)
        self.status = Status(stage=Stage.WAITING, done=0, left=params.total, working=0, why="not asked yet")
        self.first_ns = 0
        self._looked_ns = 0
        self._hindrance = ""
        """What was said last before the time was up."""
        self._noes: dict[Side, tuple[int, str]] = {}
        """Until when nothing is placed on a side, and why."""

    # -- what an algorithm says ------------------------------------------------------------------------------------

    def due(self, view: View, done: int) -> tuple[int, str]:  # noqa: ARG002 - for those who have a schedule
        """Return how many shares may be done and working by now, of `done`, and why."""
        return self.params.total, "all of it"

    def quote(self, view: View, size: int) -> Quote | str:
        """Return where a child of `size` may be, or why nowhere."""
        return self.take(view, size)

    def observe(self, view: View) -> None:
        """Take in what is new before anything is decided."""

    def upcoming(self, now_ns: int) -> tuple[int, int]:  # noqa: ARG002 - for those who have a schedule
        """Return when more comes due, and how much; zeros when that is not known."""
        return 0, 0

    # -- the machine -----------------------------------------------------------------------------------------------

    def decide(self, view: View) -> Sequence[Intent]:
        """Return the cancels and the child that the order needs now; nothing in other markets than its own."""
        if self.params.market not in (view.market.id, view.market.slug):
            return ()
        self.first_ns = self.first_ns or view.now_ns
        self.costs.look(view, self.token(view))
        self._hear_noes(view)
        self.observe(view)
        found = self.advance(view)
        if any(isinstance(intent, Place) for intent in found.intents):
            self.costs.sent()
        self._looked_ns = view.now_ns
        return found.intents

    def advance(self, view: View) -> Work:
        """Return what to do now; a function of the view, and of what was observed."""
        token, done = self.token(view), self.done(view)
        left, busy = max(0, self.params.total - done), working(ours(view, token, self.params.side))
        due, why = self._due(view, done)
        size = max(0, min(due, self.params.total) - done)
        goal = Goal(
            token=token,
            side=self.params.side,
            left=left,
            due=size,
            quote=self._quote(view, size),
            why=why,
            quiet=self.quiet(view, self.params.side),
            over=self._gives_up(view),
            fair=self.params.fair,
        )
        found = work(view, goal)
        self.status = self._status(view, done, left, busy, found.why)
        return found

    def token(self, view: View) -> TokenId:
        """Return the token that is traded."""
        return view.market.token(self.params.outcome)

    def net(self, view: View) -> int:
        """Return the shares bought less those sold since the order began; the other way round for a SELL."""
        own = view.own_yes if self.token(view) == view.market.yes else view.own_no
        return self.params.side.sign * (own - self.params.held)

    def done(self, view: View) -> int:
        """Return the shares that are done."""
        return max(0, self.net(view))

    def quiet(self, view: View, side: Side) -> str:
        """Return why nothing is placed on a side for the moment, empty when something may be."""
        until_ns, why = self._noes.get(side, (0, ""))
        return why if view.now_ns < until_ns else ""

    def take(self, view: View, size: int) -> Quote | str:
        """Return a quote that trades at once, within the limit and the slippage."""
        book = view.books[self.params.outcome]
        return taking(book, self.params.side, size, limit=self.params.limit, max_slippage=self.params.max_slippage)

    def limited(self, view: View, side: Side, limit: int, size: int) -> Quote | str:
        """Return a quote at `limit` that takes within the slippage where the book is better."""
        return limited(view, self.token(view), side, limit, size=size, max_slippage=self.params.max_slippage)

    def begun(self, view: View) -> bool:
        """Return whether the order's time has come."""
        return view.now_ns >= self.params.start.at(self.first_ns)

    def ended(self, view: View) -> bool:
        """Return whether its time is up."""
        return self.params.end is not None and view.now_ns >= self.params.end.at(self.first_ns)

    def metadata(self) -> dict[str, Any]:
        """Return how it stands and what it cost, as plain values."""
        params = self.params
        what = {"side": params.side.value, "outcome": params.outcome.value, "total": to_text(params.total)}
        head = {"strategy": type(self).__name__, "id": self.id, "market": params.market}
        return {**head, **what, **self.status.plain(), **self.costs.plain(self.status.left)}

    def _due(self, view: View, done: int) -> tuple[int, str]:
        if not self.begun(view):
            return 0, "its time has not come"
        if self.ended(view):
            return (self.params.total, "its time is up: takes the rest") if self._takes_rest else (0, "its time is up")
        return self.due(view, done)

    def _quote(self, view: View, size: int) -> Quote | str:
        if not view.trusted:
            return "the book is not trusted"
        return self.take(view, size) if self.ended(view) and self._takes_rest else self.quote(view, size)

    @property
    def _takes_rest(self) -> bool:
        return self.params.finish == "take"

    def _gives_up(self, view: View) -> bool:
        return not self.begun(view) or (self.ended(view) and not self._takes_rest)

    def _hear_noes(self, view: View) -> None:
        """Pause after a no: the same wish at every tick would be answered the same."""
        token = self.token(view)
        for no in view.denied:  # of what was asked at the last look
            if no.token == token:
                self._noes[no.side] = self._looked_ns + PAUSE_NS, f"denied: {', '.join(no.violated)}"
        for end in view.ended:
            if end.token == token and end.state is OrderState.REJECTED:
                self._noes[end.side] = view.now_ns + PAUSE_NS, f"the venue said no: {end.reason}"

    def _status(self, view: View, done: int, left: int, busy: int, why: str) -> Status:
        next_ns, next_size = self.upcoming(view.now_ns) if left else (0, 0)
        stage = self._stage(view, left)
        if stage is Stage.OVER:
            why = f"{to_text(left)} undone: {why}{self._hindrance}"
        else:
            self._hindrance = f", before that: {why}"
        return Status(
            stage=stage,
            done=done,
            left=left,
            working=busy,
            why=why,
            next_ns=next_ns,
            next_size=next_size,
        )

    def _stage(self, view: View, left: int) -> Stage:
        if not left:
            return Stage.DONE
        if not self.begun(view):
            return Stage.WAITING
        return Stage.OVER if self.ended(view) and not self._takes_rest else Stage.WORKING


S = TypeVar("S", bound=StyledParams)


class Styled(Parent[S]):
    """A parent whose children take, or join the best price of their own side."""

    def quote(self, view: View, size: int) -> Quote | str:
        """Return the style's price."""
        params, token = self.params, self.token(view)
        if params.style == "take":
            return self.take(view, size)
        price = best_of_others(view, token, params.side)
        if not 0 < price < SCALE:
            return "nobody rests on this side of the book"
        return resting(view, token, params.side, price, limit=params.limit, tolerance_ticks=params.tolerance_ticks)

"""What an execution has cost so far, and how it stands: exact, from the fills that were told in this run."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import attrs

from agbot.core.view import BookView, OwnFill, View
from agbot.model.ids import TokenId
from agbot.model.order import Side
from agbot.quant.costs import Executed, Shortfall, shortfall
from agbot.units import SCALE, complement, to_decimal, to_text


class Stage(enum.StrEnum):
    """Where a parent order is in its life. OVER: its time is up and something is undone."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    OVER = "over"


@attrs.frozen(kw_only=True)
class Status:
    """How a parent order stands. Shares and prices in 10⁻⁶; `next_ns` is when more may be done, 0 when not known."""

    stage: Stage
    done: int
    left: int
    working: int
    why: str
    next_ns: int = 0
    next_size: int = 0

    def plain(self) -> dict[str, Any]:
        """Return it as words and decimals for a screen."""
        sizes = {name: to_text(getattr(self, name)) for name in ("done", "left", "working", "next_size")}
        return {"stage": self.stage.value, "why": self.why, "next_ns": self.next_ns, **sizes}


def doubled_mid(book: BookView) -> int | None:
    """Return best bid + best ask, twice the mid, so that it stays whole; None unless both sides are there."""
    there = book.best_bid > 0 and book.best_ask < SCALE
    return book.best_bid + book.best_ask if there else None


class Ledger:
    """Fills of one side of one token, the mids around them, and what others traded meanwhile.

    Args:
        side: of the order.
        total: shares that were to be traded.
    """

    def __init__(self, side: Side, total: int) -> None:
        self._side = side
        self._total = total
        self._fills: Counter[int] = Counter()
        self._market: Counter[int] = Counter()
        self._fees = 0
        self.decided: int | None = None
        """Twice the mid at the first look that had one; `arrived` at the first child, `last` now."""
        self.arrived: int | None = None
        self.last: int | None = None

    def look(self, view: View, token: TokenId) -> None:
        """Take in a look: what filled, what others traded, where the market is."""
        for print_ in view.prints:
            self._market[print_.price if print_.token == token else complement(print_.price)] += print_.size
        self._hear([fill for fill in view.fills if fill.token == token and fill.side is self._side])
        mid = doubled_mid(view.books[view.market.outcome(token)]) if view.trusted else None
        self.last = self.last if mid is None else mid
        self.decided = self.last if self.decided is None else self.decided

    def sent(self) -> None:
        """Note that a child leaves."""
        self.arrived = self.last if self.arrived is None else self.arrived

    def _hear(self, fills: Sequence[OwnFill]) -> None:
        for fill in fills:
            # One of an earlier run that fails to settle was never counted here.
            if fill.voided and self._fills[fill.price] < fill.size:
                continue
            sign = -1 if fill.voided else 1
            self._fills[fill.price] += sign * fill.size
            self._fees += sign * fill.fee

    @property
    def filled(self) -> int:
        """Return the shares traded in this run."""
        return self._fills.total()

    @property
    def average(self) -> int | None:
        """Return the average price in 10⁻⁶ usd, rounded half up; None without a fill."""
        spent, filled = sum(price * size for price, size in self._fills.items()), self.filled
        return (2 * spent + filled) // (2 * filled) if filled else None

    def shortfall(self, left: int = 0) -> Shortfall | None:
        """Return where the money went, in exact fractions of usd, `left` being undone; None before a mid was seen.

        `total` = delay + execution + opportunity + fees, to the last digit.
        """
        if self.decided is None or self.last is None:
            return None
        return shortfall(
            Executed(
                sign=self._side.sign,
                decision=Fraction(self.decided, 2 * SCALE),
                arrival=Fraction(self.decided if self.arrived is None else self.arrived, 2 * SCALE),
                last=Fraction(self.last, 2 * SCALE),
                size=Fraction(max(1, self.filled + left), SCALE),
                fees=Fraction(self._fees, SCALE),
                fills=_levels(self._fills),
                market=_levels(self._market),
                mids_after={},
            )
        )

    def plain(self, left: int) -> dict[str, Any]:
        """Return average, arrival and costs as decimals for a screen; None for what is not known."""
        found, average = self.shortfall(left), self.average
        return {
            "average": None if average is None else to_text(average),
            "arrival": None if self.arrived is None else f"{to_decimal(self.arrived * 5).scaleb(-1):f}",
            "fees": to_text(self._fees),
            "shortfall": None if found is None else to_text(round(found.total * SCALE)),
            "delay": None if found is None else to_text(round(found.delay * SCALE)),
            "execution": None if found is None else to_text(round(found.execution * SCALE)),
            "opportunity": None if found is None else to_text(round(found.opportunity * SCALE)),
        }


def _levels(sizes: Counter[int]) -> list[tuple[Fraction, Fraction]]:
    return [(Fraction(price, SCALE), Fraction(size, SCALE)) for price, size in sorted(sizes.items()) if size > 0]

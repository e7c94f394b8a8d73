"""What policies that look at the whole account have in common: a figure without the order, with it, and its limit."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from agbot.core.rules.exposure import Exposure
from agbot.units import SCALE, usd_text

if TYPE_CHECKING:
    from agbot.core.prospect import Prospect


class NotKnown(Exception):  # noqa: N818 - it is an answer, and denies
    """A figure that cannot be worked out: says why."""


def usd(amount: float) -> str:
    """Return 10⁻⁶ usd as a person reads them."""
    return f"{usd_text(round(amount))} usd"


class Measured:
    """A policy that compares one figure with its limit.

    An order passes at the limit or below, or when it makes the figure no worse; that also where the limit is not known.

    Attributes:
        standing: whether there is a figure without an order: of the account as it is.
        whole: whether that figure is the same in every market.
        opening: whether its figure is no order's doing, so that one which makes its position smaller passes whatever it
            is, known or not. Never of a loss that other markets share: a leg of a hedge is no way out.
        exits: whether it also holds for what unwinds while the kill switch is on.
    """

    standing: ClassVar[bool] = True
    exits: ClassVar[bool] = True
    whole: ClassVar[bool] = False
    opening: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """Return what a denial calls it."""
        return type(self).__name__

    @abstractmethod
    def _after(self, asked: Prospect) -> float:
        """Return the figure with the order. Whatever it raises denies the order, `NotKnown` above all."""

    @abstractmethod
    def _limit(self, asked: Prospect) -> float:
        """Return what the figure may be."""

    def _before(self, asked: Prospect) -> float:  # noqa: ARG002 - of the account, for those that have one
        """Return the figure without the order."""
        return -math.inf

    def _shown(self, value: float) -> str:
        """Return the figure as a person reads it."""
        return usd(value)

    def violated(self, exposure: Exposure) -> bool:
        """Return whether the order must be denied; also when nothing is known of the account."""
        asked = exposure.prospect
        return asked is None or self.forbids(asked)

    def forbids(self, asked: Prospect) -> bool:
        """Return whether the order must be denied; a figure that is no number, or not known, denies it."""
        if self.opening and asked.reduces:
            return False
        try:
            after = self._after(asked)
        except NotKnown:
            return True
        try:
            limit = self._limit(asked)
        except NotKnown:  # nothing is within a limit that is not known
            limit = -math.inf
        return not (after <= limit or after <= self._before(asked))

    def told(self, exposure: Exposure) -> str:
        """Return what it found, as a person reads it."""
        if exposure.prospect is None:
            return "the account is not known here"
        asked = exposure.prospect
        found = self._found(asked)
        return f"{found}, and it makes the position smaller" if self.opening and asked.reduces else found

    def _found(self, asked: Prospect) -> str:
        try:
            after, before = self._after(asked), self._before(asked)
        except NotKnown as why:
            return str(why)
        now = f", {self._shown(before)} without it" if math.isfinite(before) else ""
        try:
            self._limit(asked)
        except NotKnown as why:
            return f"{self._shown(after)}{now}: {why}"
        return f"{self._shown(after)}{now}"

    def used(self, asked: Prospect) -> float:
        """Return the part of the limit that the account uses as it is, 0 or more; infinite where nothing is allowed."""
        figure, limit = max(0.0, self._after(asked)), self._limit(asked)
        return figure / limit if limit > 0 else math.inf if figure > limit else 0.0


def part_of_equity(asked: Prospect, part: int) -> int:
    """Return a part (10⁻⁶) of the equity, 10⁻⁶ usd; without equity there is none."""
    if asked.equity is None:
        raise NotKnown("the equity is not known: something held was never priced")
    return max(0, asked.equity) * part // SCALE

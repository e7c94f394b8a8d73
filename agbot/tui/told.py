"""What the bot itself answers over its control socket, beside the frames of the monitor."""

from __future__ import annotations

from typing import Final

from agbot.tui import wire

RESTS: Final = ("OPEN", "PARTIALLY_FILLED", "PENDING_CANCEL")
OFF: Final = "no bot of this machine is asked"


class Told:
    """The newest answers by request, and what they add up to.

    Attributes:
        why: why there is no answer, empty while there is one.
        market: the market whose ladder is asked for.
        strategy: the strategy whose quotes are shown.
        queues: at most how many shares are ahead of an order, by its id: an estimate that only falls.
    """

    def __init__(self) -> None:
        self.why = OFF
        self.market = ""
        self.strategy = ""
        self.queues: dict[str, float] = {}
        self._answers: dict[str, wire.Mapping] = {}

    def take(self, op: str, answer: wire.Mapping) -> None:
        """Take an answer in."""
        self.why = ""
        self._answers[op] = answer
        if op == "ladder":
            self._queue(answer)

    def fail(self, why: str) -> None:
        """Forget all answers: what is not told any more may not be true any more."""
        self.why = why
        self._answers.clear()
        self.queues.clear()

    def of(self, op: str) -> wire.Mapping:
        """Return the newest answer, empty when there is none."""
        return self._answers.get(op, {})

    def rows(self, op: str, field: str) -> list[wire.Mapping]:
        """Return a list of objects in the newest answer."""
        return [row for row in wire.items(self.of(op).get(field)) if isinstance(row, dict)]

    def ladder(self) -> wire.Mapping:
        """Return the ladder of the market that is asked for, empty when that of another was told last."""
        found = self.of("ladder")
        return found if found.get("market_id") == self.market else {}

    def doubt(self, market_id: str) -> str | None:
        """Return why a market is not to be believed, empty when it is, None when that is not known."""
        doubts = wire.mapping(self.of("ladder").get("doubts"))
        return wire.text(doubts, market_id) if market_id in doubts else None

    def _queue(self, answer: wire.Mapping) -> None:
        """Fold a look at the book in.

        At most what rests at our price and is not ours is ahead of us, and never more than at any look before. The
        first look takes nothing off: the book may not have our order yet.
        """
        orders = [row for row in wire.items(answer.get("orders")) if isinstance(row, dict)]
        ours: dict[tuple[str, str], float] = {}
        if answer.get("in_book") is True:
            for row in orders:
                if wire.text(row, "state") in RESTS:
                    place = wire.text(row, "side"), wire.text(row, "price")
                    ours[place] = ours.get(place, 0.0) + (wire.decimal(row, "left") or 0.0)
        queues = {}
        for row in orders:
            order_id, level = wire.text(row, "client_order_id"), wire.decimal(row, "level")
            if level is None or wire.text(row, "state") not in RESTS:
                continue
            known = self.queues.get(order_id)
            others = level - ours.get((wire.text(row, "side"), wire.text(row, "price")), 0.0)
            queues[order_id] = level if known is None else min(known, others) if others >= 0 else known
        self.queues = queues

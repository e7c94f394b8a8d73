"""A journal's facts through a core that decides nothing: what was sent is what the journal says was sent.

No strategy and no rule is asked, so a newer agbot, or one without the strategies of then, finds the same money: as
`agbot.store.carry` does, and with the books that holdings are marked by.
"""

from __future__ import annotations

from typing import Final

import msgspec

from agbot.backtest.turns import Turn
from agbot.core.limits import OFF
from agbot.core.step import Step
from agbot.model.commands import CancelAll, CancelOrder, Command, PlaceOrder
from agbot.model.events import Event, OperatorOrder, PoliciesSet
from agbot.store.journal import Header
from agbot.store.rebuild import engine_of

_ASKS: Final = (OperatorOrder, PoliciesSet)
"""What a core answers with orders, or reads rules from: the answers are in the journal."""


class Told:
    """The core of one run. `engine` has its books, orders and money after each step."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.engine = engine_of(
            msgspec.structs.replace(header, strategies=(), chosen=(), policies='{"policies": []}', limits=OFF)
        )

    def step(self, turn: Turn) -> Step:
        """Fold in what was heard, then what was sent; the step's output is the journal's."""
        step = self.engine.step(turn.now_ns, [event for event in turn.batch if not _asks(event)])
        for command in turn.output.commands:
            self._sent(turn.now_ns, command)
        return msgspec.structs.replace(step, output=turn.output)

    def _sent(self, now_ns: int, command: Command) -> None:
        oms = self.engine.oms
        match command:
            case PlaceOrder():
                oms.begin(now_ns, command)
            case CancelOrder(client_order_id=order):
                oms.cancelling(now_ns, order)
            case CancelAll():
                for record in oms.all_live():
                    oms.cancelling(now_ns, record.command.client_order_id)

    @property
    def unseen(self) -> int:
        """Return what was taken over in markets that this run has not listed, at its cost (10⁻⁶ usd)."""
        return sum(c.cost for c in self.header.carried if c.market not in self.engine.markets)


def _asks(event: Event) -> bool:
    return isinstance(event, _ASKS)

"""A strategy that never rests: it cancels what stands and quotes when nothing does, as one that chases itself."""

from __future__ import annotations

from agbot.model.order import Side
from agbot.strategy.base import Cancel, Intent, Place, View
from agbot.units import SCALE


class Flip:
    """Quotes ten shares at the best bid, or takes them off again."""

    id = "flip"

    def decide(self, view: View) -> list[Intent]:
        """Answer every answer."""
        if view.orders:
            return [Cancel(order.client_order_id, "flip") for order in view.orders]
        if not view.trusted or view.book.best_bid <= 0:
            return []
        return [Place(token=view.market.yes, side=Side.BUY, price=view.book.best_bid, size=10 * SCALE, why="flop")]

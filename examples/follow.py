"""A strategy in twenty lines: buy the side that the book leans to, hold at most 50 shares.

agbot run --strategy examples/follow.py:Follow
"""

from agbot.model.order import Side, TimeInForce
from agbot.strategy.base import Intent, Place, View
from agbot.units import SCALE


class Follow:
    id = "follow"

    def decide(self, view: View) -> list[Intent]:
        lean = view.book.imbalance(3) if view.trusted else None
        if lean is None or abs(lean) < 0.4 or view.orders or abs(view.net_size) >= 50 * SCALE:
            return []
        token, price = (
            (view.market.yes, view.book.best_ask) if lean > 0 else (view.market.no, SCALE - view.book.best_bid)
        )
        why = f"the book leans {lean:+.2f}"
        return [Place(token=token, side=Side.BUY, price=price, size=10 * SCALE, time_in_force=TimeInForce.FAK, why=why)]

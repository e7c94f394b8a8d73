"""Place, watch and cancel one paper order from a program: the same gate and journal as every other order.

python examples/place_order.py
"""

from decimal import Decimal

import trio

from agbot.errors import RiskRejected
from agbot.model.order import Order, Side
from agbot.run.embed import demo_bot


async def main() -> None:
    async with demo_bot(seed=1) as bot:
        market = bot.markets[0]
        order = Order(
            client_order_id="mine-1",
            venue=market.venue,
            market=market.id,
            token=market.yes,
            side=Side.BUY,
            price=Decimal("0.05"),
            size=Decimal(10),
        )
        ack = await bot.execution.submit_order(order)
        print(f"{ack.order_id}: {ack.status}")  # OPEN: it rests far below the market
        print(f"{ack.order_id}: {(await bot.execution.cancel_order(ack.order_id)).status}")
        try:
            await bot.execution.submit_order(Order(**{**fields(order), "size": Decimal(1_000_000)}))
        except RiskRejected as denied:
            print(denied)


def fields(order: Order) -> dict[str, object]:
    """Return what to build a similar order from."""
    names = ("client_order_id", "venue", "market", "token", "side", "price", "size")
    return {name: getattr(order, name) for name in names}


if __name__ == "__main__":
    trio.run(main)

"""Rows of executions for tests, one word different from each other."""

from agbot.store.rows import FillRow, OrderRow, PositionRow


def order(name="o", updated=10, **changes):
    row = OrderRow(
        client_order_id=name,
        run_id="r",
        mode="PAPER",
        venue="v",
        strategy="s",
        market="m",
        token="t",
        outcome="YES",
        side="BUY",
        price=500_000,
        size=5_000_000,
        filled=0,
        state="OPEN",
        reason="",
        why="w",
        created_ns=5,
        updated_ns=updated,
    )
    return row._replace(**changes)


def fill(trade="t", settlement="MATCHED", **changes):
    row = FillRow(
        venue="v",
        trade_id=trade,
        client_order_id="o",
        run_id="r",
        mode="PAPER",
        strategy="s",
        market="m",
        token="t",
        outcome="YES",
        side="BUY",
        price=500_000,
        size=5_000_000,
        fee=0,
        liquidity="MAKER",
        settlement=settlement,
        ts_ns=7,
    )
    return row._replace(**changes)


def position(ts=1, **changes):
    return PositionRow(ts, "r", "PAPER", "s", "m", "t", "YES", 1, -2, 3)._replace(**changes)

"""A wallet's profit over time, and what it did in sum, as the Data API tells it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agbot.exchange.reads.pages import Query, number
from agbot.exchange.reads.portfolio_book import HOUR_NS, PortfolioBook, Purse
from agbot.exchange.reads.records_json import Held, Json
from agbot.units import NS_PER_S

INTERVALS: Final = {"max": 0, "all": 0, "1m": 720, "1w": 168, "1d": 24, "12h": 12, "6h": 6}
"""Hours; 0 is everything."""
FIDELITIES: Final = {"1d": 24, "18h": 18, "12h": 12, "3h": 3, "1h": 1}
BLOCK_0: Final = 80_000_000
BLOCK_S: Final = 2
_NOTHING: Final = ("realized_lp_pnl", "realized_combo_pnl", "fees_refunded", "taker_rebate", "yield_income")


def series(book: PortfolioBook, held: Callable[[str], list[Held]], query: Query, now_ns: int) -> Json:
    """Return a wallet's sums on a grid of hours; what was not realized is known of the last point alone."""
    user = query.user()
    interval = query.choice("interval", tuple(INTERVALS), "1d")
    fidelity = query.choice("fidelity", tuple(FIDELITIES), "1h")
    purse = book.purse(user) or Purse()
    unrealized = sum(row.unrealized for row in held(user))
    return {
        "proxy_wallet": user,
        "interval": interval,
        "fidelity": fidelity,
        "source_fidelity": "1h",
        "points": _points(purse, INTERVALS[interval], FIDELITIES[fidelity], unrealized, now_ns),
    }


def _points(purse: Purse, hours: int, step: int, unrealized: int, now_ns: int) -> list[Json]:
    known = list(purse.points)
    if not known:
        return []
    step_ns = step * HOUR_NS
    first_ns = max(known[0][0], now_ns - hours * HOUR_NS if hours else 0)
    at_ns, last_ns = first_ns // step_ns * step_ns, now_ns // step_ns * step_ns
    points: list[Json] = []
    place = 0
    while at_ns <= last_ns:
        while place + 1 < len(known) and known[place + 1][0] < at_ns + step_ns:
            place += 1
        if known[place][0] < at_ns + step_ns:
            points.append(_point(at_ns, known[place], purse, unrealized if at_ns == last_ns else None))
        at_ns += step_ns
    return points


def _point(at_ns: int, sums: tuple[int, ...], purse: Purse, unrealized: int | None) -> Json:
    _, realized, shares, usd, trades, fees = sums
    told: Json = {
        "timestamp": at_ns // NS_PER_S,
        "source_block": BLOCK_0 + at_ns // NS_PER_S // BLOCK_S,
        "trade_count": trades,
        "realized_market_pnl": number(realized),
        "realized_pnl": number(realized),
        "volume": number(shares),
        "volume_usdc": number(usd),
        "fees": number(-fees),
        "fees_paid": number(-fees),
        **{name: number(0) for name in _NOTHING},
    }
    if unrealized is not None:
        told |= {
            "unrealized_pnl": number(unrealized),
            "maker_rebate": number(purse.rebates),
            "reward_income": number(purse.rewards),
            "wallet_income": number(purse.income),
            "position_pnl": number(realized + unrealized),
            "settled_pnl": number(realized + purse.income),
            "economic_pnl": number(realized + unrealized + purse.income),
            "trade_pnl": number(realized + unrealized - fees),
            "deposits": number(purse.deposits),
            "withdrawals": number(purse.withdrawals),
            "cashflow_net": number(purse.deposits - purse.withdrawals),
        }
    return told


def stats(book: PortfolioBook, query: Query) -> Json | None:
    """Return a wallet's sums, None when it was never seen."""
    user = query.user()
    purse = book.purse(user)
    if purse is None:
        return None
    entries = book.entries(user)
    return {
        "proxy_wallet": user,
        "trades": len({entry.listing.condition for entry in entries}),
        "biggest_win": number(max((entry.realized for entry in entries), default=0)),
        "views": 0,
        "join_date": purse.first_ns // NS_PER_S,
        "all_time_pnl": None,
    }

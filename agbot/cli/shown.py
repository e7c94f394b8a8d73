"""An order before it is sent, as lines for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from agbot.cli.tables import pairs

NOW: Final = ("FOK", "FAK", "IOC")
"""Orders that never rest."""


def shown_order(shown: Mapping[str, Any], *, asked: bool = True) -> str:
    """Return what an order would do; `shown` is `agbot.run.preview.Preview.json` with what its owner added.

    `asked` says at the end that nothing was sent, and how it would be.
    """
    rows: dict[str, object] = {
        "order": _headline(shown),
        "market": shown["question"] or shown["market"],
        "book": f"bid {shown['best_bid'] or '-'}, ask {shown['best_ask'] or '-'}",
        "takes now": _taken(shown),
        "at worst": _worst(shown),
    }
    if shown["end_ns"]:
        rows["ends"] = f"{datetime.fromtimestamp(shown['end_ns'] // 10**9, UTC):%Y-%m-%d %H:%M} UTC"
    if "cash_usd" in shown:
        rows["cash"] = f"{shown['cash_usd']} usd"
    if "wallet" in shown:
        rows["wallet"] = shown["wallet"]
        rows["caps"] = f"{shown['max_order_usd']} usd an order, {shown['max_day_usd']} usd a day (UTC)"
    if warnings := [*shown["warnings"], *shown.get("notes", ())]:
        rows["careful"] = "\n".join(warnings)
    rows["gate"] = gate(shown)
    return f"{pairs(rows)}\n{shown['mode']}, not sent; --send sends it" if asked else pairs(rows)


def _headline(shown: Mapping[str, Any]) -> str:
    kind = " post-only" if shown["post_only"] else ""
    what = f"{shown['size']} usd of" if shown["type"] == "MARKET" and shown["side"] == "BUY" else f"{shown['size']}"
    price = f"{'worst ' if shown['type'] == 'MARKET' else ''}{shown['price']}"
    return f"{shown['side']} {what} {shown['outcome']} at {price}, {shown['tif']}{kind}, in {shown['market']}"


def gate(shown: Mapping[str, Any]) -> str:
    """Return what the gate would say to an order, with what it measured and what it allows."""
    denied: Sequence[str] | None = shown["denied"]
    if denied is None:
        return "asked when it is sent: no bot runs"
    figures = [f"{row['rule']}: {with_limit(row)}" for row in shown.get("figures", ())]
    return "\n".join([f"would deny it: {', '.join(denied)}", *figures]) if denied else "would let it pass"


def with_limit(row: Mapping[str, str]) -> str:
    """Return a figure of the gate beside its limit."""
    return "; ".join(filter(None, (row["figure"], row["limit"])))


def _taken(shown: Mapping[str, Any]) -> str:
    if shown["takes_shares"] == "0":
        return "nothing" if shown["tif"] in NOW else "nothing: it rests"
    return f"{shown['takes_shares']} shares for {shown['takes_usd']} usd, fee {shown['fee_usd']} usd"


def _worst(shown: Mapping[str, Any]) -> str:
    brings = "costs" if shown["side"] == "BUY" else "brings"
    rests = shown["takes_shares"] == "0" and shown["tif"] not in NOW
    fee = "no fee: a maker pays none" if rests else f"fee {shown['worst_fee_usd']} usd"
    return f"{brings} {shown['worst_usd']} usd, {fee}"

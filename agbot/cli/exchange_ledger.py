"""The exchange's ledger as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agbot.cli.tables import pairs, table
from agbot.errors import NotFoundError

_ORDER = ("slug", "outcome", "side", "price", "size", "matched", "type", "status")


def everybody(found: Mapping[str, Any], wallet: str | None = None) -> str:
    """Return all wallets, orders and the verdict; or, of one wallet, what it holds and has resting.

    Raises:
        NotFoundError: AGB-861, that wallet was never seen.
    """
    if wallet is not None:
        return _one(one(found, wallet))
    who = found.get("who", {})
    rows = [_row(name, who.get(name, ""), holding) for name, holding in found["wallets"].items()]
    rows.sort(key=lambda row: bool(row["who"]) and not str(row["who"]).startswith("test key"))
    orders = [{**{name: order[name] for name in _ORDER}, "wallet": order["wallet"]} for order in found["orders"]]
    verdict = "\n".join(found["faults"]) or "it adds up: no cent and no share was created or lost"
    tables = [table(rows, empty="no wallets"), table(orders, empty="no orders")]
    return "\n\n".join([*tables, f"fees {found['fees']} usd; {verdict}"])


def one(found: Mapping[str, Any], wallet: str) -> dict[str, Any]:
    """Return one wallet's part of the ledger: money, shares with their market, orders.

    Raises:
        NotFoundError: AGB-861, that wallet was never seen.
    """
    name = next((known for known in found["wallets"] if known.lower() == wallet.lower()), None)
    if name is None:
        remedy = "agbot exchange ledger shows all; a wallet is known from its first request on"
        raise NotFoundError(f"no wallet {wallet} was seen", id="AGB-861", remedy=remedy)
    holding = found["wallets"][name]
    orders = [order for order in found["orders"] if order["wallet"] == name]
    return {
        "wallet": name,
        "who": found.get("who", {}).get(name, ""),
        **holding,
        "shares": _shares(found, holding),
        "orders": orders,
    }


def _shares(found: Mapping[str, Any], holding: Mapping[str, Any]) -> list[dict[str, Any]]:
    named = {token: (m["slug"], outcome) for m in found["markets"] for token, outcome in m["outcomes"].items()}
    rows = []
    for token in dict.fromkeys((*holding["shares"], *holding["shares_unsettled"])):
        slug, outcome = named.get(token, ("", ""))
        size, unsettled = (holding[kind].get(token, "0") for kind in ("shares", "shares_unsettled"))
        rows.append({"slug": slug, "outcome": outcome, "shares": size, "unsettled": unsettled, "token": token})
    return rows


def _one(told: Mapping[str, Any]) -> str:
    money = {
        "wallet": told["wallet"],
        "who": told["who"] or "-",
        "usd": told["usd"],
        "in orders": told["usd_in_orders"],
        "unsettled": told["usd_unsettled"],
    }
    orders = [{name: order[name] for name in (*_ORDER, "id")} for order in told["orders"]]
    return "\n\n".join([pairs(money), table(told["shares"], empty="no shares"), table(orders, empty="no orders")])


def _row(wallet: str, who: str, holding: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "wallet": wallet,
        "who": who,
        "usd": holding["usd"],
        "in orders": holding["usd_in_orders"],
        "unsettled": holding["usd_unsettled"],
        "positions": len(holding["shares"]),
    }

"""Whose the wallets are that the exchange itself knows: its test keys' and its population's; others are somebody's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agbot.exchange.admin.socket import Answer, Request, Verb
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.population import Population


def ledger_verb(core: Exchange, keys: Callable[[], Iterable[Mapping[str, Any]]], acts: Iterable[object]) -> Verb:
    """Return the verb that tells the ledger with, under ``who``, the names of the wallets that have one."""
    known: dict[str, str] = {}
    people = [act for act in acts if isinstance(act, Population)]

    def ledger(_request: Request) -> Answer:
        if not known:
            known.update(_test_keys(keys()))
        slugs = {listing.condition: listing.market.slug for listing in core.listings.values()}
        names = known | {
            desk.wallet: " ".join(slugs.get(word, word) for word in name.split())
            for act in people
            for name, desk in act.desks.items()
        }
        told = core.ledger()
        return {"ledger": {**told, "who": {wallet: names[wallet] for wallet in told["wallets"] if wallet in names}}}

    return ledger


def _test_keys(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    found = {}
    for number, row in enumerate(rows, 1):
        found[row["wallet"]] = f"test key {number}"
        found |= {wallet: f"test key {number}, {kind}" for kind, wallet in row["wallets"].items()}
    return found

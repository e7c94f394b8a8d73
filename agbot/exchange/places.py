"""What a client asks of other hosts before it trades: is its wallet deployed, approved, in a place that may trade."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import attrs

from agbot.exchange.api import Reply, Routes
from agbot.exchange.model import Refused
from agbot.exchange.pages import Query, iso
from agbot.venue.polymarket.contracts import POLYGON, Chain

_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")


@attrs.define
class Place:
    """Where the client seems to be. Trading is refused to the client that heeds it when `blocked`."""

    blocked: bool = False
    country: str = "PT"
    region: str = "11"


def routes(place: Place, deployed: Callable[[str], bool] = lambda _: True) -> Routes:
    """Return the geoblock page and the relayer's question after a wallet.

    Args:
        place: may change while it is served.
        deployed: whether there is a wallet at an address; the exchange has every one by default.
    """

    def answer_deployed(address: str) -> Reply:
        if not _ADDRESS.fullmatch(address):
            raise Refused("invalid address")
        return Reply({"deployed": deployed(address.lower())})

    def geoblock() -> Reply:
        told = {"blocked": place.blocked, "ip": "127.0.0.1", "country": place.country, "region": place.region}
        return Reply(told)

    return {
        ("GET", "/deployed"): lambda ask: answer_deployed(Query(ask).text("address")),
        ("GET", "/geoblock"): lambda _: geoblock(),
        ("GET", "/api/geoblock"): lambda _: geoblock(),
    }


def approvals(user: str, now_ns: int) -> dict[str, Any]:
    """Return that a wallet approved everything: here nothing asks for less."""
    return {
        "address": user,
        "chain_id": POLYGON.chain_id,
        "checked_at": iso(now_ns),
        "contracts": [*_spenders(POLYGON)],
    }


def _spenders(told: Chain) -> list[dict[str, Any]]:
    exchanges = {"Exchange": told.exchange_v2, "NegRiskExchange": told.neg_risk_exchange_v2}
    found = [
        _approval(f"Usdc{name}", told.collateral, spender, "ERC20") | {"amount": "max"}
        for name, spender in exchanges.items()
    ]
    found.append(_approval("PusdV2Exchange", told.collateral, told.exchange_v3, "ERC20") | {"amount": "max"})
    found += [_approval(f"Ctf{name}IsApprovedForAll", told.ctf, spender) for name, spender in exchanges.items()]
    return found


def _approval(name: str, token: str, spender: str, standard: str = "ERC1155") -> dict[str, Any]:
    return {
        "id": name,
        "feature": "trading",
        "token": token.lower(),
        "spender": spender.lower(),
        "standard": standard,
        "approved": True,
    }

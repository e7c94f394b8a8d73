"""What a client asks of other hosts before it trades: is its wallet deployed, approved, in a place that may trade."""

from __future__ import annotations

import re
from typing import Any, Final

from agbot.exchange.api import Ask, Reply, Routes
from agbot.exchange.core.model import Refused
from agbot.exchange.reads.pages import Query, iso
from agbot.venue.polymarket.contracts import POLYGON, Chain

_PERPS: Final = "0xdca4af75705dbb50f62437045aff9921947917d2"
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")


def routes() -> Routes:
    """Return the geoblock page, of a place that may trade, and the relayer's answer: every wallet is there."""

    def deployed(ask: Ask) -> Reply:
        if not _ADDRESS.fullmatch(Query(ask).text("address")):
            raise Refused("invalid address")
        return Reply({"deployed": True})

    here = Reply({"blocked": False, "ip": "127.0.0.1", "country": "PT", "region": "11"})
    return {
        ("GET", "/deployed"): deployed,
        ("GET", "/geoblock"): lambda _: here,
        ("GET", "/api/geoblock"): lambda _: here,
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
    """Return a row for each permission that an official client looks for."""
    usd = {
        "UsdcCtf": told.ctf,
        "UsdcExchange": told.exchange_v2,
        "UsdcNegRiskExchange": told.neg_risk_exchange_v2,
        "UsdcNegRiskAdapter": told.neg_risk_adapter,
        "UsdcCollateralAdapter": told.ctf_adapter,
        "UsdcNegRiskCollateralAdapter": told.neg_risk_ctf_adapter,
        "PusdV2Exchange": told.exchange_v3,
        "PusdV2Router": told.router,
        "PerpsPusdDeposit": _PERPS,
    }
    shares = {
        "CtfExchangeIsApprovedForAll": told.exchange_v2,
        "CtfNegRiskExchangeIsApprovedForAll": told.neg_risk_exchange_v2,
        "CtfNegRiskAdapterIsApprovedForAll": told.neg_risk_adapter,
        "CtfCollateralAdapterIsApprovedForAll": told.ctf_adapter,
        "CtfNegRiskCollateralAdapterIsApprovedForAll": told.neg_risk_ctf_adapter,
        "AutoRedeemCtfV2Redeemer": told.auto_redeemer,
        "CtfBinaryModuleIsApprovedForAll": told.binary_module,
        "CtfNegRiskModuleIsApprovedForAll": told.neg_risk_module,
    }
    positions = {
        "V2PositionManagerRouterIsApprovedForAll": told.router,
        "V2PositionManagerExchangeIsApprovedForAll": told.exchange_v3,
        "AutoRedeemV2PositionManagerV2Redeemer": told.auto_redeemer,
    }
    return [
        *(_approval(name, told.collateral, spender, "ERC20") | {"amount": "max"} for name, spender in usd.items()),
        *(_approval(name, told.ctf, spender) for name, spender in shares.items()),
        *(_approval(name, told.position_manager, spender) for name, spender in positions.items()),
    ]


def _approval(name: str, token: str, spender: str, standard: str = "ERC1155") -> dict[str, Any]:
    return {
        "id": name,
        "feature": "trading",
        "token": token.lower(),
        "spender": spender.lower(),
        "standard": standard,
        "approved": True,
    }

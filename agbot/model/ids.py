"""Identities as distinct types, so that a token is never passed where a market belongs."""

from __future__ import annotations

from typing import NewType

MarketId = NewType("MarketId", str)
TokenId = NewType("TokenId", str)
ClientOrderId = NewType("ClientOrderId", str)
VenueOrderId = NewType("VenueOrderId", str)
VenueId = NewType("VenueId", str)
StrategyId = NewType("StrategyId", str)
TradeId = NewType("TradeId", str)

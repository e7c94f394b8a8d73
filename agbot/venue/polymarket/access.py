"""One connection to the venue for whoever only asks: the doctor and the reading commands."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import attrs
import httpx

from agbot.model.market import Market
from agbot.venue.polymarket.catalogue import find_markets
from agbot.venue.polymarket.contracts import AMOY, POLYGON, Chain
from agbot.venue.polymarket.credentials import Credentials
from agbot.venue.polymarket.data_api import DataClient
from agbot.venue.polymarket.gamma import GammaClient
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.rest import ClobClient
from agbot.venue.polymarket.wallets import SignatureType

CHAINS: Final = {"polygon": POLYGON, "amoy": AMOY}
"""By the names a configuration uses."""


@attrs.frozen(kw_only=True)
class Access:
    """The venue, as these addresses and these credentials reach it."""

    hosts: Hosts
    chain: Chain
    credentials: Credentials
    clob: ClobClient
    gamma: GammaClient
    data: DataClient
    as_type: Callable[[SignatureType], ClobClient]
    """The CLOB, asked as another kind of wallet."""

    @property
    def signed_in(self) -> bool:
        """Return whether own orders, trades and balances can be asked for."""
        return self.credentials.api is not None and self.credentials.account is not None

    async def market(self, name: str) -> Market:
        """Return the market of that slug, condition id, token or address; NotFoundError when there is none."""
        return (await find_markets(self.gamma, self.clob, [name]))[0]

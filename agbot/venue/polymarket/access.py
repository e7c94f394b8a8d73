"""One connection to the venue for whoever only asks: the doctor and the reading commands."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import attrs

from agbot.errors import NotFoundError
from agbot.model.market import Market
from agbot.venue.polymarket.account import AccountClient
from agbot.venue.polymarket.catalogue import find_markets
from agbot.venue.polymarket.contracts import Chain
from agbot.venue.polymarket.credentials import Credentials
from agbot.venue.polymarket.gamma import GammaClient
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.limits import Limiter
from agbot.venue.polymarket.rest import ClobClient
from agbot.venue.polymarket.signer import RemoteSigner
from agbot.venue.polymarket.transport import open_http
from agbot.venue.polymarket.wallets import SignatureType
from agbot.venue.polymarket.wire_log import WireLog

LOOK_AT: Final = 20


@attrs.frozen(kw_only=True)
class Access:
    """The venue, as these addresses and these credentials reach it."""

    hosts: Hosts
    chain: Chain
    credentials: Credentials
    clob: ClobClient
    gamma: GammaClient
    data: AccountClient
    as_type: Callable[[SignatureType], ClobClient]
    """The CLOB, asked as another kind of wallet."""

    @property
    def signed_in(self) -> bool:
        """Return whether own orders, trades and balances can be asked for."""
        return self.credentials.api is not None and self.credentials.account is not None

    async def market(self, name: str, *, tradable: bool = False) -> Market:
        """Return the market of that slug, condition id, token or page; NotFoundError when there is none."""
        return (await find_markets(self.gamma, self.clob, [name], tradable=tradable))[0]

    async def busiest_market(self) -> Market:
        """Return the open market that was traded most within a day, to look at something alive.

        Raises:
            NotFoundError: AGB-416 Gamma's busiest ones all take no orders.
        """
        busiest = {"closed": "false", "order": "volume24hr", "ascending": "false"}
        for told in await self.gamma.first_markets(**busiest, limit=LOOK_AT):
            if told.accepting and told.order_book and not told.closed:
                return await self.market(told.condition, tradable=True)
        raise NotFoundError("no market takes orders", id="AGB-416", remedy="try again in a minute")


async def with_signer(credentials: Credentials, path: Path | None, chain: Chain) -> Credentials:
    """Return the credentials with the account of the signer process at `path`, where the key is not here.

    Raises:
        ConfigError: AGB-148 no signer answers there.
    """
    if path is None or credentials.key is not None:
        return credentials
    return attrs.evolve(credentials, account=(await RemoteSigner.at(path, chain)).account)


@asynccontextmanager
async def connect(
    hosts: Hosts,
    chain: Chain,
    credentials: Credentials,
    *,
    now_s: Callable[[], float] = time.time,
    wire_log: WireLog | None = None,
) -> AsyncIterator[Access]:
    """Open one HTTP client for all of the venue's hosts, closed at the end of the body; asks nothing by itself."""
    account = credentials.account
    limiter = Limiter()
    async with open_http() as http:

        def as_type(kind: SignatureType) -> ClobClient:
            return ClobClient(
                http,
                hosts,
                credentials=credentials.api,
                address=account.owner if account else "",
                signature_type=kind,
                limiter=limiter,
                now_s=now_s,
                wire_log=wire_log,
            )

        try:
            yield Access(
                hosts=hosts,
                chain=chain,
                credentials=credentials,
                clob=as_type(account.signature_type if account else SignatureType.EOA),
                gamma=GammaClient(http, hosts, limiter=limiter, now_s=now_s, wire_log=wire_log),
                data=AccountClient(http, hosts, limiter=limiter, now_s=now_s, wire_log=wire_log),
                as_type=as_type,
            )
        finally:
            if wire_log is not None:
                wire_log.close()

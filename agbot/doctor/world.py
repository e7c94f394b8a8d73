"""What the checks look at, put together from a configuration, and all checks run over it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

import attrs
import trio

from agbot.config import Settings
from agbot.doctor import machine, official, sockets, venue, wallet
from agbot.doctor.report import Report
from agbot.doctor.run import DEADLINE_S, run_all
from agbot.errors import AgbotError, ConfigError
from agbot.model.market import Market
from agbot.units import NS_PER_S
from agbot.venue.polymarket.access import CHAINS, Access, connect
from agbot.venue.polymarket.contracts import Chain
from agbot.venue.polymarket.credentials import ALL, Credentials, load_credentials
from agbot.venue.polymarket.data_api import DataClient
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.rest import ClobClient
from agbot.venue.polymarket.wallets import SignatureType

T = TypeVar("T")

LOCAL: Final = (*machine.CHECKS, *wallet.CHECKS, *official.CHECKS)
"""Checks that need no network."""
REMOTE: Final = (*venue.CHECKS, *sockets.CHECKS)
CHECKS: Final = (*LOCAL, *REMOTE)


class Once(Generic[T]):
    """An answer that several checks want and one of them asks for; a failure is everybody's, too."""

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._lock = trio.Lock()
        self._answer: T | AgbotError | None = None

    async def get(self) -> T:
        """Return the answer, waiting for it.

        Raises:
            AgbotError: the one the question ended with.
        """
        async with self._lock:
            if self._answer is None:
                try:
                    self._answer = await self._ask()
                except AgbotError as e:
                    self._answer = e
        if isinstance(self._answer, AgbotError):
            raise self._answer
        return self._answer


@attrs.define(kw_only=True)
class World:
    """Everything the checks ask for; satisfies their protocols. `access` is None when no network may be used."""

    state_dir: Path
    faults: tuple[ConfigError, ...]
    chain: Chain
    hosts: Hosts
    credentials: Credentials
    credentials_fault: ConfigError | None
    markets: Sequence[str]
    now_s: Callable[[], float]
    access: Access | None = None
    _skew: Once[float] = attrs.field(init=False)
    _market: Once[Market] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._skew = Once(self._ask_skew)
        self._market = Once(self._ask_market)

    @property
    def clob(self) -> ClobClient:
        """Return the CLOB."""
        return self._online.clob

    @property
    def data(self) -> DataClient:
        """Return the Data API."""
        return self._online.data

    def as_type(self, kind: SignatureType) -> ClobClient:
        """Return the CLOB, asked as another kind of wallet."""
        return self._online.as_type(kind)

    async def skew_s(self) -> float:
        """Return how far the venue's clock is ahead of ours, seconds."""
        return await self._skew.get()

    async def market(self) -> Market:
        """Return the first configured market, else the busiest."""
        return await self._market.get()

    async def known_market(self) -> Market | None:
        """Return the same, None when it cannot be found."""
        try:
            return await self.market()
        except AgbotError:
            return None

    @property
    def _online(self) -> Access:
        assert self.access is not None, "a check without a host asked the network"
        return self.access

    async def _ask_skew(self) -> float:
        before = self.now_s()
        server_ns = await self.clob.server_time()
        # The venue tells whole seconds, rounded down; ours is taken in the middle of the way there and back.
        return server_ns / NS_PER_S + 0.5 - (before + self.now_s()) / 2

    async def _ask_market(self) -> Market:
        if self.markets:
            return await self._online.market(self.markets[0])
        return await self._online.busiest_market()


async def run_checks(
    settings: Settings,
    state_dir: Path,
    *,
    faults: Sequence[ConfigError] = (),
    live: bool = False,
    offline: bool = False,
    environ: Mapping[str, str] | None = None,
    now_s: Callable[[], float] = time.time,
    deadline_s: float = DEADLINE_S,
) -> Report:
    """Run every check and return what they found; a report that is not green forbids live trading.

    Args:
        settings: where the venue is, and which markets.
        state_dir: whose disk, lock and kill switch are looked at; need not exist.
        faults: what `agbot check` found.
        live: credentials must be there.
        offline: only the checks that need no network.
        environ: where credentials are looked for before the keyring; None is the process's.
        now_s: this machine's clock.
        deadline_s: of each check; they run side by side.
    """
    place = settings.polymarket
    found, fault = _credentials(environ, live=live)
    world = World(
        state_dir=state_dir,
        faults=tuple(faults),
        chain=CHAINS[place.chain],
        hosts=place.hosts,
        credentials=found,
        credentials_fault=fault,
        markets=settings.markets,
        now_s=now_s,
    )
    if offline:
        return await run_all(world, LOCAL, world.hosts, deadline_s)
    async with connect(world.hosts, world.chain, found, now_s=now_s) as access:
        world.access = access
        return await run_all(world, CHECKS, world.hosts, deadline_s)


def _credentials(environ: Mapping[str, str] | None, *, live: bool) -> tuple[Credentials, ConfigError | None]:
    try:
        return load_credentials(environ, required=ALL if live else ()), None
    except ConfigError as e:
        return Credentials(), e

"""What the checks look at, put together from a configuration, and all checks run over it."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

import attrs
import trio

from agbot.doctor import machine, markets, official, shared, sockets, strategies, venue, wallet
from agbot.doctor.markets import Looked
from agbot.doctor.report import Check, Report
from agbot.doctor.run import DEADLINE_S, run_all
from agbot.errors import AgbotError, ConfigError
from agbot.model.market import Market
from agbot.secrets import find
from agbot.settings import RedisSettings, Settings
from agbot.units import NS_PER_S
from agbot.venue.polymarket.access import Access, connect, with_signer
from agbot.venue.polymarket.account import AccountClient
from agbot.venue.polymarket.contracts import Chain
from agbot.venue.polymarket.credentials import ALL, API, PRIVATE_KEY, Credentials, load_credentials
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.rest import ClobClient
from agbot.venue.polymarket.signer import chain_named
from agbot.venue.polymarket.wallets import SignatureType

T = TypeVar("T")


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

    settings: Settings
    state_dir: Path
    faults: tuple[ConfigError, ...]
    chain: Chain
    hosts: Hosts
    credentials: Credentials
    credentials_fault: ConfigError | None
    signer: Path | None
    """Socket of the process that holds the key, None when it is here."""
    markets: Sequence[str]
    now_s: Callable[[], float]
    apikey: str
    redis: RedisSettings | None = None
    access: Access | None = None
    _skew: Once[float] = attrs.field(init=False)
    _looked: Once[Sequence[Looked]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._skew = Once(self._ask_skew)
        self._looked = Once(self._look_for_markets)

    @property
    def clob(self) -> ClobClient:
        """Return the CLOB."""
        return self._online.clob

    @property
    def data(self) -> AccountClient:
        """Return the Data API."""
        return self._online.data

    def as_type(self, kind: SignatureType) -> ClobClient:
        """Return the CLOB, asked as another kind of wallet."""
        return self._online.as_type(kind)

    async def skew_s(self) -> float:
        """Return how far the venue's clock is ahead of ours, seconds."""
        return await self._skew.get()

    async def markets_looked(self) -> Sequence[Looked]:
        """Return what became of every configured market, else of the busiest."""
        return await self._looked.get()

    async def known_market(self) -> Market | None:
        """Return the first of them that was found, None when there is none or it takes too long."""
        end = trio.current_effective_deadline()
        half = end if end == math.inf else (trio.current_time() + end) / 2  # the other half is for what it is asked for
        with trio.move_on_at(half):
            found = (looked.found for looked in await self.markets_looked())
            return next((market for market in found if isinstance(market, Market)), None)
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

    async def _look_for_markets(self) -> Sequence[Looked]:
        return await markets.each_of(self.markets or [""], self._look_for)

    async def _look_for(self, name: str) -> Looked:
        try:
            found = self._online.market(name, tradable=True) if name else self._online.busiest_market()
            return Looked(name, await found)
        except AgbotError as e:
            return Looked(name, e)


LOCAL: Final[tuple[Check[World], ...]] = (
    *machine.CHECKS,
    *wallet.CHECKS,
    *official.CHECKS,
    *strategies.CHECKS,
)
"""Checks that need no network."""
CHECKS: Final[tuple[Check[World], ...]] = (
    *machine.CHECKS,
    *wallet.CHECKS,
    *official.CHECKS,
    *venue.CHECKS,
    *markets.CHECKS,
    *venue.POSITIONS,
    *sockets.CHECKS,
    *shared.CHECKS,
    *strategies.CHECKS,
)


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
    chain, signer = chain_named(place.chain), settings.live.signer
    apikey = _apikey(settings.path)
    found, fault = await _credentials(environ, signer, chain, live=live)
    if fault is not None and fault.id == "AGB-135" and find(PRIVATE_KEY, environ):
        fault.remedy = apikey
    world = World(
        settings=settings,
        state_dir=state_dir,
        faults=tuple(faults),
        chain=chain,
        hosts=place.hosts,
        credentials=found,
        credentials_fault=fault,
        signer=signer if found.key is None else None,
        markets=settings.markets,
        now_s=now_s,
        apikey=apikey,
        redis=settings.redis,
    )
    if offline:
        return await run_all(world, LOCAL, world.hosts, deadline_s)
    async with connect(world.hosts, world.chain, found, now_s=now_s) as access:
        world.access = access
        return await run_all(world, CHECKS, world.hosts, deadline_s)


def _apikey(config: Path | None) -> str:
    """Return a line that works with a keyring and without one."""
    where = f" --config {shlex.quote(str(config))}" if config else ""
    return f'eval "$(agbot apikey --print{where})"'


async def _credentials(
    environ: Mapping[str, str] | None, signer: Path | None, chain: Chain, *, live: bool
) -> tuple[Credentials, ConfigError | None]:
    required = () if not live else API if signer else ALL
    try:
        return await with_signer(load_credentials(environ, required=required), signer, chain), None
    except ConfigError as e:
        return Credentials(), e

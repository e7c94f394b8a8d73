"""The exchange put together: one core, everything that tells of it, everything that can be asked."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from agbot.errors import ConfigError
from agbot.exchange.admin.pairs import news_verb, pair_verbs
from agbot.exchange.admin.socket import Verb
from agbot.exchange.admin.verbs import account_verbs, clock_verbs, market_verbs, verbs
from agbot.exchange.admin.who import ledger_verb
from agbot.exchange.api import Ask, Routes, error
from agbot.exchange.clob.clob import Clob
from agbot.exchange.clob.keys import Keyring
from agbot.exchange.clob.limits import PREFIXES, TIERS, Limits, Tier
from agbot.exchange.clob.owners import Owners
from agbot.exchange.clock import ExchangeClock
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.rebating import Rebating
from agbot.exchange.core.state import Dumper
from agbot.exchange.mischief.requests import Mischief
from agbot.exchange.mischief.sockets import SocketMischief
from agbot.exchange.opening import Parts, opened
from agbot.exchange.paced import Pacer
from agbot.exchange.reads import gamma, records
from agbot.exchange.reads.portfolio_book import PortfolioBook
from agbot.exchange.reads.quotes import Tape
from agbot.exchange.routing import Router
from agbot.exchange.settings import BoxSettings
from agbot.exchange.snapshot import encoded, read, said_of
from agbot.exchange.sockets.market import MarketSockets
from agbot.exchange.sockets.realtime import Realtime
from agbot.exchange.sockets.references import References
from agbot.exchange.sockets.rtds import Rtds
from agbot.exchange.sockets.user import UserSockets
from agbot.exchange.testkeys import key_row
from agbot.faults import FaultPlan
from agbot.units import NS_PER_S, to_text
from agbot.web.http import Break, Request, Response, SocketRoute

SITES: Final = {
    "gamma": ("http", "/gamma"),
    "data": ("http", "/data-api"),
    "rtds": ("ws", "/ws/rtds"),
    "realtime": ("ws", "/ws/realtime"),
    "relayer": ("http", "/relayer"),
    "geoblock": ("http", "/geoblock"),
}
"""Where everything but the CLOB is on the first port."""
_PREFIXES: Final = {"clob": "clob", "gamma": "gamma", "data-api": "data", "relayer": "data"}
Service = Callable[..., Awaitable[Any]]


class Box:
    """One exchange.

    Args:
        parts: a snapshot to go on from; by default the file that `settings.state` names, if it is there.

    Raises:
        ConfigError: what a file that `settings` names has wrong.
    """

    def __init__(self, settings: BoxSettings, parts: Parts | None = None) -> None:
        self.settings = settings
        self.clock = ExchangeClock(time.time_ns, settings.speed)
        now_ns = self.now_ns = self.clock.now_ns
        if parts is None:
            parts = read(settings.state) if settings.state and settings.state.exists() else {}
        opening = opened(settings, parts, now_ns())
        self.core, self.era = opening.core, opening.era
        self._dumper = Dumper(self.core)
        self.catalogue = opening.catalogue
        self.keys = Keyring(settings.seed)
        self.limits = Limits(enabled=settings.limits, tier=_tier(settings.tier))
        self.faults = FaultPlan(settings.seed)
        if settings.faults_file:
            self.faults.load(settings.faults_file)
        self.clob = Clob(self.core, self.keys, Owners(), self.limits, now_ns, heartbeat_ns=settings.heartbeat_ns)
        self._listen()
        self._restore(parts)
        self.pacer = Pacer(self.core, self.clock, [_Beats(self.clob), self.rebating, *opening.acts])
        self.mischief = Mischief(self.faults, self.core, now_ns)
        self.mischief.attach()
        self.socket_mischief = SocketMischief(self.mischief, [channel.outlets for channel in self._channels()])
        self.routers = {site: Router(routes) for site, routes in self._routes().items()}
        self._sockets: dict[str, SocketRoute] = {}
        for channel in self._channels():
            self._sockets |= channel.sockets()
        self.verbs: dict[str, Verb] = {
            **verbs(self.core, self.faults, self.limits, now_ns),
            **account_verbs(self.clob.standing),
            **clock_verbs(self.clock),
            **market_verbs(self.core, now_ns),
            **pair_verbs(self.core, now_ns),
            "ledger": ledger_verb(self.core, self.test_keys, opening.acts),
            "news": news_verb(self.core, opening.acts),
            "rebates": lambda _request: {"paid_usd": to_text(self.rebating.pay(self.core, now_ns()))},
        }

    def _listen(self) -> None:
        """Make everything that hears the core's facts."""
        core, now_ns = self.core, self.now_ns
        references = References(self.settings.seed)
        self.tape, self.portfolios = Tape(), PortfolioBook()
        self.market_sockets = MarketSockets(core, now_ns)
        self.user_sockets = UserSockets(self.keys)
        self.rtds = Rtds(core, self.keys, references, now_ns, seed=self.settings.seed)
        self.realtime = Realtime(self.keys, references, now_ns)
        self.rebating = Rebating()
        core.listeners += [self.tape, self.portfolios, self.rebating.hear]
        core.listeners += [self.market_sockets.hear, self.user_sockets.hear, self.rtds.hear]

    def _channels(self) -> Sequence[MarketSockets | UserSockets | Rtds | Realtime]:
        return self.market_sockets, self.user_sockets, self.rtds, self.realtime

    def _routes(self) -> dict[str, Routes]:
        return {
            "clob": self.clob.routes(),
            "gamma": gamma.routes(self.core, self.catalogue, self.now_ns, self.tape),
            "data": records.routes(self.core, self.portfolios, self.tape, self.now_ns),
        }

    # ---------------------------------------------------------------- asked

    async def answer(self, site: str, request: Request) -> Response | Break:
        """Answer one request that came in at a site's own port, or (``""``) at the port of everything."""
        site, path = (site, request.path) if site else _site_of(request.path)
        ask = Ask(
            method=request.method, path=path, query_text=request.query, headers=request.headers, body=request.body
        )
        router = self.routers.get(site)
        if router is None:
            return error(404, "not found").response()
        limited = self.limits.admit(request.peer, ask.method, PREFIXES[site] + path, self.now_ns())
        if limited is not None:
            return limited.response()
        return await self.mischief.answer(ask, router, site)

    def socket(self, site: str, request: Request) -> SocketRoute | None:
        """Return what talks on a WebSocket; a port of its own has one kind, whatever the path."""
        return self._sockets.get(f"/ws/{site}" if site else request.path)

    # ---------------------------------------------------------------- in time

    def services(self) -> list[Service]:
        """Return what runs beside the server; the books are there when the first has started."""
        return [
            self.pacer.run,
            self.rtds.run,
            self.realtime.run,
            self.socket_mischief.run,
        ]

    def drop_sockets(self) -> None:
        """Break every WebSocket, as a restart of the venue does."""
        for channel in self._channels():
            channel.outlets.drop_all()

    # ---------------------------------------------------------------- told

    def test_keys(self) -> list[dict[str, Any]]:
        """Return the funded test keys; what they hold is granted when they are first seen, which is now."""
        rows = [key_row(self.keys, self.settings.seed, number) for number in range(self.settings.keys)]
        for row in rows:
            self.clob.owners.bind(row["address"], row["wallet"], row["signature_type"])
            self.core.balance(row["wallet"])
        return rows

    def market_rows(self) -> list[dict[str, Any]]:
        """Return the open markets for a ready line."""
        return [
            {
                "condition_id": listing.condition,
                "yes": listing.market.yes,
                "no": listing.market.no,
                "slug": listing.market.slug,
                "question": listing.market.question,
                "tick": to_text(listing.market.tick),
                "neg_risk": listing.market.neg_risk,
                "version": listing.market.exchange_version,
            }
            for listing in self.core.listings.values()
            if listing.winner is None
        ]

    # ---------------------------------------------------------------- kept

    def parts(self) -> dict[str, Any]:
        """Return everything that a snapshot keeps."""
        return {
            "era": self.era,
            "core": self._dumper.dump(),
            "clob": self.clob.snapshot(),
            "portfolios": self.portfolios.snapshot(),
            "tape": self.tape.snapshot(),
            "rebates": self.rebating.snapshot(),
        }

    def _restore(self, parts: Parts) -> None:
        with said_of(self.settings.state or ""):
            if parts:
                self.clob.restore(parts["clob"])
                self.portfolios.restore(parts["portfolios"], self.core.listings)
                self.tape.restore(parts["tape"])
                self.rebating.restore(parts["rebates"])

    def saved(self) -> bytes:
        """Return what a snapshot's file of now holds."""
        return encoded(self.parts(), self.now_ns())


def _tier(name: str) -> Tier:
    if name not in TIERS:
        raise ConfigError(f"no tier is called {name!r}", id="AGB-868", key="--tier", remedy=f"use {', '.join(TIERS)}")
    return TIERS[name]


class _Beats:
    """The CLOB's own due things as something that happens on the exchange."""

    def __init__(self, clob: Clob) -> None:
        self._clob = clob

    def step(self, _core: Exchange, now_ns: int) -> int:
        """Cancel for those whose heartbeat stopped; return when to look again."""
        self._clob.advance(now_ns)
        due_ns = self._clob.next_due()
        return now_ns + NS_PER_S if due_ns is None else due_ns


def _site_of(path: str) -> tuple[str, str]:
    """Return whose request it is and its path there: the CLOB's unless a prefix says otherwise."""
    head, _, tail = path[1:].partition("/")
    if path == "/geoblock":
        return "data", path
    site = _PREFIXES.get(head)
    return (site, f"/{tail}") if site else ("clob", path)

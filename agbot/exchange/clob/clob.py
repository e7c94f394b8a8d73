"""The CLOB as REST: everything it answers, put together over the exchange's core."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from agbot.exchange.api import Ask, Reply, Route, Routes
from agbot.exchange.clob.account import AccountRoutes
from agbot.exchange.clob.auth import AuthRoutes
from agbot.exchange.clob.candles import PriceHistory
from agbot.exchange.clob.heartbeats import TIMEOUT_NS, Heartbeats
from agbot.exchange.clob.keys import Keyring
from agbot.exchange.clob.limits import Limits
from agbot.exchange.clob.notices import Notices
from agbot.exchange.clob.owners import Owners
from agbot.exchange.clob.posted import Intake
from agbot.exchange.clob.public import PublicReads
from agbot.exchange.clob.rebates import Rebates
from agbot.exchange.clob.standing import Standing
from agbot.exchange.clob.trading import TradingRoutes
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Fact, Listing
from agbot.exchange.reads.quotes import quote
from agbot.exchange.routing import Gate


class Clob:
    """All REST routes of the CLOB and what they remember beside the core.

    Args:
        now_ns: the exchange's clock.
        heartbeat_ns: a key whose heartbeat stops for so long loses its orders.
        host_s: the host's clock in seconds: a request's timestamp may be by either clock.
    """

    def __init__(
        self,
        core: Exchange,
        keys: Keyring,
        owners: Owners,
        limits: Limits,
        now_ns: Callable[[], int],
        *,
        heartbeat_ns: int = TIMEOUT_NS,
        host_s: Callable[[], float] = time.time,
    ) -> None:
        self.core = core
        self.keys = keys
        self.owners = owners
        self.limits = limits
        self.standing = Standing()
        self.heartbeats = Heartbeats(heartbeat_ns)
        self.history = PriceHistory(self._fair)
        self.notices = Notices(self._fair)
        self.rebates = Rebates()
        self.gate = Gate(keys, now_ns, host_s)
        self.public = PublicReads(core, self.history, now_ns)
        self.trading = TradingRoutes(core, Intake(core, owners, self.standing), limits, self.heartbeats, now_ns)
        self._account = AccountRoutes(core, owners, self.standing, self.notices, now_ns)
        core.listeners.append(self.hear)

    def routes(self) -> Routes:
        """Return every route by method and path, checks of keys included."""
        private = self.trading.routes() | self._account.routes()
        return {
            **self.public.routes(),
            ("GET", "/rebates/current"): lambda ask: Reply(
                self.rebates.told(ask.query.get("date", ""), ask.query.get("maker_address", ""))
            ),
            **AuthRoutes(self.gate, self.standing).routes(),
            **self.gate.all_signed({where: self._joining(route) for where, route in private.items()}),
        }

    def hear(self, fact: Fact) -> None:
        """Take a fact of the exchange."""
        self.history.hear(fact)
        self.notices.hear(fact)
        self.rebates.hear(fact)

    def advance(self, now_ns: int) -> None:
        """Let happen what is due: orders of keys whose heartbeat stopped are cancelled."""
        self.trading.sweep(now_ns)

    def next_due(self) -> int | None:
        """Return when `advance` next may have something to do, None while nobody sends heartbeats."""
        return self.heartbeats.next_due()

    def snapshot(self) -> dict[str, Any]:
        """Return keys, wallets' owners, bans, allowances and heartbeats as plain values; secrets included."""
        return {
            "keys": self.keys.snapshot(),
            "owners": self.owners.snapshot(),
            "standing": self.standing.snapshot(),
            "heartbeats": self.heartbeats.snapshot(),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take over what `snapshot` gave. Keys whose heartbeat was due meanwhile lose their orders at once."""
        self.keys.restore(saved["keys"])
        self.owners.restore(saved["owners"])
        self.standing.restore(saved["standing"])
        self.heartbeats.restore(saved["heartbeats"])

    def _fair(self, listing: Listing) -> int:
        return quote(self.core, listing).fair

    def _joining(self, route: Route) -> Route:
        """Return `route`, whose address gets notices from then on."""

        def joined(ask: Ask) -> Reply:
            self.notices.join(ask.address)
            return route(ask)

        return joined

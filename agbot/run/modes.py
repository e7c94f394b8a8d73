"""Real markets: paper and shadow over live data, and live trading with what has to be known before it begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import attrs
import trio

from agbot import __version__
from agbot.core.rules import DayCap, OrderCap, Rule
from agbot.core.turnover import utc_day
from agbot.errors import ConfigError, ExecutionError, VenueUnavailable
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.run.explain import Names
from agbot.run.facts import LiveFacts
from agbot.run.feeds import FeedWatch
from agbot.run.fence import Fence
from agbot.run.frames import FrameShell
from agbot.run.live import read_account
from agbot.run.named import check_followed, check_named
from agbot.run.onlooker import Onlooker
from agbot.run.plans import Start, trade
from agbot.run.reconcile import Reconcile
from agbot.run.references import reference_feeds
from agbot.run.session import RUNS, RunPlan, now_ns
from agbot.run.spend import FILE_NAME, Caps, DaySpend
from agbot.run.venues import Account, VenueLink, open_paper, open_shadow
from agbot.settings import Mode, Settings
from agbot.store.carry import pasts as pasts_of
from agbot.store.packing import packer
from agbot.store.received import MARKET
from agbot.store.recorder import Bounds, FrameRecorder
from agbot.units import usd_text
from agbot.venue.polymarket.access import Access, connect
from agbot.venue.polymarket.adapter import PolymarketVenue
from agbot.venue.polymarket.catalogue import find_markets
from agbot.venue.polymarket.contracts import Chain
from agbot.venue.polymarket.credentials import Credentials
from agbot.venue.polymarket.orders import OrderSigner
from agbot.venue.polymarket.reference_feed import ReferenceFeed
from agbot.venue.polymarket.signer import LocalSigner, RemoteSigner, Signer, chain_named
from agbot.venue.polymarket.stream import PolymarketFeed
from agbot.venue.polymarket.wallets import Account as Wallet
from agbot.venue.polymarket.wire_log import WireLog
from agbot.web.socket import open_socket

READY_S: Final = 20.0
"""The user stream opens and open orders are read within this, or the run does not begin."""
LIVE: Final = "LIVE"
READ_ONLY: Final = "READ-ONLY"


async def trade_paper(start: Start) -> dict[str, Any]:
    """Trade live markets on paper, or in shadow send nothing at all; returns the closing summary."""
    settings = start.settings
    check_named(settings)
    async with connected(settings, Credentials(), wire_log_of(start)) as access:
        markets = await markets_of(settings, access)
        tape = tape_of(settings, markets)
        feed = feed_of(settings, markets, access, tape)
        shadow = settings.mode is Mode.SHADOW
        plan = start.plan(
            str(settings.mode).upper(),
            markets,
            feed,
            open_venue=open_shadow if shadow else open_paper,
            **watched(feed, references_of(settings, tape), markets, tape),
        )
        return await trade(plan)


@attrs.frozen(kw_only=True)
class Trader:
    """Who trades with real money, and up to where.

    Args:
        credentials: with the API key, and with the private key unless `settings.live.signer` names who has it.
    """

    settings: Settings
    credentials: Credentials
    caps: Caps

    @classmethod
    def of(cls, settings: Settings, credentials: Credentials) -> Trader:
        """Return the trader of a configuration; ConfigError AGB-141 unless both caps are decided."""
        return cls(settings=settings, credentials=credentials, caps=check_caps(settings))

    async def signer(self) -> Signer:
        """Return who signs; ConfigError AGB-148 when that is a process that does not answer."""
        chain, found = self._chain, self.credentials
        if self.settings.live.signer is not None:
            return await RemoteSigner.at(self.settings.live.signer, chain)
        assert found.key is not None
        assert found.account is not None
        return LocalSigner(OrderSigner(found.key, found.account, chain))

    def connected(self, wallet: Wallet, wire_log: WireLog | None = None) -> AbstractAsyncContextManager[Access]:
        """Return the way to the venue as this wallet."""
        return connected(self.settings, attrs.evolve(self.credentials, account=wallet), wire_log)

    def facts(self, wallet: Wallet) -> LiveFacts:
        """Return what an operator is told of this wallet."""
        caps = self.caps
        return LiveFacts(wallet=wallet.maker, max_order_usd=caps.max_order_usd, max_day_usd=caps.max_day_usd)

    @property
    def _chain(self) -> Chain:
        return chain_named(self.settings.polymarket.chain)


def check_caps(settings: Settings) -> Caps:
    """Return the caps of real money; ConfigError AGB-141 unless both are decided."""
    live = settings.live
    if live.max_order_usd is None or live.max_day_usd is None:
        raise ConfigError(
            "real money needs a cap for one order and one for a day",
            id="AGB-141",
            path=str(settings.path or ""),
            key="live",
            remedy="live: {max_order_usd: 5, max_day_usd: 25}, for example",
        )
    return Caps(max_order_usd=live.max_order_usd, max_day_usd=live.max_day_usd)


async def look(trader: Trader) -> dict[str, Any]:
    """Return what a person is shown before real money: wallet, balance, caps, markets, and whether the region may.

    Raises:
        ConfigError: AGB-140 no market is named, AGB-148 no signer.
        ExecutionError: the venue could not be asked.
    """
    wallet = (await trader.signer()).account
    async with trader.connected(wallet) as access:
        markets = await markets_of(trader.settings, access)
        account = await read_account(access.clob, access.data, wallet.maker, markets)
        return {
            **trader.facts(wallet).json(),
            "cash_usd": usd_text(account.cash),
            "positions": len(account.positions),
            "resting": account.resting,
            "markets": [(market.name, market.end_ns) for market in markets],
            "region": await _region(access),
        }


async def trade_live(start: Start, trader: Trader, fence: Fence) -> dict[str, Any]:
    """Trade with real money; the caller holds the wallet's lock. Returns the closing summary.

    Everything is read anew: what was shown to a person a minute ago is not what orders are counted from.

    Raises:
        ConfigError: AGB-144, orders rest that may not. WalletTaken: AGB-152, another process has the wallet.
    """
    signer = await trader.signer()
    async with trader.connected(signer.account, wire_log_of(start)) as access:
        markets = await markets_of(start.settings, access)
        plan = await live_plan(start, trader, signer, access, markets, fence=fence)
        return await trade(plan)


async def live_plan(
    start: Start,
    trader: Trader,
    signer: Signer,
    access: Access,
    markets: Sequence[Market],
    *,
    fence: Fence,
    alone: bool = True,
) -> RunPlan:
    """Return the plan of a live run: account and markets' terms are read, no order is sent yet.

    Args:
        alone: what the last run left is cleared away and reconciled first; else only the account is read.
    """
    fence.tell(state_dir=str(start.state_dir.absolute()))
    found: dict[str, Any] = {}
    left = None if alone else next(pasts_of(start.state_dir / RUNS, LIVE), None)
    if alone:
        before = fence.before
        elsewhere = before is not None and before.state_dir not in ("", str(start.state_dir.absolute()))
        account, found = await reconciled(
            start, LIVE, signer, access, markets, last_holder=str(before) if elsewhere else ""
        )
    else:
        known = left.carry().positions if left else ()
        account = await read_account(access.clob, access.data, signer.account.maker, markets, known)
    spend = DaySpend(fence.directory / FILE_NAME, trader.caps, now_ns)
    link = await _live_link(start.settings, signer, access, markets)
    tape = tape_of(start.settings, markets) if alone else None
    feed = feed_of(start.settings, markets, access, tape)
    return start.plan(
        LIVE,
        markets,
        feed,
        open_venue=lambda *_: link,
        account=account,
        rules=rules_of(trader.caps, spend.total()),
        spend=spend,
        live=trader.facts(signer.account),
        fence=fence,
        reads=access.clob if alone else None,
        found=found,
        after_ns=left.header.started_ns if left else 0,
        **watched(feed, references_of(start.settings, tape) if alone else (), markets, tape),
    )


async def reconciled(
    start: Start, mode: str, signer: Signer, access: Access, markets: Sequence[Market], *, last_holder: str = ""
) -> tuple[Account, dict[str, Any]]:
    """Return the account once nothing of the last run of `mode` is open, and what was found; see `Reconcile`."""
    pasts = pasts_of(start.state_dir / RUNS, mode)
    names, how = Names(access.clob, signer), start.settings.reconcile
    reconcile = Reconcile(access, names, pasts, how, now_ns, last_holder=last_holder)
    account = await reconcile.account(signer.account.maker, markets)
    return account, reconcile.report.json()


async def look_on(start: Start, trader: Trader) -> dict[str, Any]:
    """Watch markets, books and the account, whoever trades with it; nothing is sent. Returns the closing summary."""
    signer = await trader.signer()
    async with trader.connected(signer.account, wire_log_of(start)) as access:
        markets = await markets_of(start.settings, access)
        account = await read_account(access.clob, access.data, signer.account.maker, markets)
        onlooker = Onlooker(access, signer, markets, start.settings.reconcile.every_ns)
        await onlooker.look()
        tape = tape_of(start.settings, markets)
        feed = feed_of(start.settings, markets, access, tape)
        start = attrs.evolve(start, settings=attrs.evolve(start.settings, strategies=()))
        plan = start.plan(
            READ_ONLY,
            markets,
            feed,
            open_venue=open_shadow,
            account=account,
            live=trader.facts(signer.account),
            onlooker=onlooker,
            **watched(feed, references_of(start.settings, tape), markets, tape),
        )
        return await trade(plan)


def rules_of(caps: Caps, spent_usd: int) -> tuple[Rule, ...]:
    """Return the caps as the gate asks them, with what was traded today before this run."""
    return OrderCap(caps.max_order_usd), DayCap(caps.max_day_usd, spent_usd=spent_usd, day=utc_day(now_ns()))


async def _live_link(settings: Settings, signer: Signer, access: Access, markets: Sequence[Market]) -> VenueLink:
    venue = PolymarketVenue(
        access.clob, access.credentials, access.hosts, now_ns, signer=signer, heartbeat=settings.live.heartbeat
    )
    await venue.prepare(market.id for market in markets)
    return linked(venue)


def linked(venue: PolymarketVenue) -> VenueLink:
    """Return the venue as the nursery tree needs it."""
    deaf = lambda: venue.closed  # noqa: E731 - asked each time
    run = within(venue.run, READY_S)
    return VenueLink(
        venue=venue,
        run=run,
        on_market=venue.on_market,
        silent_ns=venue.silent_ns,
        deaf=deaf,
        condition=venue.condition,
        care=venue.care,
        note_attempts=venue.note_attempts,
        utilisation=venue.utilisation,
    )


def within(service: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    """Return a service that has started within `seconds`, or raises VenueUnavailable."""

    async def run(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        async with trio.open_nursery() as nursery:
            with trio.move_on_after(seconds) as late:
                await nursery.start(service)
                task_status.started()
            if late.cancelled_caught:
                raise VenueUnavailable(f"its user stream did not open within {seconds:g} s", venue="polymarket")

    return run


async def markets_of(settings: Settings, access: Access) -> tuple[Market, ...]:
    """Return the configured markets.

    Raises:
        ConfigError: AGB-140 none is named, AGB-157 a strategy names one that is not among them.
        NotFoundError: AGB-414 there is none of a name.
    """
    check_named(settings)
    markets = tuple(await find_markets(access.gamma, access.clob, settings.markets))
    check_followed(settings, markets)
    return markets


def tape_of(settings: Settings, markets: Sequence[Market]) -> FrameShell | None:
    """Return what keeps the frames of a run, None unless the configuration names a folder.

    Raises:
        ConfigError: AGB-920, the folder cannot be used. StoreError: AGB-921, the disk is nearly full.
    """
    if settings.record is None:
        return None
    recorder = FrameRecorder(
        settings.record.directory,
        markets=markets,
        packer=packer(),
        now_ns=now_ns,
        version=__version__,
        bounds=Bounds(free_min=settings.record.free_min),
    )
    return FrameShell(recorder, beside_trading=True)


def references_of(settings: Settings, tape: FrameShell | None) -> tuple[ReferenceFeed, ...]:
    """Return the feeds of reference prices, their frames kept by `tape`."""
    return reference_feeds(settings, now_ns, opens=tape.opener) if tape else reference_feeds(settings, now_ns)


def feed_of(
    settings: Settings, markets: Sequence[Market], access: Access, tape: FrameShell | None = None
) -> PolymarketFeed:
    """Return the feed of these markets, its books compared with the venue's own, its winners asked for.

    Its frames are kept by `tape`.
    """
    place = settings.polymarket

    async def resolution(market: MarketId) -> TokenId | None:
        return TokenId((await access.clob.record(market)).winner) or None

    return PolymarketFeed(
        place.hosts,
        markets,
        now_ns,
        check_book=access.clob.book,
        resolution=resolution,
        tokens_per_socket=max(2, place.tokens_per_socket),
        open_=tape.opener(MARKET) if tape else open_socket,
    )


def watched(
    feed: PolymarketFeed, references: Sequence[ReferenceFeed], markets: Sequence[Market], tape: FrameShell | None = None
) -> dict[str, Any]:
    """Return the fields of a plan that say which feeds run, and who looks after them and keeps their frames."""
    return {"references": references, "watch": FeedWatch(feed, references, markets), "tape": tape}


def connected(
    settings: Settings, credentials: Credentials, wire_log: WireLog | None = None
) -> AbstractAsyncContextManager[Access]:
    """Return the way to the venue that the configuration names."""
    place = settings.polymarket
    return connect(place.hosts, chain_named(place.chain), credentials, wire_log=wire_log)


def wire_log_of(start: Start) -> WireLog | None:
    """Return where requests and replies are noted, None unless that was asked for."""
    return WireLog(start.state_dir, now_ns=now_ns) if start.log_wire else None


async def _region(access: Access) -> str:
    try:
        found = await access.clob.geoblock()
    except ExecutionError as e:
        return f"not known: {e.reason}"
    return f"{found.country} {found.region}".strip() + (
        ": BLOCKED, orders are refused" if found.blocked else ": allowed"
    )

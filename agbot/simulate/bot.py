"""One life of a bot in a simulated world: the real core, gateway and adapter; start, trade, halt, or be killed."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from agbot import __version__
from agbot.core.engine import Engine
from agbot.core.health import Steadied
from agbot.core.risk import Gate
from agbot.core.state import EngineSettings
from agbot.core.step import Step
from agbot.errors import AgbotError, ConfigError, ExecutionError
from agbot.exchange.core.model import BookChanged, Fact
from agbot.model.events import (
    BookDelta,
    BookSnapshot,
    Event,
    HaltRequested,
    KillSwitchSet,
    LinkDown,
    LinkUp,
    MarketListed,
    Timer,
    VenueHealth,
)
from agbot.model.order import Side
from agbot.run.engine import Recorder
from agbot.run.gateway import Gateway
from agbot.run.venues import Account
from agbot.secrets import Secret
from agbot.simulate.disk import SimJournal
from agbot.simulate.start import start
from agbot.simulate.virtual import Life
from agbot.simulate.wire import SimNet, SimTransport
from agbot.store.journal import Header
from agbot.store.rebuild import policies_text
from agbot.units import NS_PER_S, complement
from agbot.venue.pace import Nursery
from agbot.venue.polymarket.adapter import PolymarketVenue
from agbot.venue.polymarket.auth import ApiCredentials
from agbot.venue.polymarket.credentials import Credentials
from agbot.venue.polymarket.desk import Voice
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.limits import Limiter
from agbot.venue.polymarket.rest import ClobClient
from agbot.venue.polymarket.signer import LocalSigner
from agbot.venue.polymarket.wallets import Account as Wallet

if TYPE_CHECKING:
    from agbot.simulate.world import World

IN_FLIGHT_MAX: Final = 16
DRAIN_S: Final = 3.0
BACKSTOP_S: Final = 5.0


class _Ear:
    """The bot's inbox: what came is stepped through together, a moment later."""

    def __init__(self, bot: SimBot) -> None:
        self._bot = bot
        self._urgent: deque[Event] = deque()
        self._batches: deque[Event] = deque()
        self._woken = False

    def send_urgent(self, *events: Event) -> None:
        self._urgent.extend(events)
        self._wake()

    def market(self, *events: Event) -> None:
        self._batches.extend(events)
        self._wake()

    def _wake(self) -> None:
        if not self._woken:
            self._woken = True
            world = self._bot.world
            world.heap.after(0.0005 + 0.002 * world.dice.random(), self._drain)

    def _drain(self) -> None:
        self._woken = False
        batch = [*self._urgent, *self._batches]
        self._urgent.clear()
        self._batches.clear()
        if not self._bot.life.dead:
            self._bot.step(batch)


class _Voice(Voice):
    """Tells evidence straight to the inbox."""

    def __init__(self, ear: _Ear) -> None:
        self._ear = ear

    def say(self, said: Any) -> None:
        self._ear.send_urgent(*said)


class SimBot:
    """See the module. `number` counts the lives of a world; `started` is set once it trades.

    Attributes:
        ended: why it ended by itself, empty while it runs or when it was killed.
    """

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.life = Life(world.heap)
        self.number = number
        self.ended = ""
        self.started = False
        self.ear = _Ear(self)
        self.net = SimNet(self.life, world.venue, world.weather)
        self.journal = SimJournal(world.disk, self.life)
        self.engine: Engine | None = None
        self.adapter: PolymarketVenue | None = None
        self._recorder: Recorder | None = None
        self._gateway: Gateway | None = None
        self._nursery: Nursery | None = None
        self.limiter = Limiter(now_ns=self.now_ns)
        self._asked_to_stop = self.life.event()
        self._flat = self.life.event()
        self._feed_up = False
        self._health = Steadied()
        self._last_ns = self._step_ns = 0
        self.life.spawn(self._live)

    def now_ns(self) -> int:
        """Return the time by this bot's clock."""
        return self.world.heap.now_ns + self.world.clock_off_ns

    def _now_s(self) -> float:
        return self.now_ns() / NS_PER_S

    # -- what the world does to it ---------------------------------------------------------------------------------

    def kill(self) -> None:
        """End it as kill -9 does."""
        self.life.kill()
        self.net.cut()

    def ask_to_stop(self) -> None:
        """Let it halt in order."""
        self._asked_to_stop.set()

    def rest(self) -> None:
        """Let it take everything off and wish for nothing more, and live on."""
        self.ear.send_urgent(HaltRequested("the end", self.now_ns()))

    def switch(self, on: bool) -> None:
        """Tell it of the kill switch, whose latch has been set already."""
        if self.started:
            self.ear.send_urgent(KillSwitchSet(on, "a test", "operator", self.now_ns()))

    def hear(self, fact: Fact) -> None:
        """Take a fact of the venue's books, if its feed is up."""
        if self._feed_up and isinstance(fact, BookChanged) and not self.life.dead:
            market, ts_ns = fact.listing.market, fact.ts_ns
            mirrored = tuple((1 - side, complement(price), size) for side, price, size in fact.changes)
            deltas = (BookDelta(market.yes, fact.changes, ts_ns), BookDelta(market.no, mirrored, ts_ns))
            self._after_a_while(*deltas)

    def feed(self, up: bool) -> None:
        """Open or break the feed of books."""
        if not self.started or up == self._feed_up:
            return
        self._feed_up = up
        self._after_a_while(*(self._books() if up else [LinkDown("books", "cut", self.now_ns())]))

    def _books(self) -> list[Event]:
        events: list[Event] = [LinkUp("books", self.now_ns())]
        for listing in self.world.venue.listings:
            bids, asks = (tuple(self.world.venue.core.levels(listing, side)) for side in (Side.BUY, Side.SELL))
            no_bids, no_asks = (tuple((complement(p), size) for p, size in levels) for levels in (asks, bids))
            ts_ns = self.world.heap.now_ns
            events += [
                BookSnapshot(listing.market.yes, bids, asks, ts_ns),
                BookSnapshot(listing.market.no, no_bids, no_asks, ts_ns),
            ]
        return events

    def _after_a_while(self, *events: Event) -> None:
        at_ns = self.world.heap.now_ns + int(self.world.weather.delay_s() * NS_PER_S)
        self._last_ns = max(self._last_ns, at_ns)
        self.world.heap.at(self._last_ns, lambda: None if self.life.dead else self.ear.market(*events))

    # -- its life --------------------------------------------------------------------------------------------------

    async def _live(self) -> None:
        try:
            await self._run()
        except* ConfigError as group:  # orders rest that no journal explains: none but its lives trade with this key
            self.ended = f"refused: {group.exceptions[0]}"
            self.world.auditor.blame(f"life {self.number} {self.ended}")
        except* AgbotError as group:  # it stops, and a person starts it again
            self.ended = f"error: {group.exceptions[0]}"
        self.life.kill()
        self.net.cut()

    async def _run(self) -> None:
        clob = self._client()
        self._build(clob, *await self._account(clob))
        async with self.life.open_nursery() as nursery:
            assert self.adapter is not None
            try:
                nursery.start_soon(self.adapter.run)
                await self.adapter.prepare([x.market.id for x in self.world.venue.listings])
                await self.adapter.ready.wait()
                self._begin(nursery)
                await self._asked_to_stop.wait()
                self.ear.send_urgent(HaltRequested("the end", self.now_ns()))
                with self.life.move_on_after(DRAIN_S):
                    await self._flat.wait()
            finally:
                with self.life.move_on_after(BACKSTOP_S, shield=True):
                    await self._cancel_everything()
                nursery.cancel_scope.cancel()
        self.ended = "asked to stop"

    async def _cancel_everything(self) -> None:
        assert self.adapter is not None
        while True:
            try:
                await self.adapter.cancel_all()
                return
            except ExecutionError:
                await self.life.sleep(0.2)

    async def _account(self, clob: ClobClient) -> tuple[Account, str]:
        """Return what the venue says is ours, and what the start found, as JSON."""
        markets = [listing.market for listing in self.world.venue.listings]
        begin = start(clob, LocalSigner(self.world.signer), self.world.disk, self.now_ns, self.life)
        account = await begin.account(self.world.wallet, markets)
        self.world.auditor.began(self.number, begin.report)
        return account, json.dumps(begin.report.json())

    def _client(self) -> ClobClient:
        row = self.world.venue.row
        self._api = ApiCredentials(
            key=row["apiKey"], secret=Secret(row["secret"]), passphrase=Secret(row["passphrase"])
        )
        transport = SimTransport(self.life, self.world.venue, self.world.weather, self._now_s)
        return ClobClient(
            None,  # type: ignore[arg-type] # the transport below knows no HTTP
            Hosts(),
            credentials=self._api,
            address=row["address"],
            limiter=self.limiter,
            now_s=self._now_s,
            transport=transport,
        )

    def _build(self, clob: ClobClient, account: Account, reconciled: str) -> None:
        world = self.world
        key = SigningKey.parse(Secret(world.venue.key))
        credentials = Credentials(key=key, api=self._api, account=Wallet.of_owner(key.address))
        self.adapter = PolymarketVenue(
            clob,
            credentials,
            Hosts(),
            self.now_ns,
            pace=self.life,
            connect=self.net.connect,
            dice=world.dice.random,
            voice=_Voice(self.ear),
        )
        run_id, seed = f"r{self.number}", world.seed * 1000 + self.number
        header = Header(
            run_id=run_id,
            mode="LIVE",
            version=__version__,
            capital=account.cash,
            seed=world.seed,
            policies=policies_text(world.setting.rules),
            strategies=world.setting.written(seed),
            started_ns=self.now_ns(),
            in_flight_max=IN_FLIGHT_MAX,
            carried=account.positions,
            fence=self.number + 1,
            reconciled=reconciled,
        )
        settings = EngineSettings(
            run_id=run_id, capital=account.cash, in_flight_max=IN_FLIGHT_MAX, carried=account.positions
        )
        self.engine = Engine(settings, Gate(world.setting.rules), world.setting.strategies(seed))
        self._recorder = Recorder(self.engine, self.journal, header)
        self._gateway = Gateway(
            self.adapter,
            self.ear,
            None,
            durable=self.journal.durable,
            closed=lambda _: world.disk.latch.reason if world.disk.latch.on else "",
            now_ns=self.now_ns,
            pace=self.life,
        )

    def _begin(self, nursery: Nursery) -> None:
        self._nursery, self.started = nursery, True
        markets = [MarketListed(listing.market, self.now_ns()) for listing in self.world.venue.listings]
        self.ear.send_urgent(*markets)
        if self.world.disk.latch.on:
            self.switch(True)
        self.feed(True)
        nursery.start_soon(self._tick)
        nursery.start_soon(self._watch_disk)

    async def _tick(self) -> None:
        while True:
            await self.life.sleep(1.0)
            assert self.adapter is not None
            if self._health.look(self.life.current_time(), self.adapter.condition()):
                told = self._health.told
                self.ear.send_urgent(VenueHealth(self.adapter.venue_id, told.health, told.reason, self.now_ns()))
            self.ear.market(Timer("second", self.now_ns()))

    async def _watch_disk(self) -> None:
        """Fail as the store's shell does when a commit fails."""
        while True:
            await self.life.sleep(0.5)
            if self.journal.failed is not None:
                raise self.journal.failed

    def step(self, batch: list[Event]) -> None:
        """Let the core take facts in, and carry out what it asks."""
        if self._recorder is None or self._nursery is None or self.engine is None:
            return
        assert self._gateway is not None
        self._step_ns = max(self._step_ns, self.now_ns())
        step, seq = self._recorder.step(self._step_ns, batch)
        for command in step.output.commands:
            self._gateway.carry(seq, command, self._nursery)
        self._look(step)
        self.world.observe(self, batch, step)

    def _look(self, _step: Step) -> None:
        assert self.engine is not None
        if self.engine.halted and not any(self.engine.oms.all_live()):
            self._flat.set()

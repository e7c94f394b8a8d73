"""Doubles for the shells: a clock that is told the time, a venue that answers as the test says, a core with a book."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from agbot.core.engine import Engine, EngineSettings
from agbot.core.portfolio import CarriedPosition
from agbot.core.risk import Gate
from agbot.core.rules import Rule
from agbot.core.step import Step
from agbot.errors import VenueNotFound
from agbot.latch import Latch
from agbot.model.events import BookSnapshot, Event, MarketListed, OrderEvidence, Timer
from agbot.model.market import Market
from agbot.model.order import CancelAck, Order, OrderAck, OrderState, TimeInForce
from agbot.run import bot, plans
from agbot.run.attach import Screens
from agbot.run.execution import LocalExecution
from agbot.run.facts import RunFacts
from agbot.run.flatten import Flattener
from agbot.run.inbox import Inbox
from agbot.run.killing import Killer
from agbot.run.modes import Trader
from agbot.run.new_policies import NewPolicies
from agbot.run.operator import Operator
from agbot.run.plans import Start
from agbot.run.session import Session, prepare_state_dir
from agbot.settings import LiveSettings, Mode, PolymarketSettings, Settings, StrategySettings
from agbot.store.history import write_history
from agbot.testing.builders import levels, make_market, make_order
from agbot.testing.venue_stub import PRIVATE_KEY, YES, StubKey, venue_stub
from agbot.units import NS_PER_S, SCALE, to_units
from agbot.venue.demo import DemoSimulation, demo_markets
from agbot.venue.polymarket.credentials import load_credentials
from tests.run.live_runs import Run, live_run


class Wishes:
    """A strategy that wishes what the test says, once."""

    id = "script"

    def __init__(self) -> None:
        self.next: list[object] = []

    def decide(self, view: object) -> list[object]:
        wishes, self.next = self.next, []
        return wishes


class Core:
    """An engine with one listed market, a trusted book and a scripted strategy. Time moves only when told to."""

    def __init__(
        self, *rules: Rule, capital: str = "1000", carried: tuple[CarriedPosition, ...] = (), **settings: Any
    ) -> None:
        self.market: Market = make_market()
        self.script = Wishes()
        made_of = EngineSettings(run_id="r", capital=to_units(capital), carried=carried, **settings)
        self.engine = Engine(made_of, Gate(rules), [self.script])
        self.now = NS_PER_S
        self.observers: list[Callable[[list[Event], Step], None]] = []

    def now_ns(self) -> int:
        return self.now

    def book(self, bid: str = "0.48", ask: str = "0.52", ts_ns: int = 0) -> list[Event]:
        sides = [(self.market.yes, bid, ask), (self.market.no, f"{1 - float(ask):.2f}", f"{1 - float(bid):.2f}")]
        at = ts_ns or self.now
        return [BookSnapshot(token, levels((b, "100")), levels((a, "100")), at) for token, b, a in sides]

    def open(self) -> Core:
        self.step(MarketListed(self.market, self.now), *self.book())
        return self

    def step(self, *events: Event) -> Step:
        self.now += 1
        batch = list(events)
        step = self.engine.step(self.now, batch)
        for observe in self.observers:
            observe(batch, step)
        return step

    def wish(self, *wishes: object) -> Step:
        self.script.next = list(wishes)
        return self.step(Timer("second", self.now))


class Venue:
    """`VenueAdapter` whose answers the test sets: an exception, a status, or `hang`. `calls` is what was asked."""

    venue_id = "paper"
    supported = frozenset(TimeInForce) - {TimeInForce.GTD}

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.orders: dict[str, Order] = {}
        self.on_place: Exception | OrderState | None = None
        self.on_cancel: Exception | OrderState | None = None
        self.on_cancel_all: list[Exception | int] = []
        self.on_open_orders: Exception | None = None
        self.tells = True
        """Whether an ack of a cancel is its whole answer; else events are."""
        self.hang: set[str] = set()
        self.sent = trio.Event()
        self.say, self._heard = trio.open_memory_channel[OrderEvidence](100)

    async def place_order(self, order: Order) -> OrderAck:
        await self._asked(f"place {order.client_order_id}", "place")
        self._refuse(self.on_place)
        self.orders[order.client_order_id] = order
        return OrderAck(order_id=f"v-{order.client_order_id}", status=self.on_place or OrderState.OPEN, timestamp=7)

    async def cancel_order(self, order_id: str) -> CancelAck:
        await self._asked(f"cancel {order_id}", "cancel")
        self._refuse(self.on_cancel)
        self.orders.pop(order_id, None)
        return CancelAck(order_id=order_id, status=self.on_cancel or OrderState.CANCELLED, timestamp=8, told=self.tells)

    async def cancel_all(self) -> list[CancelAck]:
        """Each call does the next thing of `on_cancel_all`: raise, or leave that many orders; then all go."""
        await self._asked("cancel_all", "cancel_all")
        plan = self.on_cancel_all.pop(0) if self.on_cancel_all else 0
        if isinstance(plan, Exception):
            raise plan
        gone = list(self.orders)[: len(self.orders) - plan]
        for order_id in gone:
            del self.orders[order_id]
        return [CancelAck(order_id=o, status=OrderState.CANCELLED, timestamp=9) for o in gone]

    async def get_open_orders(self) -> list[Order]:
        await self._asked("open_orders", "open_orders")
        self._refuse(self.on_open_orders)
        return list(self.orders.values())

    async def get_order_status(self, order_id: str) -> OrderAck:
        raise VenueNotFound(order_id)

    async def evidence(self) -> AsyncIterator[OrderEvidence]:
        async for evidence in self._heard:
            yield evidence

    async def _asked(self, call: str, kind: str) -> None:
        self.calls.append(call)
        self.sent.set()
        if kind in self.hang:
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()

    @staticmethod
    def _refuse(answer: object) -> None:
        if isinstance(answer, Exception):
            raise answer


def a_killer(core: Core, inbox: Inbox, venue: Venue, latch: Latch) -> Killer:
    """Return the kill switch of a core, with no gate beside the latch."""
    engine, now_ns = core.engine, core.now_ns
    return Killer(engine=engine, inbox=inbox, venue=venue, latch=latch, gate=latch.gate, now_ns=now_ns)


class OperatorBench:
    """An operator over a core, a fake venue with three orders, and a latch on disk; nothing runs beside the test."""

    def __init__(self, core, venue, directory):
        self.core, self.venue = core, venue
        self.inbox = Inbox()
        self.latch = Latch(directory / "latch")
        self.execution = LocalExecution(core.engine, self.inbox, venue, core.now_ns)
        core.observers.append(self.execution.observe)
        self.stops = []
        self.flattener = Flattener(core.engine, self.execution, core.now_ns)
        killer = a_killer(core, self.inbox, venue, self.latch)
        self.operator = operator = Operator(
            facts=RunFacts(run_id="r", mode="DEMO", page="", started_ns=0, journal="j", capital=0),
            engine=core.engine,
            execution=self.execution,
            killer=killer,
            flattener=self.flattener,
            feeds=lambda: {"feeds": [{"topic": "t"}], "sockets": []},
            ask_stop=self.stops.append,
            now_ns=core.now_ns,
            new_policies=NewPolicies(core.engine, self.inbox, (), core.now_ns),
        )
        self.handlers = operator.handlers()

    async def ask(self, op, **request):
        return await self.handlers[op]({"op": op, **request})

    async def kill(self, **changes):
        return await self.ask("killswitch", **{"on": True, "reason": "fire", "by": "me", **changes})

    async def told(self):
        return await self.inbox.receive() if len(self.inbox) else []


@attrs.define
class Logged:
    """Log lines of one module, as (event, fields)."""

    lines: list[tuple[str, dict[str, object]]] = attrs.Factory(list)

    def __getattr__(self, _level: str) -> Callable[..., None]:
        return lambda event, **fields: self.lines.append((event, fields))

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.lines]


@pytest.fixture
def make_core() -> type[Core]:
    return Core


@pytest.fixture
def core() -> Core:
    return Core().open()


@pytest.fixture
def venue() -> Venue:
    return Venue()


@pytest.fixture
def operated(core: Core, venue: Venue, tmp_path: Path) -> OperatorBench:
    venue.orders = {f"o{n}": make_order(f"o{n}") for n in range(3)}
    return OperatorBench(core, venue, tmp_path)


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Logged]:
    """Return a function that catches what a module logs."""

    def catch(module: str) -> Logged:
        caught = Logged()
        monkeypatch.setattr(f"{module}.log", caught)
        return caught

    return catch


@pytest.fixture
def demo_recording(tmp_path: Path) -> Path:
    """Write a minute of the demo's markets as a recording, seed 3."""
    return record_demo(tmp_path / "demo.agh", 400)


def record_demo(path: Path, instants: int) -> Path:
    markets = demo_markets(3)
    simulation = DemoSimulation(3, markets, 1_700_000_000 * NS_PER_S)
    messages = [m for _ in range(instants) for m in simulation.next()[1]]
    write_history(path, markets, messages, source="demo")
    return path


@pytest.fixture
def no_screens(tmp_path: Path) -> Screens:
    return Screens(web=False, state_dir=tmp_path)


@pytest.fixture
def until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Return a poll with a deadline far beyond anything a healthy machine needs."""

    async def wait(look: Callable[[], object]) -> None:
        with trio.fail_after(60):
            while not look():
                await trio.sleep(0.01)

    return wait


# ---------------------------------------------------------------- whole runs against a venue on loopback

ENVIRON = {
    "POLYMARKET_PRIVATE_KEY": PRIVATE_KEY,
    "POLYMARKET_API_KEY": StubKey().key,
    "POLYMARKET_SECRET": StubKey().secret,
    "POLYMARKET_PASSPHRASE": StubKey().passphrase,
}


@pytest.fixture
async def stub():
    async with venue_stub() as stub:
        stub.set_book(YES, bids=[("0.45", "100")], asks=[("0.55", "100")])
        yield stub


@pytest.fixture
def settings(stub, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    return Settings(
        mode=Mode.PAPER,
        markets=("will-it-rain",),
        polymarket=PolymarketSettings(hosts=stub.hosts),
        live=LiveSettings(max_order_usd=20 * SCALE, max_day_usd=100 * SCALE),
        strategies=(StrategySettings(name="quoter"),),
    )


@pytest.fixture
def start(settings, no_screens, tmp_path):
    return Start(settings=settings, state_dir=prepare_state_dir("p", tmp_path / "s"), screens=no_screens)


@pytest.fixture
def trader(settings):
    return Trader.of(settings, load_credentials(ENVIRON))


DRAINED_S = 45.0
"""Far beyond what a busy machine needs to hear of its cancels: a run that is not flat by then hangs."""


@pytest.fixture
def running(monkeypatch, until, nursery):
    """Return a function that begins a run and waits until something is true of it; its drain ends once it is flat."""
    monkeypatch.setattr(bot, "DRAIN_S", DRAINED_S)

    async def begin(run_it, condition=lambda run: run.resting):
        run = Run()

        class Watched(Session):
            def __init__(self, plan):
                super().__init__(plan)
                run.session = self

        monkeypatch.setattr(plans, "Session", Watched)

        async def end():
            run.summary = await run_it()

        nursery.start_soon(end)
        await until(lambda: condition(run))
        return run

    return begin


@pytest.fixture
def live(start, trader):
    settings = attrs.evolve(start.settings, mode=Mode.LIVE)
    return live_run(attrs.evolve(start, settings=settings), trader)

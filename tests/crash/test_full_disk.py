"""A disk that is full or hangs: no order leaves whose intent is not on it, every cancel leaves all the same."""

from __future__ import annotations

import subprocess
import threading

import pytest
import trio

from agbot.errors import StoreError
from agbot.matching.checks import Terms
from agbot.matching.paper import PaperMatcher
from agbot.model.commands import CancelAll, CancelOrder, PlaceOrder
from agbot.model.events import BookSnapshot, MarketListed, OrderAccepted, OrderCancelled
from agbot.model.market import Market
from agbot.model.order import OrderType, Side, TimeInForce
from agbot.run.gateway import Gateway
from agbot.run.inbox import Inbox
from agbot.run.store import JournalShell
from agbot.store.journal import STEP, Journal
from agbot.venue.paper import PaperVenue

LIMIT = 300_000


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of a few hundred kilobytes; needs the right to mount one."""
    at = tmp_path / "disk"
    at.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={LIMIT},mode=0700", "tmpfs", str(at)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a tmpfs: {mounted.stderr.decode().strip()}")
    yield at
    subprocess.run(["umount", str(at)], check=True)


def run_until_full(victims, state, notes, **more):
    job = {
        "argv": ["run", "--simulated", "--no-web", "--json", "--state-dir", str(state), "--duration", "100"],
        "orders": str(notes / "orders"),
        "left": str(notes / "left"),
        "output": str(notes / "output"),
        "speed": 20,
        **more,
    }
    (ended,) = victims([job])
    output = (notes / "output").read_text()
    assert ended.code == 1, output
    return output


def check_full(journaled, state, notes, output):
    assert "agbot: [AGB-602]" in output
    assert "Traceback" not in output
    assert (notes / "left").read_text() == "0\n", "an order rests although the bot is gone"
    (path,) = state.glob("runs/*.agj")
    survived = journaled(path)
    assert survived.set_aside == ()
    handed_over = (notes / "orders").read_text().splitlines()
    assert handed_over, "nothing was sent, nothing was proved"
    assert set(handed_over) <= survived.intents()


@pytest.mark.slow
def test_a_full_disk_ends_the_bot_with_nothing_resting(victims, journaled, tiny_disk, tmp_path):
    output = run_until_full(victims, tiny_disk, tmp_path)
    check_full(journaled, tiny_disk, tmp_path, output)


@pytest.mark.slow
def test_a_file_that_may_not_grow_ends_the_bot_the_same_way(victims, journaled, tmp_path):
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    output = run_until_full(victims, state, tmp_path, file_max=LIMIT)
    check_full(journaled, state, tmp_path, output)


@pytest.mark.slow
def test_a_replay_on_a_full_disk_says_so(victims, journaled, recording, tmp_path):
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    argv = ["run", "--replay", str(recording), "--no-web", "--json", "--state-dir", str(state)]
    output = run_until_full(victims, state, tmp_path, argv=argv, file_max=LIMIT)
    assert "agbot: [AGB-602]" in output
    assert "Traceback" not in output
    (path,) = state.glob("runs/*.agj")
    assert set((tmp_path / "orders").read_text().splitlines()) <= journaled(path).intents()


# ---------------------------------------------------------------- a disk that hangs, below the command line


MARKET = Market(id="m", yes="Y", no="N", slug="m")


def place(name, price=400_000):
    return PlaceOrder(
        client_order_id=name,
        venue="paper",
        market="m",
        token="Y",
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        price=price,
        size=10_000_000,
        time_in_force=TimeInForce.GTC,
        post_only=True,
        expire_ns=0,
        budget=0,
        strategy="s",
        why="",
    )


class HangingJournal(Journal):
    """Commits until told to hang; then until `wakes`."""

    def __init__(self, path):
        super().__init__(path)
        self.hangs = False
        self.wakes = threading.Event()
        self.error = None

    def commit(self):
        if self.hangs:
            self.wakes.wait(20)
        if self.error:
            raise self.error
        return super().commit()


class Desk:
    """Gateway, paper venue and journal as the bot wires them."""

    def __init__(self, path):
        self.now = 10**18
        self.journal = HangingJournal(path)
        self.shell = JournalShell(self.journal)
        self.inbox = Inbox()
        self.venue = PaperVenue(PaperMatcher(10**10, terms=Terms()), lambda: self.now)
        self.venue.on_market([MarketListed(MARKET, 1), BookSnapshot("Y", ((480_000, 10**8),), ((520_000, 10**8),), 1)])
        self.send, receive = trio.open_memory_channel(16)
        self.gateway = Gateway(
            self.venue,
            self.inbox,
            receive,
            durable=self.shell.durable,
            closed=lambda _: "",
            now_ns=lambda: self.now,
        )

    async def up(self, nursery):
        for service in (self.shell.run, self.venue.run, self.gateway.run):
            await nursery.start(service)

    def order(self, command):
        self.send.send_nowait((self.journal.append(STEP, self.now, b""), command))

    def cancel(self, command):
        self.send.send_nowait((self.journal.append(STEP, self.now, b""), command))

    async def hear(self, kind):
        with trio.fail_after(30):
            while True:
                for event in await self.inbox.receive():
                    if isinstance(event, kind):
                        return event

    async def open_ids(self):
        return {order.client_order_id for order in await self.venue.get_open_orders()}


@pytest.mark.parametrize("command", [CancelOrder("a", "test"), CancelAll("test")])
async def test_a_cancel_passes_a_disk_that_hangs(tmp_path, command):
    desk = Desk(tmp_path / "run.agj")
    async with trio.open_nursery() as nursery:
        await desk.up(nursery)
        desk.order(place("a"))
        assert (await desk.hear(OrderAccepted)).client_order_id == "a"
        desk.journal.hangs = True
        desk.order(place("b", 410_000))
        desk.cancel(command)
        assert (await desk.hear(OrderCancelled)).client_order_id == "a"
        assert await desk.open_ids() == set()
        assert desk.venue.matcher.status("b") is None, "an order left before its intent was on disk"
        desk.journal.wakes.set()
        desk.journal.hangs = False
        if isinstance(command, CancelOrder):
            assert (await desk.hear(OrderAccepted)).client_order_id == "b"
            assert desk.journal.durable_seq >= 2
        nursery.cancel_scope.cancel()


async def test_a_commit_that_fails_between_intent_and_send_sends_nothing(tmp_path):
    desk = Desk(tmp_path / "run.agj")
    with pytest.RaisesGroup(StoreError, flatten_subgroups=True):
        async with trio.open_nursery() as nursery:
            await desk.up(nursery)
            desk.journal.error = StoreError("disk is full", id="AGB-602")
            desk.order(place("a"))
            await trio.sleep_forever()
    assert desk.venue.matcher.status("a") is None

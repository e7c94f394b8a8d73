"""The history's shell: what a run did is in its files, and a disk that fails costs metrics beyond a bound, no more."""

from __future__ import annotations

import attrs
import pytest
import trio

from agbot.core.view import Place
from agbot.errors import StoreError
from agbot.model.events import MarketResolved, OrderAccepted, OrderFilled
from agbot.model.order import Liquidity, Settlement, Side
from agbot.run import history as module
from agbot.run.bot import bot
from agbot.run.demo import demo_plan
from agbot.run.history import HistoryShell
from agbot.run.plans import Start
from agbot.run.session import Session, prepare_state_dir
from agbot.settings import HistorySettings, Settings
from agbot.store.carry import Left
from agbot.store.embedded import EmbeddedStore, HistoryReader
from agbot.store.rows import Filter
from agbot.telemetry.registry import Registry
from agbot.units import NS_PER_S, to_units
from tests.store.embedded.rows import order

ALL = Filter()
LONG = 2**63 - 1


class Bench:
    """A core with its history in `directory`, a registry, and a clock that the test sets."""

    def __init__(self, core, directory):
        self.core, self.directory = core, directory
        self.registry = Registry(lambda: core.now)
        self.shell = HistoryShell(
            core.engine,
            self.registry,
            directory,
            HistorySettings(),
            run_id="r",
            mode="PAPER",
            now_ns=core.now_ns,
        )
        core.observers.append(self.shell.observe)

    def buy(self, size="5", price="0.52", why="wanted"):
        place = Place(token=self.core.market.yes, side=Side.BUY, price=to_units(price), size=to_units(size), why=why)
        (command,) = self.core.wish(place).output.commands
        self.core.step(OrderAccepted(command.client_order_id, f"v-{command.client_order_id}", self.core.now))
        return command

    def fill(self, command, settlement, size="5", trade="t1"):
        self.core.step(
            OrderFilled(
                command.client_order_id,
                trade,
                to_units("0.5"),
                to_units(size),
                0,
                Liquidity.TAKER,
                self.core.now,
                settlement=settlement,
            )
        )

    async def through(self, body=None):
        """Run the service around a body, to its orderly end."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.shell.run)
            if body:
                await body()
            nursery.cancel_scope.cancel()

    def read(self):
        with HistoryReader(self.directory) as reader:
            return reader.query_orders(ALL), reader.query_fills(ALL), reader.query_positions(ALL)

    def values(self, name):
        with HistoryReader(self.directory) as reader:
            return [point.last for series in reader.query_metrics(name, 0, LONG) for point in series.points]


@pytest.fixture
def bench(core, tmp_path):
    return Bench(core, tmp_path / "history")


@pytest.fixture
def inline(monkeypatch, autojump_clock):
    """Let time jump: what the thread does is done at once, for a clock that jumps waits for no thread."""

    async def run_sync(work, *args, **_):
        await trio.lowlevel.checkpoint()
        return work(*args)

    monkeypatch.setattr(trio.to_thread, "run_sync", run_sync)


async def test_orders_fills_and_positions_are_as_they_were_last_heard_of(bench):
    command = bench.buy()
    bench.fill(command, Settlement.MATCHED)
    await bench.through()
    (made,), (fill,), (held,) = bench.read()
    assert (made.client_order_id, made.state, made.filled, made.why) == (
        command.client_order_id,
        "FILLED",
        to_units("5"),
        "wanted",
    )
    assert (fill.trade_id, fill.settlement, fill.price, fill.outcome) == ("t1", "MATCHED", to_units("0.5"), "YES")
    assert (held.size, held.cost, held.strategy, held.mode) == (to_units("5"), to_units("2.5"), "script", "PAPER")


async def test_what_cannot_be_written_as_text_is_written_as_what_can(bench, logged):
    log = logged("agbot.run.history")
    bench.buy(why="up \ud800 down")
    await bench.through()
    assert (bench.read()[0][0].why, log.events) == ("up ? down", [])


async def test_a_settlement_that_comes_later_is_kept_and_one_that_fails_takes_back(bench):
    first, second = bench.buy(), bench.buy()
    for command, trade in ((first, "t1"), (second, "t2")):
        bench.fill(command, Settlement.MATCHED, trade=trade)
    bench.fill(first, Settlement.CONFIRMED, trade="t1")
    bench.fill(second, Settlement.FAILED, trade="t2")
    await bench.through()
    orders, fills, positions = bench.read()
    assert {fill.trade_id: fill.settlement for fill in fills} == {"t1": "CONFIRMED", "t2": "FAILED"}
    assert [p.size for p in positions] == [to_units("5"), to_units("10"), to_units("5")]
    assert {row.client_order_id: row.filled for row in orders}[second.client_order_id] == 0


async def test_what_a_market_paid_is_in_the_positions(bench):
    bench.fill(bench.buy(), Settlement.CONFIRMED)
    bench.core.step(MarketResolved(bench.core.market.id, bench.core.market.yes, bench.core.now))
    await bench.through()
    newest, *_ = bench.read()[2]
    assert (newest.size, newest.cost, newest.realised) == (0, 0, to_units("2.5"))


async def test_metrics_are_sampled_each_second_and_single_observations_all_kept(bench, inline, autojump_clock):
    gauge, latency = bench.registry.gauge("g", side="YES"), None

    async def body():
        nonlocal latency
        latency = bench.registry.histogram("h")
        for n in range(3):
            for value in (n, n + 0.5):
                gauge.set(value)
                latency.observe(value)
            bench.core.now += NS_PER_S
            await trio.sleep(2)

    await bench.through(body)
    assert bench.values("g") == [0.5, 1.5, 2.5]
    assert bench.values("h") == [0, 0.5, 1, 1.5, 2, 2.5]
    with HistoryReader(bench.directory) as reader:
        (series,) = reader.query_metrics("g", 0, LONG)
    assert (series.labels, {p.ts_ns % NS_PER_S for p in series.points}) == ((("side", "YES"),), {0})


async def test_a_broken_file_is_told_once_and_all_is_written_when_it_is_mended(
    bench, logged, inline, autojump_clock, until
):
    log = logged("agbot.run.history")
    bench.directory.mkdir()
    broken = bench.directory / "executions.db"
    broken.write_bytes(b"no database" * 1000)
    command = bench.buy()

    async def body():
        await until(lambda: log.events)
        await trio.sleep(60)
        bench.fill(command, Settlement.CONFIRMED)
        assert log.events == ["history.not_written"]
        assert log.lines[0][1]["id"] == "AGB-901"
        assert bench.shell.backlog > 2
        broken.unlink()
        await until(lambda: len(log.events) > 1)

    await bench.through(body)
    assert log.events == ["history.not_written", "history.written_again"]
    (made,), (fill,), (held,) = bench.read()
    assert (made.state, fill.settlement, held.size) == ("FILLED", "CONFIRMED", to_units("5"))


async def test_what_waits_for_a_full_disk_has_a_bound_for_metrics_only(bench, monkeypatch, inline, autojump_clock):
    """As a disk is full: no page more."""
    monkeypatch.setattr(module, "METRICS_WAIT_MAX", 50)
    EmbeddedStore(bench.directory).close()
    taken = EmbeddedStore.store_executions

    def full(store, rows):
        store._executions.execute("pragma max_page_count=1")
        taken(store, rows)

    monkeypatch.setattr(EmbeddedStore, "store_executions", full)
    gauge = bench.registry.gauge("g")

    async def body():
        for n in range(100):
            gauge.set(n)
            bench.fill(bench.buy(), Settlement.CONFIRMED, trade=f"t{n}")
            bench.core.now += NS_PER_S
            await trio.sleep(2)
        assert bench.shell.backlog > 150, "it was full: only what fits into pages that are there was written"
        monkeypatch.setattr(EmbeddedStore, "store_executions", taken)

    await bench.through(body)
    orders, fills, positions = bench.read()
    assert (len(orders), len(fills), len(positions)) == (100, 100, 100)
    assert len(bench.values("g")) < 100
    dropped = bench.registry._instruments["agbot.history.dropped|{}"].value
    assert len(bench.values("g")) + dropped >= 100


@pytest.mark.parametrize(
    ("most", "left"), [(9, (3, 3, 3)), (7, (3, 3, 1)), (6, (3, 3, 0)), (4, (3, 1, 0)), (2, (2, 0, 0)), (0, (0, 0, 0))]
)
def test_what_waits_has_a_bound_and_positions_go_first(most, left):
    waiting = module._Waiting({n: n for n in "abc"}, {("t", n): n for n in "abc"}, list("abc"))
    assert waiting.shed(most) == 9 - most
    assert (len(waiting.orders), len(waiting.fills), len(waiting.positions)) == left
    assert list(waiting.orders) == list("abc")[3 - left[0] :], "the oldest went"


async def test_a_history_that_stays_broken_costs_rows_and_says_so_but_no_memory(
    bench, monkeypatch, autojump_clock, caplog
):
    def broken(*_):
        raise StoreError("broken", id="AGB-907")

    monkeypatch.setattr(module, "EXECUTIONS_WAIT_MAX", 30)
    monkeypatch.setattr(EmbeddedStore, "store_executions", broken)

    async def body():
        for n in range(40):
            bench.fill(bench.buy(), Settlement.CONFIRMED, trade=f"t{n}")
            bench.core.now += NS_PER_S
            await trio.sleep(2)
        assert bench.shell.backlog <= 30 + 3 * 5 + 100

    await bench.through(body)
    dropped = bench.registry.counter("agbot.history.executions_dropped").value
    assert dropped >= 40 * 3 - 30 - 15
    assert caplog.text.count("history.executions_dropped") == 1


async def test_a_disk_that_hangs_holds_the_end_up_no_longer(bench, monkeypatch, autojump_clock):
    monkeypatch.setattr(trio.to_thread, "run_sync", lambda *_, **__: trio.sleep_forever())
    bench.buy()
    began = trio.current_time()
    await bench.through()
    assert trio.current_time() - began <= module.LAST_WRITE_S + 1


async def test_what_is_old_is_forgotten_by_the_way(bench):
    day = 86_400 * NS_PER_S
    bench.core.now = 400 * day
    with EmbeddedStore(bench.directory) as store:
        store.store_executions([order("old", 30 * day), order("new", 300 * day)])
    bench.buy()
    await bench.through()
    names = {row.client_order_id for row in bench.read()[0]}
    assert (len(names), "old" in names, "new" in names) == (2, False, True)


async def test_the_next_run_tells_what_became_of_the_orders_of_one_that_was_killed(bench, core):
    rests, ended = bench.buy(), bench.buy(price="0.51")
    await bench.through()
    assert {row.state for row in bench.read()[0]} == {"OPEN"}
    next_run = Bench(core, bench.directory)
    bench.fill(ended, Settlement.CONFIRMED)  # the killed run never heard of it
    left = [Left("r", core.engine.oms.get(c.client_order_id), "YES") for c in (rests, ended)]
    next_run.shell._run = ("s", "PAPER")
    next_run.shell.take_over(left)
    await next_run.through()
    orders, fills, _ = bench.read()
    told = {row.client_order_id: (row.run_id, row.outcome, row.state, row.filled, row.reason) for row in orders}
    assert told[rests.client_order_id] == ("r", "YES", "CANCELLED", 0, module.CUT_OFF)
    assert told[ended.client_order_id][:4] == ("r", "YES", "FILLED", to_units("5"))
    assert [(row.client_order_id, row.run_id) for row in fills] == [(ended.client_order_id, "r")]


def test_none_is_kept_where_the_configuration_wants_none(core, tmp_path):
    plan = attrs.make_class("P", ["mode", "settings", "state_dir"])
    wanted = plan("PAPER", Settings(), tmp_path)
    unwanted = plan("PAPER", Settings(history=HistorySettings(enabled=False)), tmp_path)
    registry = Registry(lambda: 0)
    assert HistoryShell.of(wanted, core.engine, registry, "r", lambda: 0) is not None
    assert HistoryShell.of(unwanted, core.engine, registry, "r", lambda: 0) is None


async def test_a_whole_run_leaves_what_its_core_knows(tmp_path, no_screens, until):
    directory = prepare_state_dir("demo", tmp_path / "state")
    session = Session(demo_plan(Start(settings=Settings(seed=3), state_dir=directory, screens=no_screens)))
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: bot(session.parts()))
            await until(lambda: session.summary()["fills"] >= 1)
            session.stop.ask("enough")
    with HistoryReader(directory / "history") as reader:
        orders, fills = reader.query_orders(Filter(limit=10**6)), reader.query_fills(Filter(limit=10**6))
        positions = reader.query_positions(Filter(limit=10**6))
        assert reader.query_metrics("agbot.equity_usd", 0, LONG)
    known = {row.client_order_id: session.engine.oms.get(row.client_order_id) for row in orders}
    assert len(orders) == sum(session.engine.oms.ended.values())
    assert all(
        (row.state, row.filled) == (str(known[row.client_order_id].state), known[row.client_order_id].filled)
        for row in orders
    )
    assert sum(fill.size for fill in fills) == sum(row.filled for row in orders) == session.tally.filled_size
    newest = {(p.strategy, p.token): p.size for p in reversed(positions)}
    carried = session.engine.portfolio.carried()
    assert sorted(size for size in newest.values() if size) == sorted(position.size for position in carried)

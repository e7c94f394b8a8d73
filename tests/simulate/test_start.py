"""A simulated life begins as a real one: over what is on disk, and what rests at the venue."""

from __future__ import annotations

from agbot.run.reconcile import Report
from agbot.simulate.seeds import quiet
from agbot.simulate.start import pasts
from agbot.simulate.world import World


def resting(world: World) -> set[str]:
    return {order.id for order in world.venue.core.open_orders(str(world.venue.row["address"]))}


def trading(seed: int) -> World:
    """Return a world whose bot has at least two orders at rest."""
    world = World(seed, ())
    world._start()
    for _ in range(600):
        world._run_for(0.1)
        if len(resting(world)) > 1:
            return world
    raise AssertionError("nothing rests after a minute")


def test_a_killed_life_sends_nothing_and_the_next_takes_its_orders_off() -> None:
    with quiet():
        world = trading(1)
        world.crash()
        left = resting(world)
        world._crowd.rest()
        world._run_for(1.0)
        assert left
        assert left <= resting(world)
        world._run_for(30.0)
        assert not left & resting(world)
        assert world.bot.started
        assert world.bot.number == 1
        world.bot.kill()


def test_a_start_folds_what_was_committed_and_skips_a_life_without_a_header() -> None:
    with quiet():
        world = trading(2)
        world.crash()
        first = world.disk.journals[0]
        assert len(first.committed) > 2
        assert [past.header.run_id for past in pasts(world.disk)] == ["r0"]
        world._start()
        assert len(world.disk.journals) == 2
        assert [past.header.run_id for past in pasts(world.disk)] == ["r0"]
        assert len(next(pasts(world.disk)).sent()) > 1
        world.crash()


def test_what_was_put_away_is_read_by_a_start_all_the_same() -> None:
    with quiet():
        world = trading(2)
        journal = world.disk.journals[0]
        before = list(journal.records())
        world.disk.put_away()
        world._run_for(5.0)
        assert len(journal.committed) > 2
        world.crash()
        world.disk.put_away()
        assert (world.disk.records(), journal.committed) == ([], [])
        assert list(journal.records())[: len(before)] == before
        assert next(pasts(world.disk)).last_ns > before[-1].now_ns


def test_journals_that_no_start_reads_are_dropped() -> None:
    with quiet():
        world = World(4, ())
        for _ in range(5):
            world._start()
            world._run_for(25.0)
            world.crash()
        world.disk.put_away()
        assert [journal.header().run_id for journal in world.disk.journals if journal.header()] == ["r2", "r3", "r4"]


def test_a_figure_that_no_trade_explains_is_blamed() -> None:
    with quiet():
        world = trading(3)
        world.crash()
        world.venue.core.deposit(world.wallet, 5_000_000, world.heap.now_ns)
        world._run_for(30.0)
        world.bot.kill()
    assert any("cash (10⁻⁶) where its journal led to" in found for found in world.auditor.verdict())


def test_an_order_that_rests_when_a_life_begins_is_blamed() -> None:
    with quiet():
        world = trading(1)
        world.crash()
    world.auditor.began(1, Report())
    assert any("orders of earlier lives rest" in found for found in world.auditor.verdict())

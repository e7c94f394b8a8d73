"""kill -9 of the live shell, at any moment: money and latch are what the journal and the latch file say."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from agbot.cli import cli
from agbot.errors import NotFoundError
from agbot.model.commands import PlaceOrder
from agbot.model.events import MarketListed, OrderFilled
from agbot.model.order import OrderState
from agbot.store.codec import decode_batch, decode_output
from agbot.store.embedded import HistoryReader
from agbot.store.embedded.schema import HISTORY
from agbot.store.journal import BATCH, STEP, JournalReader
from agbot.store.rows import Filter

KILLS = 5


def header_of(path: Path):
    reader = JournalReader(path)
    try:
        return reader.header()
    finally:
        reader.close()


def account_after(path: Path, records):
    """Fold cash and shares by hand: YES costs price × size rounded down, NO the rest of 1 usd a share."""
    header = header_of(path)
    cash, shares = header.capital, Counter()
    for c in header.carried:
        shares[c.market, str(c.outcome)] += c.size
    orders, markets, counted = {}, {}, set()
    for record in records:
        if record.kind == STEP:
            commands = decode_output(record.body).commands
            orders |= {c.client_order_id: c for c in commands if isinstance(c, PlaceOrder)}
        for event in decode_batch(record.body) if record.kind == BATCH else ():
            if isinstance(event, MarketListed):
                markets[event.market.id] = event.market
            if isinstance(event, OrderFilled) and event.trade_id not in counted:
                counted.add(event.trade_id)
                order = orders[event.client_order_id]
                is_yes = order.token == markets[order.market].yes
                paid = event.price * event.size // 10**6
                if not is_yes:
                    paid = event.size - (10**6 - event.price) * event.size // 10**6
                sign = 1 if order.side == "BUY" else -1
                cash -= sign * paid + event.fee
                shares[order.market, "YES" if is_yes else "NO"] += sign * event.size
    return cash, {key: size for key, size in shares.items() if size}, len(counted)


def began_with(path: Path):
    header = header_of(path)
    shares = Counter()
    for c in header.carried:
        shares[c.market, str(c.outcome)] += c.size
    return header.capital, {key: size for key, size in shares.items() if size}


def run_and_kill(victims, directory, number, seconds):
    job = {
        "argv": ["run", "--simulated", "--no-web", "--json", "--state-dir", str(directory), "--duration", "60"],
        "orders": str(directory / f"orders-{number}"),
        "output": str(directory / f"output-{number}"),
        "speed": 20,
        "after": seconds,
    }
    (ended,) = victims([job])
    assert ended.killed, (directory / f"output-{number}").read_text()


@pytest.mark.slow
def test_the_demo_killed_at_any_time_starts_again_with_its_money(victims, journaled, dice, tmp_path):
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    expected, fills = None, 0
    for number in range(KILLS):
        before = set(state.glob("runs/*.agj"))
        run_and_kill(victims, state, number, dice.uniform(0.8, 2.5))
        (path,) = set(state.glob("runs/*.agj")) - before
        survived = journaled(path)
        assert survived.set_aside == ()
        assert set((state / f"orders-{number}").read_text().splitlines()) <= survived.intents()
        verdict = CliRunner().invoke(cli, ["replay", str(path), "--verify"])
        assert verdict.exit_code == 0, verdict.output
        if expected is not None:
            assert began_with(path) == expected
        *expected, new = account_after(path, survived.records)
        expected = tuple(expected)
        fills += new
    assert fills > 0, "nothing was traded, nothing was proved"


# ---------------------------------------------------------------- the kill switch


def newest(directory: Path) -> Path:
    return max(directory.glob("runs/*.agj"))


@pytest.mark.slow
def test_the_history_says_how_a_killed_runs_orders_ended(agbot, bots, eventually, tmp_path):
    state = tmp_path / "state"
    bot = bots(state)

    def open_of(run: Path) -> set[str]:
        try:
            with HistoryReader(state / HISTORY) as history:
                rows = history.query_orders(Filter(run_id=run.stem, limit=10**6))
        except NotFoundError:  # not made yet
            return set()
        return {row.client_order_id for row in rows if not OrderState(row.state).terminal}

    eventually(lambda: (state / HISTORY).exists() and open_of(newest(state)), "orders rest, and are in the history")
    bot.kill()
    first = newest(state)
    assert open_of(first)
    bots(state)
    eventually(lambda: newest(state) != first and not open_of(first), "the next run has told how they ended")


@pytest.mark.slow
def test_the_latch_survives_kill_9_and_holds_until_off(agbot, bots, eventually, journaled, tmp_path):
    state = tmp_path / "state"
    bot = bots(state)
    at = ("--state-dir", state)
    eventually(lambda: agbot("status", "--probe", *at).returncode == 0, "the bot trades")
    receipt = agbot("killswitch", "on", "--reason", "drill", "--json", *at)
    assert receipt.returncode == 0, receipt.stderr
    assert json.loads(receipt.stdout)["orders_left"] == 0
    bot.kill()
    assert json.loads(agbot("killswitch", "status", "--json", *at).stdout)["on"]
    first = newest(state)

    bots(state)
    eventually(lambda: agbot("status", *at).returncode == 0, "the second bot answers")
    assert agbot("status", "--probe", *at).returncode == 1
    second = newest(state)
    assert second != first
    eventually(lambda: len(journaled(second).records) > 60, "the second bot sees the market")
    assert journaled(second).intents() == set()

    assert agbot("killswitch", "off", "--by", "tester", "--reason", "drill over", *at).returncode == 0
    eventually(lambda: journaled(second).intents(), "the second bot trades again")
    assert agbot("stop", *at).returncode == 0
    assert journaled(second).set_aside == ()

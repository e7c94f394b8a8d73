"""One id from signal to position: the same in journal, audit log, log, events and on the terminal."""

from __future__ import annotations

import json

import pytest
import trio

from agbot import log
from agbot.model.commands import PlaceOrder
from agbot.run.bot import bot
from agbot.run.demo import demo_plan
from agbot.run.plans import Start
from agbot.run.session import Session, prepare_state_dir
from agbot.settings import Settings
from agbot.store.audit import AUDIT_NAME, files_of, verify
from agbot.store.codec import decode_output
from agbot.store.explain import explain
from agbot.store.journal import STEP, JournalReader
from agbot.tui.state import Dashboard
from agbot.tui.widgets.orders import OrdersSheet
from agbot.tui.wire import OrderRow, event_line


@pytest.fixture
async def ended(tmp_path, no_screens, until):
    """A demo that has filled an order and ended, and its state directory."""
    directory = prepare_state_dir("demo", tmp_path / "state")
    log.configure(file=directory / log.FILE_NAME, console=None)
    session = Session(demo_plan(Start(settings=Settings(seed=3), state_dir=directory, screens=no_screens)))

    async def run():
        await bot(session.parts())

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            await until(lambda: session.tally.fills)
            session.stop.ask("enough")
    log.close()
    return session, directory


async def test_one_id_is_everywhere(ended):
    session, directory = ended
    events = [line for line in map(json.loads, session.registry.drain(10**9).lines) if "event_type" in line]
    story = next(line["event"]["correlation_id"] for line in events if line["event_type"] == "fill")

    of_story = [line for line in events if line["event"].get("correlation_id") == story]
    assert {line["event_type"] for line in of_story} == {"decision", "order", "fill"}
    moved = [line["event"] for line in events if line["event_type"] == "position_opened"]
    assert any(story in event["correlation_ids"] for event in moved)

    reader = JournalReader(session.journal.path)
    outputs = [decode_output(record.body) for record in reader.records() if record.kind == STEP]
    reader.close()
    orders = [c for output in outputs for c in output.commands if isinstance(c, PlaceOrder)]
    assert [c.correlation for c in orders].count(story) == 1
    assert [d.correlation for output in outputs for d in output.decisions].count(story) == 1

    audit = [json.loads(line) for line in (directory / AUDIT_NAME).read_bytes().splitlines()]
    kinds = [row["kind"] for row in audit if row.get("correlation_id") == story]
    assert kinds[:2] == ["decision", "submit"]
    assert {"ack", "fill"} <= set(kinds)
    assert verify(files_of(directory)).broken == ""

    logged = [json.loads(line) for line in (directory / log.FILE_NAME).read_text().splitlines()]
    assert {row["event"] for row in logged if row.get("correlation_id") == story} == {"order.fill"}

    (choice,) = explain([session.journal.path], story).choices
    assert choice.sight is not None
    assert story in on_the_terminal(of_story)


def on_the_terminal(lines):
    """Return the words in the order pane after these events."""
    dashboard = Dashboard()
    for line in lines:
        if line["event_type"] == "order":
            dashboard._apply_order(OrderRow.parse(event_line(line)))
    return {cell for row in OrdersSheet("orders", id="orders").rows(dashboard) for cell, _ in row.cells}

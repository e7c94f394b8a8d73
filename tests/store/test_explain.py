"""Explain: the whole story of an order out of its journal, complete and true, also where the journal is cut off."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from agbot.cli import cli
from agbot.cli.story import plain, text
from agbot.core.view import Place
from agbot.errors import NotFoundError, StoreError
from agbot.model.events import (
    BookSnapshot,
    CancelRejected,
    KillSwitchSet,
    MarketResolved,
    OperatorCancel,
    OrderAccepted,
    OrderAttempted,
    OrderCancelled,
    OrderRejected,
    OrderUnknown,
    Source,
)
from agbot.model.order import Settlement, Side
from agbot.store import explain_near
from agbot.store.codec import decode_output, encode_output
from agbot.store.explain import explain
from agbot.store.journal import STEP, Journal, JournalReader
from agbot.units import to_units
from tests.store.told import MARKET, VENUE_ID, Run, Wishes, story_of, turns


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def test_a_round_trip_from_intent_to_profit(run):
    bought = run.order()
    run.step(OrderAccepted(bought, VENUE_ID, run.now, Source.REPLY))
    run.fill(bought)
    run.fill(bought, settlement=Settlement.CONFIRMED, source=Source.READ)
    sold = run.order("0.52", side=Side.SELL)
    run.fill(sold, price="0.52", trade="t2", settlement=Settlement.CONFIRMED)
    path = run.close()
    assert turns(story_of(path, bought)) == [
        ("ours", "durable, handed to the gateway", "→ PENDING_NEW"),
        ("reply", f"accepted as {VENUE_ID}", "PENDING_NEW → OPEN"),
        ("user socket", "fill 10 at 0.5, MAKER, MATCHED", "OPEN → FILLED"),
        ("read", "fill 10 at 0.5, MAKER, CONFIRMED", "stays FILLED"),
    ]
    story = story_of(path, sold)
    assert (story.realised, story.orders[0].state, story.notes, story.ended) == (200_000, "FILLED", [], True)
    told = text(story)
    assert "realised 0.20 usd" in told
    assert "SELL 10 YES at 0.52" in told


def test_it_shows_what_was_seen_and_each_rule_with_figure_and_limit(run):
    run.fill(run.order())
    order = run.order("0.49", "20")
    (choice,) = story_of(run.close(), order).choices
    sight = choice.sight
    assert [(q.outcome, q.bid, q.ask, q.ask_size, q.held) for q in sight.quotes] == [
        ("YES", 480_000, 520_000, 70 * 10**6, 10 * 10**6),
        ("NO", 480_000, 520_000, 70 * 10**6, 0),
    ]
    assert (sight.cash, sight.live) == (10**9 - 5 * 10**6, 0)
    rows = {f.rule: (f.figure, f.passed) for f in sight.figures}
    assert rows["PositionLimit"] == ("30 shares net, 10 without it", True)
    assert rows["BuyingPower"] == ("9.80 usd", True)
    assert all(passed for _, passed in rows.values())


def test_every_attempt_is_shown_and_what_was_signed(run):
    order, signature = run.order(), "0x" + "5c" * 65
    run.step(OrderAttempted(order, "post", 1, "ambiguous: no reply", 31_000_000, run.now, VENUE_ID, signature))
    run.step(OrderAttempted(order, "post", 2, "live", 4_000_000, run.now, VENUE_ID))
    run.step(OrderAccepted(order, VENUE_ID, run.now, source=Source.REPLY))
    run.step(OrderAttempted(order, "cancel", 1, "cancelled", 5_000_000, run.now, VENUE_ID))
    run.step(OrderCancelled(order, "enough", run.now, source=Source.REPLY))
    story = story_of(run.close(), order)
    assert [line for line in turns(story) if line[1].startswith(("post", "cancel:"))] == [
        ("ours", "post: ambiguous: no reply", "after 31 ms"),
        ("ours", "post again, the same bytes: live", "after 4 ms"),
        ("ours", "cancel: cancelled", "after 5 ms"),
    ]
    assert f"order {VENUE_ID}" in text(story)
    assert f"signature {signature}" in text(story)
    assert plain(story)["orders"][0]["signature"] == signature


def test_contradictions_are_shown_and_count_for_nothing(run):
    order = run.order()
    run.step(OrderUnknown(order, "no answer in time", run.now, Source.OURS))
    run.step(OrderAccepted(order, "v", run.now, Source.READ))
    run.fill(order)
    run.fill(order)
    run.step(OrderRejected(order, "no such order", run.now, Source.READ))
    story = story_of(run.close(), order)
    effects = [turn.effect for turn in story.turns[1:]]
    assert effects[:4] == ["PENDING_NEW → UNKNOWN", "UNKNOWN → OPEN", "OPEN → FILLED", "nothing new"]
    assert effects[4].startswith("CONTRADICTION, changes nothing: REJECTED")
    assert (story.orders[0].filled, story.orders[0].state) == (10 * 10**6, "FILLED")
    assert "careful" in text(story)


def test_a_cancel_by_the_operator_and_its_answers(run):
    order = run.order()
    run.step(OrderAccepted(order, "v", run.now, Source.REPLY))
    run.step(OperatorCancel(order, "enough", run.now))
    run.step(CancelRejected(order, "busy", run.now, Source.REPLY))
    run.step(KillSwitchSet(True, "fire", "me", run.now))
    run.step(OrderCancelled(order, "cancelled by us", run.now, Source.REPLY))
    said = turns(story_of(run.close(), order))[2:]
    assert said == [
        ("operator", "asks to cancel it: enough", ""),
        ("ours", "cancel asked: enough", "→ PENDING_CANCEL"),
        ("reply", "cancel refused: busy", "PENDING_CANCEL → OPEN"),
        ("operator", "kill switch on by me: fire", ""),
        ("ours", "cancel-all asked: kill switch: fire", ""),
        ("reply", "cancelled: cancelled by us", "PENDING_CANCEL → CANCELLED"),
    ]


def test_a_market_that_resolved_is_part_of_the_story_of_who_held_it(run):
    held, missed = run.order(), run.order("0.40")
    run.fill(held, settlement=Settlement.CONFIRMED)
    run.step(OrderCancelled(missed, "", run.now, Source.REPLY))
    run.step(MarketResolved(MARKET.id, MARKET.yes, run.now))
    path = run.close()
    assert "resolved" in turns(story_of(path, held))[-1][1]
    assert "resolved" not in turns(story_of(path, missed))[-1][1]


@pytest.mark.parametrize("how", ["venue", "post", "revision", "shadow revision"])
def test_an_order_is_found_by_its_other_names(how, run):
    order = run.order()
    if how == "post":
        run.step(OrderAttempted(order, "post", 1, "no answer", 1, run.now, VENUE_ID, "0x"))
    else:
        run.step(OrderAccepted(order, VENUE_ID, run.now, Source.REPLY))
    run.order("0.40")
    key = {"venue": VENUE_ID, "post": VENUE_ID, "revision": f"{order}.r2", "shadow revision": f"{order}.s1"}[how]
    story = story_of(run.close(), key)
    assert [c.decision.client_order_id for c in story.choices] == [order]


def test_a_chain_is_told_as_one_story(tmp_path):
    run = Run(tmp_path)
    script = Wishes()
    run.engine.coordinator.register_strategy(script.id, script)
    bid = {"token": MARKET.yes, "side": Side.BUY, "size": to_units("10"), "why": "w"}
    script.next = [Place(price=to_units("0.40"), **bid)]
    (first,) = run.step(BookSnapshot(MARKET.no, (), (), 1)).output.commands
    script.next = [Place(price=to_units("0.41"), replaces=first.client_order_id, **bid)]
    (second,) = run.step(BookSnapshot(MARKET.no, (), (), 1)).output.commands
    run.step(OrderCancelled(first.client_order_id, "moved", run.now, Source.REPLY))
    run.fill(second.client_order_id, price="0.41")
    path = run.close()
    for key in (first.client_order_id, second.client_order_id):
        story = story_of(path, key)
        assert story.correlation == first.client_order_id
        assert [c.decision.client_order_id for c in story.choices] == [first.client_order_id, second.client_order_id]
        assert [o.state for o in story.orders] == ["CANCELLED", "FILLED"]
        assert f"replaces {first.client_order_id}" in text(story)
    # No strategy of the header wishes this: the replay differs, and says so instead of inventing what was seen.
    assert [c.sight for c in story.choices] == [None, None]
    assert "decides differently" in story.notes[0]


def test_a_run_that_was_killed_has_its_story_up_to_there(run):
    order = run.order()
    run.step(OrderAccepted(order, "v", run.now, Source.REPLY))
    story = story_of(run.close(ended=False), order)
    assert (story.ended, story.orders[0].state) == (False, "OPEN")
    assert "has not ended in order" in story.notes[-1]


def test_what_a_later_run_heard_is_shown_and_not_counted(run, tmp_path):
    order = run.order()
    first = run.close(ended=False)
    later = Run(tmp_path, "20261128T000000000-live")
    later.fill(order)
    story = explain([first, later.close()], order)
    assert [(t.run, t.contradiction) for t in story.turns if t.run] == [("20261128T000000000-live", True)]
    assert story.orders[0].filled == 0
    assert "(run 20261128T000000000-live)" in text(story)


def test_other_journals_may_be_broken(run, tmp_path):
    order = run.order()
    path = run.close()
    (tmp_path / "20250101T000000000-live.agj").write_bytes(b"junk")
    (tmp_path / "20290101T000000000-live.agj").write_bytes(b"")
    assert explain(sorted(tmp_path.glob("*.agj")), order).path == path
    with pytest.raises(StoreError):
        explain(sorted(tmp_path.glob("*.agj")), "20250101T000000000-live-1")


def test_damage_ends_the_story_and_is_told(run):
    order = run.order()
    run.step(OrderAccepted(order, "v", run.now, Source.REPLY))
    run.fill(order)
    path = run.close()
    db = sqlite3.connect(path)
    db.execute("update record set crc = 0 where seq = (select max(seq) - 1 from record)")
    db.commit()
    db.close()
    story = story_of(path, order)
    assert story.orders[0].state == "OPEN"
    assert "the journal is damaged from record" in story.notes[0]


def test_a_strategy_that_is_gone_costs_the_sight_alone(run, traded, tmp_path):
    path = tmp_path / "replay.agj"
    shutil.copy(traded, path)
    reader = JournalReader(path)
    header = msgspec.structs.replace(reader.header(), strategies=(("gone", "{}", None),))
    order = next(
        c.client_order_id
        for record in reader.records()
        if record.kind == STEP
        for c in decode_output(record.body).decisions
    )
    records = list(reader.records())
    reader.close()
    path.unlink()
    copy = Journal(path)
    copy.append("run", header.started_ns, msgspec.msgpack.encode(header))
    for record in records[1:]:
        copy.append(record.kind, record.now_ns, record.body)
    copy.close()
    story = story_of(path, order)
    assert story.choices[0].sight is None
    assert "cannot be computed again" in story.notes[0]
    assert len(story.turns) > 1


def test_every_order_of_a_demo_can_be_explained_with_what_it_saw(traded):
    reader = JournalReader(traded)
    decisions = [d for r in reader.records() if r.kind == STEP for d in decode_output(r.body).decisions]
    reader.close()
    assert len(decisions) > 10
    for decision in decisions[:: max(1, len(decisions) // 10)]:
        story = story_of(traded, decision.client_order_id)
        (choice,) = story.choices
        assert choice.decision == decision
        assert choice.sight is not None
        assert choice.sight.quotes[0].bid > 0
        assert story.orders[0].state.terminal
        assert json.dumps(plain(story))
        assert decision.why in text(story)


def test_it_is_quiet_about_orders_nobody_has(run, tmp_path):
    path = run.close()
    for paths in ([], [path]):
        with pytest.raises(NotFoundError) as caught:
            explain(paths, "20261127T000000000-live-77")
        assert (caught.value.id, caught.value.exit_code) == ("AGB-620", 4)


def test_what_is_no_id_is_told_what_one_looks_like_and_which_are_near(run, tmp_path):
    orders = [run.order(price=f"0.0{cents}", size="5") for cents in (1, 2, 3)]
    root = "20261127T000000000-live"
    assert orders == [f"{root}-{number}" for number in (1, 2, 3)]
    path = run.close()
    (tmp_path / "20290101T000000000-live.agj").write_bytes(b"junk")

    def remedy(key, *paths):
        with pytest.raises(NotFoundError) as caught:
            explain(paths, key)
        return caught.value.remedy

    looks = f"an order's id looks like {root}-1, or is the venue's 0x…; agbot orders lists open ones, agbot history"
    assert remedy("20261127T", path).startswith(f"did you mean {root}-1, {root}-2 or {root}-3?; {looks}")
    assert remedy("77", path).startswith(looks)
    assert remedy("0xab", path).startswith(looks)
    assert remedy("28").startswith("an order's id looks like 2026")
    broken = remedy("2", tmp_path / "20290101T000000000-live.agj")
    assert broken.startswith("an order's id looks like 20290101T000000000-live-1")


def test_the_end_of_an_id_is_enough_where_one_order_has_it(run):
    orders = [run.order(price=f"0.0{cents}", size="5") for cents in (1, 2, 3)]
    path = run.close()
    for key in ("live-2", "2", orders[1], "000-live-2"):
        assert explain([path], key).correlation == explain([path], orders[1]).correlation
    for key in ("other-2", "live-4", "live-22", "ve2"):
        with pytest.raises(NotFoundError, match="no order"):
            explain([path], key)


def test_orders_that_end_alike_are_listed(monkeypatch):
    runs = [Path(f"2026112{day}T000000000-live.agj") for day in range(1, 8)]
    monkeypatch.setattr(explain_near, "_beginning", lambda run, order: [order])
    with pytest.raises(NotFoundError) as caught:
        raise explain_near.several("live-2", explain_near.ending("live-2", runs))
    assert caught.value.reason == "7 orders end with 'live-2'"
    assert caught.value.remedy.startswith("name one: 20261127T000000000-live-2, 20261126T")
    assert caught.value.remedy.endswith(", and 2 older")


def test_the_command(run, tmp_path):
    state = tmp_path / "state"
    for place in (state, state / "runs"):
        place.mkdir(mode=0o700)
    order = run.order()
    run.fill(order)
    path = shutil.copy(run.close(), state / "runs")
    told = CliRunner().invoke(cli, ["explain", order, "--state-dir", str(state)])
    assert told.exception is None
    assert "PENDING_NEW → FILLED" in told.output
    for where in (path, run.engine.settings.run_id):
        told = CliRunner().invoke(cli, ["explain", order, "--json", "--run", str(where), "--state-dir", str(state)])
        assert json.loads(told.output)["orders"][0]["state"] == "FILLED"
    told = CliRunner().invoke(cli, ["explain", "nobody", "--state-dir", str(state)])
    assert isinstance(told.exception, NotFoundError)


def test_an_older_journals_outputs_still_agree(traded, tmp_path):
    """Fields that were appended since are not there, and what they default to is what is computed."""
    from agbot.store.verify import verify  # noqa: PLC0415

    path, shorter = tmp_path / "old.agj", 0
    reader = JournalReader(traded)
    old = Journal(path)
    for record in reader.records():
        body = record.body
        if record.kind == STEP:
            commands, decisions, anomalies = msgspec.msgpack.decode(body)
            commands = [c[:-1] if c[0] == "PlaceOrder" else c for c in commands]
            body = msgspec.msgpack.encode([commands, [d[:-1] for d in decisions], anomalies])
            shorter += body != encode_output(decode_output(body))
        old.append(record.kind, record.now_ns, body)
    reader.close()
    old.close()
    assert shorter > 10
    assert verify(path).divergence is None


def test_it_tells_how_far_it_is(traded, monkeypatch):
    monkeypatch.setattr("agbot.store.explain._TOLD_EVERY", 1)
    reader = JournalReader(traded)
    order = next(d.client_order_id for r in reader.records() if r.kind == STEP for d in decode_output(r.body).decisions)
    reader.close()
    parts: list[float] = []
    explain([traded], order, progress=parts.append)
    assert parts == sorted(parts)
    assert (parts[0] > 0, parts[-1]) == (True, 1.0)

"""A journal on the screens: where a player stands, what it shows there, and the way back, from a world with a fault."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agbot.errors import ConfigError, StoreError
from agbot.monitor import checkpoints
from agbot.monitor.goals import GOALS, at_ns
from agbot.monitor.player import Player
from agbot.run.playback import Playback
from agbot.simulate.schedule import Trouble
from agbot.simulate.seeds import journals
from agbot.simulate.world import START_NS
from agbot.store.codec import decode_output, encode_output
from agbot.store.journal import STEP, Journal, JournalReader
from agbot.store.verify import verify
from agbot.telemetry.protocol import encode
from agbot.units import NS_PER_S

FAULT = Trouble("feed_lost", 2.5, 2.0)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the journal of a bot in a simulated world whose feed is lost for two seconds."""
    outcome, paths = journals(7, [FAULT], tmp_path_factory.mktemp("worlds"))
    assert outcome.found == ()
    return paths[0]


def changed(journal: Path, path: Path, *, at: int) -> Path:
    """Return a copy whose output number `at` says something else."""
    reader, copy, outputs = JournalReader(journal), Journal(path, durable=False), 0
    for record in reader.records():
        body = record.body
        if record.kind == STEP:
            outputs += 1
            if outputs == at:
                output = decode_output(body)
                body = encode_output(type(output)(output.commands, output.decisions, ("another",)))
        copy.append(record.kind, record.now_ns, body)
    reader.close()
    copy.close()
    return path


# ---------------------------------------------------------------- the journal, step by step


def test_a_world_is_replayed_as_it_was(journal: Path) -> None:
    assert verify(journal).agrees
    playback, moments = Playback(journal), []
    while (moment := playback.advance()) is not None:
        moments.append(moment)
    assert [moment.number for moment in moments] == list(range(1, playback.batches + 1))
    assert not any(moment.differs for moment in moments)
    assert [m.now_ns for m in moments] == sorted(m.now_ns for m in moments)
    assert (moments[0].now_ns, moments[-1].now_ns) == (playback.first_ns, playback.last_ns)
    assert playback.batches_until(moments[99].now_ns) >= 100
    assert (playback.batches_until(0), playback.batches_until(playback.last_ns)) == (0, len(moments))
    assert any("link books lost: cut" in moment.incidents for moment in moments)
    assert playback.next_ns is None
    playback.close()


def test_a_core_that_decides_otherwise_says_so(journal: Path, tmp_path: Path) -> None:
    playback = Playback(changed(journal, tmp_path / "x.agj", at=3))
    differing = []
    while (moment := playback.advance()) is not None:
        differing += [moment.incidents[0]] if moment.differs else []
    assert differing == ["this agbot decides otherwise than the one that wrote the journal"]
    playback.close()


def test_what_is_no_journal(tmp_path: Path) -> None:
    (tmp_path / "x.agj").write_bytes(b"no journal at all" * 99)
    with pytest.raises(StoreError, match="AGB-603"):
        Playback(tmp_path / "x.agj")


# ---------------------------------------------------------------- what a player is asked


@pytest.mark.parametrize(
    "message",
    [
        {"op": "play", "speed": 0},
        {"op": "play", "speed": "fast"},
        {"op": "play", "speed": True},
        {"op": "play", "speed": float("nan")},
        {"op": "step", "count": 0},
        {"op": "step", "count": 1.5},
        {"op": "step", "count": [1]},
        {"op": "next"},
        {"op": "next", "what": "week"},
        {"op": "seek"},
        {"op": "seek", "fraction": 1.1},
        {"op": "seek", "fraction": -0.1},
        {"op": "seek", "by": -2},
        {"op": "seek", "time": "noon"},
        {"op": "seek", "time": "2026-13-01T00:00:00"},
        {"op": "seek", "time": "12:00", "by": 0.1},
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_moves(journal: Path, message: dict[str, Any]) -> None:
    player = Player(journal)
    with pytest.raises(ConfigError, match="AGB-957"):
        GOALS[message["op"]](message, player.playback)
    assert player.state()["state"] == "paused"
    player.playback.close()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-09-21T14:13:20.5", 1_790_000_000.5),
        ("2026-09-21T14:13:20", 1_790_000_000),
        ("14:13:20", 1_790_000_000),
        ("16:13:20+02:00", 1_790_000_000),
        ("1790000000000000001", 1_790_000_000),
    ],
)
def test_times(text: str, seconds: float) -> None:
    assert abs(at_ns(text, 1_790_000_000 * NS_PER_S) - int(seconds * NS_PER_S)) <= 1


# ---------------------------------------------------------------- the player's operations


OF_THE_WAY = ("agbot.events", "replay.seeking", "polymarket.rtds.msgs_per_second")
"""Metrics that tell of the way to a step, too: the last is a mean since it was measured before."""


class Asked:
    """A running player, and a word for each operation."""

    def __init__(self, player: Player) -> None:
        self.player = player

    async def __call__(self, op: str, **more: Any) -> dict[str, Any]:
        with trio.fail_after(60):
            return await self.player.handlers()[op]({"op": op, **more})

    def screens(self) -> dict[str, Any]:
        """Return what a page that comes now is shown, without what counts the beginnings."""
        self.player.hub.tick(self.player.now_ms())
        shown = json.loads(encode(self.player.hub.shown.snapshot(1, self.player.now_ms())))
        for line in (*shown["orders"], *shown["fills"], *shown["decisions"]):
            del line["run_id"], line["seq"]
        metrics = {(name, str(labels)): (value, at) for name, labels, _, value, at in shown["metrics"]}
        kept = {key: value for key, value in metrics.items() if key[0] not in OF_THE_WAY}
        return {"metrics": kept, **{name: shown[name] for name in ("markets", "orders", "fills", "decisions", "at")}}


@pytest.fixture
async def asked(journal: Path, nursery: trio.Nursery) -> Asked:
    player = Player(journal)
    await nursery.start(player.run)
    return Asked(player)


async def test_the_decision_that_followed_the_fault_is_three_operations_away(asked: Asked) -> None:
    first = await asked("next", what="incident")
    assert first["stopped"].startswith("denied by PositionLimit")
    fault = await asked("next", what="incident")
    assert fault["stopped"] == "link books lost: cut"
    assert FAULT.at_s <= (fault["at_ns"] - START_NS) / NS_PER_S <= FAULT.at_s + 0.5
    decision = await asked("next", what="decision")
    assert decision["step"] > fault["step"]
    assert "by anything" in decision["stopped"]
    shown = asked.screens()
    assert shown["decisions"][-1]["timestamp"] == decision["at_ns"] // 1_000_000 == shown["at"]


async def test_a_fault_is_no_denial(asked: Asked) -> None:
    assert (await asked("next", what="fault"))["stopped"] == "link books lost: cut"
    while (state := await asked("next", what="fault"))["stopped"] != "at the end":
        assert not state["stopped"].startswith("denied")


async def test_step_by_step(asked: Asked) -> None:
    assert (await asked("status"))["step"] == 0
    assert (await asked("step"))["step"] == 1
    assert (await asked("step", count=5))["step"] == 6
    assert (await asked("step", count=-2))["step"] == 4
    assert (await asked("step", count=-99))["step"] == 0
    end = await asked("seek", fraction=1)
    assert end["step"] == end["steps"]
    assert end["at_ns"] == end["last_ns"]
    assert (await asked("step"))["step"] == end["steps"]
    middle = await asked("seek", time=str((end["first_ns"] + end["last_ns"]) // 2))
    assert middle["at_ns"] <= (end["first_ns"] + end["last_ns"]) // 2
    on = await asked("step")
    assert on["at_ns"] > (end["first_ns"] + end["last_ns"]) // 2
    assert (await asked("next", what="incident"))["state"] == "paused"


async def test_an_incident_that_goes_on_is_one(asked: Asked) -> None:
    found = []
    while (state := await asked("next", what="incident"))["stopped"] != "at the end":
        found.append((state["at_ns"], state["stopped"].partition(":")[0]))
    for (before_ns, before), (after_ns, after) in pairwise(found):
        assert before != after or after_ns - before_ns >= 10 * NS_PER_S
    assert {kind for _, kind in found} >= {"link books lost", "denied by PositionLimit"}


async def test_it_plays_at_its_speed_and_pauses(asked: Asked, autojump_clock: trio.testing.MockClock) -> None:
    began = trio.current_time()
    assert (await asked("play", speed=10))["state"] == "playing"
    await trio.sleep(5)
    paused = await asked("pause")
    played_s = (paused["at_ns"] - paused["first_ns"]) / NS_PER_S
    assert played_s == pytest.approx(10 * (trio.current_time() - began), abs=1.1)
    await trio.sleep(5)
    assert (await asked("status")) == paused
    assert (await asked("pause")) == paused


async def test_a_new_wish_takes_the_place_of_the_old_one(asked: Asked) -> None:
    await asked("seek", fraction=1, wait=False)
    for _ in range(3):
        await trio.lowlevel.checkpoint()
    state = await asked("seek", fraction=0)
    assert (state["step"], state["state"]) == (0, "paused")


OPERATIONS = st.lists(
    st.one_of(
        st.builds(lambda n: ("step", {"count": n}), st.integers(-40, 40).filter(bool)),
        st.builds(lambda f: ("seek", {"fraction": f / 100}), st.integers(0, 30)),
        st.builds(lambda f: ("seek", {"by": f / 100}), st.integers(-20, 20)),
        st.sampled_from([("next", {"what": "incident"}), ("next", {"what": "decision"})]),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=OPERATIONS)
def test_whatever_the_way_the_screens_show_the_same(journal: Path, operations: list[Any]) -> None:
    async def way(*steps: tuple[str, dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        async with trio.open_nursery() as nursery:
            asked = Asked(Player(journal))
            await nursery.start(asked.player.run)
            for op, more in steps:
                state = await asked(op, **more)
            nursery.cancel_scope.cancel()
        asked.player.playback.close()
        kept.append(len(asked.player.checkpoints))
        return state["step"], asked.screens()

    kept: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "STEPS_MIN", 50)
        patch.setattr(checkpoints, "WORTH", 0)
        step, shown = trio.run(way, ("seek", {"fraction": 0.25}), *operations)
        assert kept[0] > 2
        patch.setattr(checkpoints, "STEPS_MIN", 10**9)
        if step:
            assert trio.run(way, ("step", {"count": step})) == (step, shown)
            assert kept[1] == 0

"""kill -9 right after random journal records of a replay: nothing torn, nothing lost, no order the journal lacks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from agbot.cli import cli
from agbot.store.journal import END

KILLS = 50
KILLS_RECORDED = 6
MODES = ("appended", "committed", "within")


def replay_job(recording, directory, **more):
    directory.mkdir(mode=0o700)
    return {
        "argv": ["run", "--replay", str(recording), "--no-web", "--json", "--state-dir", str(directory)],
        "orders": str(directory / "orders"),
        "output": str(directory / "output"),
        **more,
    }


def journal_in(directory: Path) -> Path:
    (path,) = (directory / "runs").glob("*.agj")
    return path


def uninterrupted(victims, journaled, recording, directory):
    """Replay to the end and return its records; they hold orders, cancels and fills, or nothing is proved."""
    (ended,) = victims([replay_job(recording, directory)])
    assert ended.code == 0, (directory / "output").read_text()
    whole = journaled(journal_in(directory))
    summary = json.loads((directory / "output").read_text().splitlines()[-1])
    assert summary["fills"] >= 10
    assert summary["orders_cancelled"] >= 10
    assert whole.set_aside == ()
    assert whole.records[-1].kind == END
    assert handed_over(directory) == whole.intents()
    return whole.records


def handed_over(directory: Path) -> set[str]:
    lines = (directory / "orders").read_text().splitlines()
    assert len(lines) == len(set(lines)), "an order was handed over twice"
    return set(lines)


def check_survivor(directory, whole, journaled, mode, target):
    """The surviving journal is a prefix of the uninterrupted one, agrees with the core, and knows every order."""
    path = journal_in(directory)
    survived = journaled(path)
    assert survived.set_aside == ()
    assert survived.records == whole[: len(survived.records)]
    if mode == "committed":
        assert len(survived.records) >= target
    if mode == "appended":
        assert len(survived.records) < target
    assert handed_over(directory) <= survived.intents()
    verdict = CliRunner().invoke(cli, ["replay", str(path), "--verify", "--json"])
    if survived.records:
        assert verdict.exit_code == 0, verdict.output
        found = json.loads(verdict.output)
        ended = survived.records[-1].kind == END  # the last commit of all carries it
        assert (found["records"], found["agrees"], found["complete"]) == (len(survived.records), True, ended)
    else:
        assert getattr(verdict.exception, "id", None) == "AGB-606"


def kill_often(victims, journaled, dice, recording, base, kills):
    whole = uninterrupted(victims, journaled, recording, base / "whole")
    # The last record is the end of an orderly run: killed after it, there is nothing left to interrupt.
    targets = dice.sample(range(1, len(whole)), kills)
    plan = [(base / f"{mode}-{n}", mode, n) for n, mode in zip(targets, MODES * kills, strict=False)]
    ends = victims([replay_job(recording, at, kill=[mode, n]) for at, mode, n in plan])
    survivors = 0
    for (at, mode, n), ended in zip(plan, ends, strict=True):
        assert ended.killed, f"{at.name}: {ended} {(at / 'output').read_text()}"
        check_survivor(at, whole, journaled, mode, n)
        survivors += bool(handed_over(at))
    assert survivors >= kills // 2, "most of the killed runs had sent orders, or nothing is proved"


def test_a_replay_killed_after_any_record(victims, journaled, dice, recording, tmp_path):
    kill_often(victims, journaled, dice, recording, tmp_path, KILLS)


@pytest.mark.slow
def test_a_replay_of_a_real_day_killed(victims, journaled, dice, shared, tmp_path):
    day = shared / "data" / "polymarket_l2_mlb" / "20250617_mlb-sd-lad-2025-06-17_market-events.csv.gz"
    if not day.is_file():
        pytest.skip(f"no {day.name} in the shared folder")
    kill_often(victims, journaled, dice, day, tmp_path, KILLS_RECORDED)

"""agbot record beside a venue on loopback."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial

import pytest
import trio
from click.testing import CliRunner

from agbot import cli
from agbot.cli.record import line, seconds, size
from agbot.errors import AgbotError, ConfigError, leaves
from agbot.run.record import Standing
from agbot.store.importers import open_recording
from agbot.store.segment import Segment
from agbot.testing.venue_stub import CONDITION, YES


@pytest.fixture(autouse=True)
def _no_signals_in_a_thread(monkeypatch):
    def none(_stop):
        async def run(task_status=trio.TASK_STATUS_IGNORED):
            task_status.started()

        return run

    monkeypatch.setattr("agbot.run.record.signals", none)


async def test_a_market_is_recorded_and_is_a_recording(run, tmp_path):
    folder = tmp_path / "tape"
    options = ("--topic", "activity", "--out", folder, "--for", "0.5s", "--keep-free", "0", "--json")
    result = await run("record", "-m", f"{CONDITION},{CONDITION}", *options)
    begun, *_, end = map(json.loads, result.stdout.splitlines())
    assert begun == {"event": "recording", "folder": str(folder), "recovered": []}
    assert (end["event"], end["reason"], end["sockets"] >= 0) == ("ended", "0.5 s are over", True)
    assert end["frames"] >= 2
    assert 0 < end["stored"] == sum(path.stat().st_size for path in folder.glob("*.agf"))
    recording = open_recording(folder)
    assert [market.id for market in recording.markets] == [CONDITION]
    assert YES in {message.token for message in recording.messages() if hasattr(message, "token")}
    assert recording.log.skipped_count == 0


async def test_a_signal_ends_it_in_order(config, tmp_path):
    folder = tmp_path / "tape"
    command = [sys.executable, "-m", "agbot", "record", "-m", CONDITION, "--config", str(config), "--out", str(folder)]
    async with trio.open_nursery() as nursery:
        process = await nursery.start(partial(trio.run_process, [*command, "--json"], stdout=subprocess.PIPE))
        with trio.fail_after(60):
            assert b'"recording"' in await process.stdout.receive_some()
            while not list(folder.glob("*.agf")):  # a segment begins with its first frame
                await trio.sleep(0.01)
        process.terminate()
    assert process.returncode == 0
    assert all(Segment(path).sealed for path in folder.glob("*.agf"))


async def test_it_is_told_to_people_in_one_line(run, tmp_path):
    options = ("--out", tmp_path / "tape", "--for", "0.3s", "--keep-free", "0")
    result = await run("record", "--busiest", *options)
    assert "frames" in result.stdout
    assert "free" in result.stdout
    assert result.stdout.splitlines()[-1] == "ended: 0.3 s are over"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ([], 2, "[AGB-927] there is nothing to record"),
        (["--topic", "clob_market"], 2, "[AGB-927]"),
        (["--topic", "clob_user"], 2, "[AGB-928]"),
        (["--topic", "market"], 2, "[AGB-490]"),
        (["-m", "no-such-market"], 4, "[AGB-414]"),
        (["-m", CONDITION, "--keep-free", "999999TB"], 1, "[AGB-921]"),
        (["-m", CONDITION, "--out", "/dev/null/x"], 2, "[AGB-920]"),
        (["-m", CONDITION, "--for", "soon"], 2, "[AGB-107] --for: 'soon' is not understood"),
        (["-m", CONDITION, "--max-size", "0"], 2, "[AGB-107] --max-size: '0' is nothing"),
    ],
)
async def test_what_cannot_be_recorded(run, tmp_path, monkeypatch, arguments, code, told):
    monkeypatch.chdir(tmp_path)
    result = await run("record", *arguments, code=None)
    ours = next(error for error in leaves(result.exception) if isinstance(error, AgbotError))
    assert ours.exit_code == code
    assert told in str(ours)


@pytest.mark.parametrize(
    ("text", "value"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), ("1D", 86_400), (" 3 min ", 180)]
)
def test_spans(text, value):
    assert seconds(text, "--for") == value


@pytest.mark.parametrize(
    ("text", "value"), [("5", 5), ("1kB", 1000), ("1.5GiB", 3 * 2**29), ("2 TB", 2 * 10**12), ("7mib", 7 * 2**20)]
)
def test_sizes(text, value):
    assert size(text, "--max-size") == value


@pytest.mark.parametrize("text", ["", "-1", "1 parsec", "h", "1e9", "0", "0s"])
def test_what_is_no_span(text):
    with pytest.raises(ConfigError) as e:
        seconds(text, "--for")
    assert e.value.id == "AGB-107"


def test_what_is_missed_or_lost_is_in_the_line():
    standing = Standing(
        elapsed_s=1, frames=2_000, rate=3, received=4_000, stored=500, segments=1, missed=7, free=10**13, sockets=2,
        sockets_lost=1, codec="zstd",
    )  # fmt: skip
    assert line(standing) == (
        "2,000 frames, 3.0/s, 4.0 kB received, 500 B stored (zstd 8.0:1), 2 sockets (1 lost), 10.0 TB free, "
        "7 frames missed"
    )


def test_help_teaches():
    assert "agbot record --busiest --for 10m" in CliRunner().invoke(cli.cli, ["record", "--help"]).stdout

"""Each command by itself: options, texts, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from agbot import cli
from agbot.cli import killswitch, logs, stop
from agbot.cli import run as run_module
from agbot.control import KillReceipt
from agbot.errors import AgbotError, ConfigError, NotFoundError, StoreError, TimedOutError
from agbot.latch import Latch
from agbot.store.history import write_history
from agbot.strategy.quoter import Quoter
from agbot.units import NS_PER_S
from agbot.venue.demo import DemoSimulation, demo_markets


def invoke(*args):
    return CliRunner().invoke(cli.cli, [str(a) for a in args])


@pytest.fixture
def recording(tmp_path):
    markets = demo_markets(3)
    simulation = DemoSimulation(3, markets, 1_700_000_000 * NS_PER_S)
    write_history(tmp_path / "demo.agh", markets, [m for _ in range(60) for m in simulation.next()[1]])
    return tmp_path / "demo.agh"


@pytest.fixture
def state(tmp_path):
    path = tmp_path / "s"
    path.mkdir(mode=0o700)
    return path


# ---------------------------------------------------------------- main


@pytest.fixture
def fails(monkeypatch, capsys):
    """Return a function that lets a command raise; it returns (exit code, standard error)."""

    def run(error):
        def raising(**_):
            raise error

        monkeypatch.setattr(cli.cli, "main", raising)
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return caught.value.code, capsys.readouterr().err

    return run


def test_errors_in_groups_are_said_as_errors(fails):
    ours = ExceptionGroup(
        "g", [ExceptionGroup("h", [ConfigError("bad", id="AGB-101")]), StoreError("full", id="AGB-602")]
    )
    assert fails(ours) == (2, "agbot: [AGB-101] bad\nagbot: [AGB-602] full\n")
    same = [StoreError("full", id="AGB-602")] * 3
    assert fails(ExceptionGroup("g", same)) == (1, "agbot: [AGB-602] full\n")


@pytest.mark.parametrize(
    ("error", "code"),
    [(NotFoundError("x", id="AGB-1"), 4), (TimedOutError("x", id="AGB-2"), 5), (click.UsageError("x"), 2)],
)
def test_every_error_has_its_exit_code(error, code, fails):
    assert fails(error)[0] == code


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("bug"), ExceptionGroup("g", [StoreError("x", id="A"), ZeroDivisionError("bug")])]
)
def test_a_bug_is_not_dressed_up(error, monkeypatch):
    def raising(**_):
        raise error

    monkeypatch.setattr(cli.cli, "main", raising)
    with pytest.raises(type(error)):
        cli.main()


# ---------------------------------------------------------------- run


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--speed", "nan"], "is not a number from 0 up"),
        (["--speed", "-1"], "is not a number from 0 up"),
        (["--duration", "-1"], "is not a number from 0 up"),
        (["--duration", "inf"], "is not a number from 0 up"),
        (["--seed", "-1"], "0<=x<="),
        (["--port", "0"], "1<=x<="),
        (["--port", "70000"], "1<=x<="),
        (["--mode", "dream"], "'dream' is not one of"),
    ],
)
def test_impossible_numbers_are_refused(args, said):
    result = invoke("run", *args)
    assert result.exit_code == 2
    assert said in result.output


@pytest.mark.parametrize(
    "args",
    [["run", "--replay"], ["backtest"], ["import"], ["history", "verify"], ["replay"], ["plot"], ["compare"]],
    ids=" ".join,
)
def test_a_file_that_is_not_there_is_exit_4(args, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    result = invoke(*args, tmp_path / "nowhere.agh")
    assert isinstance(result.exception, AgbotError)
    assert result.exception.exit_code == 4
    assert "nowhere.agh" in str(result.exception)


@pytest.mark.parametrize(
    ("args", "error_id"),
    [
        (["--capital", "much"], "AGB-107"),
        (["--capital", "0"], "AGB-107"),
        (["--capital", "-5"], "AGB-107"),
        (["--mode", "paper"], "AGB-140"),
        (["--mode", "live"], "AGB-140"),
        (["--tui"], "AGB-123"),
        (["--replay", "nowhere.csv"], "AGB-201"),
        (["nowhere.yaml"], "AGB-100"),
    ],
)
def test_what_cannot_be_run_is_said_and_starts_nothing(args, error_id, tmp_path):
    result = invoke("run", *args, "--state-dir", tmp_path / "s", "--no-web")
    assert isinstance(result.exception, AgbotError)
    assert result.exception.id == error_id
    assert not list(tmp_path.glob("s/runs/*.agj"))


def test_a_run_without_markets_ends_before_it_makes_or_greets_anything(tmp_path):
    result = invoke("run", "--mode", "paper", "--state-dir", tmp_path / "s")
    assert (result.exception.id, result.stdout, (tmp_path / "s").exists()) == ("AGB-140", "", False)


def test_options_outdo_the_file(tmp_path):
    (tmp_path / "c.yaml").write_text("mode: demo\ncapital_usd: 5\nseed: 7\nrisk: {policy_file: p.yaml}\n")
    (tmp_path / "p.yaml").write_text("policies: []")
    options = dict.fromkeys(("mode", "capital", "seed", "profile", "state_dir", "policies", "strategies"))
    settings = run_module._settings({**options, "config": tmp_path / "c.yaml"})
    assert (settings.capital_usd, settings.seed, settings.policy_file) == (5_000_000, 7, tmp_path / "p.yaml")
    given = {"mode": "demo", "capital": "12.5", "seed": 9, "profile": "x", "state_dir": tmp_path, "policies": tmp_path}
    settings = run_module._settings({**options, **given, "config": tmp_path / "c.yaml"})
    assert (settings.capital_usd, settings.seed, settings.profile) == (12_500_000, 9, "x")
    assert (settings.state_dir, settings.policy_file) == (tmp_path, tmp_path)


def test_a_replay_for_people_names_terms_tokens_and_money(recording, tmp_path):
    result = invoke("run", "--replay", recording, "--no-web", "--state-dir", tmp_path / "s")
    assert result.exit_code == 0, result.exception
    assert f"REPLAY {recording}" in result.output
    for word in ("origin", "outcome", "demo-derby", "decision digest", "pnl usd", "journal "):
        assert word in result.output
    again = invoke("run", "--replay", recording, "--no-web", "--json", "--state-dir", tmp_path / "s")
    summary = json.loads(again.output[again.output.index("{") :])
    assert summary["decision_digest"] in result.output
    assert len(summary["tokens"]) == 16


def test_a_recording_that_ends_early_is_an_error_not_a_traceback(recording, home):
    whole = recording.read_bytes()
    recording.write_bytes(whole[: len(whole) // 2])
    done = home.agbot("run", "--replay", str(recording), "--no-web", "--json")
    assert done.code == 1
    assert "[AGB-203]" in done.err
    assert "Traceback" not in done.err


def test_a_replay_tells_the_author_of_a_strategy_what_it_raised(recording, home, tmp_path):
    file = tmp_path / "broken.py"
    file.write_text("class Broken:\n    id = 'broken'\n    def decide(self, view):\n        return 1 / 0\n")
    words = ["run", "--replay", str(recording), "--no-web", "--json", "--strategy", f"{file}:Broken"]
    done = home.agbot(*words, "--strategy", "quoter")
    assert done.code == 1
    assert "[AGB-640]" in done.err
    assert "ZeroDivisionError: division by zero" in done.err
    summary = json.loads(done.out[done.out.index("{") :])
    assert summary["strategies_failed"] == {"broken": "it raised ZeroDivisionError"}
    assert summary["fills"] > 0


@pytest.mark.parametrize(("terminal", "shown"), [(True, True), (False, False)])
def test_the_bar_is_for_terminals(terminal, shown, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    with run_module._bar({"as_json": False, "tui": False, "speed": 0}) as progress:
        progress(0.25)
        bar = progress.__closure__[0].cell_contents if progress.__closure__ else None
        assert (bar is not None) is shown
        if bar is not None:
            progress(0.125)
            assert bar.pos == 250


# ---------------------------------------------------------------- kill switch


def receipt(latched=True, doubt="", **reply):
    whole = {"gate_closed_ms": 0.4, "orders_cancelled": 3, "orders_left": 0, "verified": True, **reply}
    return KillReceipt(latched=latched, reply=whole if reply or not doubt else None, doubt=doubt)


@pytest.mark.parametrize(
    ("told", "code", "said"),
    [
        (receipt(), 0, "0 (the venue was asked)"),
        (receipt(orders_left=2, verified=False), 1, "2 (the venue was asked)"),
        (receipt(orders_left=None, orders_cancelled=None, verified=False), 1, "not known"),
        (receipt(latched=False, doubt="full", verified=True), 1, "NOT WRITTEN"),
        (receipt(doubt="[AGB-501] no bot listens"), 3, "not verified      [AGB-501]"),
        (receipt(doubt="[AGB-502] did not answer"), 5, "not verified      [AGB-502]"),
    ],
)
@pytest.mark.parametrize("as_json", [True, False])
def test_the_receipt_decides_the_exit_code(as_json, told, code, said, monkeypatch, state):
    monkeypatch.setattr(killswitch, "kill", lambda *_, **__: told)
    result = invoke("killswitch", "on", "--reason", "fire", "--state-dir", state, *(["--json"] if as_json else []))
    assert result.exit_code == code
    if as_json:
        plain = json.loads(result.output)
        assert (plain["latched"], plain["verified"]) == (told.latched, bool(told.reply and told.reply["verified"]))
    else:
        assert said in result.output
        assert ("ON (fire)" in result.output) == (told.reply is not None)
        assert ("LATCHED (fire)" in result.output) == (told.reply is None)
        assert ("its heartbeat cancels" in result.output) == (told.reply is None)
        assert ("agbot cancel --all --config FILE" in result.output) == (told.reply is None)


def test_the_switch_works_without_a_bot(state):
    assert invoke("killswitch", "on", "--reason", "fire", "--by", "me", "--state-dir", state).exit_code == 3
    assert Latch(state / "latch").read().on
    assert invoke("killswitch", "status", "--state-dir", state).output == "on: fire (by me)\n"
    off = invoke("killswitch", "off", "--by", "me", "--reason", "safe", "--state-dir", state)
    assert off.output == "kill switch off by me: the next bot will trade\n"
    assert invoke("killswitch", "status", "--state-dir", state).output == "off\n"
    assert json.loads(invoke("killswitch", "status", "--json", "--state-dir", state).output)["on"] is False


def test_no_state_directory_is_said_and_none_is_made(tmp_path):
    result = invoke("killswitch", "status", "--state-dir", tmp_path / "none")
    assert "no bot ran here yet" in result.output
    assert not (tmp_path / "none").exists()


# ---------------------------------------------------------------- stop


def test_a_bot_that_does_not_end_is_a_timeout_with_a_remedy(monkeypatch, state):
    monkeypatch.setattr(stop, "control", lambda *_: {"pid": os.getpid()})
    result = invoke("stop", "--state-dir", state, "--timeout", "0.1")
    assert isinstance(result.exception, TimedOutError)
    assert result.exception.id == "AGB-536"


def test_a_process_that_waits_for_its_parent_has_ended():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert stop._alive(child.pid)
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended and nobody has taken notice
    if sys.platform == "linux":
        assert not stop._alive(child.pid)
    child.wait()
    assert not stop._alive(child.pid)


def test_a_process_of_another_account_is_alive(monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert stop._alive(1)


def test_without_proc_nothing_is_a_zombie():
    assert not stop._zombie(2**30)


# ---------------------------------------------------------------- logs


def test_without_a_log_it_says_where_it_looked(state):
    result = invoke("logs", "--state-dir", state)
    assert isinstance(result.exception, NotFoundError)
    assert str(state) in str(result.exception)


@pytest.mark.parametrize(("lines", "shown"), [(0, ""), (2, "two\nthree\n"), (50, "one\ntwo\nthree\n")])
def test_the_last_lines(lines, shown, state):
    (state / "agbot.log").write_text("one\ntwo\nthree\n")
    assert invoke("logs", "-n", lines, "--state-dir", state).output == shown


def test_follow_prints_what_comes_through_rotations_until_interrupted(state, monkeypatch):
    path = state / "agbot.log"
    path.write_text("old\n")

    def grow():
        with path.open("a") as file:
            file.write("new \u20ac\n")

    def rotate():
        path.rename(state / "agbot.log.1")

    def begin():
        path.write_text("x\n")

    def interrupt():
        raise KeyboardInterrupt

    moments = iter([grow, lambda: None, rotate, begin, interrupt])
    monkeypatch.setattr(logs.time, "sleep", lambda _: next(moments)())
    result = invoke("logs", "-f", "--state-dir", state)
    assert (result.exit_code, result.output) == (0, "old\nnew \u20ac\nx\n")


def test_a_line_written_while_the_first_ones_are_printed_is_not_lost(state, monkeypatch):
    path = state / "agbot.log"
    path.write_text("old\n")
    echo = click.echo

    def busy(text, **options):
        if text == b"old\n":
            with path.open("a") as file:
                file.write("meanwhile\n")
        echo(text, **options)

    waits = []

    def wait(seconds):
        waits.append(seconds)
        if len(waits) > 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(logs.time, "sleep", wait)
    monkeypatch.setattr(logs.click, "echo", busy)
    assert invoke("logs", "-f", "--state-dir", state).output == "old\nmeanwhile\n"


def test_a_negative_number_of_lines_is_refused(state):
    assert invoke("logs", "-n", "-1", "--state-dir", state).exit_code == 2


# ---------------------------------------------------------------- replay


def test_replay_without_runs(state):
    assert invoke("replay", "--list", "--state-dir", state).output == "no runs yet\n"
    assert json.loads(invoke("replay", "--list", "--json", "--state-dir", state).output) == []
    for args in ([], ["nope"]):
        result = invoke("replay", *args, "--state-dir", state)
        assert (result.exception.id, result.exception.exit_code) == ("AGB-604", 4)


def test_a_divergence_is_shown_and_is_exit_one_only_when_asked(recording, tmp_path, monkeypatch):
    state = tmp_path / "s"
    assert invoke("run", "--replay", recording, "--no-web", "--json", "--state-dir", state).exit_code == 0
    real = Quoter.decide
    monkeypatch.setattr(Quoter, "decide", lambda self, view: real(self, view)[:1])
    shown = invoke("replay", "--state-dir", state)
    assert shown.exit_code == 0
    assert "DIFFERS at record" in shown.output
    assert "- journal  PlaceOrder(" in shown.output
    verified = invoke("replay", "--verify", "--json", "--state-dir", state)
    assert verified.exception.id == "AGB-608"
    plain = json.loads(verified.output)
    assert (plain["agrees"], plain["diverges_at"]) == (
        False,
        int(shown.output.split("DIFFERS at record ")[1].split()[0]),
    )

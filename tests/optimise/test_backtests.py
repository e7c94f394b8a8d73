"""From a file to a verdict: real backtests under a search, and the two commands."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from agbot.backtest.run import run
from agbot.backtest.spec import load_spec
from agbot.cli import lookahead, optimize
from agbot.errors import AgbotError, ConfigError
from agbot.optimise.backtests import Backtests, applied, backtests_of, identity_of, load_search
from agbot.optimise.lookahead import shifted
from agbot.optimise.outcome import Part
from agbot.optimise.plan import Plan
from agbot.store.history import read_history, write_history
from agbot.units import NS_PER_S

HERE = Path(__file__).parent
DICE = """
strategies:
  - name: dice.py:Dice
backtest:
  data: {recordings: [demo.agh]}
optimise:
  parameters: {n: {low: 1, high: 6, step: 1}}
"""
TWO = "  - {name: dice.py:Dice, id: a}\n  - {name: quoter, id: b}"
Invoke = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working folder with a recording of two minutes, and strategies."""
    shutil.copy(root / "tests/data/demo-120s.agh", tmp_path / "demo.agh")
    shutil.copy(HERE / "dice.py", tmp_path)
    (tmp_path / "s.yaml").write_text(DICE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def invoke(folder: Path, here: type, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Return what runs a command on a text, its trials in this process."""
    monkeypatch.setattr("agbot.optimise.pool.Pool", lambda _workers: here())

    def invoked(command: click.Command, *args: str, text: str = DICE) -> Result:
        (folder / "s.yaml").write_text(text)
        return CliRunner().invoke(command, ["s.yaml", *args])

    return invoked


def evaluator(text: str, folder: Path) -> tuple[Backtests, Plan]:
    (folder / "s.yaml").write_text(text)
    spec, plan = load_search(folder / "s.yaml")
    return backtests_of(spec, plan), plan


# ---------------------------------------------------------------- the adapter


def test_returns_add_up_to_the_pnl_of_the_backtest(folder: Path) -> None:
    evaluate, _ = evaluator(DICE, folder)
    found = evaluate({"n": Decimal(3)})
    result = run(applied(load_spec(folder / "s.yaml"), {"n": Decimal(3)}))
    assert (found.pnl, found.trades) == (result.pnl, result.trades)
    assert found.trades > 5
    assert len(found.returns) == evaluate.stretches[0].periods > 100
    assert sum(found.returns) * result.capital == pytest.approx(result.pnl)
    assert found.parts == ()


def test_all_parameters_have_the_same_periods_and_their_own_decisions(folder: Path) -> None:
    evaluate, _ = evaluator(DICE, folder)
    outcomes = [evaluate({"n": Decimal(n)}) for n in (1, 2)]
    assert len({len(outcome.returns) for outcome in outcomes}) == 1
    assert len({outcome.digest for outcome in outcomes}) == 2
    assert evaluate({"n": Decimal(1)}) == outcomes[0]


def later(folder: Path, name: str, hours: int) -> None:
    """Write the same recording so many hours later."""
    found = read_history(folder / "demo.agh")
    groups = shifted(found.groups(), hours * 3600 * NS_PER_S)
    write_history(folder / name, found.markets, chain.from_iterable(messages for _, messages in groups))


def test_recordings_are_events_in_their_order(folder: Path) -> None:
    later(folder, "later.agh", 1)
    text = DICE.replace("[demo.agh]", "[later.agh, demo.agh]") + "  walk_forward: events\n"
    evaluate, plan = evaluator(text, folder)
    outcome = evaluate({"n": Decimal(1)})
    assert [part.name for part in outcome.parts] == ["later.agh", "demo.agh"]
    assert sum(part.periods for part in outcome.parts) == len(outcome.returns)
    assert outcome.parts[1].end_ns < outcome.parts[0].begin_ns
    assert isinstance(outcome.parts[0], Part)
    together, _ = evaluator(DICE.replace("[demo.agh]", "[later.agh, demo.agh]"), folder)
    assert together({"n": Decimal(1)}).parts == ()
    assert identity_of(together, plan) != identity_of(evaluate, plan)


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        (lambda text: text + "capital_usd: 99\n", {"backtest"}),
        (lambda text: text + "seed: 7\n", {"backtest"}),
        (lambda text: text.replace("recordings: [demo.agh]", "generated: {days: 0.001}"), {"data"}),
        (lambda text: text.replace("dice.py:Dice\n", "dice.py:Dice\n    params: {n: 5}\n"), set()),
        (lambda text: text.replace("high: 6", "high: 9"), set()),
        (lambda text: text + "  seed: 9\n  method: random\n", set()),
    ],
    ids=["capital", "seed", "data", "searched", "space", "method"],
)
def test_what_makes_another_study(folder: Path, change: Callable[[str], str], differs: set[str]) -> None:
    one, other = (identity_of(*evaluator(text, folder)) for text in (DICE, change(DICE)))
    assert {name for name in one if one[name] != other[name]} == differs


@pytest.mark.parametrize(
    ("text", "error_id", "says"),
    [
        (DICE.partition("optimise")[0], "AGB-571", "there is no section 'optimise'"),
        (DICE.replace("{n:", "{other.n:"), "AGB-579", "there is no strategy 'other'"),
        (DICE.replace("{n:", "{m:"), "AGB-118", "unexpected keyword"),
        (DICE.replace("  - name: dice.py:Dice", TWO), "AGB-579", "does not say which strategy"),
    ],
)
def test_what_cannot_be_searched_is_said(folder: Path, text: str, error_id: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        evaluator(text, folder)
    assert caught.value.id == error_id


def test_of_two_strategies_each_gets_its_own(folder: Path) -> None:
    text = DICE.replace("  - name: dice.py:Dice", TWO).replace("{n:", "{b.size: {choices: [7]}, a.n:")
    (folder / "s.yaml").write_text(text)
    spec, plan = load_search(folder / "s.yaml")
    found = applied(spec, plan.space.at(2)).settings.strategies
    assert [dict(strategy.params) for strategy in found] == [{"n": Decimal(3)}, {"size": Decimal(7)}]


def test_other_data_is_not_evaluated(folder: Path) -> None:
    evaluate, _ = evaluator(DICE, folder)
    later(folder, "x.agh", 1)
    shutil.move(folder / "x.agh", folder / "demo.agh")
    with pytest.raises(ConfigError, match="not what it was"):
        evaluate({"n": Decimal(1)})


# ---------------------------------------------------------------- agbot optimize


def test_dice_are_overfit_and_the_search_goes_on_where_it_was(invoke: Invoke, folder: Path) -> None:
    done = invoke(optimize.command, "--workers", "2", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["verdict"].startswith("OVERFIT")
    assert (told["trials"], told["failed"], told["log"]) == (6, 0, "s.trials.jsonl")
    assert told["dsr"] < 0.95
    assert set(told["best"]) == {"n"}
    again = invoke(optimize.command, "--json", text=DICE.replace("high: 6", "high: 5"))
    assert json.loads(again.stdout) == told
    assert len((folder / "s.trials.jsonl").read_text().splitlines()) == 7


def test_the_verdict_stands_above_the_parameters(invoke: Invoke, folder: Path) -> None:
    text = DICE.replace(
        "{n: {low: 1, high: 6, step: 1}}", "{n: {low: 1, high: 2, step: 1}, dice.py:Dice.m: {choices: [1]}}"
    )
    assert invoke(optimize.command, text=text).exit_code != 0
    done = invoke(optimize.command, "--walk-forward", "3", "--workers", "1")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("verdict")
    names = [line.partition("  ")[0] for line in lines]
    for name in ("agbot", "data", "trials", "best in sample", "sharpe", "DSR", "PBO", "minTRL", "out of sample"):
        assert name in names, name
    assert "window 3 of 3" in done.stdout


def test_a_map_is_drawn_when_two_are_searched(invoke: Invoke, folder: Path) -> None:
    text = DICE.replace("dice.py:Dice", "quoter").replace(
        "{n: {low: 1, high: 6, step: 1}}", "{edge: {choices: [0.01, 0.02]}, skew_ticks: {choices: [0, 3]}}"
    )
    done = invoke(optimize.command, "--svg", "heat.svg", text=text)
    assert done.exit_code == 0, done.output
    assert "edge \\ skew_ticks" in done.stdout
    assert "OVERFIT" in (folder / "heat.svg").read_text()


def test_failed_trials_are_told(invoke: Invoke) -> None:
    text = DICE.replace("Dice", "Raises")
    done = invoke(optimize.command, "--json", text=text)
    assert json.loads(done.stdout)["failed"] == 3
    done = invoke(optimize.command, "--log", "x.jsonl", text=text.replace("high: 6", "high: 1"))
    assert isinstance(done.exception, AgbotError)
    assert done.exception.id == "AGB-570"
    assert "strategy raises: it raised LookupError" in str(done.exception)


def test_a_stopped_search_says_what_is_kept(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agbot.optimise.study.Study.explore", interrupted)
    done = invoke(optimize.command)
    assert done.exit_code == 1
    assert "stopped: 0 trials are kept in s.trials.jsonl; the same command goes on" in done.stderr


def interrupted(*_: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--engine", "dask"), "needs --scheduler"),
        (("--scheduler", "tcp://x:1"), "only with --engine dask"),
        (("--method", "guess"), "Invalid value"),
    ],
)
def test_options_that_do_not_go_together(invoke: Invoke, args: tuple[str, ...], says: str) -> None:
    done = invoke(optimize.command, *args)
    assert done.exit_code == 2
    assert says in done.stderr


def test_a_walk_forward_that_is_none(invoke: Invoke) -> None:
    done = invoke(optimize.command, "--walk-forward", "once")
    assert isinstance(done.exception, ConfigError)
    assert "--walk-forward" in str(done.exception)


# ---------------------------------------------------------------- agbot lookahead


def test_an_honest_strategy_passes(invoke: Invoke) -> None:
    done = invoke(lookahead.command, "--cuts", "1", text=DICE.replace("dice.py:Dice", "quoter"))
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("nothing found: ")


def test_one_that_goes_by_the_date_is_named_with_time_and_market(invoke: Invoke) -> None:
    done = invoke(lookahead.command, "--cuts", "1")
    assert done.exit_code == 1
    assert re.search(r"2025-11-2\dT[\d:.]+Z  demo-\w+: decided 'dice: (BUY|SELL) 10 of", done.stdout)


def test_a_strategy_that_reads_its_recording_is_named(
    invoke: Invoke, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHEAT_READS", str(folder / "dice.txt"))
    (folder / "dice.txt").write_text("1")
    shutil.copy(HERE / "cheat.py", folder)
    done = invoke(lookahead.command, "--cuts", "1", "--json", text=DICE.replace("dice.py:Dice", "cheat.py:Cheat"))
    assert done.exit_code == 1
    assert json.loads(done.stdout)["opened"] == [str(folder / "dice.txt")]

"""Every trial is kept, counted and never run twice, however a study was interrupted."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.errors import ConfigError, StoreError
from agbot.optimise.log import TrialLog
from agbot.optimise.outcome import Failed, Outcome, Params, Part, Trial
from agbot.optimise.study import Study
from agbot.optimise.verdict import judge
from agbot.testing.trials import Noise

GRID = "parameters: {n: {low: 1, high: 6, step: 1}, b: {choices: [true, x]}}"
Make = Callable[..., Study]
IDENTITY = {"data": "d"}


def odd(params: Params) -> Outcome:
    if int(params["n"]) % 2:
        raise ValueError("odd")
    return Noise()(params)


def test_each_is_run_once_and_found_again(study: Make, here) -> None:
    workers = here()
    first = study(GRID, workers=workers)
    trials = first.explore()
    assert len(trials) == len(workers.ran) == 12
    assert first.explore() == trials
    assert len(workers.ran) == 12
    later = here()
    again = study(GRID, workers=later)
    assert again.explore() == trials
    assert later.ran == []


def test_what_was_interrupted_goes_on_and_gives_the_same(study: Make, here) -> None:
    whole = study(GRID, log="whole").explore()
    stopped = study(GRID, workers=here(stop=5))
    with pytest.raises(KeyboardInterrupt):
        stopped.explore()
    assert len(stopped.log.trials) == 5
    workers = here()
    resumed = study(GRID, workers=workers)
    assert resumed.explore() == whole
    assert len(workers.ran) == 7


def test_tpe_resumes_where_it_was(study: Make, here) -> None:
    text = "method: tpe\ntrials: 30\nparameters: {n: {low: 1, high: 500, step: 1}}"
    whole = study(text, log="whole").explore()
    stopped = study(text, workers=here(stop=13))
    with pytest.raises(KeyboardInterrupt):
        stopped.explore()
    assert study(text).explore() == whole


def test_trials_of_earlier_runs_count(study: Make) -> None:
    first = study("parameters: {n: {low: 1, high: 6, step: 1}}")
    first.explore()
    second = study("parameters: {n: {low: 4, high: 9, step: 1}}")
    assert len(second.explore()) == 6
    assert judge(second.log.trials).trials == 9


def test_failed_trials_are_kept_counted_and_run_again_only_when_asked(study: Make, here) -> None:
    workers = here()
    first = study(GRID, evaluate=odd, workers=workers)
    first.explore()
    verdict = judge(first.log.trials)
    assert (verdict.trials, verdict.failed) == (12, 6)
    assert [trial.result for trial in first.log.trials if isinstance(trial.result, Failed)] == [
        Failed("ValueError: odd")
    ] * 6
    workers = here()
    again = study(GRID, workers=workers, again=True)
    again.explore()
    assert len(workers.ran) == 6
    again.explore()
    assert len(workers.ran) == 6
    assert judge(again.log.trials).failed == 0


def test_progress_counts_what_is_known(study: Make) -> None:
    told: list[tuple[int, int]] = []
    study(GRID, on_trials=lambda known, wanted: told.append((known, wanted))).explore()
    assert told == [(known, 12) for known in range(13)]


# ---------------------------------------------------------------- the file

values = st.one_of(
    st.booleans(),
    st.text(max_size=5),
    st.decimals(allow_nan=False, allow_infinity=False, places=6).map(Decimal.normalize),
)
outcomes = st.builds(
    Outcome,
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5).map(tuple),
    st.integers(-(10**15), 10**15),
    st.text(max_size=5),
    st.integers(0, 99),
    st.lists(st.builds(Part, st.text(max_size=3), st.integers(0, 9), st.integers(), st.integers()), max_size=2).map(
        tuple
    ),
)
trials = st.builds(
    Trial, st.dictionaries(st.text(max_size=5), values, max_size=3), st.one_of(outcomes, st.builds(Failed, st.text()))
)


@settings(max_examples=25)
@given(st.lists(trials, max_size=5, unique_by=lambda trial: trial.key))
def test_trials_come_back_exactly(tmp_path_factory: pytest.TempPathFactory, found: list[Trial]) -> None:
    path = tmp_path_factory.mktemp("log") / "t.jsonl"
    with TrialLog(path, IDENTITY) as log:
        for trial in found:
            log.append(trial)
        kept = log.trials
    with TrialLog(path, IDENTITY) as log:
        assert log.trials == kept
        assert not log.torn
    assert {trial.key for trial in kept} == {trial.key for trial in found}


def written(path: Path, count: int = 3) -> list[bytes]:
    with TrialLog(path, IDENTITY) as log:
        for n in range(count):
            params = {"n": Decimal(n)}
            log.append(Trial(params, Noise()(params)))
    return path.read_bytes().splitlines(keepends=True)


def test_a_torn_last_line_is_dropped_and_said(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    lines = written(path)
    for cut in (1, len(lines[-1]) // 2, len(lines[-1]) - 1):
        path.write_bytes(b"".join(lines[:-1]) + lines[-1][:cut])
        with TrialLog(path, IDENTITY) as log:
            assert log.torn
            assert len(log.trials) == 2
        assert path.read_bytes() == b"".join(lines[:-1])
    path.write_bytes(lines[0][:10])
    with TrialLog(path, IDENTITY) as log:
        assert log.torn
        assert log.trials == ()
    assert path.read_bytes() == lines[0]


@pytest.mark.parametrize(
    ("line", "text", "says"),
    [
        (1, b"{}", ":1: this is no trial"),
        (2, b"[1]", ":2: this is no trial"),
        (2, b"nonsense", ":2: this is no trial"),
        (3, b'{"params": {"n": {"number": "x"}}, "failed": ""}', ":3: this is no trial"),
        (3, b'{"params": {}, "returns": [0.1]}', ":3: this is no trial"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: int, text: bytes, says: str) -> None:
    path = tmp_path / "t.jsonl"
    lines = written(path)
    lines[line - 1] = text + b"\n"
    path.write_bytes(b"".join(lines))
    with pytest.raises(ConfigError, match=says) as caught:
        TrialLog(path, IDENTITY)
    assert caught.value.id == "AGB-573"


def test_another_studys_log_is_refused_and_says_what_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.jsonl"
    written(path)
    with pytest.raises(ConfigError, match=r"another data: d, not e.*--log FILE") as caught:
        TrialLog(path, {"data": "e"})
    assert caught.value.id == "AGB-572"
    monkeypatch.setattr("agbot.optimise.log.__version__", "9")
    with pytest.raises(ConfigError, match=r"another agbot: .*, not 9"):
        TrialLog(path, IDENTITY)


def test_two_processes_do_not_write_one_study(tmp_path: Path) -> None:
    with TrialLog(tmp_path / "t.jsonl", IDENTITY), pytest.raises(ConfigError, match="another process") as caught:
        TrialLog(tmp_path / "t.jsonl", IDENTITY)
    assert caught.value.id == "AGB-573"


def test_a_log_that_cannot_be_kept_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be kept") as caught:
        TrialLog(tmp_path, IDENTITY)
    assert caught.value.id == "AGB-573"


def test_a_trial_says_how_it_came_about(study: Make) -> None:
    found = study(GRID + "\nseed: 7")
    found.explore()
    rows = [json.loads(line) for line in found.log.path.read_text().splitlines()]
    assert rows[0] == {"study": 1, "agbot": rows[0]["agbot"], "data": "d"}
    assert {(row["seed"], row["method"]) for row in rows[1:]} == {(7, "grid")}

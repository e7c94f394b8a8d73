"""What may be tried: exact values, and errors that say where and what to write."""

from __future__ import annotations

import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.errors import ConfigError
from agbot.located import loads
from agbot.optimise.cluster import Cluster
from agbot.optimise.outcome import text_of
from agbot.optimise.plan import Plan, read_plan
from agbot.optimise.search import drawn, search_of
from agbot.optimise.space import Dimension, Space, read_space
from agbot.testing.trials import Noise


def space(text: str) -> Space:
    faults: list[ConfigError] = []
    found = read_space(loads(text, "x.yaml"), faults)
    if faults:
        raise faults[0]
    return found


def texts(shape: str) -> list[str]:
    return [text_of(value) for value in space(f"a: {shape}").dimensions[0].values]


@pytest.mark.parametrize(
    ("shape", "values"),
    [
        ("{low: 0.01, high: 0.05, step: 0.02}", ["0.01", "0.03", "0.05"]),
        ("{low: -1, high: 1, step: 1}", ["-1", "0", "1"]),
        ("{low: 3, high: 3, step: 1}", ["3"]),
        ("{low: 0.001, high: 1, log: 4}", ["0.001", "0.01", "0.1", "1"]),
        ("{low: 1, high: 100, log: 4}", ["1", "4.64", "21.5", "100"]),
        ("{choices: [fast, 0.10, true]}", ["fast", "0.1", "true"]),
    ],
)
def test_values(shape: str, values: list[str]) -> None:
    assert texts(shape) == values


def test_numbers_stay_exact() -> None:
    values = space("a: {low: 0.1, high: 0.3, step: 0.1}").dimensions[0].values
    assert values == (Decimal("0.1"), Decimal("0.2"), Decimal("0.3"))


@pytest.mark.parametrize(
    ("shape", "error_id", "says"),
    [
        ("7", "AGB-571", "expected {low, high, step}"),
        ("{low: 1, high: 2}", "AGB-571", "add step, log or choices"),
        ("{low: 2, high: 1, step: 1}", "AGB-571", "low ≤ high"),
        ("{low: 1, high: 2, step: 0}", "AGB-571", "step > 0"),
        ("{low: 0, high: 1, step: 0.3}", "AGB-571", "high: 0.9, or a step that divides 1"),
        ("{low: 0, high: 1, log: 3}", "AGB-571", "0 < low < high"),
        ("{low: 1, high: 2, log: 1}", "AGB-107", "between 2 and"),
        ("{low: 0, high: 1, step: 0.00001}", "AGB-571", "100001 values"),
        ("{high: 1, step: 1}", "AGB-105", "x.yaml:1: a.low: the key is missing"),
        ("{choices: []}", "AGB-571", "write a list"),
        ("{choices: [0.1, 0.10]}", "AGB-114", "a.choices[1]"),
        ("{choices: [a], step: 1}", "AGB-104", "unknown key 'step'"),
    ],
)
def test_what_cannot_be_says_where_and_what_to_write(shape: str, error_id: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        space(f"a: {shape}")
    assert caught.value.id == error_id
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"[{error_id}] x.yaml:1: a")


def test_a_plan_is_read_and_its_faults_are_located() -> None:
    plan = read_plan(
        loads("method: random\ntrials: 5\nwalk_forward: events\nparameters:\n  a: {choices: [1]}", "x.yaml")
    )
    assert (plan.method, plan.trials, plan.seed, plan.walk_forward) == ("random", 5, 1, "events")
    assert read_plan(loads("walk_forward: 4\nparameters: {a: {choices: [1]}}", "x.yaml")).walk_forward == 4
    for text, says in (
        ("parameters: {}", "no parameter to search"),
        ("method: random", "parameters: the key is missing"),
        ("method: guess\nparameters: {a: {choices: [1]}}", "x.yaml:1: method"),
        ("walk_forward: 1\nparameters: {a: {choices: [1]}}", "between 2 and 100"),
        ("parameters: {a: {low: 1, high: 999, step: 1}, b: {low: 1, high: 999, step: 1}}", "a grid of 998001"),
    ):
        with pytest.raises(ConfigError, match=says.replace("(", r"\(")):
            read_plan(loads(text, "x.yaml"))


dimension = st.builds(
    lambda name, count: Dimension(name, tuple(map(Decimal, range(count)))), st.text(min_size=1), st.integers(1, 6)
)


@given(st.lists(dimension, min_size=1, max_size=4, unique_by=lambda d: d.name))
def test_the_numbers_of_a_space_are_its_combinations(dimensions: list[Dimension]) -> None:
    found = Space(tuple(dimensions))
    combinations = {tuple(found.at(number).items()) for number in range(found.size)}
    assert len(combinations) == found.size
    if found.size > 1:
        assert found.at(0) != found.at(1)


@given(st.integers(1, 300), st.integers(0, 5), st.data())
def test_a_random_sample_has_no_number_twice_and_grows_at_its_end(size: int, seed: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, size))
    numbers = drawn(size, count, seed)
    assert len(set(numbers)) == count
    assert all(0 <= number < size for number in numbers)
    assert drawn(size, size, seed)[:count] == numbers


def test_another_seed_draws_others() -> None:
    assert drawn(10**30, 5, 1) != drawn(10**30, 5, 2)


WIDE = Space((Dimension("a", tuple(map(Decimal, range(50)))), Dimension("b", ("u", "v"), ordered=False)))


def proposals(plan: Plan, best: int, fails: float | None = None) -> list[dict[str, object]]:
    """Return all that a search proposes when nearness to `best` is what counts."""
    search, found = search_of(plan), []
    while batch := search.ask():
        found += [dict(params) for params in batch]
        search.tell([-abs(int(params["a"]) - best) if params["b"] == "u" else fails for params in batch])
    return found


@pytest.mark.parametrize("method", ["grid", "random", "tpe"])
def test_a_search_proposes_the_same_again(method: str) -> None:
    plan = Plan(space=WIDE, method=method, trials=40, seed=3)
    assert proposals(plan, 7) == proposals(plan, 7)
    assert len(proposals(plan, 7)) == (100 if method == "grid" else 40)


def test_tpe_goes_where_it_went_well() -> None:
    for best in (5, 40):
        late = proposals(Plan(space=WIDE, method="tpe", trials=80, seed=1), best, -100)[40:]
        near = [params for params in late if abs(int(params["a"]) - best) <= 5 and params["b"] == "u"]
        assert len(near) > len(late) // 2, best  # by chance it would be a tenth


def test_what_is_not_installed_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"pip install 'agbot\[optimise\]'") as caught:
        search_of(Plan(space=WIDE, method="tpe"))
    assert caught.value.id == "AGB-574"
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"pip install 'agbot\[dask\]'"):
        next(Cluster("tcp://127.0.0.1:1").run(Noise(), [{}]))

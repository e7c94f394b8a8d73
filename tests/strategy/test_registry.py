"""Strategies by name: ours, yours, and what is said when neither can be had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from agbot.errors import ConfigError
from agbot.strategy.quoter import Quoter
from agbot.strategy.registry import _KNOWN, _ours_at, build, names
from agbot.testing.builders import shares

YOURS = """
class Still:
    id = "still"

    def __init__(self, *, size=1):
        if size < 0:
            raise ValueError("size is below zero")
        self.size = size

    def decide(self, view):
        return [view]
"""


@pytest.fixture
def yours(tmp_path: Path) -> str:
    path = tmp_path / "still.py"
    path.write_text(YOURS)
    return f"{path}:Still"


def test_the_quoter_is_built_from_what_a_person_writes() -> None:
    strategy = build("quoter", {"size": "25", "skew_ticks": 2})
    assert isinstance(strategy, Quoter)
    assert (strategy.id, strategy.params.size, strategy.params.skew_ticks) == ("quoter", shares(25), 2)


@pytest.mark.parametrize("name", names())
def test_every_name_has_a_class_and_parameters_with_bounds(name: str) -> None:
    make, kind = _ours_at(_KNOWN[name])
    required = [field.name for field in attrs.fields(kind) if field.default is attrs.NOTHING]
    if not required:
        assert build(name, {}).id == name
    else:
        with pytest.raises(ConfigError, match=required[0]):
            build(name, {})
    with pytest.raises(ConfigError) as caught:
        build(name, {"no_such_parameter": 1})
    assert caught.value.id == "AGB-118"
    assert callable(make)


def test_your_own_class_is_loaded_from_its_file(yours: str) -> None:
    strategy: Any = build(yours, {"size": 7})
    assert (strategy.id, strategy.size) == ("still", 7)


@pytest.mark.parametrize(
    ("name", "params", "id_", "words"),
    [
        ("quotr", {}, "AGB-117", ["unknown strategy 'quotr'", "did you mean quoter?"]),
        ("zzz", {}, "AGB-117", ["use one of quoter"]),
        ("quoter", {"sise": 1}, "AGB-118", ["strategies.quoter.params.sise", "did you mean size?"]),
        ("quoter", {"size": 0}, "AGB-118", ["strategies.quoter.params", "size"]),
        ("quoter", {"half_spread_ticks": "1.5"}, "AGB-118", ["1.5 is not a whole number"]),
        ("quoter", {"low": "0.9", "high": "0.1"}, "AGB-118", ["low 0.9 is not below high 0.1"]),
        ("no.such.module:Thing", {}, "AGB-117", ["cannot load strategy"]),
        ("agbot.strategy.quoter:Thing", {}, "AGB-117", ["cannot load strategy", "Thing"]),
        ("no/such/file.py:Thing", {}, "AGB-117", ["cannot load strategy"]),
    ],
)
def test_what_cannot_be_built_says_why_and_what_there_is(
    name: str, params: dict[str, Any], id_: str, words: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        build(name, params)
    assert caught.value.id == id_
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize("text", ["class Still(:", "import no_such_module", "1 / 0 if None else nothing", "int('x')"])
def test_a_module_that_cannot_be_loaded_says_what_it_raised(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.py"
    path.write_text(text)
    with pytest.raises(ConfigError, match="Error: ") as caught:
        build(f"{path}:Still", {})
    assert caught.value.id == "AGB-117"


def test_a_strategy_goes_by_another_id(yours: str) -> None:
    assert build("quoter", {}, id="second").id == "second"
    assert build(yours, {}, id="mine").id == "mine"


def test_an_installed_package_may_offer_strategies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "their_package-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[agbot.strategies]\nstill = their_strategies:Still\n")
    (tmp_path / "their_strategies.py").write_text(YOURS)
    monkeypatch.syspath_prepend(str(tmp_path))
    strategy: Any = build("still", {"size": 3})
    assert (strategy.id, strategy.size) == ("still", 3)


@pytest.mark.parametrize("params", [{"size": -1}, {"width": 1}])
def test_your_class_may_refuse_its_parameters(yours: str, params: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        build(yours, params)
    assert caught.value.id == "AGB-118"

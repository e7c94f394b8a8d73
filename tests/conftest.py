"""What every test may rely on: no deadline flakes, nobody's real state, recordings where they are."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

import agbot.secrets

ROOT = Path(__file__).resolve().parents[1]
UNMEASURED = (
    "core/test_losses.py",
    "crash/",
    "e2e/",
    "examples/",
    "live/",
    "native/",
    "test_packaging.py",
    "test_tidy.py",
    "exchange/clients/",
    "exchange/test_clob_junk.py",
    "exchange/test_conformance_of_box.py",
    "exchange/test_conservation.py",
    "exchange/test_crowd.py",
    "exchange/test_junk.py",
    "exchange/test_load.py",
    "exchange/test_population.py",
    "exchange/test_rehearsal.py",
    "matching/test_paper_properties.py",
    "model/test_wire.py",
    "run/test_start_sequences.py",
    "simulate/test_arbitrage_worlds.py",
    "simulate/test_day.py",
    "simulate/test_worlds.py",
    "simulate/test_soak.py",
    "venue/polymarket/oracles/",
    "venue/polymarket/test_limits.py",
)
"""Whole processes with deadlines, and thousands of steps or examples: coverage makes them nearly twice as slow."""

LONGEST = "test_nothing_is_lost"
"""Uses every core for a minute or two: at the end the other workers would stand still meanwhile."""

# A busy machine is no bug: examples have no deadline of their own, the test has one (pytest-timeout).
hypothesis.settings.register_profile("agbot", deadline=None, print_blob=True)
hypothesis.settings.load_profile("agbot")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Have hypothesis find out once, before there are workers, which characters UTF-8 holds: it takes seconds."""
    st.text(st.characters(codec="utf-8")).validate()


@pytest.fixture(scope="session", autouse=True)
def _private_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Point the default state directory away from the person's own bot."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Take back what a command that ran in a test set: which lines are told at all."""
    levels = {name: logging.getLogger(name).level for name in (None, "agbot")}
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture(autouse=True)
def _forget_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test know its own secrets only: one whose value is a common word would mask it in another's texts."""
    monkeypatch.setattr(agbot.secrets, "_seen", ())
    monkeypatch.setattr(agbot.secrets, "_known", ())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave what is slow when it is measured out of coverage, the processes it starts too; begin with the longest."""
    items.sort(key=lambda item: item.name != LONGEST)
    for item in items:
        if item.path.relative_to(ROOT / "tests").as_posix().startswith(UNMEASURED):
            item.add_marker("no_cover")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Keep coverage from processes that fixtures and tests start, where the test is left out of it."""
    with pytest.MonkeyPatch.context() as patch:
        if item.get_closest_marker("no_cover"):
            patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        return (yield)


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of recordings (AGBOT_SHARED, else ../shared); skip where it is absent."""
    folder = Path(os.environ.get("AGBOT_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no recordings at {folder}; set AGBOT_SHARED")
    return folder

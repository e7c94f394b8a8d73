"""What every test may rely on: no deadline flakes, nobody's real state, recordings where they are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

import agbot.secrets

ROOT = Path(__file__).resolve().parents[1]

# A busy machine is no bug: examples have no deadline of their own, the test has one (pytest-timeout).
hypothesis.settings.register_profile("agbot", deadline=None, print_blob=True)
hypothesis.settings.load_profile("agbot")


@pytest.fixture(scope="session", autouse=True)
def _private_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Point the default state directory away from the person's own bot."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def _forget_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test know its own secrets only: one whose value is a common word would mask it in another's texts."""
    monkeypatch.setattr(agbot.secrets, "_seen", ())
    monkeypatch.setattr(agbot.secrets, "_known", ())


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

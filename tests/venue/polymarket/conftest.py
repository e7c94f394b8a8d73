"""What the tests of the Polymarket wire share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def shared() -> Path:
    """Public captures and recordings that are not part of the project, one folder for each origin."""
    folder = Path(os.environ.get("AGBOT_SHARED", Path(__file__).parents[4] / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"no captures at {folder}; set AGBOT_SHARED")
    return folder


@pytest.fixture
def fixtures(shared: Path) -> Path:
    """Single messages and replies."""
    return shared / "polymarket_fixtures_nautilus"

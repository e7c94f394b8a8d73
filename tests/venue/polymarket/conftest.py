"""What the tests of the Polymarket wire share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def captures(shared: Path) -> Path:
    """Public captures and recordings that are not part of the project, one folder for each origin."""
    return shared / "data"


@pytest.fixture
def fixtures(captures: Path) -> Path:
    """Single messages and replies."""
    return captures / "polymarket_fixtures_nautilus"

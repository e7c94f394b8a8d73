"""What the tests of the Polymarket wire share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def fixtures() -> Path:
    """Public captures that are not part of the project."""
    root = Path(os.environ.get("AGBOT_SHARED", Path(__file__).parents[4] / "shared"))
    folder = root / "data" / "polymarket_fixtures_nautilus"
    if not folder.is_dir():
        pytest.skip(f"no captures at {folder}; set AGBOT_SHARED")
    return folder

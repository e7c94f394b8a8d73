"""What tests of the shared switch stand on."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agbot.secrets import Secret
from agbot.shared.link import Link, Unreadable
from tests.shared.redis_server import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    server = Server(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def link(server: Server) -> Iterator[Link]:
    link = Link(Secret(server.url))
    yield link
    with contextlib.suppress(Unreadable):  # its server may be gone
        link.close()

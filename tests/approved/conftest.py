"""A Redis of one test's own, and the streams over it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.shared.redis_server import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    server = Server(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def redis(server: Server) -> Iterator[Redis]:
    client = Redis.from_url(server.url, decode_responses=True)
    yield client
    with contextlib.suppress(Exception):  # its server may be gone
        client.close()

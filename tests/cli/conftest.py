"""agbot as its user has it: a process of its own, in a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import attrs
import pytest

from agbot import log

T = TypeVar("T")
WITHIN_S = 60.0


def _poll(look: Callable[[], T | None], within_s: float = WITHIN_S) -> T:
    """Return the first true thing `look` gives; fail loudly when that takes too long."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {look}"
        time.sleep(0.05)
    return found


@attrs.frozen
class Done:
    """How a command ended. `json` is its standard output, which must be one JSON document."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@attrs.define
class Home:
    """A private home directory, and agbot in it."""

    path: Path
    processes: list[subprocess.Popen[str]] = attrs.Factory(list)

    @property
    def state(self) -> Path:
        return self.path / ".local" / "state" / "agbot" / "demo"

    def _start(self, *args: str) -> subprocess.Popen[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("XDG_")}
        return subprocess.Popen(
            [sys.executable, "-m", "agbot", *args],
            env={**kept, "HOME": str(self.path)},
            cwd=self.path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start(self, *args: str) -> subprocess.Popen[str]:
        """Start a command that stays."""
        process = self._start(*args)
        self.processes.append(process)
        return process

    def agbot(self, *args: str) -> Done:
        """Run a command to its end."""
        return self.ended(self._start(*args))

    def ended(self, process: subprocess.Popen[str]) -> Done:
        """Wait until a command ends by itself."""
        out, err = process.communicate(timeout=WITHIN_S)
        return Done(process.returncode, out, err)

    def status(self) -> dict[str, Any] | None:
        """Return the bot's status, None while none answers."""
        done = self.agbot("status", "--json")
        assert done.code in (0, 3), done
        assert self.processes[-1].poll() is None, self.ended(self.processes[-1])
        status: dict[str, Any] | None = done.json if done.code == 0 else None
        return status


@pytest.fixture
def poll() -> Callable[..., Any]:
    return _poll


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    # A short path: a socket's name must fit into a hundred bytes.
    home = Home(tmp_path_factory.mktemp("h"))
    yield home
    for process in home.processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(autouse=True)
def _logs_end_with_the_test() -> Iterator[None]:
    """Close what a command run in this process logged to."""
    yield
    log.close()

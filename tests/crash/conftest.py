"""What the proofs about crashes share: victims, the small recording, journals as lists, and the seed."""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from agbot.model.commands import PlaceOrder
from agbot.store.codec import decode_output
from agbot.store.journal import STEP, JournalReader, Record

VICTIM = Path(__file__).with_name("victim.py")
VICTIMS_S = 100.0
PATIENCE_S = 20.0


@attrs.frozen
class Ended:
    """How a victim ended: by `signal`, or with `code`."""

    code: int | None
    signal: int | None

    @property
    def killed(self) -> bool:
        return self.signal == signal.SIGKILL

    @classmethod
    def of(cls, status: int) -> Ended:
        code = os.waitstatus_to_exitcode(status)
        return cls(None, -code) if code < 0 else cls(code, None)


@attrs.frozen
class Journaled:
    """A journal as it can be read: its records and what was set aside."""

    records: tuple[Record, ...]
    set_aside: tuple[tuple[int, str], ...]

    @classmethod
    def read(cls, path: Path) -> Journaled:
        reader = JournalReader(path)
        try:
            return cls(tuple(reader.records()), tuple(reader.set_aside))
        finally:
            reader.close()

    def intents(self) -> set[str]:
        """Return the client order ids of every order that was decided to be sent."""
        outputs = [decode_output(r.body) for r in self.records if r.kind == STEP]
        return {c.client_order_id for o in outputs for c in o.commands if isinstance(c, PlaceOrder)}


@pytest.fixture
def journaled() -> Callable[[Path], Journaled]:
    return Journaled.read


@pytest.fixture(scope="session")
def victims() -> Callable[[Sequence[dict[str, Any]]], list[Ended]]:
    """Run jobs as `victim.py` describes them, two at a time, and return how each ended."""

    def run(jobs: Sequence[dict[str, Any]]) -> list[Ended]:
        lines = "".join(json.dumps(job) + "\n" for job in jobs)
        done = subprocess.run(
            [sys.executable, str(VICTIM)], input=lines, capture_output=True, text=True, timeout=VICTIMS_S, check=False
        )
        assert done.returncode == 0, done.stderr
        answers = {a["job"]: a["status"] for a in map(json.loads, done.stdout.splitlines())}
        return [Ended.of(answers[number]) for number in range(len(jobs))]

    return run


@pytest.fixture(scope="session")
def recording(root: Path) -> Path:
    return root / "tests" / "data" / "demo-120s.agh"


SEED = int(os.environ.get("AGBOT_CRASH_SEED") or secrets.randbits(32))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.line(f"crashes were thrown with AGBOT_CRASH_SEED={SEED}")


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """Return a test's own dice; the seed is printed at the end and with a failure, AGBOT_CRASH_SEED repeats it."""
    print(f"AGBOT_CRASH_SEED={SEED}")
    return random.Random(f"{SEED} {request.node.name}")


@pytest.fixture
def agbot() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the real command line and wait for it."""

    def run(*argv: object, timeout: float = 60, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "agbot", *map(str, argv)]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, **options)

    return run


class Bot:
    """A demo bot as a person starts it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        command = [sys.executable, "-m", "agbot", "run", "--simulated", "--no-web", "--state-dir", str(directory)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def bots() -> Iterator[Callable[[Path], Bot]]:
    """Start bots; none outlives the test."""
    started: list[Bot] = []

    def start(directory: Path) -> Bot:
        started.append(Bot(directory))
        return started[-1]

    yield start
    for bot in started:
        bot.kill()


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any], str], Any]:
    """Look until it is so, at most `PATIENCE_S` seconds, and return what was seen."""

    def wait(look: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while not (found := look()):
            assert time.monotonic() < deadline, f"not within {PATIENCE_S:g} s: {what}"
            time.sleep(0.05)
        return found

    return wait

"""agbot as processes with credentials, beside a venue on loopback: what a person types, what the venue then holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from agbot.testing.venue_stub import PRIVATE_KEY, YES, StubKey, VenueStub, venue_stub

KEY = StubKey()
API = {
    "POLYMARKET_API_KEY": KEY.key,
    "POLYMARKET_SECRET": KEY.secret,
    "POLYMARKET_PASSPHRASE": KEY.passphrase,
}
CREDENTIALS = {"POLYMARKET_PRIVATE_KEY": PRIVATE_KEY, **API}
CONFIG = """\
mode: paper
profile: real
markets: [will-it-rain]
live: {max_order_usd: 10, max_day_usd: 50}
risk: {policy_file: policies.yaml}
"""


@attrs.frozen
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@attrs.define
class Machine:
    """A home directory with a configuration that points to the stub, and agbot in it."""

    home: Path
    stub: VenueStub
    environ: dict[str, str] = attrs.Factory(lambda: dict(CREDENTIALS))

    def __attrs_post_init__(self) -> None:
        self.write_config(CONFIG)
        (self.home / "policies.yaml").write_text("policies: [{type: PositionLimit, market_id: null, max_size: 500}]\n")

    @property
    def config(self) -> Path:
        return self.home / "c.yaml"

    def write_config(self, text: str) -> None:
        hosts = attrs.asdict(self.stub.hosts)
        rtds = hosts.pop("rtds")
        places = "".join(f"  {name}: {address}\n" for name, address in hosts.items())
        self.config.write_text(f"{text}polymarket:\n{places}rtds: {{endpoint: {rtds}}}\n")

    @property
    def state(self) -> Path:
        return self.home / ".local" / "state" / "agbot" / "real"

    def _how(self, environ: dict[str, str] | None) -> dict[str, Any]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "POLYMARKET_"))}
        given = self.environ if environ is None else environ
        return {"env": {**kept, "HOME": str(self.home), **given}, "cwd": self.home, "stdin": subprocess.DEVNULL}

    async def agbot(self, *args: object, environ: dict[str, str] | None = None) -> Ended:
        """Run a command to its end."""
        command = [sys.executable, "-m", "agbot", *map(str, args)]
        done = await trio.run_process(
            command, capture_stdout=True, capture_stderr=True, check=False, **self._how(environ)
        )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    @asynccontextmanager
    async def started(self, *args: object, environ: dict[str, str] | None = None) -> AsyncIterator[Background]:
        """Run a command beside the body and end it in order with it."""
        command = [sys.executable, "-m", "agbot", *map(str, args)]
        out, err = self.home / "started.out", self.home / "started.err"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = await trio.lowlevel.open_process(command, stdout=stdout, stderr=stderr, **self._how(environ))
            background = Background(process, out, err)
            try:
                yield background
                process.terminate()
                with trio.fail_after(30):
                    await process.wait()
            finally:
                process.kill()
                with trio.CancelScope(shield=True, deadline=trio.current_time() + 10):
                    await process.wait()


@attrs.frozen
class Background:
    """A command that runs."""

    process: trio.Process
    out: Path
    err: Path

    @property
    def ended(self) -> Ended:
        assert self.process.returncode is not None
        return Ended(self.process.returncode, self.out.read_text(), self.err.read_text())

    def alive(self) -> bool:
        assert self.process.poll() is None, self.ended
        return True


@pytest.fixture
async def stub() -> AsyncIterator[VenueStub]:
    async with venue_stub() as stub:
        stub.set_book(YES, bids=[("0.45", "100")], asks=[("0.55", "100")])
        yield stub


@pytest.fixture
def machine(stub: VenueStub, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    # A short path: a socket's name must fit into a hundred bytes.
    return Machine(tmp_path_factory.mktemp("m"), stub)


@pytest.fixture
def until() -> Any:
    """Return a poll with a deadline far beyond anything a healthy machine needs."""

    async def wait(look: Any) -> None:
        with trio.fail_after(60):
            while not look():
                await trio.sleep(0.02)

    return wait

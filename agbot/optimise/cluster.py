"""Backtests on the machines of a Dask cluster. A worker that is lost costs no trial."""

from __future__ import annotations

import importlib
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import CancelledError
from typing import Any, Final

from agbot import __version__
from agbot.errors import ConfigError, TimedOutError
from agbot.optimise.outcome import Evaluate, Failed, Params, Result, attempt
from agbot.optimise.search import missing

CONNECT_S: Final = 10.0


class Cluster:
    """The workers that a Dask scheduler has. They need this version of agbot, and the data at the same paths.

    Args:
        address: of the scheduler, such as ``tcp://127.0.0.1:8786``.
    """

    def __init__(self, address: str, timeout_s: float = CONNECT_S) -> None:
        self.address = address
        self._timeout_s = timeout_s

    def run(self, evaluate: Evaluate, jobs: Sequence[Params]) -> Generator[tuple[int, Result], None, None]:
        """Yield results as they come. The scheduler runs a job again whose worker it lost, a few times.

        Raises:
            TimedOutError: AGB-575, no scheduler or no worker answers.
            ConfigError: AGB-574, the package is missing; AGB-576, a worker has another version of agbot.
        """
        client = self._connected()
        try:
            yield from self._drained(client, evaluate, jobs)
        except (OSError, CancelledError) as e:  # not of a trial: what that fails of is its result
            raise self._silent("the Dask scheduler was lost", "start it again: the same command goes on") from e
        finally:
            client.close()

    def _connected(self) -> Any:
        try:
            dask = _distributed()
        except ImportError as e:
            raise missing("--engine dask", "distributed", "dask") from e
        try:
            client = dask.Client(self.address, timeout=self._timeout_s, set_as_default=False)
        except (OSError, ValueError) as e:
            raise self._silent("no Dask scheduler answers", f"dask scheduler, then --scheduler ADDRESS ({e})") from e
        try:
            client.wait_for_workers(1, timeout=self._timeout_s)
        except TimeoutError as e:
            client.close()
            raise self._silent("the Dask scheduler has no worker", f"dask worker {self.address}") from e
        return client

    def _drained(
        self, client: Any, evaluate: Evaluate, jobs: Sequence[Params]
    ) -> Generator[tuple[int, Result], None, None]:
        """Keep as many jobs under way as there are threads: what merely queues is then blamed for no lost worker."""
        waiting = deque(range(len(jobs)))
        futures: dict[Any, int] = {}
        done = _distributed().as_completed(loop=client.loop)
        while waiting or futures:
            threads = max(1, sum(client.nthreads().values()))
            while waiting and len(futures) < threads:
                job = waiting.popleft()
                future = client.submit(_remote, evaluate, jobs[job], key=f"agbot-{id(done)}-{job}", pure=False)
                futures[future] = job
                done.add(future)
            future = next(done)
            yield futures.pop(future), self._result(future)

    def _result(self, future: Any) -> Result:
        try:
            version, result = future.result()
        except _distributed().KilledWorker as e:
            return Failed(f"it lost {e.allowed_failures + 1} workers, at last {e.last_worker.address}")
        if version != __version__:
            reason = f"a worker has agbot {version}, not {__version__}"
            raise ConfigError(reason, id="AGB-576", key="--scheduler", remedy=f"pip install agbot=={__version__} there")
        found: Result = result
        return found

    def _silent(self, reason: str, remedy: str) -> TimedOutError:
        return TimedOutError(f"{self.address}: {reason}", id="AGB-575", remedy=remedy)


def _distributed() -> Any:
    return importlib.import_module("distributed")  # optional, without types, and takes a second


def _remote(evaluate: Evaluate, params: Params) -> tuple[str, Result]:
    return __version__, attempt(evaluate, params)

"""A Dask cluster of two worker processes on this machine: the same results, also when a worker is killed."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import dask
import pytest
from distributed import LocalCluster

from agbot.errors import ConfigError, TimedOutError
from agbot.optimise import cluster as module
from agbot.optimise.cluster import Cluster
from agbot.optimise.outcome import Failed, Outcome, Params
from agbot.optimise.study import Study
from agbot.testing.trials import Deadly, Noise

# Dask leaves the sockets of workers that were killed to the garbage collector.
LEFT = "ignore:unclosed <socket:ResourceWarning"
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings(LEFT)]

Make = Callable[..., Study]
GRID = "parameters: {n: {low: 1, high: 12, step: 1}}"
JOBS: list[Params] = [{"n": Decimal(n)} for n in range(1, 13)]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    folder = str(tmp_path_factory.mktemp("dask"))
    few = dask.config.set({"distributed.scheduler.allowed-failures": 1})
    with (
        few,
        LocalCluster(
            host="127.0.0.1",
            n_workers=2,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            local_directory=folder,
            silence_logs=50,
        ) as local,
    ):
        yield local
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def address(local: LocalCluster) -> str:
    return str(local.scheduler_address)


def test_a_cluster_gives_what_one_process_gives(study: Make, address: str) -> None:
    expected = study(GRID, log="here").explore()
    assert study(GRID, workers=Cluster(address)).explore() == expected


def test_a_killed_worker_costs_no_trial(study: Make, address: str, tmp_path: Path) -> None:
    expected = study(GRID, log="here").explore()
    assert study(GRID, Deadly(tmp_path, victim=5), workers=Cluster(address)).explore() == expected
    assert (tmp_path / "killed").exists()


def test_a_trial_that_kills_every_worker_has_failed_and_no_other_has(address: str, tmp_path: Path) -> None:
    results = dict(Cluster(address).run(Deadly(tmp_path, victim=5, always=True), JOBS))
    killer = results.pop(4)
    assert isinstance(killer, Failed)
    assert killer.reason.startswith("it lost 2 workers")
    assert all(isinstance(result, Outcome) for result in results.values())


def test_stopping_is_clean(address: str) -> None:
    with closing(Cluster(address).run(Noise(), JOBS)) as results:
        next(results)


def test_nobody_there_is_said() -> None:
    with pytest.raises(TimedOutError, match="no Dask scheduler answers → dask scheduler") as caught:
        next(Cluster("tcp://127.0.0.1:1", timeout_s=0.2).run(Noise(), JOBS))
    assert (caught.value.id, caught.value.exit_code) == ("AGB-575", 5)


def test_another_version_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "__version__", "9")
    with pytest.raises(ConfigError, match="not 9 → pip install agbot==9 there") as caught:
        list(Cluster(address).run(Noise(), JOBS))
    assert caught.value.id == "AGB-576"


def test_a_lost_scheduler_is_said(local: LocalCluster) -> None:
    """Stands last: the cluster is gone afterwards."""
    results = Cluster(local.scheduler_address, timeout_s=1).run(Noise(), JOBS)
    next(results)
    local.close()
    with pytest.raises(TimedOutError, match="the Dask scheduler was lost") as caught:
        list(results)
    assert caught.value.id == "AGB-575"

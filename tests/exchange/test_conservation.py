"""Nothing is created or lost, books are what orders say, and the NO book mirrors the YES book: after every operation.

AGBOT_OPERATIONS says how many operations each seed does (`nox -s conserve` does a million).
"""

from __future__ import annotations

import os

import pytest

from tests.exchange.flow import Flow

OPERATIONS = int(os.environ.get("AGBOT_OPERATIONS", "1500"))
SEEDS = int(os.environ.get("AGBOT_SEEDS", "3"))


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.timeout(0)
def test_random_flow(seed: int) -> None:
    flow = Flow(seed)
    for _ in range(OPERATIONS):
        flow.step()
        flow.auditor.check()
    wanted = ("place", "place refused", "cancel", "split", "merge", "convert", "withdraw", "advance")
    assert all(flow.done[name] for name in wanted), "the flow did not reach everything"
    flow.now += 3600 * 10**9
    flow.exchange.advance(flow.now)
    flow.auditor.check()
    assert not flow.exchange.settlement.under_way

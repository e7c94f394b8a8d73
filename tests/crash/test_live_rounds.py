"""kill -9 of a live bot that trades on an exchange that stays up: after each restart both ledgers say the same."""

from __future__ import annotations

import os

import pytest

from tests.crash.rounds import rounds

ROUNDS = int(os.environ.get("AGBOT_CRASH_ROUNDS") or 10)


@pytest.mark.slow
@pytest.mark.timeout(60 + 20 * ROUNDS)
def test_after_every_kill_the_exchanges_ledger_is_the_bots(dice, tmp_path_factory):
    # A short path: a socket's name must fit into a hundred bytes.
    figures = rounds(tmp_path_factory.mktemp("k"), ROUNDS, dice)
    print(figures)
    assert figures.rounds == ROUNDS
    assert figures.trades > 0, "nothing was traded, nothing was proved"
    assert figures.placed > figures.trades / 10

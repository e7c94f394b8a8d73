"""The same seed is the same world on every Python and machine: digests that were pinned once.

What changes the bot's or the venue's behaviour changes them too. Then, once that is meant:
`agbot simulate --digests --seeds 6 > tests/vectors/world_digests.json`.
"""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from agbot.cli.simulate import command

PINNED = Path(__file__).parent.parent / "vectors" / "world_digests.json"


def test_a_seed_has_the_digest_that_was_pinned() -> None:
    pinned = json.loads(PINNED.read_text(encoding="utf-8"))
    assert len(set(pinned.values())) == len(pinned) == 6
    done = CliRunner().invoke(command, ["--digests", "--seeds", str(len(pinned)), "--workers", "1"])
    assert done.exit_code == 0
    assert json.loads(done.stdout) == pinned

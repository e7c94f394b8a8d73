"""The demo's exchange as a child: how it ends is said, whoever ended it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from agbot.errors import ConfigError, ExchangeEnded
from agbot.exchange.clob.keys import Keyring
from agbot.exchange.testkeys import key_row
from agbot.run import boxed
from agbot.settings import Settings

SITES = ("clob", "market_socket", "user_socket", "rtds", "realtime", "gamma", "data", "geoblock")
READY = {"urls": dict.fromkeys(SITES, "http://127.0.0.1:1"), "keys": [key_row(Keyring(1), 1, 0)], "markets": []}
SAVES = "sys.stdin.read()"
FAILS = "sys.stdin.read(); print('agbot: [AGB-863] full', file=sys.stderr); sys.exit(2)"
HANGS = "sys.stdin.read(); time.sleep(60)"


@pytest.fixture
def behaving(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the child be ready and then behave so."""

    def choose(then: str) -> None:
        code = f"import sys, time; print({json.dumps(READY | {'admin': ''})!r}, flush=True); {then}"
        monkeypatch.setattr(boxed, "_command", lambda *_: [sys.executable, "-c", code])

    return choose


async def test_one_that_saved_is_not_spoken_of(behaving: Any, tmp_path: Path) -> None:
    behaving(SAVES)
    async with boxed.exchange_child(Settings(), tmp_path) as place:
        assert place.hosts.clob == "http://127.0.0.1:1"


async def test_one_that_could_not_save_is_said_in_its_own_words(behaving: Any, tmp_path: Path) -> None:
    behaving(FAILS)
    with pytest.raises(ConfigError, match="AGB-863") as caught:
        async with boxed.exchange_child(Settings(), tmp_path):
            pass
    assert caught.value.id == "AGB-872"


async def test_one_that_does_not_leave_is_killed_and_that_is_said(
    behaving: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boxed, "LEAVE_S", 0.3)
    behaving(HANGS)
    with pytest.raises(ExchangeEnded, match="unsaved") as caught:
        async with boxed.exchange_child(Settings(), tmp_path):
            pass
    assert caught.value.id == "AGB-870"

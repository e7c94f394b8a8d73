"""What is closed on its own: beside the account, by name, with the same durability; old files stay readable."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from pathlib import Path

import pytest

from agbot import latch as latch_module
from agbot.errors import NotFoundError, StoreError
from agbot.latch import HISTORY_NAME, SCOPES_MAX, Latch, LatchState, Scoped

OLD = b'{"on": false, "reason": "r", "by": "b", "at_ns": 5}\n'
ENTRY = {"scope": "market", "name": "m", "reason": "odd", "by": "ann", "at_ns": 7}


@pytest.fixture
def latch(tmp_path: Path) -> Latch:
    return Latch(tmp_path / "latch")


def close(latch: Latch, name: str = "m", scope: str = "market") -> LatchState:
    return latch.close_scope(scope, name, reason="odd", by="ann", at_ns=7)


def history(latch: Latch) -> list[dict[str, object]]:
    return [json.loads(line) for line in (latch.path.parent / HISTORY_NAME).read_text().splitlines()]


def test_one_is_closed_and_opened_beside_the_account(latch: Latch) -> None:
    state = close(latch)
    assert state == latch.read() == latch.gate()
    assert (state.on, state.scopes) == (False, (Scoped(**ENTRY),))  # type: ignore[arg-type]
    assert latch.close("fire", "bob", 8).scopes == state.scopes
    assert latch.open("bob", "safe", 9).scopes == state.scopes
    opened = latch.open_scope("market", "m", reason="fine", by="cy", at_ns=10)
    assert opened == latch.gate() == LatchState(on=False, reason="safe", by="bob", at_ns=9)
    told = [(h["on"], h.get("scope"), h.get("name"), h["by"], h["reason"]) for h in history(latch)]
    assert told == [
        (True, "market", "m", "ann", "odd"),
        (True, None, None, "bob", "fire"),
        (False, None, None, "bob", "safe"),
        (False, "market", "m", "cy", "fine"),
    ]


def test_closing_twice_keeps_the_first_reason(latch: Latch) -> None:
    close(latch)
    state = latch.close_scope("market", "m", reason="again", by="bob", at_ns=9)
    assert [s.reason for s in state.scopes] == ["odd"]
    assert len(history(latch)) == 1


def test_names_of_other_scopes_are_others(latch: Latch) -> None:
    close(latch)
    close(latch, scope="strategy")
    assert [str(s) for s in latch.read().scopes] == ["market m", "strategy m"]
    with pytest.raises(NotFoundError) as caught:
        latch.open_scope("venue", "m", reason="r", by="b", at_ns=1)
    assert caught.value.id == "AGB-512"
    assert len(latch.read().scopes) == 2


def test_a_file_from_before_there_were_scopes(latch: Latch) -> None:
    latch.path.write_bytes(OLD)
    assert latch.read() == LatchState(on=False, reason="r", by="b", at_ns=5)
    close(latch)
    assert (latch.read().reason, len(latch.read().scopes)) == ("r", 1)
    latch.open_scope("market", "m", reason="fine", by="b", at_ns=10)
    assert latch.path.read_bytes() == OLD


@pytest.mark.parametrize(
    "scopes",
    [
        None,
        {},
        [1],
        [{}],
        [{**ENTRY, "at_ns": True}],
        [{**ENTRY, "name": 5}],
        [{**ENTRY, "more": 1}],
        [ENTRY, {**ENTRY, "by": None}],
    ],
)
def test_an_entry_that_cannot_be_read_closes_everything(scopes: object, latch: Latch) -> None:
    latch.path.write_bytes(json.dumps({**json.loads(OLD), "scopes": scopes}).encode() + b"\n")
    assert latch.read().on


def test_as_many_as_fit_are_still_read(latch: Latch) -> None:
    wide = "\U0001f525" * 2000  # twelve bytes a character
    for n in range(SCOPES_MAX):
        latch.close_scope("strategy", f"{n}{wide}", reason=wide, by=wide, at_ns=1)
    latch.close(wide, wide, 1)
    assert (latch.read().reason[:1], len(latch.read().scopes)) == (wide[:1], SCOPES_MAX)
    with pytest.raises(StoreError) as caught:
        close(latch)
    assert caught.value.id == "AGB-513"


def test_a_full_disk_leaves_what_was(latch: Latch, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    close(latch)
    monkeypatch.setattr(latch_module, "replace_file", full)
    with pytest.raises(StoreError, match="AGB-511"):
        close(latch, "other")
    with pytest.raises(StoreError, match="AGB-511"):
        latch.open_scope("market", "m", reason="r", by="b", at_ns=1)
    assert [s.name for s in latch.read().scopes] == ["m"]


def test_writers_at_once_lose_nothing(latch: Latch) -> None:
    threads = [threading.Thread(target=close, args=(Latch(latch.path), f"m{n}")) for n in range(20)]
    threads.append(threading.Thread(target=Latch(latch.path).close, args=("fire", "bob", 1)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (latch.read().on, len(latch.read().scopes)) == (True, 20)


def test_a_writer_that_is_stuck_holds_up_no_kill(latch: Latch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latch_module, "LOCK_S", 0.05)
    fd = os.open(latch.path.parent, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        with pytest.raises(StoreError, match="another process"):
            close(latch)
        with pytest.raises(StoreError, match="another process"):
            latch.open("b", "r", 1)
        assert latch.close("fire", "b", 2).on
        assert latch.gate().on
    finally:
        os.close(fd)

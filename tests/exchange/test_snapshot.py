"""Snapshots as files: whole or not at all, private, and refused when they are none."""

from __future__ import annotations

import stat
from pathlib import Path

import msgspec
import pytest

from agbot.errors import ConfigError
from agbot.exchange import snapshot
from agbot.exchange.clob.keys import Keyring
from agbot.exchange.core.state import Dumper
from tests.exchange.flow import Flow


def test_there_and_back(tmp_path: Path) -> None:
    flow, keys = Flow(5), Keyring(3)
    for _ in range(300):
        flow.step()
    keys.given("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
    path = tmp_path / "box.json"
    size = snapshot.write(path, {"core": Dumper(flow.exchange).dump(), "keys": keys.snapshot()}, flow.now)
    assert path.stat().st_size == size
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    parts = snapshot.read(path, ("core", "keys"))
    assert snapshot.core_of(parts, path, flow.exchange.terms).ledger() == flow.exchange.ledger()
    again = Keyring()
    again.restore(parts["keys"])
    assert again.snapshot() == keys.snapshot()
    assert [p.name for p in tmp_path.iterdir()] == ["box.json"]


GOOD = {"format": "agbot-exchange", "version": 2, "taken_ns": 1, "parts": {"core": {}}}


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (b"", "no snapshot"),
        (b"{", "no snapshot"),
        (b"[1]", "no snapshot"),
        (b"[" * 100_000, "no snapshot"),
        (b"\xff", "no snapshot"),
        (msgspec.json.encode({}), "format"),
        (msgspec.json.encode(GOOD | {"format": "other"}), "no snapshot"),
        (msgspec.json.encode(GOOD | {"version": 1}), "of version 1, this agbot reads version 2"),
        (msgspec.json.encode(GOOD | {"version": "1"}), "no snapshot"),
        (msgspec.json.encode(GOOD | {"parts": {}}), "no part 'core'"),
    ],
    ids=range(10),
)
def test_what_is_no_snapshot_is_refused(tmp_path: Path, told: bytes, says: str) -> None:
    path = tmp_path / "box.json"
    path.write_bytes(told)
    with pytest.raises(ConfigError, match="agbot exchange snapshot") as caught:
        snapshot.read(path)
    assert caught.value.id == "AGB-863"
    assert says in caught.value.reason
    assert caught.value.path == str(path)


@pytest.mark.parametrize(
    "core", [{}, [], {"seed": "x"}, None, {"seed": 0, "now_ns": 1, "listings": [{}]}], ids=range(5)
)
def test_a_core_that_is_none_is_refused(tmp_path: Path, core: object) -> None:
    path = tmp_path / "box.json"
    path.write_bytes(msgspec.json.encode(GOOD | {"parts": {"core": core}}))
    with pytest.raises(ConfigError) as caught:
        snapshot.core_of(snapshot.read(path), path)
    assert caught.value.id == "AGB-863"


def test_a_place_that_is_none_leaves_all_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written") as caught:
        snapshot.write(tmp_path / "missing" / "box.json", {}, 1)
    assert caught.value.id == "AGB-863"
    with pytest.raises(ConfigError, match="cannot be read"):
        snapshot.read(tmp_path / "none.json")
    (tmp_path / "box.json").mkdir()
    with pytest.raises(ConfigError):
        snapshot.write(tmp_path / "box.json", {}, 1)
    assert [p.name for p in tmp_path.iterdir()] == ["box.json"]

"""One writer per wallet: a token that only rises, closed when in doubt, and a lost wallet sends nothing more."""

from __future__ import annotations

import os

import pytest

from agbot.errors import ConfigError
from agbot.run.fence import Holder, holder_in, read_token
from agbot.run.lock import exclusive, exclusive_wallet, wallet_dir, wallet_holder

WALLET = "0xAbC0000000000000000000000000000000000001"


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))


@pytest.fixture
def counter():
    return wallet_dir(WALLET) / "fence"


def test_each_taking_has_a_higher_token(counter):
    tokens = []
    for _ in range(3):
        with exclusive_wallet(WALLET) as fence:
            tokens.append(fence.token)
            assert fence.lost() == ""
            assert counter.read_text() == f"{fence.token}\n"
    assert tokens == [1, 2, 3]


def test_the_second_is_told_who_holds_it_and_both_ways(tmp_path):
    with exclusive_wallet(WALLET, tmp_path) as fence:
        fence.tell(run_id="20260101T000000000-live")
        with pytest.raises(ConfigError) as caught, exclusive_wallet(WALLET):
            pass
        said = str(caught.value)
        assert caught.value.id == "AGB-149"
        for part in (f"pid {os.getpid()}", "since 20", "run 20260101T000000000-live", str(tmp_path), "--read-only"):
            assert part in said
        assert f"agbot stop --state-dir {tmp_path}" in said
        assert wallet_holder(WALLET) == fence.holder
    assert wallet_holder(WALLET) is None


def test_the_one_before_is_known_to_the_next(tmp_path):
    with exclusive_wallet(WALLET, tmp_path) as first:
        first.tell(run_id="r1")
    with exclusive_wallet(WALLET) as second:
        assert second.before == first.holder
        assert second.before.run_id == "r1"


@pytest.mark.parametrize("text", [b"", b"7", b"seven\n", b"-1\n", b"1\n2\n", b"9" * 30 + b"\n"])
def test_a_torn_counter_is_closed_and_says_what_to_type(counter, text):
    with exclusive_wallet(WALLET):
        pass
    counter.write_bytes(text)
    with pytest.raises(ConfigError) as caught, exclusive_wallet(WALLET):
        pass
    assert caught.value.id == "AGB-151"
    assert f"echo N > {counter}" in caught.value.remedy
    counter.write_text("5\n")
    with exclusive_wallet(WALLET) as fence:
        assert fence.token == 6


def test_a_counter_that_is_gone_or_went_back_is_closed(counter):
    for _ in range(3):
        with exclusive_wallet(WALLET):
            pass
    counter.write_text("2\n")
    with pytest.raises(ConfigError, match="went back to 2 from 3"), exclusive_wallet(WALLET):
        pass
    counter.unlink()
    with pytest.raises(ConfigError, match="it is missing") as caught, exclusive_wallet(WALLET):
        pass
    assert "at least 3" in caught.value.remedy


def test_a_counter_that_cannot_be_read_is_closed(counter):
    counter.mkdir()
    with pytest.raises(ConfigError) as caught, exclusive_wallet(WALLET):
        pass
    assert caught.value.id == "AGB-151"


def test_a_lock_file_that_was_removed_lets_another_in_and_the_first_out(counter):
    with exclusive_wallet(WALLET) as first:
        (counter.parent / "lock").unlink()
        with exclusive_wallet(WALLET) as second:
            assert second.token == first.token + 1
            assert (first.lost() != "", second.lost()) == (True, "")
            assert f"token {second.token}, ours is {first.token}" in first.lost()
            assert f"pid {os.getpid()}" in first.lost()


def test_a_lock_that_was_replaced_is_noticed_before_anybody_raised_the_counter(counter):
    with exclusive_wallet(WALLET) as fence:
        lock = counter.parent / "lock"
        lock.rename(counter.parent / "aside")
        assert "gone" in fence.lost()
        lock.touch()
        assert fence.lost(), "what was lost stays lost"


@pytest.mark.parametrize("content", [b"", b"torn", b"1\n", b"0\n"])
def test_whatever_happens_to_the_counter_ends_the_writing(counter, content):
    with exclusive_wallet(WALLET):
        pass
    with exclusive_wallet(WALLET) as fence:
        counter.write_bytes(content)
        assert fence.lost()


def test_a_higher_number_typed_by_a_person_ends_the_writing(counter):
    with exclusive_wallet(WALLET) as fence:
        counter.write_text("40\n")
        assert "token 40, ours is 1" in fence.lost()


def test_what_a_lock_file_can_say():
    assert holder_in("12\n") == Holder(pid=12)
    assert holder_in("") is None
    assert holder_in("{torn") is None
    assert read_token(wallet_dir(WALLET)) == 0


def test_a_state_directorys_holder_is_named(tmp_path):
    with (
        exclusive(tmp_path),
        pytest.raises(ConfigError, match=f"pid {os.getpid()}, since") as caught,
        exclusive(tmp_path),
    ):
        pass
    assert caught.value.id == "AGB-121"
    assert "--read-only" in caught.value.remedy

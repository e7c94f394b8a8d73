"""Keccak in C against its twin in Python and against the hash the official clients use."""

from __future__ import annotations

import numpy as np
import pytest
from eth_utils.crypto import keccak
from hypothesis import example, given
from hypothesis import strategies as st

from agbot._keccak import keccak256
from agbot.testing import twins

EMPTY = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@given(st.binary(max_size=600))
@example(b"")
@example(bytes(135))
@example(bytes(136))
@example(bytes(272))
def test_equals_twin_and_official(data):
    assert keccak256(data) == twins.keccak256(data) == keccak(data)


@pytest.mark.parametrize("length", range(280))
def test_every_length_around_two_blocks(length):
    data = bytes(7 * i % 256 for i in range(length))
    assert keccak256(data) == keccak(data)


def test_published_hash():
    assert keccak256(b"").hex() == twins.keccak256(b"").hex() == EMPTY


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda raw: np.frombuffer(raw, np.uint8)])
def test_any_contiguous_buffer(kind):
    raw = bytes(range(1, 200))
    assert keccak256(kind(raw)) == keccak(raw)
    assert keccak256(memoryview(raw)[3:]) == keccak(raw[3:])


@pytest.mark.parametrize(("wrong", "error"), [("text", TypeError), (5, TypeError), (None, TypeError)])
def test_only_buffers(wrong, error):
    with pytest.raises(error):
        keccak256(wrong)


def test_a_buffer_with_gaps_is_refused():
    with pytest.raises(BufferError):
        keccak256(memoryview(bytes(8))[::2])

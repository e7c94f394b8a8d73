"""A key signs, and shows itself nowhere."""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
import random
import traceback

import msgspec
import pytest
from coincurve import PublicKey
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from agbot.errors import ConfigError
from agbot.secrets import Secret, redact
from agbot.venue.polymarket.keys import SigningKey, checksum, parse_address

RAW = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
GROUP_ORDER = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
HALF_ORDER = int(GROUP_ORDER, 16) // 2


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.parse(Secret("0x" + RAW))


def spellings() -> list[str]:
    return [RAW, RAW.upper(), str(int(RAW, 16)), repr(bytes.fromhex(RAW)), repr(list(bytes.fromhex(RAW)))[1:-1]]


def assert_hidden(text: str) -> None:
    assert text
    assert [spelling for spelling in spellings() if spelling in text] == []


def test_address(key):
    assert key.address == ADDRESS


@given(digest=st.binary(min_size=32, max_size=32), number=st.integers(1, int(GROUP_ORDER, 16) - 1))
def test_who_signed_can_be_recovered(digest, number):
    key = SigningKey.parse(Secret(f"0x{number:064x}"))
    signature = key.sign(digest)
    assert signature == key.sign(digest)
    assert len(signature) == 65
    assert signature[64] in (27, 28)
    assert 0 < int.from_bytes(signature[32:64], "big") <= HALF_ORDER
    public = PublicKey.from_signature_and_message(signature[:64] + bytes([signature[64] - 27]), digest, hasher=None)
    assert public.format() == key._curve.public_key.format()


def frames_of_ours(error: BaseException) -> list[dict[str, object]]:
    """Return the locals of every frame of the package that an exception still holds."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return [frame.f_locals for frame in frames if "agbot" in str(frame.f_globals["__name__"]).split(".")]


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_only_digests_are_signed(key, length):
    with pytest.raises(ValueError, match="32 bytes"):
        key.sign(bytes(length))


@pytest.mark.parametrize(
    "text",
    [
        RAW,
        "0x" + RAW[:-1],
        "0x" + RAW + "0",
        "0X" + RAW,
        "0x" + RAW[:-1] + "g",
        " 0x" + RAW,
        "0x" + RAW + "\n",
        "0x" + "０" * 64,
        "0x" + "0" * 64,
        "0x" + GROUP_ORDER,
        "0x" + "f" * 64,
        "test test test test test test test test test test test junk",
    ],
)
def test_malformed_keys_name_the_format_and_nothing_else(text):
    with pytest.raises(ConfigError, match="0x and 64 hexadecimal digits") as caught:
        SigningKey.parse(Secret(text))
    assert caught.value.id == "AGB-130"
    held = frames_of_ours(caught.value)
    assert held
    for said in (str(caught.value), repr(held)):
        assert text.strip() not in said
        assert RAW[:-1] not in said
    assert caught.value.__context__ is None


def test_no_text_shows_a_key(key):
    stream = io.StringIO()
    logger = logging.Logger("keys")
    logger.addHandler(logging.StreamHandler(stream))
    logger.error("%s %r", key, {"key": key, "list": [key]})
    for text in (repr(key), str(key), f"{key}", f"{key:>9}", f"{[key]}", stream.getvalue()):
        assert_hidden(text)
        assert ADDRESS in text


def test_no_traceback_with_locals_shows_a_key():
    def signs(secret: Secret) -> None:
        key = SigningKey.parse(secret)
        curve = key._curve
        key.sign(f"{key} {curve}".encode())

    with pytest.raises(ValueError, match="32 bytes") as caught:
        signs(Secret("0x" + RAW))
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    text = "".join(shown.format())
    assert "SigningKey(***" in text
    assert_hidden(text)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_key_is_not_pickled(key, protocol):
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(key, protocol)


@pytest.mark.parametrize("encode", [json.dumps, msgspec.json.encode, msgspec.msgpack.encode])
def test_a_key_is_not_encoded(key, encode):
    with pytest.raises(TypeError):
        encode(key)


def test_a_key_does_not_change(key):
    with pytest.raises(AttributeError):
        key.address = "0x"
    with pytest.raises(TypeError):
        vars(key)
    assert copy.copy(key) is copy.deepcopy(key) is key


def test_every_spelling_of_a_parsed_key_is_redacted():
    raw = random.Random(3).randbytes(32).hex()
    mixed = "".join(c.upper() if i % 2 else c for i, c in enumerate(raw))
    SigningKey.parse(Secret("0x" + mixed))
    redacted = redact(f"a {mixed} b {raw} c 0x{raw} d 0x{mixed}")
    assert raw not in redacted.lower()
    assert redacted.replace("0x", "") == "a *** b *** c *** d ***"


@given(st.binary(min_size=20, max_size=20))
def test_checksum_equals_the_official_one(raw):
    expected = to_checksum_address(raw)
    for spelling in (raw.hex(), raw.hex().upper(), expected[2:]):
        assert checksum("0x" + spelling) == parse_address("0x" + spelling) == expected


@pytest.mark.parametrize("text", ["", "0x", ADDRESS[2:], ADDRESS + "0", "0X" + ADDRESS[2:], ADDRESS[:-1] + "g"])
def test_no_address(text):
    with pytest.raises(ValueError, match="40 hexadecimal digits"):
        checksum(text)
    with pytest.raises(ConfigError, match="POLYMARKET_FUNDER: an address") as caught:
        parse_address(text, key="POLYMARKET_FUNDER")
    assert caught.value.id == "AGB-131"


@given(at=st.integers(2, 41), digit=st.sampled_from("0123456789abcdefABCDEF"))
def test_a_mistyped_digit_is_noticed(at, digit):
    text = ADDRESS[:at] + digit + ADDRESS[at + 1 :]
    if text == ADDRESS:
        assert parse_address(text) == ADDRESS
        return
    with pytest.raises(ConfigError, match="checksum"):
        parse_address(text)

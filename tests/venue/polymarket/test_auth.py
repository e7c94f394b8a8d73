"""L1 and L2 headers equal the recorded ones; nothing secret shows."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.errors import ConfigError
from agbot.secrets import Secret
from agbot.venue.polymarket.auth import ApiCredentials, Hmac, l1_headers, l2_headers
from agbot.venue.polymarket.keys import SigningKey

SECRET = "yMnKy8zNzs_Q0dLT1NXW19jZ2tvc3d7f4OHi4-Tl5uc="
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


def credentials(secret: str = SECRET, key: str = "key-1", passphrase: str = "passphrase-b") -> ApiCredentials:
    return ApiCredentials(key=key, secret=Secret(secret), passphrase=Secret(passphrase))


@pytest.fixture(scope="module")
def vectors(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "vectors" / "polymarket_vectors.json").read_text())


def test_l1_vectors(vectors: dict[str, Any]) -> None:
    for row in vectors["clob_auth_l1"]:
        i = row["inputs"]
        key = SigningKey.parse(Secret(i["private_key"]))
        assert l1_headers(key, i["timestamp_s"], i["nonce"], i["chain_id"]) == row["headers"], row["id"]
        assert l1_headers(key, 1)["POLY_NONCE"] == "0"


def test_l2_vectors(vectors: dict[str, Any]) -> None:
    for row in vectors["hmac_l2"]:
        i = row["inputs"]
        creds = credentials(i["secret"], i["api_key"], i["passphrase"])
        body = (i["body"] or "").encode()
        headers = l2_headers(creds, ADDRESS, i["method"], i["request_path"], body, i["timestamp_s"])
        assert headers == row["headers"], row["id"]


@given(st.binary(min_size=1, max_size=200), st.binary(max_size=300))
def test_hmac_is_the_standard_one(key: bytes, message: bytes) -> None:
    prepared = Hmac(key)
    expected = base64.urlsafe_b64encode(hmac.digest(key, message, hashlib.sha256)).decode()
    assert [prepared.sign(message), prepared.sign(message)] == [expected, expected]


@given(st.binary(min_size=1, max_size=70))
def test_padding_is_optional(key: bytes) -> None:
    text = base64.urlsafe_b64encode(key).decode()
    assert credentials(text).hmac.sign(b"m") == credentials(text.rstrip("=")).hmac.sign(b"m") == Hmac(key).sign(b"m")


@pytest.mark.parametrize("secret", ["A", "AAAAA", "AA=", "AAA==", "AA===", "ab+/", "ab cd", "=", "äöü0", "AAAA\nAAAA"])
def test_a_malformed_secret_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(ConfigError, match="POLYMARKET_SECRET: malformed → it must be url-safe base64") as caught:
        credentials(secret)
    assert caught.value.id == "AGB-137"
    assert len(secret) < 4 or secret not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("text", ["two words", "line\nbreak", "tab\t", "ä", "x" * 257])
def test_what_cannot_stand_in_a_header_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="POLYMARKET_API_KEY: malformed"):
        credentials(key=text)
    with pytest.raises(ConfigError, match="POLYMARKET_PASSPHRASE: malformed"):
        credentials(passphrase=text)


def test_credentials_show_nothing() -> None:
    creds = credentials()
    shown = repr(creds) + str(creds) + f"{creds}" + repr(creds.hmac)
    for hidden in ("key-1", SECRET, SECRET[:8], "passphrase-b"):
        assert hidden not in shown
    with pytest.raises(TypeError):
        pickle.dumps(creds)

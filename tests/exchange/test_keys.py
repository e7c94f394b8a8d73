"""API keys: who gets one, and what proves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agbot.exchange.api import Ask
from agbot.exchange.clob.keys import BAD_CLAIM, NOT_CREATED, NOT_DERIVED, UNAUTHORIZED, ApiKey, Keyring
from agbot.exchange.core.model import Refused
from agbot.secrets import Secret
from agbot.venue.polymarket.auth import l1_headers
from agbot.venue.polymarket.keys import SigningKey

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text(encoding="utf-8"))
WALLET = SigningKey.parse(Secret("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"))
OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
NOW = 1_790_000_000


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def ask(key: ApiKey, method: str = "GET", path: str = "/data/orders", body: bytes = b"", **changes: str) -> Ask:
    headers = {
        "poly_address": key.address,
        "poly_api_key": key.key,
        "poly_passphrase": key.passphrase,
        "poly_timestamp": str(NOW),
        "poly_signature": key.signature(changes.get("poly_timestamp", str(NOW)), method, path, body),
    }
    return Ask(method=method, path=path, body=body, headers=headers | changes)


def refused(text: str, status: int, call: Any, *args: Any) -> None:
    with pytest.raises(Refused) as caught:
        call(*args)
    assert (caught.value.text, caught.value.status) == (text, status)


@pytest.mark.parametrize("vector", VECTORS["hmac_l2"], ids=lambda v: v["id"])
def test_the_hmac_of_the_official_clients(vector: dict[str, Any]) -> None:
    inputs = vector["inputs"]
    key = ApiKey(
        key=inputs["api_key"], secret=inputs["secret"], passphrase=inputs["passphrase"], address=WALLET.address
    )
    body = (inputs["body"] or "").encode() if inputs["body"] is None or isinstance(inputs["body"], str) else b""
    assert (
        key.signature(str(inputs["timestamp_s"]), inputs["method"], inputs["request_path"], body)
        == (vector["poly_signature"])
    )


def test_a_wallet_that_proves_itself_gets_a_key_once_per_nonce() -> None:
    ring = Keyring(7)
    assert ring.claim(lower(l1_headers(WALLET, NOW, 3)), NOW) == (WALLET.address, 3)
    refused(NOT_DERIVED, 400, ring.derive, WALLET.address, 3)
    key = ring.create(WALLET.address, 3)
    refused(NOT_CREATED, 400, ring.create, WALLET.address, 3)
    assert ring.derive(WALLET.address, 3) == key
    assert ring.create(WALLET.address, 0).key != key.key
    assert ring.names(WALLET.address) == [key.key, ring.derive(WALLET.address, 0).key]
    assert ring.names(OTHER) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"POLY_ADDRESS": OTHER},
        {"POLY_ADDRESS": "me"},
        {"POLY_NONCE": "4"},
        {"POLY_NONCE": "-1"},
        {"POLY_NONCE": "9" * 5000},
        {"POLY_TIMESTAMP": str(NOW + 1)},
        {"POLY_TIMESTAMP": "now"},
        {"POLY_SIGNATURE": "0x00"},
        {"POLY_SIGNATURE": ""},
    ],
    ids=str,
)
def test_a_claim_that_proves_nothing(changes: dict[str, str]) -> None:
    refused(BAD_CLAIM, 401, Keyring().claim, lower(l1_headers(WALLET, NOW, 3) | changes), NOW)


def test_a_claim_is_timely_by_either_clock() -> None:
    headers = lower(l1_headers(WALLET, NOW))
    assert Keyring().claim(headers, 5, NOW + 300)
    refused(BAD_CLAIM, 401, Keyring().claim, headers, 5, NOW + 301)
    assert Keyring(skew_s=None).claim(headers)


def test_keys_follow_from_the_seed() -> None:
    key = Keyring(7).create(WALLET.address)
    assert Keyring(7).create(WALLET.address) == key
    assert Keyring(8).create(WALLET.address) != key
    assert Keyring(7).check(ask(key), NOW) == key  # a restart later, nobody has asked for it yet
    refused(UNAUTHORIZED, 401, Keyring(8).check, ask(key), NOW)
    assert Keyring(7).given(WALLET.address) == key


def test_a_deleted_key_stays_dead_and_its_nonce_gives_another() -> None:
    ring = Keyring()
    key = ring.create(WALLET.address)
    ring.delete(key)
    refused(UNAUTHORIZED, 401, ring.check, ask(key), NOW)
    again = ring.create(WALLET.address)
    assert again.key != key.key
    refused(UNAUTHORIZED, 401, ring.check, ask(key), NOW)
    assert ring.check(ask(again), NOW) == again


def test_what_l2_headers_must_say() -> None:
    ring = Keyring()
    key, other = ring.create(WALLET.address), ring.create(OTHER)
    assert ring.check(ask(key, "POST", "/order", b'{"a":1}'), NOW) == key
    assert ring.check(ask(key, poly_address=key.address.lower()), NOW) == key
    bad: list[dict[str, str]] = [
        {"poly_address": OTHER},
        {"poly_address": ""},
        {"poly_api_key": other.key},
        {"poly_api_key": "x"},
        {"poly_passphrase": other.passphrase},
        {"poly_passphrase": "pässphrase"},
        {"poly_signature": "AAAA"},
        {"poly_timestamp": str(NOW + 301)},
        {"poly_timestamp": ""},
    ]
    for changes in bad:
        refused(UNAUTHORIZED, 401, ring.check, ask(key, **changes), NOW)
    for missing in ask(key).headers:
        headers = {name: value for name, value in ask(key).headers.items() if name != missing}
        refused(UNAUTHORIZED, 401, ring.check, Ask(method="GET", path="/data/orders", headers=headers), NOW)
    signed = ask(key, "POST", "/order", b"{}")
    for changed in ({"body": b"{} "}, {"path": "/orders"}, {"method": "DELETE"}):
        request: dict[str, Any] = {
            "method": "POST",
            "path": "/order",
            "body": b"{}",
            "headers": signed.headers,
        } | changed
        refused(UNAUTHORIZED, 401, ring.check, Ask(**request), NOW)


def test_sockets_are_told_the_secret() -> None:
    ring = Keyring()
    key = ring.create(WALLET.address)
    assert ring.trusted(key.key, key.secret, key.passphrase) is key
    for said in (("", "", ""), (key.key, "", key.passphrase), (key.key, key.secret, ""), (key.key, "ß", "ß")):
        assert ring.trusted(*said) is None


def test_builder_and_readonly_keys() -> None:
    ring = Keyring()
    builder = ring.add_builder(WALLET.address, 5)
    assert builder.key != ring.add_readonly(WALLET.address, 5).key != ring.add_builder(WALLET.address, 6).key
    path = "/auth/builder-api-key"
    headers = {
        "poly_builder_api_key": builder.key,
        "poly_builder_passphrase": builder.passphrase,
        "poly_builder_timestamp": str(NOW),
        "poly_builder_signature": builder.signature(str(NOW), "DELETE", path, b""),
    }
    request = Ask(method="DELETE", path=path, headers=headers)
    assert ring.check_builder(request, NOW).key == builder
    ring.builders[builder.key].revoked_ms = 9
    refused(UNAUTHORIZED, 401, ring.check_builder, request, NOW)


def test_a_readonly_key_that_was_deleted_does_not_come_back() -> None:
    ring = Keyring()
    first, second = ring.add_readonly(WALLET.address, 1), ring.add_readonly(WALLET.address, 2)
    del ring.readonly[first.key]
    assert ring.add_readonly(WALLET.address, 3).key not in (first.key, second.key)
    assert len(ring.readonly) == 2


def test_keys_made_and_deleted_again_and_again_take_no_more_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agbot.exchange.clob.keys.KEYS_MAX", 10)
    ring = Keyring()
    for nonce in range(10):
        ring.delete(ring.create(WALLET.address, nonce))
    refused("Could not create api key", 400, ring.create, WALLET.address, 11)


def test_everything_survives_a_restart() -> None:
    ring = Keyring(3)
    gone = ring.create(OTHER)
    ring.delete(gone)
    key = ring.create(WALLET.address, 5)
    ring.add_builder(OTHER, 1)
    ring.add_readonly(OTHER, 2)
    again = Keyring(0)
    again.restore(json.loads(json.dumps(ring.snapshot())))
    assert again.snapshot() == ring.snapshot()
    assert again.check(ask(key), NOW) == key
    refused(UNAUTHORIZED, 401, again.check, ask(gone), NOW)

"""Funded test keys: private keys that follow from a seed. They are public by design; never send real money there."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from coincurve import PrivateKey

from agbot.exchange.clob.keys import Keyring
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.wallets import derive


def private_key(seed: int, number: int) -> str:
    """Return the test key of a number, 0x and 64 hexadecimal digits."""
    return "0x" + sha256(f"agbot exchange test key {seed} {number}".encode()).hexdigest()


def key_row(keys: Keyring, seed: int, number: int) -> dict[str, Any]:
    """Return one test key as the ready line tells it: the key, its address and wallets, and its API key."""
    secret = private_key(seed, number)
    address = SigningKey(PrivateKey(bytes.fromhex(secret[2:]))).address
    wallets = derive(address)
    return {
        "private_key": secret,
        "address": address,
        "wallet": address,
        "signature_type": 0,
        "wallets": {"proxy": wallets.proxy, "safe": wallets.safe, "deposit": wallets.deposit_beacon},
        **keys.given(address).json(),
    }

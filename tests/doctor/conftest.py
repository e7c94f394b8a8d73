"""Wallets to look at: one key, in each of the four kinds of account."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import pytest

from agbot.secrets import Secret
from agbot.testing.venue_stub import ADDRESS, PRIVATE_KEY, StubKey
from agbot.venue.polymarket.auth import ApiCredentials
from agbot.venue.polymarket.contracts import POLYGON
from agbot.venue.polymarket.credentials import Credentials
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.wallets import Account, SignatureType, derive

FUNDERS = {
    SignatureType.EOA: derive(ADDRESS).eoa,
    SignatureType.PROXY: derive(ADDRESS).proxy,
    SignatureType.SAFE: derive(ADDRESS).safe,
    SignatureType.DEPOSIT: derive(ADDRESS).deposit_uups,
}


def credentials_of(kind: SignatureType, funder: str = "") -> Credentials:
    known = StubKey()
    api = ApiCredentials(key=known.key, secret=Secret(known.secret), passphrase=Secret(known.passphrase))
    account = Account(ADDRESS, funder or FUNDERS[kind], kind)
    return Credentials(key=SigningKey.parse(Secret(PRIVATE_KEY)), api=api, account=account)


@pytest.fixture(params=SignatureType, ids=lambda kind: kind.name.lower())
def kind(request: pytest.FixtureRequest) -> SignatureType:
    return request.param


@pytest.fixture
def wallet() -> Callable[..., Any]:
    """Return a function that makes the world of the wallet's checks."""

    def make(kind: SignatureType = SignatureType.EOA, funder: str = "", **more: Any) -> Any:
        world = {
            "chain": POLYGON,
            "credentials": credentials_of(kind, funder),
            "credentials_fault": None,
            "signer": None,
            "apikey": "agbot apikey",
        }
        return types.SimpleNamespace(**world | more)

    return make

"""What the doctor says of a wallet without a network: each kind of account, and each way to get it wrong."""

from __future__ import annotations

import sys

import attrs
import pytest

from agbot.doctor import Status
from agbot.doctor import official as library
from agbot.doctor import wallet as checks
from agbot.errors import ConfigError
from agbot.secrets import Secret
from agbot.testing.venue_stub import ADDRESS, PRIVATE_KEY, StubKey
from agbot.venue.polymarket.credentials import Credentials, load_credentials
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.orders import OrderIds
from agbot.venue.polymarket.wallets import SignatureType, derive

OTHER = "0x000000000000000000000000000000000000dEaD"
SECRETS = (PRIVATE_KEY, PRIVATE_KEY[2:], StubKey().secret, StubKey().passphrase, StubKey().key)


async def test_credentials(wallet, kind):
    world = wallet(kind)
    found = await checks.credentials(world)
    assert found.status is Status.OK
    assert found.details[:2] == (f"owner  {ADDRESS}", f"funder {world.credentials.account.funder}")
    assert not [secret for secret in SECRETS if secret in repr(found)]


async def test_no_credentials(wallet):
    world = wallet(credentials=Credentials())
    found = await checks.credentials(world)
    assert found.status is Status.SKIP
    assert "POLYMARKET_PRIVATE_KEY" in found.remedy
    for check in (checks.signature, checks.funder, library.official):
        assert (await check(world)).status is Status.SKIP


async def test_half_of_the_credentials(wallet):
    world = wallet()
    world.credentials = attrs.evolve(world.credentials, api=None)
    found = await checks.credentials(world)
    assert found.status is Status.SKIP
    assert found.remedy == "agbot apikey"


@pytest.mark.parametrize("name", ["POLYMARKET_PRIVATE_KEY", "POLYMARKET_SIGNATURE_TYPE", "POLYMARKET_SECRET"])
async def test_credentials_that_cannot_be_used(wallet, name):
    stub = StubKey()
    environ = {
        "POLYMARKET_PRIVATE_KEY": PRIVATE_KEY,
        "POLYMARKET_API_KEY": stub.key,
        "POLYMARKET_SECRET": stub.secret,
        "POLYMARKET_PASSPHRASE": stub.passphrase,
    }
    with pytest.raises(ConfigError) as caught:
        load_credentials({**environ, name: "wrong"})
    world = wallet(credentials=Credentials(), credentials_fault=caught.value)
    found = await checks.credentials(world)
    assert found.status is Status.FAIL
    assert name in found.cause
    assert found.remedy
    assert "see D06" in (await checks.funder(world)).cause


async def test_signatures_lead_back_to_the_key(wallet, kind):
    found = await checks.signature(wallet(kind))
    assert found.status is Status.OK
    assert found.cause == f"{ADDRESS} signs: 4 signatures recover to it"


async def test_a_signature_of_another_key_is_noticed(wallet, kind, monkeypatch):
    other = SigningKey.parse(Secret("0x" + "22" * 32))
    monkeypatch.setattr(SigningKey, "sign", lambda _self, digest, sign=SigningKey.sign: sign(other, digest))
    found = await checks.signature(wallet(kind))
    assert found.status is Status.FAIL
    assert len(found.details) == 4
    assert all(other.address in line for line in found.details)


async def test_the_funder_of_each_kind(wallet, kind):
    assert (await checks.funder(wallet(kind))).status is Status.OK


async def test_both_deposit_wallets(wallet):
    world = wallet(SignatureType.DEPOSIT, derive(ADDRESS).deposit_beacon)
    assert (await checks.funder(world)).status is Status.OK


@pytest.mark.parametrize("kind", [SignatureType.PROXY, SignatureType.SAFE, SignatureType.DEPOSIT])
async def test_a_wrong_funder(wallet, kind):
    found = await checks.funder(wallet(kind, OTHER))
    assert found.status is Status.FAIL
    assert found.cause == f"{OTHER} is no wallet of the key {ADDRESS}"
    assert found.remedy.startswith("export POLYMARKET_FUNDER=0x")
    assert len(found.details) == 5
    assert derive(ADDRESS).safe in " ".join(found.details)


async def test_a_wrong_signature_type(wallet):
    found = await checks.funder(wallet(SignatureType.PROXY, derive(ADDRESS).safe))
    assert found.status is Status.FAIL
    assert "is the safe of a browser wallet" in found.cause
    assert found.remedy == "export POLYMARKET_SIGNATURE_TYPE=2"


# ---------------------------------------------------------------- the official library


async def test_the_official_library_agrees(wallet, kind):
    found = await library.official(wallet(kind))
    assert found.status is Status.OK, found


async def test_a_disagreement_is_noticed(wallet, monkeypatch):
    monkeypatch.setattr(OrderIds, "order_id", lambda *_, **__: "0x" + "0" * 64)
    found = await library.official(wallet())
    assert found.status is Status.FAIL
    assert [line.partition(":")[0] for line in found.details] == ["version 2", "version 2, neg-risk", "version 3"]


async def test_without_the_library(wallet, monkeypatch):
    for name in [name for name in sys.modules if name.startswith(library.PACKAGE)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library.PACKAGE, None)
    found = await library.official(wallet())
    assert found.status is Status.SKIP
    assert found.remedy == "pip install 'agbot[official]'"


async def test_the_library_never_sees_the_key(wallet, kind, monkeypatch):
    seen = []
    make = library._library

    def spied():
        found = make()
        built = found.builder
        found.builder = lambda contract, chain, signer, **kw: (
            seen.append(vars(signer)) or built(contract, chain, signer, **kw)
        )
        return found

    monkeypatch.setattr(library, "_library", spied)
    assert (await library.official(wallet(kind))).status is Status.OK
    assert len(seen) == 6
    assert PRIVATE_KEY[2:] not in repr(seen)

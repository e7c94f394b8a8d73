"""A CLOB client that talks to the venue on loopback."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import trio

from agbot.model.order import Side
from agbot.secrets import Secret
from agbot.testing.venue_stub import ADDRESS, PRIVATE_KEY, YES, StubKey, VenueStub, venue_stub
from agbot.units import SCALE
from agbot.venue.polymarket.auth import ApiCredentials
from agbot.venue.polymarket.contracts import POLYGON
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.limits import Limiter
from agbot.venue.polymarket.orders import OrderFields, OrderSigner, post_body
from agbot.venue.polymarket.rest import ClobClient
from agbot.venue.polymarket.transport import open_http
from agbot.venue.polymarket.wallets import Account, SignatureType

PATIENCE_S = 60
NOW_S = 1_790_000_000


@pytest.fixture(scope="session")
def key() -> SigningKey:
    return SigningKey.parse(Secret(PRIVATE_KEY))


@pytest.fixture(scope="session")
def credentials() -> ApiCredentials:
    known = StubKey()
    return ApiCredentials(key=known.key, secret=Secret(known.secret), passphrase=Secret(known.passphrase))


@pytest.fixture(scope="session")
def body(key: SigningKey) -> Callable[..., bytes]:
    """Sign an order to buy YES."""
    signer = OrderSigner(key, Account(ADDRESS, ADDRESS, SignatureType.EOA), POLYGON)

    def make(price: int = 480_000, size: int = 10, *, salt: int = 1, post_only: bool = False) -> bytes:
        fields = OrderFields(int(YES), price * size, size * SCALE, Side.BUY, salt, NOW_S * 1000)
        signed = signer.sign(fields, version=2, neg_risk=False)
        return post_body(signed, owner=StubKey().key, order_type="GTC", post_only=post_only)

    return make


@pytest.fixture
async def stub() -> AsyncIterator[VenueStub]:
    async with venue_stub(mount="/clob", now_s=lambda: NOW_S) as stub:
        stub.set_book(YES, bids=[("0.48", "100"), ("0.47", "5")], asks=[("0.52", "40"), ("0.53", "60")])
        with trio.fail_after(PATIENCE_S):
            yield stub


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with open_http() as http:
        yield http


@pytest.fixture
def clob(http: httpx.AsyncClient, credentials: ApiCredentials) -> Callable[..., ClobClient]:
    """Make a client of a stub's hosts."""

    def make(hosts: Hosts, **more: Any) -> ClobClient:
        args = {"credentials": credentials, "address": ADDRESS, "limiter": Limiter(), "now_s": lambda: NOW_S}
        return ClobClient(http, hosts, **(args | more))

    return make


@pytest.fixture
def client(clob: Callable[..., ClobClient], stub: VenueStub) -> ClobClient:
    return clob(stub.hosts)

"""Every route of the exchange is asked odd questions, signed as it wants: it answers each, and never with a 5xx."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from urllib.parse import quote_from_bytes

import pytest

from agbot.exchange.box import Box
from agbot.exchange.settings import BoxSettings
from agbot.web.server import Request, Response

ODD = (
    b"",
    b"\xff\xfe",
    b"\xc3(",
    b"0",
    b"-1",
    b"1e999",
    b"NaN",
    b"9" * 5000,
    b"0x" + b"f" * 64,
    b"0x" + b"0" * 40,
    b"\x00",
    b"../../etc/passwd",
    b"[]",
    b"null",
    b"true",
    "٣".encode(),
    b",".join([b"1"] * 3000),
    b"%s%n{}",
)
NAMES = [
    *("token_id", "token_ids", "market", "market_id", "side", "interval", "fidelity", "startTs", "endTs", "start_ts"),
    *(
        "end_ts",
        "next_cursor",
        "after_cursor",
        "cursor",
        "limit",
        "offset",
        "order",
        "ascending",
        "closed",
        "id",
        "ids",
    ),
    *("slug", "tag_id", "clob_token_ids", "condition_ids", "end_date_min", "end_date_max", "liquidity_num_min"),
    *("volume_num_min", "version", "position_ids", "q", "query", "search", "page", "user", "maker_address", "before"),
    *("after", "asset_id", "asset_type", "signature_type", "address", "type", "sizeThreshold", "sortBy", "takerOnly"),
    *(
        "sortDirection",
        "date",
        "order_id",
        "timestamp",
        "nonce",
        "window",
        "bucket",
        "event_id",
        "eventId",
        "series_id",
    ),
]
BODIES = (
    b"",
    b"[]",
    b"{}",
    b"null",
    b"[null]",
    b"[{}]",
    b"[[[[",
    b"1",
    b'"a"',
    b'{"token_id":{}}',
    b'[{"token_id":["1"]}]',
)


VALUES = (
    "",
    None,
    -1,
    2**53,
    2**300,
    1.5,
    True,
    [],
    {},
    "-1",
    "9" * 100,
    "0x",
    "\ud800",
    "\x00",
    "x" * 100_000,
    "BUY ",
)
OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


@pytest.fixture(scope="module")
def box() -> Box:
    return Box(BoxSettings(population="", limits=False))


def routes(box: Box) -> Iterator[tuple[str, str, str]]:
    """Yield (site, method, path) of everything the box answers."""
    for site, router in box.routers.items():
        for method, path in router.routes:
            yield site, method, path


async def status(box: Box, site: str, method: str, path: str, query: str, body: bytes) -> int:
    """Return the status of a request that is signed as the route may want it."""
    key, stamp = box.keys.given(OWNER), str(int(time.time()))
    signed = {
        "poly_address": OWNER,
        "poly_api_key": key.key,
        "poly_passphrase": key.passphrase,
        "poly_timestamp": stamp,
        "poly_signature": key.signature(stamp, method, path, body),
    }
    said = await box.answer(site, Request(method, path, query, signed, body))
    assert isinstance(said, Response)
    return said.status


@pytest.mark.parametrize("seed", range(3))
async def test_odd_queries(box: Box, seed: int) -> None:
    dice = random.Random(seed)
    for site, method, pattern in routes(box):
        for odd in ODD:
            path = pattern.replace("{}", quote_from_bytes(odd) or "x")
            query = "&".join(f"{name}={quote_from_bytes(dice.choice(ODD))}" for name in dice.sample(NAMES, 10))
            found = await status(box, site, method, path, query, dice.choice(BODIES))
            assert found < 500, (site, method, path[:100], query[:500], found)


async def test_one_odd_parameter(box: Box) -> None:
    for site, method, pattern in routes(box):
        for name in NAMES if method == "GET" else ():
            for odd in (b"", b"\xff", b"-1", b"1e999", b"9" * 5000):
                found = await status(box, site, method, pattern, f"{name}={quote_from_bytes(odd)}", b"")
                assert found < 500, (site, method, pattern, name, odd[:50], found)


async def test_odd_bodies(box: Box) -> None:
    for site, method, pattern in routes(box):
        for body in BODIES:
            found = await status(box, site, method, pattern, "", body)
            assert found < 500, (site, method, pattern, body, found)


async def test_odd_orders(box: Box) -> None:
    listing = next(iter(box.core.listings.values()))
    order = {
        "salt": 1,
        "maker": OWNER,
        "signer": OWNER,
        "tokenId": listing.market.yes,
        "makerAmount": "5000000",
        "takerAmount": "10000000",
        "side": "BUY",
        "expiration": "0",
        "signatureType": 0,
        "timestamp": str(int(time.time() * 1000)),
        "metadata": "0x" + "0" * 64,
        "builder": "0x" + "0" * 64,
        "signature": "0x" + "1" * 130,
    }
    whole = {"order": order, "owner": box.keys.given(OWNER).key, "orderType": "GTC", "deferExec": False}
    statuses = []
    for value in VALUES:
        for odd in [
            *({**whole, name: value} for name in whole),
            *({**whole, "order": {**order, n: value}} for n in order),
        ]:
            for path, body in (("/order", odd), ("/orders", [odd, whole])):
                statuses.append(await status(box, "clob", "POST", path, "", json.dumps(body).encode()))
    assert {found for found in statuses if found not in (200, 400, 401, 404)} == set()
    assert not box.core.open_orders(OWNER)

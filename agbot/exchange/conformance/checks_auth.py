"""Who asks: wallet signatures (L1) and API keys (L2)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from secrets import randbits
from typing import Any, Final

from agbot.exchange.conformance.asking import Answer
from agbot.exchange.conformance.check import check
from agbot.exchange.conformance.trader import Trader, credentials
from agbot.exchange.conformance.verdict import Skipped, has, matches, require, same, text_fields
from agbot.exchange.conformance.world import World

_L1: Final = "docs: CLOB authentication, L1"
_L2: Final = "docs: CLOB authentication, L2"
_CREATE: Final = ("POST", "/auth/api-key")
_DERIVE: Final = ("GET", "/auth/derive-api-key")
_ORDERS: Final = ("GET", "/data/orders")
BAD_KEY: Final = "Unauthorized/Invalid api key"
BAD_L1: Final = "Invalid L1 Request headers"
_TRADE: Final = ("trade",)


def fresh_nonce() -> int:
    """Return a nonce nobody has used."""
    return randbits(48)


async def _l1(world: World, route: tuple[str, str], headers: Mapping[str, str]) -> Answer:
    return await world.clob.ask(*route, headers=headers)


async def new_key(world: World, trader: Trader) -> tuple[Trader, int]:
    """Return the trader under a new API key, and the key's nonce."""
    nonce = fresh_nonce()
    told = (await _l1(world, _CREATE, trader.claim(nonce))).ok()
    return trader.with_creds(credentials(told)), nonce


async def _with(world: World, trader: Trader, **changed: str) -> Answer:
    """Ask for open orders with some L2 headers changed."""
    headers = trader.headers(*_ORDERS) | {name.upper(): value for name, value in changed.items()}
    return await world.clob.ask(*_ORDERS, headers=headers)


@check("CLOB-AUTH-001", "a wallet's signature creates an API key", needs=_TRADE, source=_L1)
async def _create(world: World) -> None:
    told = (await _l1(world, _CREATE, world.one.claim(fresh_nonce()))).ok()
    text_fields(told, "apiKey", "secret", "passphrase")


@check("CLOB-AUTH-002", "the secret is url-safe base64", needs=_TRADE, source=_L1)
async def _secret(world: World) -> None:
    told = (await _l1(world, _CREATE, world.one.claim(fresh_nonce()))).ok()
    matches(r"[A-Za-z0-9_-]+={0,2}", told["secret"], "url-safe base64")


@check("CLOB-AUTH-003", "a second key of one nonce is refused: 400", needs=_TRADE, source=_L1)
async def _again(world: World) -> None:
    _, nonce = await new_key(world, world.one)
    (await _l1(world, _CREATE, world.one.claim(nonce))).refused("Could not create api key")


@check("CLOB-AUTH-004", "derive gives the same key for the same nonce", needs=_TRADE, source=_L1)
async def _derive(world: World) -> None:
    made, nonce = await new_key(world, world.one)
    told = (await _l1(world, _DERIVE, world.one.claim(nonce))).ok()
    same(credentials(told).key, made.creds.key, "apiKey")
    require(credentials(told) == made.creds, "another secret or passphrase", "the same three values")


@check("CLOB-AUTH-005", "derive without a key is refused: 400", needs=_TRADE, source=_L1)
async def _derive_none(world: World) -> None:
    (await _l1(world, _DERIVE, world.one.claim(fresh_nonce()))).refused("Could not derive api key")


@check("CLOB-AUTH-006", "a wrong wallet signature is a 401", needs=_TRADE, source=_L1)
async def _bad_l1(world: World) -> None:
    headers = world.one.claim(fresh_nonce())
    headers["POLY_NONCE"] = str(fresh_nonce())
    (await _l1(world, _CREATE, headers)).refused(status=401)


@check("CLOB-AUTH-007", "a wallet cannot claim another's address", needs=_TRADE, source=_L1)
async def _other_address(world: World) -> None:
    headers = world.one.claim(fresh_nonce()) | {"POLY_ADDRESS": world.two.key.address}
    (await _l1(world, _CREATE, headers)).refused(status=401)


@check("CLOB-AUTH-008", "a wallet signature an hour old is a 401", needs=_TRADE, source=_L1)
async def _stale(world: World) -> None:
    (await _l1(world, _CREATE, world.one.claim(fresh_nonce(), world.one.now_s - 3600))).refused(status=401)


@check("CLOB-AUTH-009", "missing L1 headers are a 401 with the venue's text", needs=_TRADE, source="docs: error codes")
async def _no_l1(world: World) -> None:
    headers = world.one.claim(fresh_nonce())
    del headers["POLY_SIGNATURE"]
    (await _l1(world, _CREATE, headers)).refused(BAD_L1, status=401)


@check("CLOB-AUTH-010", "a signature that is no hexadecimal is a 401", needs=_TRADE, source=_L1)
async def _junk_l1(world: World) -> None:
    (await _l1(world, _CREATE, world.one.claim(fresh_nonce()) | {"POLY_SIGNATURE": "0xzz"})).refused(status=401)


@check("CLOB-AUTH-011", "GET /auth/api-keys lists the key that asks", needs=_TRADE, source=_L2)
async def _keys(world: World) -> None:
    told = (await world.one.get("/auth/api-keys")).ok()
    has(told, "apiKeys")
    require(world.one.creds.key in told["apiKeys"], f"{len(told['apiKeys'])} other keys", "the key itself")


@check("CLOB-AUTH-012", "a wrong HMAC is a 401 with the venue's text", needs=_TRADE, source=_L2)
async def _bad_hmac(world: World) -> None:
    right = world.one.headers(*_ORDERS)["POLY_SIGNATURE"]
    wrong = ("A" if right[0] != "A" else "B") + right[1:]
    (await _with(world, world.one, poly_signature=wrong)).refused(BAD_KEY, status=401)


@check("CLOB-AUTH-013", "a wrong passphrase is a 401", needs=_TRADE, source=_L2)
async def _bad_passphrase(world: World) -> None:
    (await _with(world, world.one, poly_passphrase="0" * 64)).refused(BAD_KEY, status=401)


@check("CLOB-AUTH-014", "another wallet's address is a 401", needs=_TRADE, source=_L2)
async def _bad_address(world: World) -> None:
    (await _with(world, world.one, poly_address=world.two.key.address)).refused(BAD_KEY, status=401)


@check("CLOB-AUTH-015", "an unknown API key is a 401", needs=_TRADE, source=_L2)
async def _bad_key(world: World) -> None:
    unknown = "00000000-dead-4000-8000-000000000000"
    (await _with(world, world.one, poly_api_key=unknown)).refused(BAD_KEY, status=401)


@check("CLOB-AUTH-016", "own reads without headers are a 401", source=_L2)
async def _no_headers(world: World) -> None:
    (await world.clob.ask(*_ORDERS)).refused(status=401)


@check("CLOB-AUTH-017", "orders without headers are a 401", needs=_TRADE, source=_L2)
async def _no_headers_order(world: World) -> None:
    (await world.clob.ask("POST", "/order", body=b"{}")).refused(status=401)


@check("CLOB-AUTH-018", "the query is not signed", needs=_TRADE, source=_L2)
async def _query(world: World) -> None:
    (await world.one.get("/data/orders", next_cursor="MA==")).ok()


@check("CLOB-AUTH-019", "a signature that covers the query is a 401", needs=_TRADE, source=_L2)
async def _signed_query(world: World) -> None:
    headers = world.one.headers("GET", "/data/orders?next_cursor=MA==")
    answer = await world.clob.ask(*_ORDERS, "next_cursor=MA==", headers=headers)
    answer.refused(BAD_KEY, status=401)


@check("CLOB-AUTH-020", "the body's raw bytes are signed, blanks included", needs=_TRADE, source="official clients")
async def _raw_body(world: World) -> None:
    body = json.dumps(["0x" + "ab" * 32], indent=3).encode()
    told = (await world.one.ask("DELETE", "/orders", body=body)).ok()
    has(told, "canceled", "not_canceled")


@check("CLOB-AUTH-021", "a body other than the signed one is a 401", needs=_TRADE, source=_L2)
async def _other_body(world: World) -> None:
    headers = world.one.headers("DELETE", "/orders", b'["0x00"]')
    (await world.clob.ask("DELETE", "/orders", body=b'["0x01"]', headers=headers)).refused(BAD_KEY, status=401)


@check("CLOB-AUTH-022", "another method than the signed one is a 401", needs=_TRADE, source=_L2)
async def _other_method(world: World) -> None:
    headers = world.one.headers("POST", "/data/orders")
    (await world.clob.ask(*_ORDERS, headers=headers)).refused(BAD_KEY, status=401)


@check("CLOB-AUTH-023", "a mount prefix is not signed", needs=_TRADE, source="official clients: base URLs with a path")
async def _prefix(world: World) -> None:
    if (await world.clob.get("/clob/ok")).status != 200:
        raise Skipped("no CLOB under /clob")
    answer = await world.clob.ask("GET", "/clob/data/orders", headers=world.one.headers(*_ORDERS))
    answer.ok()


@check("CLOB-AUTH-024", "header names may be in lower case", needs=_TRADE, source="HTTP")
async def _lower_case(world: World) -> None:
    headers = {name.lower(): value for name, value in world.one.headers(*_ORDERS).items()}
    (await world.clob.ask(*_ORDERS, headers=headers)).ok()


@check("CLOB-AUTH-025", "an address without its checksum's case is the same", needs=_TRADE, source="official clients")
async def _address_case(world: World) -> None:
    (await _with(world, world.one, poly_address=world.one.key.address.lower())).ok()


@check("CLOB-AUTH-026", "closed-only is a boolean", needs=_TRADE, source="docs: CLOB ban status")
async def _closed_only(world: World) -> None:
    told = (await world.one.get("/auth/ban-status/closed-only")).ok()
    require(isinstance(told.get("closed_only"), bool), told, '{"closed_only": true or false}')


@check("CLOB-AUTH-027", "deleting a key answers the JSON string OK", needs=_TRADE, source="official clients 2026-11")
async def _delete(world: World) -> None:
    made, _ = await new_key(world, world.one)
    same((await made.ask("DELETE", "/auth/api-key")).ok(), "OK")


@check("CLOB-AUTH-028", "a deleted key is a 401 from then on", needs=_TRADE, source=_L2)
async def _deleted(world: World) -> None:
    made, _ = await new_key(world, world.one)
    (await made.ask("DELETE", "/auth/api-key")).ok()
    (await made.get("/data/orders")).refused(BAD_KEY, status=401)


@check("CLOB-AUTH-029", "several keys of one wallet see the same orders", needs=_TRADE, source=_L2)
async def _shared(world: World) -> None:
    pitch = await world.pitch()
    order_id = await world.rest(world.one, pitch, -1)
    made, _ = await new_key(world, world.one)
    rows: list[Any] = await made.open_orders()
    require(order_id in [row["id"] for row in rows], f"{len(rows)} orders", "the order placed under the other key")

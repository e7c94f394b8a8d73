"""Whose order it is: signatures of every type and version, and wrong ones."""

from __future__ import annotations

from secrets import randbits
from typing import Final

from agbot.exchange.conformance.asking import Answer
from agbot.exchange.conformance.check import check
from agbot.exchange.conformance.checks_orders import BUY, buy
from agbot.exchange.conformance.checks_refusals import NO_MONEY
from agbot.exchange.conformance.trader import Json, Pitch, Trader, accepted, body_of, refusal
from agbot.exchange.conformance.verdict import Skipped, require, same
from agbot.exchange.conformance.world import World
from agbot.units import notional
from agbot.venue.polymarket.contracts import CHAINS, POLYGON, TYPE_STRINGS, domain_separator
from agbot.venue.polymarket.eip712 import address_word, struct_hash, typed_digest, word
from agbot.venue.polymarket.orders import OrderFields, OrderSigner
from agbot.venue.polymarket.wallets import Account, SignatureType, derive

_TYPES: Final = "docs: signature types"
_SIGNING: Final = "docs: order signing; official clients 2026-11"
_ERRORS: Final = "docs: error codes"
_TRADE: Final = ("trade",)
_ZERO_ADDRESS: Final = "0x" + "00" * 20


def signature_passed(answer: Answer) -> Json | None:
    """Return the reply, None when only money was missing; Failed when the order was refused for another reason."""
    if answer.status == 200 and answer.json.get("orderID"):
        return accepted(answer)
    text = refusal(answer)
    require(NO_MONEY in text.lower(), text, "taken, or only not enough balance")
    return None


async def _of_wallet(world: World, kind: SignatureType, name: str) -> None:
    pitch = await world.pitch()
    funder: str = getattr(derive(world.one.key.address), name)
    other = world.one.with_account(Account(world.one.key.address, funder, kind))
    world.one.dirty = True
    signature_passed(await other.post(buy(other, pitch)))


@check("CLOB-SIGN-001", "signature type 0: the key's own address", needs=_TRADE, source=_TYPES)
async def _eoa(world: World) -> None:
    await _of_wallet(world, SignatureType.EOA, "eoa")


@check("CLOB-SIGN-002", "signature type 1: the proxy wallet", needs=_TRADE, source=_TYPES)
async def _proxy(world: World) -> None:
    await _of_wallet(world, SignatureType.PROXY, "proxy")


@check("CLOB-SIGN-003", "signature type 2: the safe", needs=_TRADE, source=_TYPES)
async def _safe(world: World) -> None:
    await _of_wallet(world, SignatureType.SAFE, "safe")


@check("CLOB-SIGN-004", "signature type 3: the deposit wallet, 317 bytes", needs=_TRADE, source=_TYPES)
async def _deposit(world: World) -> None:
    await _of_wallet(world, SignatureType.DEPOSIT, "deposit_beacon")


@check("CLOB-SIGN-021", "signature type 3 of the older kind of deposit wallet", needs=_TRADE, source=_TYPES)
async def _older_deposit(world: World) -> None:
    await _of_wallet(world, SignatureType.DEPOSIT, "deposit_uups")


@check("CLOB-SIGN-005", "a market of a neg-risk event wants its own exchange", needs=_TRADE, source=_SIGNING)
async def _neg_risk(world: World) -> None:
    pitch = await world.pitch(0, await world.some("neg risk and version 2", neg_risk=True, version=2))
    signature_passed(await world.one.post(_cheap(world.one, pitch)))
    refusal(await world.one.post(_cheap(world.one, pitch, neg_risk=False)))


@check("CLOB-SIGN-006", "a plain market refuses the neg-risk domain", needs=_TRADE, source=_SIGNING)
async def _no_neg_risk(world: World) -> None:
    pitch = await world.pitch()
    refusal(await world.one.post(buy(world.one, pitch, neg_risk=not pitch.neg_risk)))


@check("CLOB-SIGN-007", "a version 2 market refuses domain version 3", needs=_TRADE, source=_SIGNING)
async def _v3_in_v2(world: World) -> None:
    refusal(await world.one.post(buy(world.one, await world.pitch(), version=3)))


@check("CLOB-SIGN-008", "a position of Protocol V2 takes domain version 3", needs=_TRADE, source=_SIGNING)
async def _v3(world: World) -> None:
    pitch = await world.pitch(0, await world.some("version v2", version=3))
    signature_passed(await world.one.post(_cheap(world.one, pitch)))


@check("CLOB-SIGN-009", "it refuses domain version 2", needs=_TRADE, source=_SIGNING)
async def _v2_in_v3(world: World) -> None:
    pitch = await world.pitch(0, await world.some("version v2", version=3))
    refusal(await world.one.post(_cheap(world.one, pitch, version=2)))


@check("CLOB-SIGN-010", "an order of version 1: order_version_mismatch", needs=_TRADE, source=_ERRORS)
async def _v1(world: World) -> None:
    pitch = await world.pitch()
    same(refusal(await world.one.post(_v1_body(world.one, pitch))), "order_version_mismatch", "error")


@check("CLOB-SIGN-011", "an order signed for another chain is refused", needs=_TRADE, source=_SIGNING)
async def _chain(world: World) -> None:
    pitch = await world.pitch()
    body = buy(world.one, pitch)
    signer = OrderSigner(world.one.key, world.one.account, CHAINS[80002])
    signed = signer.sign(_fields(body), version=pitch.version, neg_risk=pitch.neg_risk)
    refusal(await world.one.post(body_of(signed, world.one.creds.key, "GTC")))


@check("CLOB-SIGN-012", "one wrong bit in the signature is refused", needs=_TRADE, source=_SIGNING)
async def _bit(world: World) -> None:
    body = buy(world.one, await world.pitch())
    signature = bytearray.fromhex(body["order"]["signature"][2:])
    signature[10] ^= 1
    body["order"]["signature"] = "0x" + signature.hex()
    refusal(await world.one.post(body))


@check("CLOB-SIGN-013", "a price changed after signing is refused", needs=_TRADE, source=_SIGNING)
async def _changed(world: World) -> None:
    pitch = await world.pitch()
    body = buy(world.one, pitch)
    body["order"]["makerAmount"] = str(notional(pitch.at(-2), pitch.size))
    refusal(await world.one.post(body))


@check("CLOB-SIGN-014", "a side changed after signing is refused", needs=_TRADE, source=_SIGNING)
async def _side(world: World) -> None:
    body = buy(world.one, await world.pitch())
    body["order"]["side"] = "SELL"
    refusal(await world.one.post(body))


@check("CLOB-SIGN-015", "an empty or short signature is refused", needs=_TRADE, source=_SIGNING)
async def _short(world: World) -> None:
    body = buy(world.one, await world.pitch())
    for text in ("", "0x", body["order"]["signature"][:-2]):
        body["order"]["signature"] = text
        refusal(await world.one.post(body))


@check("CLOB-SIGN-016", "another wallet's order under this API key is refused", needs=_TRADE, source=_ERRORS)
async def _signer(world: World) -> None:
    pitch = await world.pitch()
    body = buy(world.two, pitch) | {"owner": world.one.creds.key}
    refusal(await world.one.post(body), "the order signer address has to be the address of the API KEY")


@check("CLOB-SIGN-017", "another API key as owner is refused", needs=_TRADE, source=_ERRORS)
async def _owner(world: World) -> None:
    body = buy(world.one, await world.pitch()) | {"owner": world.two.creds.key}
    refusal(await world.one.post(body), "the order owner has to be the owner of the API KEY")


@check("CLOB-SIGN-018", "somebody else's money cannot be spent", needs=_TRADE, source=_SIGNING)
async def _maker(world: World) -> None:
    pitch = await world.pitch()
    kind = world.two.account.signature_type or SignatureType.PROXY
    account = Account(world.one.key.address, world.two.account.maker, kind)
    refusal(await world.one.post(buy(world.one.with_account(account), pitch)))


@check("CLOB-SIGN-019", "a type that does not fit the maker is refused", needs=_TRADE, source=_TYPES)
async def _type(world: World) -> None:
    if world.one.account.signature_type is not SignatureType.EOA:
        raise Skipped("the first key does not trade with its own address")
    body = buy(world.one, await world.pitch())
    body["order"]["signatureType"] = 2
    refusal(await world.one.post(body))


@check("CLOB-SIGN-020", "a salt of 53 bits is the same number on the way back", needs=_TRADE, source="JSON numbers")
async def _salt(world: World) -> None:
    pitch = await world.pitch()
    fields = OrderFields(
        token_id=int(pitch.yes),
        maker_amount=notional(pitch.at(-1), pitch.size),
        taker_amount=pitch.size,
        side=BUY,
        salt=(1 << 53) - 1 - randbits(20),
        timestamp_ms=world.one.now_s * 1000,
    )
    signed = OrderSigner(world.one.key, world.one.account, POLYGON).sign(
        fields, version=pitch.version, neg_risk=pitch.neg_risk
    )
    told = accepted(await world.one.post(body_of(signed, world.one.creds.key, "GTC")))
    same(told["orderID"], signed.order_id, "orderID")


def _cheap(trader: Trader, pitch: Pitch, **more: bool | int) -> Json:
    """Return a BUY at the lowest price there is, which meets nobody."""
    size = max(pitch.size, 10_000_000)
    return trader.draft(pitch, pitch.yes, BUY, pitch.tick, size, **more)  # type: ignore[arg-type]


def _fields(body: Json) -> OrderFields:
    order = body["order"]
    return OrderFields(
        token_id=int(order["tokenId"]),
        maker_amount=int(order["makerAmount"]),
        taker_amount=int(order["takerAmount"]),
        side=BUY,
        salt=order["salt"],
        timestamp_ms=int(order["timestamp"]),
    )


def _v1_body(trader: Trader, pitch: Pitch) -> Json:
    """Return an order as clients of the first version send and sign it."""
    amounts, salt, address = (notional(pitch.at(-1), pitch.size), pitch.size), randbits(40), trader.key.address
    words = (
        word(salt),
        *map(address_word, (address, address, _ZERO_ADDRESS)),
        *map(word, (int(pitch.yes), *amounts, 0, 0, 0, 0, 0)),
    )
    digest = typed_digest(
        domain_separator(1, neg_risk=False, chain=POLYGON), struct_hash(TYPE_STRINGS["order_v1"], *words)
    )
    order = {
        "salt": salt,
        "maker": address,
        "signer": address,
        "taker": _ZERO_ADDRESS,
        "tokenId": pitch.yes,
        "makerAmount": str(amounts[0]),
        "takerAmount": str(amounts[1]),
        "expiration": "0",
        "nonce": "0",
        "feeRateBps": "0",
        "side": "BUY",
        "signatureType": 0,
        "signature": "0x" + trader.key.sign(digest).hex(),
    }
    return {"order": order, "owner": trader.creds.key, "orderType": "GTC", "postOnly": False}

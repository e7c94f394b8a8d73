"""Orders whose hash and signature the real exchange contracts accepted on a local chain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from agbot.model.order import Side
from agbot.secrets import Secret
from agbot.selftest.check import Check, Difference, differing
from agbot.venue.polymarket.contracts import TYPE_STRINGS, Chain
from agbot.venue.polymarket.eip712 import address_word, domain_hash, struct_hash, typed_digest, word
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.orders import OrderFields, OrderSigner
from agbot.venue.polymarket.wallets import Account, SignatureType

Body = Mapping[str, Any]

_EXCHANGE: Final = "Polymarket CTF Exchange"
_SIDES: Final = {0: Side.BUY, 1: Side.SELL}


def order_v1(row: Body) -> Iterator[Difference]:
    """Sign an order of version 1, which nothing but old recordings holds, from its type string alone."""
    i = row["input"]
    domain = domain_hash(
        name=i["domain"]["name"],
        version=i["domain"]["version"],
        chain_id=i["chain_id"],
        contract=i["verifying_contract"],
    )
    type_string = TYPE_STRINGS["order_v1"]
    members = type_string.removeprefix("Order(").removesuffix(")").split(",")
    words = [_word(kind, i["order"][name]) for kind, name in (member.split(" ") for member in members)]
    digest = typed_digest(domain, struct_hash(type_string, *words))
    signature = SigningKey.parse(Secret(i["private_key"])).sign(digest)
    got = {"order_hash": digest, "signature": signature, "domain_separator": domain}
    return differing(row["expected"], {name: "0x" + value.hex() for name, value in got.items()})


def _word(kind: str, value: str | int) -> bytes:
    return address_word(str(value)) if kind == "address" else word(int(value))


def order_v2(row: Body) -> Iterator[Difference]:
    """Sign an order of version 2 as the bot does, for the contract that the row names."""
    i, order = row["input"], row["input"]["order"]
    key = SigningKey.parse(Secret(i["private_key"]))
    account = Account(key.address, order["maker"], SignatureType(order["signatureType"]))
    chain = Chain(chain_id=i["chain_id"], exchange_v2=i["verifying_contract"])
    fields = OrderFields(
        token_id=int(order["tokenId"]),
        maker_amount=int(order["makerAmount"]),
        taker_amount=int(order["takerAmount"]),
        side=_SIDES[order["side"]],
        salt=int(order["salt"]),
        timestamp_ms=int(order["timestamp"]),
        metadata=bytes.fromhex(order["metadata"].removeprefix("0x")),
        builder=bytes.fromhex(order["builder"].removeprefix("0x")),
    )
    signed = OrderSigner(key, account, chain).sign(fields, version=2, neg_risk=False)
    yield from differing(i["domain"], {"name": _EXCHANGE, "version": "2"})
    yield from differing(order, {"signer": signed.signer})
    yield from differing(row["expected"], {"order_hash": signed.order_id, "signature": "0x" + signed.signature.hex()})


CHECKS: Final[Mapping[str, Check]] = {
    "polymarket.order_v1_onchain": order_v1,
    "polymarket.order_v2_onchain": order_v2,
}

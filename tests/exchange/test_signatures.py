"""Signatures of the official clients, as the exchange checks them, and whatever else may be sent."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.exchange.clob.owners import Owners
from agbot.exchange.clob.signatures import (
    INVALID_PAYLOAD,
    INVALID_SIGNATURE,
    NOT_DEPOSIT_FLOW,
    NOT_THE_KEYS,
    SESSION_KEY,
    VERSION_MISMATCH,
    OrderCheck,
    PostedOrder,
    claim_signer,
    order_digest,
    order_signer,
)
from agbot.exchange.core.model import Refused
from agbot.secrets import Secret
from agbot.venue.polymarket.contracts import CHAINS
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.wallets import derive

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text(encoding="utf-8"))
ORDERS = [*VECTORS["orders_v2"], *VECTORS["orders_v3"]]
WALLETS = VECTORS["wallet_derivation"][0]
OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def posted(order: dict[str, Any]) -> PostedOrder:
    return msgspec.convert(order, PostedOrder)


def owner_of(vector: dict[str, Any]) -> str:
    return SigningKey.parse(Secret(vector["inputs"]["private_key"])).address


def signed_by(vector: dict[str, Any], order: dict[str, Any], owner: str = "") -> str:
    inputs = vector["inputs"]
    check = OrderCheck(CHAINS[inputs["chain_id"]])
    domain = {"version": inputs["exchange_version"], "neg_risk": inputs["neg_risk"]}
    return check.signed_by(posted(order), owner or owner_of(vector), **domain)


def refusal(vector: dict[str, Any], owner: str = "", **changes: Any) -> str:
    with pytest.raises(Refused) as caught:
        signed_by(vector, vector["http_body"]["order"] | changes, owner)
    assert caught.value.status == 400
    return caught.value.text


@pytest.mark.parametrize("vector", ORDERS, ids=lambda v: v["id"])
def test_orders_of_the_official_clients(vector: dict[str, Any]) -> None:
    order = vector["http_body"]["order"]
    assert signed_by(vector, order) == vector["order_digest"]
    lower = {name: order[name].lower() for name in ("maker", "signer", "signature")}
    assert signed_by(vector, order | lower) == vector["order_digest"]
    amount = str(int(order["makerAmount"]) + 1)
    changed = order | {"makerAmount": amount}
    assert refusal(vector, **changed) == INVALID_SIGNATURE
    other = OTHER if owner_of(vector) != OTHER else WALLETS["eoa"]
    assert refusal(vector, other) in {NOT_THE_KEYS, INVALID_SIGNATURE}
    if vector["inputs"]["chain_id"] == 137:
        domain = {"version": vector["inputs"]["exchange_version"], "neg_risk": vector["inputs"]["neg_risk"]}
        assert "0x" + order_digest(order, **domain).hex() == vector["order_digest"]
        assert order_signer(order, **domain) == owner_of(vector)


@pytest.mark.parametrize("vector", VECTORS["orders_v1"], ids=lambda v: v["id"])
def test_orders_of_version_1_are_known_and_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=f"^{VERSION_MISMATCH}$"):
        OrderCheck().signed_by(posted(vector["http_order"]), WALLETS["eoa"], version=2, neg_risk=False)


EOA = next(v for v in ORDERS if v["inputs"]["signature_type"] == 0)
DEPOSIT = next(v for v in ORDERS if v["inputs"]["signature_type"] == 3)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"maker": OTHER}, NOT_THE_KEYS),
        ({"maker": "0x12"}, INVALID_PAYLOAD),
        ({"signer": "nobody"}, INVALID_PAYLOAD),
        ({"signer": OTHER}, NOT_THE_KEYS),
        ({"signatureType": 2}, INVALID_SIGNATURE),
        ({"signatureType": 3}, INVALID_SIGNATURE),
        ({"signatureType": 4}, INVALID_PAYLOAD),
        ({"signatureType": -1}, INVALID_PAYLOAD),
        ({"salt": 2**53}, INVALID_PAYLOAD),
        ({"salt": -1}, INVALID_PAYLOAD),
        ({"tokenId": "٣"}, INVALID_PAYLOAD),
        ({"tokenId": ""}, INVALID_PAYLOAD),
        ({"tokenId": str(2**256)}, INVALID_PAYLOAD),
        ({"tokenId": "9" * 5000}, INVALID_PAYLOAD),
        ({"makerAmount": "-1"}, INVALID_PAYLOAD),
        ({"makerAmount": "1.5"}, INVALID_PAYLOAD),
        ({"takerAmount": str(2**63)}, INVALID_PAYLOAD),
        ({"timestamp": "soon"}, INVALID_PAYLOAD),
        ({"metadata": "0x00"}, INVALID_PAYLOAD),
        ({"builder": "0x" + "g" * 64}, INVALID_PAYLOAD),
        ({"signature": "0x"}, INVALID_SIGNATURE),
        ({"signature": "0x" + "00" * 65}, INVALID_SIGNATURE),
        ({"signature": "0x" + "ff" * 64 + "1b"}, INVALID_SIGNATURE),
        ({"signature": "0xzz"}, INVALID_SIGNATURE),
        ({"signature": "0x" + "00" * 5000}, INVALID_SIGNATURE),
        ({"signature": "0x" + "00" * 160 + "6492" * 16}, SESSION_KEY),
    ],
    ids=str,
)
def test_what_is_no_order_of_this_key(changes: dict[str, Any], text: str) -> None:
    assert refusal(EOA, **changes) == text


def test_a_deposit_wallet_names_what_it_covers() -> None:
    signature = DEPOSIT["http_body"]["order"]["signature"]
    assert len(signature) == 2 + 2 * 317
    flipped = signature[:-1] + ("1" if signature[-1] == "0" else "0")
    assert refusal(DEPOSIT, signature=flipped) == INVALID_SIGNATURE
    assert refusal(DEPOSIT, signer=owner_of(DEPOSIT)) == NOT_THE_KEYS
    assert refusal(DEPOSIT, OTHER) == INVALID_SIGNATURE


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)


@given(st.dictionaries(st.sampled_from(sorted(EOA["http_body"]["order"])), json_values, max_size=3))
def test_nothing_but_refused_is_raised(changes: dict[str, Any]) -> None:
    try:
        order = posted(EOA["http_body"]["order"] | changes)
    except msgspec.ValidationError:
        return
    with suppress(Refused):
        assert OrderCheck().signed_by(order, owner_of(EOA), version=2, neg_risk=False) == EOA["order_digest"]


@pytest.mark.parametrize("vector", VECTORS["clob_auth_l1"], ids=lambda v: v["id"])
def test_claims(vector: dict[str, Any]) -> None:
    inputs = vector["inputs"]
    chain, stamp = CHAINS[inputs["chain_id"]], str(inputs["timestamp_s"])
    claim = (vector["address"], stamp, inputs["nonce"], vector["signature"])
    assert claim_signer(*claim, chain=chain) == vector["address"]
    assert claim_signer(vector["address"], stamp, inputs["nonce"] + 1, vector["signature"], chain) != vector["address"]
    for junk in ("", "0x", "0x" + "00" * 65, "junk"):
        assert claim_signer(vector["address"], stamp, 0, junk, chain) == ""


# ---------------------------------------------------------------- whose wallet


def test_wallets_that_follow_from_an_address_are_its_owners() -> None:
    owners, mine = Owners(), derive(WALLETS["eoa"])
    for kind, wallet in enumerate((mine.eoa, mine.proxy, mine.safe, mine.deposit_uups)):
        owners.bind(mine.eoa, wallet, kind)
        assert owners.of(wallet) == (mine.eoa, kind)
        assert owners.wallet(mine.eoa, kind) == wallet
        with pytest.raises(Refused, match=NOT_DEPOSIT_FLOW):
            owners.bind(mine.eoa, wallet, (kind + 1) % 4)
        with pytest.raises(Refused, match=NOT_DEPOSIT_FLOW):
            owners.bind(OTHER, wallet, kind)
    assert owners.wallets(mine.eoa) == [mine.eoa, mine.proxy, mine.safe, mine.deposit_uups]


def test_any_other_wallet_is_whose_it_was_first_unless_it_follows_from_another_address() -> None:
    owners, wallet, safe = Owners(), "0x" + "Ab" * 20, derive(OTHER).safe
    owners.bind(WALLETS["eoa"], wallet, 2)
    owners.bind(WALLETS["eoa"], wallet, 2)
    for owner, kind in ((OTHER, 2), (WALLETS["eoa"], 3), (OTHER, 0)):
        with pytest.raises(Refused, match=NOT_DEPOSIT_FLOW):
            owners.bind(owner, wallet, kind)
    assert owners.wallet(WALLETS["eoa"], 2) == wallet
    owners.bind(WALLETS["eoa"], safe, 2)
    owners.bind(OTHER, safe, 2)
    assert owners.of(safe) == (OTHER, 2)
    assert owners.wallet(WALLETS["eoa"], 2) == derive(WALLETS["eoa"]).safe


def test_a_wallet_never_named_is_the_one_that_follows() -> None:
    owners = Owners()
    wallets = [owners.wallet(WALLETS["eoa"], kind) for kind in range(4)]
    names = ("eoa", "proxy_wallet", "safe_wallet", "deposit_wallet_beacon")
    assert wallets == [WALLETS[name] for name in names]


def test_owners_survive_a_restart() -> None:
    owners = Owners()
    owners.bind(WALLETS["eoa"], "0x" + "11" * 20, 3)
    again = Owners()
    again.restore(json.loads(json.dumps(owners.snapshot())))
    assert again.of("0x" + "11" * 20) == (WALLETS["eoa"], 3)
    assert again.snapshot() == owners.snapshot()

"""Every recorded order, login and wallet, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agbot.model.order import Side
from agbot.secrets import Secret
from agbot.venue.polymarket.contracts import (
    CHAINS,
    POLYGON,
    TYPE_HASHES,
    TYPE_STRINGS,
    clob_auth_domain,
    domain_separator,
)
from agbot.venue.polymarket.eip712 import address_word, domain_hash, struct_hash, typed_digest, word
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.orders import OrderFields, OrderSigner, clob_auth_digest, post_body
from agbot.venue.polymarket.wallets import Account, SignatureType, derive

Row = dict[str, Any]


@pytest.fixture(scope="module")
def vectors(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "vectors" / "polymarket_vectors.json").read_text(encoding="utf-8"))


def key_of(row: Row) -> SigningKey:
    return SigningKey.parse(Secret(row["inputs"]["private_key"]))


def fields_of(row: Row) -> OrderFields:
    given = row["inputs"]
    return OrderFields(
        token_id=int(given["token_id"]),
        maker_amount=int(row["maker_amount"]),
        taker_amount=int(row["taker_amount"]),
        side=Side(given["side"]),
        salt=given["salt"],
        timestamp_ms=given["timestamp_ms"],
        expiration_s=given["expiration"],
        metadata=bytes.fromhex(given["metadata"][2:]),
        builder=bytes.fromhex(given["builder"][2:]),
    )


def signer_of(row: Row) -> OrderSigner:
    given, key = row["inputs"], key_of(row)
    account = Account(key.address, given["funder"] or key.address, given["signature_type"])
    return OrderSigner(key, account, CHAINS[given["chain_id"]])


def test_type_strings_and_their_hashes(vectors):
    expected = {name: (row["string"], row["hash"]) for name, row in vectors["constants"]["type_strings"].items()}
    assert {name: (text, "0x" + TYPE_HASHES[name].hex()) for name, text in TYPE_STRINGS.items()} == expected


def test_domain_separators(vectors):
    rows = vectors["constants"]["domain_separators"]
    assert len(rows) == 13
    for row in rows:
        chain = CHAINS[row["chain_id"]]
        if row["name"] == "clob_auth":
            separator = clob_auth_domain(row["chain_id"])
        elif row["name"] == "neg_risk_exchange_v1_as_in_py_clob_client":  # the two official clients disagree
            separator = domain_hash(
                name="Polymarket CTF Exchange",
                version="1",
                chain_id=row["chain_id"],
                contract=row["verifying_contract"],
            )
        else:
            assert getattr(chain, row["name"]) == row["verifying_contract"]
            separator = domain_separator(int(row["version"]), neg_risk=row["name"].startswith("neg_risk"), chain=chain)
        assert "0x" + separator.hex() == row["separator"], row


@pytest.mark.parametrize(("section", "count"), [("orders_v2", 12), ("orders_v3", 4)])
def test_orders(vectors, section, count):
    assert len(vectors[section]) == count
    for row in vectors[section]:
        given = row["inputs"]
        signer, fields = signer_of(row), fields_of(row)
        where = {"version": given["exchange_version"], "neg_risk": given["neg_risk"]}
        signed = signer.sign(fields, **where)
        assert signed.order_id == row["order_digest"] == signer.order_id(fields, **where), row["id"]
        assert "0x" + signed.signature.hex() == row["signature"], row["id"]
        assert len(signed.signature) == (317 if given["signature_type"] == 3 else 65)
        assert (signed.maker, signed.signer) == (row["order_maker"], row["order_signer"])
        body = post_body(
            signed, owner=given["owner_api_key"], order_type=given["order_type"], post_only=given["post_only"]
        )
        assert body.decode() == row["http_body_serialized"], row["id"]
        assert json.loads(body) == row["http_body"]


def test_orders_of_version_1_check_the_general_part(vectors):
    """The venue refuses them since 2026-04-28; their digests and signatures still prove `eip712` and `keys`."""
    assert len(vectors["orders_v1"]) == 5
    for row in vectors["orders_v1"]:
        given, sent, key = row["inputs"], row["http_order"], key_of(row)
        struct = struct_hash(
            TYPE_STRINGS["order_v1"],
            word(given["salt"]),
            *(address_word(sent[name]) for name in ("maker", "signer", "taker")),
            word(int(given["token_id"])),
            word(int(row["maker_amount"])),
            word(int(row["taker_amount"])),
            *(word(given[name]) for name in ("expiration", "nonce", "fee_rate_bps")),
            word(0 if given["side"] == "BUY" else 1),
            word(given["signature_type"]),
        )
        domain = domain_hash(
            name="Polymarket CTF Exchange",
            version="1",
            chain_id=given["chain_id"],
            contract=given["verifying_contract"],
        )
        digest = typed_digest(domain, struct)
        assert "0x" + digest.hex() == row["order_digest"], row["id"]
        assert "0x" + key.sign(digest).hex() == row["signature"], row["id"]


def test_logins(vectors):
    assert len(vectors["clob_auth_l1"]) == 4
    for row in vectors["clob_auth_l1"]:
        given, key = row["inputs"], key_of(row)
        digest = clob_auth_digest(key.address, given["timestamp_s"], given["nonce"], given["chain_id"])
        assert key.address == row["address"]
        assert "0x" + key.sign(digest).hex() == row["signature"], row["id"]


def test_wallets(vectors):
    (row,) = vectors["wallet_derivation"]
    wallets = derive(row["eoa"].lower())
    assert wallets.eoa == row["eoa"]
    assert (wallets.proxy, wallets.safe) == (row["proxy_wallet"], row["safe_wallet"])
    assert (wallets.deposit_uups, wallets.deposit_beacon) == (
        row["deposit_wallet_uups"],
        row["deposit_wallet_beacon"],
    )
    kinds = [wallets.type_of(wallet.upper().replace("0X", "0x")) for wallet in vars_of(wallets)]
    assert kinds == [SignatureType(n) for n in (0, 1, 2, 3, 3)]
    assert wallets.type_of(POLYGON.ctf) is None


def vars_of(wallets: Any) -> list[str]:
    return [getattr(wallets, name) for name in ("eoa", "proxy", "safe", "deposit_uups", "deposit_beacon")]

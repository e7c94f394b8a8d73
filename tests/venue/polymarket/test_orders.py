"""What may be signed, what an order's id depends on, and whose signature it is."""

from __future__ import annotations

import json
import struct

import msgspec
import pytest
from coincurve import PublicKey
from hypothesis import given
from hypothesis import strategies as st

from agbot._keccak import keccak256
from agbot.errors import ConfigError, UnsupportedOrder
from agbot.model.order import Side
from agbot.secrets import Secret
from agbot.venue.polymarket.contracts import AMOY, ORDER_TYPE, POLYGON, Chain, domain_separator
from agbot.venue.polymarket.keys import SigningKey, checksum
from agbot.venue.polymarket.orders import SALT_BITS, OrderFields, OrderIds, OrderSigner, post_body, salt_of
from agbot.venue.polymarket.wallets import Account, SignatureType

KEY = SigningKey.parse(Secret("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"))
WALLET = "0xA1A1a1a1A1A1A1A1A1a1a1a1a1a1A1A1a1A1a1a1"
FIELDS = OrderFields(
    token_id=7, maker_amount=5_200_000, taker_amount=10_000_000, side=Side.BUY, salt=1, timestamp_ms=1_790_000_000_123
)


def signer(kind: int = 0, chain: Chain = POLYGON) -> OrderSigner:
    return OrderSigner(KEY, Account(KEY.address, WALLET if kind else KEY.address, kind), chain)


def changed(**values: object) -> OrderFields:
    return msgspec.structs.replace(FIELDS, **values)


def recovered(digest: bytes, signature: bytes) -> str:
    curve_form = signature[:64] + bytes([signature[64] - 27])
    public = PublicKey.from_signature_and_message(curve_form, digest, hasher=None)
    return checksum("0x" + keccak256(public.format(compressed=False)[1:])[12:].hex())


words = st.binary(min_size=32, max_size=32)
all_fields = st.builds(
    OrderFields,
    token_id=st.integers(1, 2**256 - 1),
    maker_amount=st.integers(1, 2**63 - 1),
    taker_amount=st.integers(1, 2**63 - 1),
    side=st.sampled_from(Side),
    salt=st.integers(0, 2**53 - 1),
    timestamp_ms=st.integers(1, 2**63 - 1),
    metadata=words,
    builder=words,
)


@given(fields=all_fields, kind=st.sampled_from(SignatureType), version=st.sampled_from([2, 3]), neg_risk=st.booleans())
def test_the_signature_is_the_owners(fields, kind, version, neg_risk):
    order_signer = signer(kind)
    signed = order_signer.sign(fields, version=version, neg_risk=neg_risk)
    assert signed == order_signer.sign(fields, version=version, neg_risk=neg_risk)
    digest = bytes.fromhex(signed.order_id[2:])
    domain = domain_separator(version, neg_risk=neg_risk, chain=POLYGON)
    if kind is SignatureType.DEPOSIT:
        inner, named, contents, rest = struct.unpack(f"65s32s32s{len(ORDER_TYPE) + 2}s", signed.signature)
        assert (named, rest) == (domain, ORDER_TYPE.encode() + b"\x00\xba")
        assert keccak256(b"\x19\x01" + domain + contents) == digest  # the id is the order's own digest
        assert recovered(digest, inner) != KEY.address  # which is not what a wallet's owner signs
    else:
        assert recovered(digest, signed.signature) == KEY.address


@given(fields=all_fields)
def test_the_body_carries_every_field_exactly(fields):
    signed = signer(2).sign(fields, version=2, neg_risk=False)
    body = json.loads(post_body(signed, owner='quo"te', order_type="GTC", post_only=True))
    assert (body["owner"], body["orderType"], body["postOnly"], body["deferExec"]) == ('quo"te', "GTC", True, False)
    assert body["order"] == {
        "salt": fields.salt,
        "maker": WALLET,
        "signer": KEY.address,
        "tokenId": str(fields.token_id),
        "makerAmount": str(fields.maker_amount),
        "takerAmount": str(fields.taker_amount),
        "side": fields.side.value,
        "expiration": "0",
        "signatureType": 2,
        "timestamp": str(fields.timestamp_ms),
        "metadata": "0x" + fields.metadata.hex(),
        "builder": "0x" + fields.builder.hex(),
        "signature": "0x" + signed.signature.hex(),
    }


CHANGES = [
    {"token_id": 8},
    {"maker_amount": 5_200_001},
    {"taker_amount": 10_000_001},
    {"side": Side.SELL},
    {"salt": 2},
    {"timestamp_ms": 1_790_000_000_124},
    {"metadata": b"m" * 32},
    {"builder": b"b" * 32},
]


def test_the_id_depends_on_all_that_is_signed():
    ids = [signer().order_id(changed(**change), version=2, neg_risk=False) for change in [{}, *CHANGES]]
    ids += [signer(kind).order_id(FIELDS, version=2, neg_risk=False) for kind in (1, 2, 3)]
    ids += [signer().order_id(FIELDS, version=version, neg_risk=risk) for version, risk in ((2, True), (3, False))]
    ids += [signer(chain=AMOY).order_id(FIELDS, version=2, neg_risk=False)]
    assert len(set(ids)) == len(ids) == 15


def test_an_id_needs_no_key():
    for kind in SignatureType:
        watched = OrderIds(signer(kind).account, POLYGON)
        signed = signer(kind).sign(FIELDS, version=3, neg_risk=True)
        assert watched.order_id(FIELDS, version=3, neg_risk=True) == signed.order_id


def test_the_id_depends_on_nothing_else():
    usual = signer().order_id(FIELDS, version=2, neg_risk=False)
    assert signer().order_id(changed(expiration_s=1_893_456_000), version=2, neg_risk=False) == usual
    one_exchange = {signer().order_id(FIELDS, version=3, neg_risk=risk) for risk in (False, True)}
    assert len(one_exchange) == 1  # version 3 has one exchange for all markets


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"salt": 2**53}, "more than 53 bits"),
        ({"salt": -1}, "more than 53 bits"),
        ({"maker_amount": 0}, "above zero"),
        ({"taker_amount": 0}, "above zero"),
        ({"maker_amount": -5}, "above zero"),
        ({"taker_amount": 2**63}, "below"),
        ({"token_id": 0}, "no outcome token"),
        ({"token_id": 2**256}, "no outcome token"),
        ({"timestamp_ms": 0}, "no time"),
        ({"timestamp_ms": 2**63}, "no time"),
        ({"expiration_s": -1}, "no time"),
        ({"metadata": b""}, "32 bytes each"),
        ({"builder": bytes(33)}, "32 bytes each"),
    ],
)
def test_what_the_venue_would_refuse_is_not_signed(change, reason):
    for act in (signer().sign, signer().order_id):
        with pytest.raises(UnsupportedOrder, match=reason):
            act(changed(**change), version=2, neg_risk=False)


@pytest.mark.parametrize("version", [0, 1, 4, "2", None])
def test_unknown_versions_are_refused_every_time(version):
    order_signer = signer()
    for _ in range(2):
        with pytest.raises(UnsupportedOrder, match="only 2 and 3"):
            order_signer.sign(FIELDS, version=version, neg_risk=False)


def test_a_chain_without_the_exchange_is_refused():
    with pytest.raises(UnsupportedOrder, match="on chain 1"):
        signer(chain=Chain(chain_id=1)).sign(FIELDS, version=2, neg_risk=False)


@pytest.mark.parametrize(
    ("order_type", "post_only", "expiration_s", "reason"),
    [
        ("IOC", False, 0, "none of GTC, GTD, FOK, FAK"),
        ("gtc", False, 0, "none of"),
        ("FOK", True, 0, "never does"),
        ("FAK", True, 0, "never does"),
        ("GTD", False, 0, "GTD and nothing else expires"),
        ("GTC", False, 5, "GTD and nothing else expires"),
    ],
)
def test_impossible_bodies(order_type, post_only, expiration_s, reason):
    signed = signer().sign(changed(expiration_s=expiration_s), version=2, neg_risk=False)
    with pytest.raises(UnsupportedOrder, match=reason):
        post_body(signed, owner="k", order_type=order_type, post_only=post_only)


def test_a_batch_is_bodies_in_brackets():
    signed = signer().sign(FIELDS, version=2, neg_risk=False)
    bodies = [post_body(signed, owner="k", order_type=kind, post_only=False) for kind in ("GTC", "FOK")]
    assert [one["orderType"] for one in json.loads(b"[" + b",".join(bodies) + b"]")] == ["GTC", "FOK"]


@given(st.text())
def test_a_salt_fits_and_follows_from_the_name(name):
    assert salt_of(name) == salt_of(name)
    assert 0 <= salt_of(name) < 1 << SALT_BITS


def test_salts_do_not_change_between_releases_and_do_not_meet():
    assert salt_of("bot-1") == 7482502957342718
    assert len({salt_of(f"bot-{n}") for n in range(10_000)}) == 10_000


def test_the_key_must_be_the_owners():
    with pytest.raises(ConfigError, match="belongs to 0xf39F") as caught:
        OrderSigner(KEY, Account.of_owner(WALLET), POLYGON)
    assert caught.value.id == "AGB-132"


@pytest.mark.parametrize(
    ("funder", "kind", "error"),
    [(WALLET, 0, "AGB-132"), (KEY.address, 1, "AGB-132"), (KEY.address, 3, "AGB-132"), ("0x12", 1, "AGB-131")],
)
def test_accounts_that_do_not_fit(funder, kind, error):
    with pytest.raises(ConfigError) as caught:
        Account(KEY.address, funder, kind)
    assert caught.value.id == error


def test_who_makes_and_who_signs():
    for kind in SignatureType:
        account = Account(KEY.address.lower(), WALLET.lower() if kind else KEY.address, kind)
        assert account.maker == (WALLET if kind else KEY.address)
        assert account.signer == (WALLET if kind is SignatureType.DEPOSIT else KEY.address)
    assert Account.of_owner(KEY.address).maker == KEY.address


def test_contracts_have_names():
    assert POLYGON.name_of(POLYGON.router.lower()) == "router"
    assert POLYGON.name_of(WALLET) == POLYGON.name_of("") == POLYGON.name_of("137") == ""

"""1,000 random orders: digest, signature and body equal both official clients', byte for byte.

Neither client checks the deposit wallet's owner, so every signature type runs with invented funders. Logins and wallets
are compared the same way, over fewer rounds.
"""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from typing import Any

import pytest
from eth_account import Account as EthAccount
from polymarket._internal import wallet as sdk_wallet
from polymarket._internal.actions.orders.orders import create_signed_order
from polymarket._internal.actions.orders.post import build_post_order_request
from polymarket._internal.actions.orders.typed_data import build_order_signature, build_order_typed_data
from polymarket._internal.actions.orders.types import UnsignedOrder
from polymarket._internal.l1_auth import sign_api_key_auth
from polymarket.environments import PRODUCTION
from py_clob_client_v2.order_utils import ExchangeOrderBuilderV2
from py_clob_client_v2.order_utils import Side as V2Side
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderDataV2, order_to_json_v2
from py_clob_client_v2.signer import Signer as V2Signer
from py_clob_client_v2.signing.eip712 import sign_clob_auth_message

from agbot.model.order import Side
from agbot.secrets import Secret
from agbot.venue.polymarket.contracts import AMOY, CHAINS, POLYGON, Chain
from agbot.venue.polymarket.keys import SigningKey, checksum
from agbot.venue.polymarket.orders import OrderFields, OrderSigner, SignedOrder, clob_auth_digest, post_body
from agbot.venue.polymarket.wallets import Account, SignatureType, derive

ORDERS = 1_000
OWNER = "00000000-0000-0000-0000-0000000000a1"
ORDER_TYPES = ("GTC", "GTD", "FOK", "FAK")
KINDS = list(itertools.product(SignatureType, (2, 3), (False, True), Side, (POLYGON, AMOY)))

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the official clients' own


def random_word(dice: random.Random) -> bytes:
    return dice.choice([bytes(32), dice.randbytes(32)])


def random_fields(dice: random.Random, side: Side, order_type: str) -> OrderFields:
    return OrderFields(
        token_id=dice.getrandbits(dice.choice([8, 250, 256])) or 1,
        maker_amount=dice.randint(1, 10 ** dice.randint(1, 18)),
        taker_amount=dice.randint(1, 10 ** dice.randint(1, 18)),
        side=side,
        salt=dice.getrandbits(dice.randint(1, 53)),
        timestamp_ms=dice.randint(1, 2**42),
        expiration_s=dice.randint(1, 2**33) if order_type == "GTD" else 0,
        # The unified client signs no metadata, but takes one in its order.
        metadata=random_word(dice),
        builder=random_word(dice),
    )


class Case:
    """One order, ours and theirs."""

    def __init__(self, number: int) -> None:
        dice = random.Random(number)
        self.kind, self.version, self.neg_risk, side, self.chain = KINDS[number % len(KINDS)]
        self.order_type = ORDER_TYPES[number % 4]
        self.post_only = self.order_type in ("GTC", "GTD") and dice.random() < 0.5
        self.secret = "0x" + dice.randbytes(32).hex()
        self.key = SigningKey.parse(Secret(self.secret))
        contract_wallet = checksum("0x" + dice.randbytes(20).hex())
        funder = self.key.address if self.kind is SignatureType.EOA else contract_wallet
        self.account = Account(self.key.address, funder, self.kind)
        self.fields = random_fields(dice, side, self.order_type)

    @property
    def exchange(self) -> str:
        return self.chain.exchange(self.version, neg_risk=self.neg_risk)

    def ours(self) -> SignedOrder:
        signer = OrderSigner(self.key, self.account, self.chain)
        return signer.sign(self.fields, version=self.version, neg_risk=self.neg_risk)

    def body(self, signed: SignedOrder) -> dict[str, Any]:
        raw = post_body(signed, owner=OWNER, order_type=self.order_type, post_only=self.post_only)
        return json.loads(raw)

    def clob_client_v2(self) -> tuple[str, str, dict[str, Any]]:
        """Return digest, signature and body of py-clob-client-v2."""
        fields = self.fields
        builder = ExchangeOrderBuilderV2(
            self.exchange,
            self.chain.chain_id,
            V2Signer(self.secret, self.chain.chain_id),
            generate_salt=lambda: str(fields.salt),
            domain_version=str(self.version),
        )
        order = builder.build_signed_order(
            OrderDataV2(
                maker=self.account.maker,
                signer=self.account.signer,
                tokenId=str(fields.token_id),
                makerAmount=str(fields.maker_amount),
                takerAmount=str(fields.taker_amount),
                side=V2Side.BUY if fields.side is Side.BUY else V2Side.SELL,
                signatureType=int(self.kind),
                timestamp=str(fields.timestamp_ms),
                metadata="0x" + fields.metadata.hex(),
                builder="0x" + fields.builder.hex(),
                expiration=str(fields.expiration_s),
            )
        )
        digest = builder.build_order_hash(builder.build_order_typed_data(order))
        return digest, order.signature, order_to_json_v2(order, OWNER, self.order_type, self.post_only)

    def unified_client(self) -> tuple[str, dict[str, Any]]:
        """Return signature and body of polymarket-client."""
        fields = self.fields
        unsigned = UnsignedOrder(
            chain_id=self.chain.chain_id,
            builder="0x" + fields.builder.hex(),
            exchange_address=self.exchange,
            expiration=fields.expiration_s,
            maker=self.account.maker,
            maker_amount=fields.maker_amount,
            metadata="0x" + fields.metadata.hex(),
            order_type=self.order_type,
            salt=fields.salt,
            side=fields.side.value,
            signature_type=int(self.kind),
            signer=self.account.signer,
            taker_amount=fields.taker_amount,
            timestamp=fields.timestamp_ms,
            token_id=str(fields.token_id),
            protocol_version=str(self.version),
        )
        signed = EthAccount.from_key(self.secret).sign_typed_data(full_message=build_order_typed_data(unsigned))
        signature = build_order_signature(unsigned, "0x" + signed.signature.hex().removeprefix("0x"))
        order = create_signed_order(unsigned, signature, post_only=self.post_only)
        return signature, build_post_order_request(order, owner_api_key=OWNER)[1]


def without_defaults(body: dict[str, Any]) -> dict[str, Any]:
    """The unified client leaves out what is false."""
    return {name: value for name, value in body.items() if (name, value) != ("postOnly", False)}


@pytest.mark.parametrize("part", range(4))
def test_orders_equal_both_official_clients(part):
    seen: Counter[object] = Counter()
    for number in range(part, ORDERS, 4):
        case = Case(number)
        signed = case.ours()
        body = case.body(signed)
        digest, signature, their_body = case.clob_client_v2()
        assert signed.order_id == digest, number
        assert "0x" + signed.signature.hex() == signature, number
        assert body == their_body, number
        signature, their_body = case.unified_client()
        assert "0x" + signed.signature.hex() == signature, number
        assert without_defaults(body) == their_body, number
        seen[case.kind, case.version, case.neg_risk, case.fields.side, case.chain] += 1
    assert seen.total() == ORDERS // 4
    assert len(seen) == len(KINDS) // 4


def test_the_parts_cover_every_kind():
    assert {KINDS[number % len(KINDS)] for number in range(ORDERS)} == set(KINDS)


@pytest.mark.parametrize("chain", CHAINS.values(), ids=lambda chain: str(chain.chain_id))
def test_logins_equal_both_official_clients(chain: Chain):
    dice = random.Random(chain.chain_id)
    for _ in range(50):
        secret, moment, nonce = "0x" + dice.randbytes(32).hex(), dice.randint(0, 2**40), dice.getrandbits(60)
        key = SigningKey.parse(Secret(secret))
        ours = "0x" + key.sign(clob_auth_digest(key.address, moment, nonce, chain.chain_id)).hex()
        assert ours == sign_clob_auth_message(V2Signer(secret, chain.chain_id), moment, nonce)
        theirs = sign_api_key_auth(EthAccount.from_key(secret), chain_id=chain.chain_id, timestamp=moment, nonce=nonce)
        assert ours == theirs.signature


def test_wallets_equal_the_official_client():
    config, dice = PRODUCTION._config.wallet_derivation, random.Random(7)
    for _ in range(200):
        owner = EthAccount.from_key(dice.randbytes(32)).address
        ours = derive(owner)
        assert ours.eoa == owner
        assert ours.proxy == sdk_wallet.derive_proxy_wallet_address(owner, config)
        assert ours.safe == sdk_wallet.derive_safe_wallet_address(owner, config)
        assert ours.deposit_uups == sdk_wallet.derive_uups_deposit_wallet_address(owner, config)
        assert ours.deposit_beacon == sdk_wallet.derive_beacon_deposit_wallet_address(owner, config)


def test_addresses_equal_the_official_configuration():
    config = PRODUCTION._config
    ours = {
        POLYGON.exchange_v2: config.standard_exchange,
        POLYGON.neg_risk_exchange_v2: config.neg_risk_exchange,
        POLYGON.exchange_v3: config.exchange_v3,
        POLYGON.collateral: config.collateral_token,
        POLYGON.ctf: config.conditional_tokens,
        POLYGON.position_manager: config.position_manager,
        POLYGON.ctf_adapter: config.collateral_adapter,
        POLYGON.neg_risk_ctf_adapter: config.neg_risk_collateral_adapter,
        POLYGON.neg_risk_adapter: config.neg_risk_adapter,
        POLYGON.router: config.protocol_v2_router,
        POLYGON.auto_redeemer: config.auto_redeem_operator,
        POLYGON.binary_module: config.binary_module,
        POLYGON.neg_risk_module: config.neg_risk_module,
    }
    assert list(ours) == list(ours.values())
    assert POLYGON.chain_id == config.chain_id

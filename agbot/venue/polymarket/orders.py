"""Orders of CLOB versions 2 and 3: their id, their signature, and the body that carries them.

The struct is the same for both; `version` and `neg_risk` choose the domain. The venue's order id is the digest of the
order, also for deposit wallets, whose signature covers a nested digest. Everything that does not change from one order
to the next is prepared once. Signing is deterministic (RFC 6979): equal fields give equal bytes.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, Literal, TypeAlias

import msgspec

from agbot._keccak import keccak256
from agbot.errors import ConfigError, UnsupportedOrder
from agbot.model.order import Side
from agbot.venue.polymarket.contracts import (
    ORDER_TYPE,
    TYPE_HASHES,
    TYPE_STRINGS,
    Chain,
    clob_auth_domain,
    domain_separator,
)
from agbot.venue.polymarket.eip712 import ZERO_WORD, address_word, struct_hash, text_hash, typed_digest, word
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.wallets import Account, SignatureType

Version: TypeAlias = Literal[2, 3]

SALT_BITS: Final = 53
"""A JSON number beyond 53 bits is not the same number everywhere."""
_TOKEN_END: Final = 2**256
_INT64_END: Final = 2**63
_RESTING: Final = ("GTC", "GTD")
_ORDER_TYPES: Final = (*_RESTING, "FOK", "FAK")

# type hash, salt, maker, signer, token, maker amount, taker amount, side, signature type, timestamp, metadata, builder
_ORDER: Final = Struct(">32s24xQ32s32s32s24xQ24xQ31xB31xB24xQ32s32s").pack
_ORDER_HASH: Final = TYPE_HASHES["order_v2_and_v3"]
_CONTENTS_TYPE: Final = ORDER_TYPE.encode() + len(ORDER_TYPE).to_bytes(2, "big")
_CLOB_AUTH: Final = "This message attests that I control the given wallet"


class OrderFields(msgspec.Struct, frozen=True, gc=False):
    """What an order says, apart from whose it is. Amounts in 10⁻⁶ (usd or shares); a BUY makes usd and takes shares.

    `expiration_s` is not signed; 0 is none. `metadata` and `builder` are 32 bytes each.
    """

    token_id: int
    maker_amount: int
    taker_amount: int
    side: Side
    salt: int
    timestamp_ms: int
    expiration_s: int = 0
    metadata: bytes = ZERO_WORD
    builder: bytes = ZERO_WORD


class SignedOrder(msgspec.Struct, frozen=True, gc=False):
    """An order ready to be sent. `order_id` is what the venue will call it: `0x` and 64 hexadecimal digits."""

    order_id: str
    fields: OrderFields
    maker: str
    signer: str
    signature_type: SignatureType
    signature: bytes


class OrderIds:
    """Names orders of one account on one chain as the venue will; needs no key."""

    def __init__(self, account: Account, chain: Chain) -> None:
        self.account = account
        self.chain = chain
        self._maker = address_word(account.maker)
        self._signer = address_word(account.signer)
        self._type = int(account.signature_type)
        self._domains: dict[tuple[int, bool], bytes] = {}

    def order_id(self, fields: OrderFields, *, version: Version, neg_risk: bool) -> str:
        """Return the id the venue will give this order, before anything is signed or sent.

        Raises:
            UnsupportedOrder: the venue would refuse these fields, or knows no such version.
        """
        return "0x" + typed_digest(self._domain(version, neg_risk), self._contents(fields)).hex()

    def _domain(self, version: int, neg_risk: bool) -> bytes:
        domain = self._domains.get((version, neg_risk))
        if domain is not None:
            return domain
        if version not in (2, 3):
            raise _refused(f"orders of version {version!r} are not taken, only 2 and 3")
        domain = domain_separator(version, neg_risk=neg_risk, chain=self.chain)
        self._domains[version, neg_risk] = domain
        return domain

    def _contents(self, fields: OrderFields) -> bytes:
        if complaint := _complaint(fields):
            raise _refused(complaint)
        return keccak256(
            _ORDER(
                _ORDER_HASH,
                fields.salt,
                self._maker,
                self._signer,
                fields.token_id.to_bytes(32, "big"),
                fields.maker_amount,
                fields.taker_amount,
                0 if fields.side is Side.BUY else 1,
                self._type,
                fields.timestamp_ms,
                fields.metadata,
                fields.builder,
            )
        )


class OrderSigner(OrderIds):
    """Names and signs orders of one account on one chain.

    Raises:
        ConfigError: AGB-132 the key is not the account's owner.
    """

    def __init__(self, key: SigningKey, account: Account, chain: Chain) -> None:
        if key.address != account.owner:
            raise ConfigError(
                f"the private key belongs to {key.address}, the account to {account.owner}",
                id="AGB-132",
                remedy="set the private key of the account's owner",
            )
        super().__init__(account, chain)
        self._key = key
        self._wallet = b"".join(
            (text_hash("DepositWallet"), text_hash("1"), word(chain.chain_id), self._signer, ZERO_WORD)
        )

    def sign(self, fields: OrderFields, *, version: Version, neg_risk: bool) -> SignedOrder:
        """Return the order with its id and signature: 65 bytes, 317 for a deposit wallet.

        Raises:
            UnsupportedOrder: the venue would refuse these fields, or knows no such version.
        """
        account, domain, contents = self.account, self._domain(version, neg_risk), self._contents(fields)
        digest = typed_digest(domain, contents)
        if account.signature_type is SignatureType.DEPOSIT:
            signature = self._wallet_signature(domain, contents)
        else:
            signature = self._key.sign(digest)
        order_id = "0x" + digest.hex()
        return SignedOrder(order_id, fields, account.maker, account.signer, account.signature_type, signature)

    def _wallet_signature(self, domain: bytes, contents: bytes) -> bytes:
        """Return the signature a deposit wallet checks (ERC-1271, nested as in ERC-7739): it names what it covers."""
        nested = keccak256(TYPE_HASHES["typed_data_sign_poly1271"] + contents + self._wallet)
        return self._key.sign(typed_digest(domain, nested)) + domain + contents + _CONTENTS_TYPE


def _complaint(fields: OrderFields) -> str:  # noqa: PLR0911 - one line per rule
    if not 0 <= fields.salt < 1 << SALT_BITS:
        return f"the salt {fields.salt} has more than {SALT_BITS} bits"
    if not (0 < fields.maker_amount < _INT64_END and 0 < fields.taker_amount < _INT64_END):
        return f"amounts are above zero and below 2⁶³, not {fields.maker_amount} and {fields.taker_amount}"
    if not 0 < fields.token_id < _TOKEN_END:
        return f"the token {fields.token_id} is no outcome token"
    if not 0 < fields.timestamp_ms < _INT64_END:
        return f"the timestamp {fields.timestamp_ms} ms is no time"
    if not 0 <= fields.expiration_s < _INT64_END:
        return f"the expiration {fields.expiration_s} s is no time"
    if len(fields.metadata) != 32 or len(fields.builder) != 32:
        return f"metadata and builder are 32 bytes each, not {len(fields.metadata)} and {len(fields.builder)}"
    return ""


def _refused(reason: str) -> UnsupportedOrder:
    return UnsupportedOrder(reason, venue="polymarket")


class _WireOrder(msgspec.Struct, rename="camel", gc=False):
    salt: int
    maker: str
    signer: str
    token_id: str
    maker_amount: str
    taker_amount: str
    side: Side
    expiration: str
    signature_type: int
    timestamp: str
    metadata: str
    builder: str
    signature: str


class _WireBody(msgspec.Struct, rename="camel", gc=False):
    order: _WireOrder
    owner: str
    order_type: str
    defer_exec: bool
    post_only: bool


_to_json: Final = msgspec.json.Encoder().encode
_NO_WORD: Final = "0x" + ZERO_WORD.hex()


def post_body(signed: SignedOrder, *, owner: str, order_type: str, post_only: bool) -> bytes:
    """Return the body of `POST /order` as compact JSON; a batch is such bodies in brackets, with commas between.

    `owner` is the API key, `order_type` one of GTC, GTD, FOK, FAK.

    Raises:
        UnsupportedOrder: the venue would refuse this combination.
    """
    fields = signed.fields
    if order_type not in _ORDER_TYPES:
        raise _refused(f"the order type {order_type!r} is none of {', '.join(_ORDER_TYPES)}")
    if post_only and order_type not in _RESTING:
        raise _refused(f"a post-only order rests, {order_type} never does")
    if (order_type == "GTD") != (fields.expiration_s > 0):
        raise _refused(f"GTD and nothing else expires: {order_type} with expiration {fields.expiration_s}")
    order = _WireOrder(
        salt=fields.salt,
        maker=signed.maker,
        signer=signed.signer,
        token_id=str(fields.token_id),
        maker_amount=str(fields.maker_amount),
        taker_amount=str(fields.taker_amount),
        side=fields.side,
        expiration=str(fields.expiration_s),
        signature_type=int(signed.signature_type),
        timestamp=str(fields.timestamp_ms),
        metadata=_word_text(fields.metadata),
        builder=_word_text(fields.builder),
        signature="0x" + signed.signature.hex(),
    )
    return _to_json(_WireBody(order, owner, order_type, defer_exec=False, post_only=post_only))


def _word_text(value: bytes) -> str:
    return _NO_WORD if value == ZERO_WORD else "0x" + value.hex()


def salt_of(client_order_id: str) -> int:
    """Return the salt of an order, 53 bits that depend on nothing but its client order id."""
    return int.from_bytes(keccak256(client_order_id.encode())[:8], "big") >> 64 - SALT_BITS


def clob_auth_digest(address: str, timestamp_s: int, nonce: int, chain_id: int) -> bytes:
    """Return the digest by which the wallet at `address` proves itself to the CLOB (L1 authentication)."""
    struct = struct_hash(
        TYPE_STRINGS["clob_auth"],
        address_word(address),
        text_hash(str(timestamp_s)),
        word(nonce),
        text_hash(_CLOB_AUTH),
    )
    return typed_digest(clob_auth_domain(chain_id), struct)

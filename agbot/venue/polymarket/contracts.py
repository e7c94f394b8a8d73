"""Polymarket's contracts, and the types and domains that its signatures are made of.

Addresses: py-clob-client-v2 1.2.1 (`config.py`), polymarket-client 0.14.0 (`environments.py`) and the venue's page on
contracts; the hashes follow from the strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

import attrs

from agbot.errors import ConfigError, UnsupportedOrder
from agbot.venue.polymarket.eip712 import BARE_DOMAIN_TYPE, DOMAIN_TYPE, domain_hash, text_hash

ORDER_TYPE: Final = (
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    "uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
TYPE_STRINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "eip712_domain": DOMAIN_TYPE,
        # Refused by the venue since 2026-04-28; kept because recorded V1 orders are still verified.
        "order_v1": (
            "Order(uint256 salt,address maker,address signer,address taker,uint256 tokenId,uint256 makerAmount,"
            "uint256 takerAmount,uint256 expiration,uint256 nonce,uint256 feeRateBps,uint8 side,uint8 signatureType)"
        ),
        "order_v2_and_v3": ORDER_TYPE,
        "typed_data_sign_poly1271": (
            "TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,"
            f"bytes32 salt){ORDER_TYPE}"
        ),
        "clob_auth_domain": BARE_DOMAIN_TYPE,
        "clob_auth": "ClobAuth(address address,string timestamp,uint256 nonce,string message)",
    }
)
TYPE_HASHES: Final[Mapping[str, bytes]] = MappingProxyType({name: text_hash(t) for name, t in TYPE_STRINGS.items()})

_EXCHANGE_NAME: Final = "Polymarket CTF Exchange"


@attrs.frozen(kw_only=True, cache_hash=True)
class Chain:
    """A chain and Polymarket's contracts on it, as checksummed addresses; "" where none is known."""

    chain_id: int
    exchange_v1: str = ""
    neg_risk_exchange_v1: str = ""
    exchange_v2: str = ""
    neg_risk_exchange_v2: str = ""
    exchange_v3: str = ""
    """One exchange for binary and neg-risk markets."""
    collateral: str = ""
    """pUSD, six decimals."""
    usdc_e: str = ""
    ctf: str = ""
    """Outcome tokens of version 1 and 2 markets."""
    position_manager: str = ""
    """Outcome tokens of version 3 markets."""
    ctf_adapter: str = ""
    neg_risk_ctf_adapter: str = ""
    neg_risk_adapter: str = ""
    """The first adapter, no longer served by the venue's relayer."""
    router: str = ""
    onramp: str = ""
    offramp: str = ""
    auto_redeemer: str = ""
    binary_module: str = ""
    neg_risk_module: str = ""

    def exchange(self, version: int, *, neg_risk: bool) -> str:
        """Return the exchange that verifies orders of `version`.

        Raises:
            UnsupportedOrder: there is no such version, or no such exchange on this chain.
        """
        places = {
            1: self.neg_risk_exchange_v1 if neg_risk else self.exchange_v1,
            2: self.neg_risk_exchange_v2 if neg_risk else self.exchange_v2,
            3: self.exchange_v3,
        }
        if address := places.get(version, ""):
            return address
        raise UnsupportedOrder(
            f"no exchange takes orders of version {version!r} on chain {self.chain_id}", venue="polymarket"
        )

    def contract(self, name: str) -> str:
        """Return the address in the field `name`.

        Raises:
            ConfigError: AGB-133 it is not known on this chain.
        """
        address: str = getattr(self, name)
        if not address:
            raise ConfigError(
                f"the contract {name!r} is not known on chain {self.chain_id}",
                id="AGB-133",
                remedy=f"use chain {POLYGON.chain_id}",
            )
        return address

    def name_of(self, address: str) -> str:
        """Return the field that holds `address` (any case), "" when it is none of these contracts."""
        fields = attrs.asdict(self)
        wanted = address.lower()
        return next((name for name, held in fields.items() if isinstance(held, str) and held.lower() == wanted), "")


POLYGON: Final = Chain(
    chain_id=137,
    exchange_v1="0x4bFb41d5B3570DeFd03C39a9A4D8dE6Bd8B8982E",
    neg_risk_exchange_v1="0xC5d563A36AE78145C45a50134d48A1215220f80a",
    exchange_v2="0xE111180000d2663C0091e4f400237545B87B996B",
    neg_risk_exchange_v2="0xe2222d279d744050d28e00520010520000310F59",
    exchange_v3="0xe3333700cA9d93003F00f0F71f8515005F6c00Aa",
    collateral="0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB",
    usdc_e="0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174",
    ctf="0x4D97DCd97eC945f40cF65F87097ACe5EA0476045",
    position_manager="0x006F54F7f9A22e0000CC2AB60031000000ae9fEF",
    ctf_adapter="0xAdA100Db00Ca00073811820692005400218FcE1f",
    neg_risk_ctf_adapter="0xadA2005600Dec949baf300f4C6120000bDB6eAab",
    neg_risk_adapter="0xd91E80cF2E7be2e162c6513ceD06f1dD0dA35296",
    router="0x12121212006e4CD160D18e3f00711DA5c3372600",
    onramp="0x93070a847efEf7F70739046A929D47a521F5B8ee",
    offramp="0x2957922Eb93258b93368531d39fAcCA3B4dC5854",
    auto_redeemer="0xa1200000d0002264C9a1698e001292D00E1b00af",
    binary_module="0x1000008dD9001B968442c1000017eaE6E0dA00Ba",
    neg_risk_module="0x200000900045e3B6259600682756002200028933",
)
AMOY: Final = Chain(
    chain_id=80002,
    exchange_v1="0xdFE02Eb6733538f8Ea35D585af8DE5958AD99E40",
    neg_risk_exchange_v1="0xC5d563A36AE78145C45a50134d48A1215220f80a",
    exchange_v2="0xE111180000d2663C0091e4f400237545B87B996B",
    neg_risk_exchange_v2="0xe2222d279d744050d28e00520010520000310F59",
    exchange_v3="0x9fE6e61422AdB6F610d8597F9684b16912D50C3D",
    collateral="0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB",
    ctf="0x69308FB512518e39F9b16112fA8d994F4e2Bf8bB",
    neg_risk_adapter="0xd91E80cF2E7be2e162c6513ceD06f1dD0dA35296",
)
CHAINS: Final[Mapping[int, Chain]] = MappingProxyType({chain.chain_id: chain for chain in (POLYGON, AMOY)})


@cache
def domain_separator(version: int, *, neg_risk: bool, chain: Chain) -> bytes:
    """Return the separator under which an order of `version` is signed.

    Raises:
        UnsupportedOrder: there is no such version, or no such exchange on this chain.
    """
    contract = chain.exchange(version, neg_risk=neg_risk)
    return domain_hash(name=_EXCHANGE_NAME, version=str(version), chain_id=chain.chain_id, contract=contract)


@cache
def clob_auth_domain(chain_id: int) -> bytes:
    """Return the separator under which a wallet proves itself to the CLOB; it names no contract."""
    return domain_hash(name="ClobAuthDomain", version="1", chain_id=chain_id)

"""Every kind of wallet, both standard and neg-risk exchange, and version 3: what official clients sign is taken."""

from collections.abc import Callable

import pytest
from eth_account import Account
from polymarket import SecureClient
from polymarket._internal import wallet as derived
from polymarket._internal.environment import PRODUCTION_CONFIG
from py_clob_client_v2 import ClobClient, OpenOrderParams, OrderArgs, Side, SignatureTypeV2
from py_clob_client_v2.exceptions import PolyApiException

from tests.exchange.clients.box import CHAIN, Box, Market, Other, new_key
from tests.exchange.clients.unified import environment

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

DERIVATION = PRODUCTION_CONFIG.wallet_derivation
V3_ZEROES = ((1 << 64) - 1) << 40
WALLETS: dict[SignatureTypeV2, Callable[[str], str]] = {
    SignatureTypeV2.EOA: lambda signer: signer,
    SignatureTypeV2.POLY_PROXY: lambda signer: derived.derive_proxy_wallet_address(signer, DERIVATION),
    SignatureTypeV2.POLY_GNOSIS_SAFE: lambda signer: derived.derive_safe_wallet_address(signer, DERIVATION),
    SignatureTypeV2.POLY_1271: lambda signer: derived.derive_beacon_deposit_wallet_address(signer, DERIVATION),
}


def trader(box: Box, kind: SignatureTypeV2, wallet: str = "") -> ClobClient:
    key = new_key()
    funder = wallet or WALLETS[kind](Account.from_key(key).address)
    client = ClobClient(box.urls["clob"], CHAIN, key=key, signature_type=kind, funder=funder)
    client.set_api_creds(client.create_or_derive_api_key())
    return client


def protocol_v2(market: Market) -> bool:
    return not int(market.yes) & V3_ZEROES


@pytest.mark.parametrize("kind", list(WALLETS), ids=lambda kind: kind.name)
def test_every_kind_of_wallet_trades(box: Box, market: Market, other: Other, kind: SignatureTypeV2) -> None:
    client = trader(box, kind)
    other.offer(market, 0.52, 10)
    posted = client.create_and_post_order(OrderArgs(token_id=market.yes, price=0.52, size=10, side=Side.BUY))
    assert (posted["success"], posted["status"]) == (True, "matched")
    (trade,) = client.get_trades()
    assert trade["maker_address"] == client.builder.funder


def test_nobody_trades_with_anothers_wallet(box: Box, market: Market) -> None:
    theirs = WALLETS[SignatureTypeV2.POLY_GNOSIS_SAFE](Account.from_key(new_key()).address)
    first = trader(box, SignatureTypeV2.POLY_GNOSIS_SAFE, theirs)
    order = OrderArgs(token_id=market.yes, price=0.3, size=10, side=Side.BUY)
    assert first.create_and_post_order(order)["success"]
    with pytest.raises(PolyApiException) as caught:
        trader(box, SignatureTypeV2.POLY_GNOSIS_SAFE, theirs).create_and_post_order(order)
    assert caught.value.status_code == 400
    first.cancel_all()


@pytest.mark.parametrize("version", [2, 3])
def test_neg_risk_and_version_3_are_signed_for_their_own_contract(box: Box, version: int) -> None:
    client = trader(box, SignatureTypeV2.EOA)
    chosen = [m for m in box.markets if protocol_v2(m) == (version == 3)]
    market = next(m for m in chosen if version == 3 or client.get_neg_risk(m.yes))
    asset = {"position_id": market.yes} if version == 3 else {"token_id": market.yes}
    posted = client.create_and_post_order(OrderArgs(price=0.3, size=10, side=Side.BUY, **asset))
    assert (posted["success"], posted["status"]) == (True, "live")
    assert [order["asset_id"] for order in client.get_open_orders(OpenOrderParams())] == [market.yes]
    client.cancel_all()


def test_the_unified_client_signs_version_3_of_itself(box: Box) -> None:
    market = next(m for m in box.markets if protocol_v2(m))
    with SecureClient.create(private_key=new_key(), environment=environment(box)) as client:
        posted = client.place_limit_order(asset_id=market.yes, price="0.3", size="10", side="BUY")
        assert (posted.ok, posted.status) == (True, "live")
        held = client.get_balance_allowance(asset_type="CONDITIONAL-V2", asset_id=market.yes)
        assert held.balance == 0
        assert client.cancel_all().canceled == (posted.order_id,)

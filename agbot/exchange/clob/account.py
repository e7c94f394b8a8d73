"""What the CLOB tells the holder of a key about its own account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from agbot.exchange.api import Ask, Reply, Route
from agbot.exchange.clob.cursors import page
from agbot.exchange.clob.market_json import REWARD_AGE_S
from agbot.exchange.clob.notices import Notices
from agbot.exchange.clob.owners import Owners
from agbot.exchange.clob.signatures import INVALID_PAYLOAD
from agbot.exchange.clob.standing import COLLATERAL, Standing
from agbot.exchange.clob.wire import Json, order_json, trade_json
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Order, Refused, Trade
from agbot.exchange.reads.quotes import price_of
from agbot.units import NS_PER_S, SCALE
from agbot.venue.polymarket.wallets import SignatureType

ASSET_TYPES: Final = frozenset({"COLLATERAL", "CONDITIONAL", "CONDITIONAL-V2"})
BAD_FILTER: Final = "invalid filters"
SCORING_MAX: Final = 1000


class AccountRoutes:
    """Routes that read; every one is for holders of keys.

    Args:
        now_ns: the exchange's clock.
    """

    def __init__(
        self, core: Exchange, owners: Owners, standing: Standing, notices: Notices, now_ns: Callable[[], int]
    ) -> None:
        self.core = core
        self.owners = owners
        self.standing = standing
        self.notices = notices
        self.now_ns = now_ns

    def routes(self) -> dict[tuple[str, str], Route]:
        """Return the routes, not yet behind a check of keys."""
        return {
            ("GET", "/data/orders"): self._orders,
            ("GET", "/orders"): self._orders,
            ("GET", "/data/order/{}"): lambda ask: Reply(self._order(ask)),
            ("GET", "/order/{}"): self._order_or_404,
            ("GET", "/data/trades"): self._trades,
            ("GET", "/trades"): self._trades,
            ("GET", "/data/pre-migration-orders"): lambda ask: page(ask, list[Json](), lambda row: row),
            ("GET", "/balance-allowance"): self._balance,
            ("GET", "/balance-allowance/update"): self._update,
            ("GET", "/notifications"): lambda ask: Reply(self.notices.told(ask.address, ask.key)),
            ("DELETE", "/notifications"): self._drop,
            ("GET", "/order-scoring"): lambda ask: Reply({"scoring": self._scores(ask, ask.query.get("order_id", ""))}),
            ("POST", "/orders-scoring"): self._scoring,
            ("GET", "/rewards/user"): lambda ask: page(ask, list[Json](), lambda row: row),
            ("GET", "/rewards/user/total"): lambda _: Reply([]),
            ("GET", "/rewards/user/markets"): lambda ask: page(ask, list[Json](), lambda row: row),
            ("GET", "/rewards/user/percentages"): lambda _: Reply({}),
            ("GET", "/v1/user/session-signers"): lambda ask: Reply(
                {"wallet": self.owners.wallet(ask.address, SignatureType.DEPOSIT), "signers": []}
            ),
        }

    # ------------------------------------------------------------ orders and trades

    def _orders(self, ask: Ask) -> Reply:
        query = ask.query
        market, token, name = (query.get(key) for key in ("market", "asset_id", "id"))
        shown = [
            order
            for order in self.core.open_orders(ask.address)
            if market in (None, "", order.listing.condition)
            and token in (None, "", order.new.token)
            and name in (None, "", order.id)
        ]
        return page(ask, shown, order_json)

    def _order(self, ask: Ask) -> Json | None:
        order = self.core.order(ask.tail)
        return order_json(order) if order is not None and order.new.address == ask.address else None

    def _order_or_404(self, ask: Ask) -> Reply:
        told = self._order(ask)
        if told is None:
            raise Refused("order not found", 404)
        return Reply(told)

    def _trades(self, ask: Ask) -> Reply:
        """Tell trades, the latest first."""
        query = ask.query
        since, until = _second(query.get("after"), 0), _second(query.get("before"), 1 << 62)
        shown = [
            trade
            for trade in reversed(self.core.trades_of(ask.address))
            if since <= trade.matched_ns // NS_PER_S < until and _is_asked(trade, query, ask.address)
        ]
        return page(ask, shown, lambda trade: trade_json(trade, ask.address))

    # ------------------------------------------------------------ money

    def _balance(self, ask: Ask) -> Reply:
        kind = _signature_type(ask.query)
        token = _token(ask.query)
        wallet = self.owners.wallet(ask.address, kind)
        balance = self.core.balance(wallet, token) if self._uses(ask.address, wallet, kind) else 0
        allowances = self.standing.allowances(wallet, token or COLLATERAL)
        told = {spender: str(amount) for spender, amount in allowances.items()}
        return Reply({"balance": str(balance), "allowances": told})

    def _uses(self, address: str, wallet: str, kind: int) -> bool:
        """Return whether a wallet is one this address trades with: used before, funded, or its first of any kind."""
        known = self.owners.of(wallet)
        if known is not None:
            return known == (address, kind)
        if self.owners.wallets(address) and wallet not in self.core.accounts.holdings:
            return False
        self.owners.bind(address, wallet, kind)
        return True

    def _update(self, ask: Ask) -> Reply:
        _token(ask.query)
        _signature_type(ask.query)
        return Reply(None)

    # ------------------------------------------------------------ notices and rewards

    def _drop(self, ask: Ask) -> Reply:
        self.notices.drop(ask.address, ask.query.get("ids", "").split(","))
        return Reply("OK")

    def _scoring(self, ask: Ask) -> Reply:
        ids = ask.json
        if not isinstance(ids, list) or len(ids) > SCORING_MAX or not all(isinstance(name, str) for name in ids):
            raise Refused(INVALID_PAYLOAD)
        return Reply({name: self._scores(ask, name) for name in ids})

    def _scores(self, ask: Ask, order_id: str) -> bool:
        order = self.core.order(order_id)
        return order is not None and order.new.address == ask.address and self._earns(order)

    def _earns(self, order: Order) -> bool:
        """Return whether an order counts for rewards: old, large and near the middle enough, in a market that pays."""
        listing = order.listing
        if not (order.living and listing.rewards_daily_usd and order.remaining >= listing.rewards_min_size):
            return False
        distance = abs(order.price - price_of(self.core, listing, order.new.token))
        old = self.now_ns() - order.created_ns >= REWARD_AGE_S * NS_PER_S
        return old and distance * 100 <= listing.rewards_max_spread_cents * SCALE


def _is_asked(trade: Trade, query: dict[str, str], address: str) -> bool:
    """Return whether the filters name a trade; a token is that of the taker, or of one's own part."""
    if query.get("id") not in (None, "", trade.id) or query.get("market") not in (None, "", trade.listing.condition):
        return False
    token, wallet = query.get("asset_id"), query.get("maker_address", "").lower()
    mine = [leg for leg in trade.legs if leg.order.new.address == address]
    if token and token != trade.taker.token and all(leg.token != token for leg in mine):
        return False
    return not wallet or any(leg.order.new.maker.lower() == wallet for leg in trade.legs)


def _second(said: str | None, default: int) -> int:
    if not said:
        return default
    if not (said.isascii() and said.isdigit() and len(said) <= 15):
        raise Refused(f"{BAD_FILTER}: {said[:40]!r} is no time in seconds")
    return int(said)


def _signature_type(query: dict[str, Any]) -> SignatureType:
    try:
        return SignatureType(int(query.get("signature_type") or 0))
    except ValueError as e:
        raise Refused("Invalid signature type") from e


def _token(query: dict[str, Any]) -> str:
    """Return the token that a balance is asked of, empty for usd."""
    asset = query.get("asset_type")
    if asset not in ASSET_TYPES:
        raise Refused("Invalid asset type")
    token = str(query.get("token_id") or "")
    if asset != "COLLATERAL" and not token.isdigit():
        raise Refused("Invalid token id")
    return "" if asset == "COLLATERAL" else token

"""The CLOB's REST interface: every call of it that a trader needs, typed; errors by what the caller does next.

A path is signed without query and without the mount of its host; the bytes that are signed are the bytes that leave.
No order and no cancel is ever sent twice from here: repeating is the decision of who knows what the first one did.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from agbot.errors import ConfigError, ExecutionError, VenueAmbiguous, VenueNotFound, VenueProtocolError, VenueRefused
from agbot.secrets import Secret
from agbot.venue.polymarket.auth import ApiCredentials, l1_headers, l2_headers
from agbot.venue.polymarket.errors import VENUE, Operation, order_refusal
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.limits import BATCH_MAX, Limiter
from agbot.venue.polymarket.public_reads import PublicReads, given
from agbot.venue.polymarket.transport import Ask, Sign, Transport, everything
from agbot.venue.polymarket.wire import rest
from agbot.venue.polymarket.wire.rest import (
    FIRST_PAGE,
    BalanceAllowance,
    CancelReply,
    HeartbeatReply,
    OpenOrder,
    OrderReply,
    Page,
    Trade,
)  # fmt: skip
from agbot.venue.polymarket.wire_log import WireLog

T = TypeVar("T")

COLLATERAL: Final = "COLLATERAL"
CONDITIONAL: Final = "CONDITIONAL"
CONDITIONAL_V2: Final = "CONDITIONAL-V2"

_json: Final = msgspec.json.encode


class ClobClient(PublicReads):
    """Asks the CLOB. Without `credentials` only what is public.

    Every method raises the `ExecutionError` of its situation; no failed read returns empty.

    Args:
        http: shared with others, not closed here; see `transport.open_http`.
        hosts: where the venue lives.
        credentials: the API key.
        address: the EOA that owns the API key.
        signature_type: of the account, for balances.
        limiter: shared with every client of this address.
        now_s: UTC seconds, for signatures; the venue's own clock plus offset where ours is wrong.
        wire_log: where requests and replies are noted.
        transport: carries requests instead of one over `http`.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        hosts: Hosts,
        *,
        credentials: ApiCredentials | None = None,
        address: str = "",
        signature_type: int = 0,
        limiter: Limiter,
        now_s: Callable[[], float] = time.time,
        wire_log: WireLog | None = None,
        transport: Transport | None = None,
    ) -> None:
        super().__init__(http, hosts, limiter=limiter, now_s=now_s, wire_log=wire_log, transport=transport)
        self.credentials = credentials
        self.address = address
        self.signature_type = signature_type

    # ------------------------------------------------------------ orders

    async def submit(self, body: bytes) -> OrderReply:
        """Post one order (`orders.post_body`) and return the venue's acceptance.

        Raises:
            ExecutionError: everything else. VenueAmbiguous where the order may exist, VenueDuplicate where it does.
        """
        raw = await self._signed(Operation.SUBMIT, "post-order", "POST", "/order", body=body)
        reply = _certain(rest.decode_order_reply, raw)
        if refused := order_refusal(reply):
            raise refused
        return reply

    async def submit_batch(self, bodies: Sequence[bytes]) -> tuple[OrderReply, ...]:
        """Post 1 to 15 orders in one request; return one reply each, in order. `errors.order_refusal` reads each.

        Raises:
            ValueError: no order, or more than one request takes.
            ExecutionError: the request as a whole; VenueAmbiguous when any of the orders may exist.
        """
        if not 0 < len(bodies) <= BATCH_MAX:
            raise ValueError(f"a batch has 1 to {BATCH_MAX} orders, not {len(bodies)}")
        body, cost = b"[" + b",".join(bodies) + b"]", len(bodies)
        raw = await self._signed(Operation.SUBMIT, "post-orders", "POST", "/orders", body=body, cost=cost)
        replies = _certain(rest.decode_order_replies, raw)
        if len(replies) != len(bodies):
            raise VenueAmbiguous(f"{len(replies)} replies to {len(bodies)} orders", venue=VENUE)
        return replies

    async def cancel(self, order_id: str) -> CancelReply:
        """Cancel one order. What was not cancelled is in the reply with the venue's reason."""
        body = _json({"orderID": order_id})
        return _certain(rest.decode_cancel_reply, await self._cancel("delete-order", "/order", body))

    async def cancel_many(self, order_ids: Sequence[str]) -> CancelReply:
        """Cancel many orders, in as many requests as the limits ask for. None is left out because another failed.

        Raises:
            ExecutionError: the first failure, after every request was made.
        """
        chunk, failures = self.limiter.limits.cancel_burst(), list[ExecutionError]()
        canceled, not_canceled = list[str](), dict[str, str]()
        for start in range(0, len(order_ids), chunk):
            ids = list(order_ids[start : start + chunk])
            try:
                raw = await self._cancel("delete-orders", "/orders", _json(ids), cost=len(ids))
                reply = _certain(rest.decode_cancel_reply, raw)
            except ExecutionError as e:
                failures.append(e)
                continue
            canceled += reply.canceled
            not_canceled |= reply.not_canceled
        if failures:
            raise failures[0]
        return CancelReply(tuple(canceled), not_canceled)

    async def cancel_all(self) -> CancelReply:
        """Cancel everything of this API key's owner. It costs one more token for each order: counted afterwards."""
        return self._swept(await self._cancel("cancel-all", "/cancel-all", b""))

    async def cancel_market(self, *, market: str = "", token: str = "") -> CancelReply:
        """Cancel everything in a market (condition id) or in one token of it.

        Raises:
            ValueError: neither is named: that would be everything.
        """
        if not market and not token:
            raise ValueError("name a market or a token")
        body = _json(given(market=market, asset_id=token))
        return self._swept(await self._cancel("cancel-market", "/cancel-market-orders", body))

    async def _cancel(self, route: str, path: str, body: bytes, *, cost: int = 1) -> bytes:
        return await self._signed(Operation.CANCEL, route, "DELETE", path, body=body, cost=cost)

    def _swept(self, raw: bytes) -> CancelReply:
        reply = _certain(rest.decode_cancel_reply, raw)
        self.limiter.owe(len(reply.canceled))
        return reply

    # ------------------------------------------------------------ own reads

    async def open_orders(self, *, market: str = "", token: str = "", order_id: str = "") -> tuple[OpenOrder, ...]:
        """Return every order of ours that rests."""
        params = given(id=order_id, market=market, asset_id=token)

        async def fetch(cursor: str) -> Page[OpenOrder]:
            return rest.decode_open_orders(await self._own("orders", "/data/orders", params | {"next_cursor": cursor}))

        return await everything(fetch, FIRST_PAGE)

    async def order(self, order_id: str) -> OpenOrder | None:
        """Return one order of ours; None when the venue answers that it has none (or has it no more)."""
        try:
            return rest.decode_open_order(await self._own("ledger", f"/data/order/{quote(order_id, safe='')}", {}))
        except VenueNotFound:
            return None

    async def trades(
        self,
        *,
        market: str = "",
        token: str = "",
        trade_id: str = "",
        maker_address: str = "",
        after_s: int | None = None,
        before_s: int | None = None,
    ) -> tuple[Trade, ...]:
        """Return our trades, those of the times between `after_s` and `before_s` (UTC seconds) where given."""
        params = given(id=trade_id, market=market, asset_id=token, maker_address=maker_address)
        params |= {k: str(v) for k, v in (("after", after_s), ("before", before_s)) if v is not None}

        async def fetch(cursor: str) -> Page[Trade]:
            return rest.decode_trades(await self._own("trades", "/data/trades", params | {"next_cursor": cursor}))

        return await everything(fetch, FIRST_PAGE)

    async def balance(self, asset_type: str = COLLATERAL, token: str = "") -> BalanceAllowance:
        """Return what the venue sees on chain of pUSD (COLLATERAL) or of a token (CONDITIONAL, CONDITIONAL-V2)."""
        return rest.decode_balance(await self._own("balance", "/balance-allowance", self._asset(asset_type, token)))

    async def update_balance(self, asset_type: str = COLLATERAL, token: str = "") -> None:
        """Have the venue read the chain again: after funding, after an approval, before a token's first sale."""
        await self._own("balance-update", "/balance-allowance/update", self._asset(asset_type, token))

    def _asset(self, asset_type: str, token: str) -> dict[str, str]:
        return given(asset_type=asset_type, token_id=token, signature_type=str(self.signature_type))

    async def closed_only(self) -> bool:
        """Return whether the account may only close positions."""
        return rest.decode_closed_only(await self._own("auth", "/auth/ban-status/closed-only", {}))

    async def api_keys(self) -> tuple[str, ...]:
        """Return the names of the account's API keys: the cheapest proof that ours works."""
        return rest.decode_api_keys(await self._own("auth", "/auth/api-keys", {}))

    async def heartbeat(self, last_id: str = "") -> str:
        """Send a heartbeat and return the id for the next; where the venue expects another one, that is sent at once.

        Raises:
            VenueRefused: the expected id was refused too.
        """
        reply = await self._beat(last_id)
        if reply.error:
            reply = await self._beat(reply.id)
        if reply.error:
            raise VenueRefused(
                f"the heartbeat id it expects is refused too ({reply.error})", code="heartbeat", venue=VENUE
            )
        return reply.id

    async def _beat(self, heartbeat_id: str) -> HeartbeatReply:
        body = _json({"heartbeat_id": heartbeat_id})
        ask = self._ask(Operation.HEARTBEAT, "heartbeat", "POST", "/v1/heartbeats", body=body)
        reply = await self._transport.exchange(ask, self._l2)
        if not reply.ok and (reply.status != 400 or b"heartbeat_id" not in reply.body):
            self._transport.refuse(ask, reply)
        return rest.decode_heartbeat(reply.body)

    # ------------------------------------------------------------ keys

    async def create_key(self, key: SigningKey, *, nonce: int = 0, chain_id: int = 137) -> ApiCredentials:
        """Return the API credentials of a wallet under `nonce`: made, or derived when they were made before.

        Raises:
            VenueRefused: ``no_key`` the venue can do neither.
        """
        ask = self._ask(Operation.AUTH, "auth", "POST", "/auth/api-key")
        reply = await self._transport.exchange(ask, self._l1(key, nonce, chain_id))
        if reply.status == 400:
            return await self.derive_key(key, nonce=nonce, chain_id=chain_id)
        if not reply.ok:
            self._transport.refuse(ask, reply)
        return _credentials(reply.body)

    async def derive_key(self, key: SigningKey, *, nonce: int = 0, chain_id: int = 137) -> ApiCredentials:
        """Return the API credentials that a wallet made under `nonce` before; VenueRefused ``no_key`` without."""
        ask = self._ask(Operation.AUTH, "auth", "GET", "/auth/derive-api-key")
        return _credentials(await self._transport.send(ask, self._l1(key, nonce, chain_id)))

    # ------------------------------------------------------------ sending

    async def _own(self, route: str, path: str, params: Mapping[str, str]) -> bytes:
        return await self._transport.send(self._ask(Operation.READ, route, "GET", path, params=params), self._l2)

    async def _signed(
        self, operation: Operation, route: str, method: str, path: str, *, body: bytes, cost: int = 1
    ) -> bytes:
        return await self._transport.send(self._ask(operation, route, method, path, body=body, cost=cost), self._l2)

    def _l1(self, key: SigningKey, nonce: int, chain_id: int) -> Sign:
        return lambda _: l1_headers(key, int(self._now_s()), nonce, chain_id)

    def _l2(self, ask: Ask) -> Mapping[str, str]:
        if self.credentials is None:
            raise ConfigError(
                "this needs an API key", id="AGB-415", remedy="agbot apikey gets one for your private key"
            )
        return l2_headers(self.credentials, self.address, ask.method, ask.path, ask.body, int(self._now_s()))


def _certain(decode: Callable[[bytes], T], raw: bytes) -> T:
    """Decode the reply to an order or cancel: what cannot be read leaves a doubt."""
    try:
        return decode(raw)
    except VenueProtocolError as e:
        raise VenueAmbiguous(f"a success that cannot be read: {e.reason}", venue=VENUE) from e


def _credentials(raw: bytes) -> ApiCredentials:
    made = rest.decode_api_key(raw)
    return ApiCredentials(key=made.key, secret=Secret(made.secret), passphrase=Secret(made.passphrase))

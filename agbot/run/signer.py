"""The process that holds the key: signs what is within its limits, and while its latch is on only what a leave names.

The wire is that of the control socket: one JSON object a line. ``{"op": "hello"}`` tells account, chain and caps;
``{"op": "sign", …}`` (see `agbot.venue.polymarket.signer.sign_request`) tells order id and signature. The key never
leaves, and nothing but orders for the known exchanges is signed: no login, no approval, no transfer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import trio

from agbot.core.turnover import Turnover
from agbot.errors import AgbotError, ConfigError, KillSwitchActiveError, UnsupportedOrder
from agbot.latch import Latch, LatchState
from agbot.log import get_logger
from agbot.model.order import Side
from agbot.run.bot import Stop, signals
from agbot.run.control import ControlServer, Handler
from agbot.run.spend import Caps, DayFile, over
from agbot.run.unwind import Unwinding
from agbot.shared.watch import Shared, watching
from agbot.units import usd_text
from agbot.venue.polymarket.orders import OrderFields, OrderSigner

SOCKET_NAME: Final = "signer.sock"
SIGNED_KEPT: Final = 10_000

log = get_logger(__name__)


class _Fields(msgspec.Struct, forbid_unknown_fields=True):
    token_id: str
    maker_amount: int
    taker_amount: int
    side: Side
    salt: int
    timestamp_ms: int
    expiration_s: int
    metadata: str
    builder: str

    def fields(self) -> OrderFields:
        return OrderFields(
            token_id=int(self.token_id),
            maker_amount=self.maker_amount,
            taker_amount=self.taker_amount,
            side=self.side,
            salt=self.salt,
            timestamp_ms=self.timestamp_ms,
            expiration_s=self.expiration_s,
            metadata=bytes.fromhex(self.metadata),
            builder=bytes.fromhex(self.builder),
        )


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    op: str
    chain_id: int
    contract: str
    version: int
    neg_risk: bool
    order: _Fields


class SignerDesk:
    """Answers requests for signatures.

    What it has signed today counts for its day, whether it was sent or not: it cannot know. The same order asked for
    again has the same signature and counts once.

    Args:
        latch: the signer's own kill switch.
        shared: the switch that stops several bots; None where nothing is shared.
    """

    def __init__(
        self,
        signer: OrderSigner,
        caps: Caps,
        day: DayFile,
        latch: Latch,
        now_ns: Callable[[], int],
        *,
        shared: Shared | None = None,
    ) -> None:
        self._signer = signer
        self._caps = caps
        self._day = day
        self._latch = latch
        self._shared = shared
        self._unwinding = Unwinding(latch.path.parent, now_ns)
        self._now_ns = now_ns
        self._signed = Turnover()
        self._known: dict[str, None] = {}

    def handlers(self) -> Mapping[str, Handler]:
        """Return the requests by name."""
        return {"hello": self._hello, "sign": self._sign}

    async def _hello(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        account = self._signer.account
        return {
            "owner": account.owner,
            "funder": account.funder,
            "signature_type": int(account.signature_type),
            "chain_id": self._signer.chain.chain_id,
            "max_order_usd": usd_text(self._caps.max_order_usd),
            "max_day_usd": usd_text(self._caps.max_day_usd),
            "signed_today_usd": usd_text(self.signed_today()),
            "latch": self._gate().on or bool(self._gate().scopes),
        }

    async def _sign(self, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._signature(request)
        except AgbotError as e:
            log.warning("signer.refused", error=str(e))
            raise

    def _gate(self) -> LatchState:
        local = self._latch.gate()
        return self._shared.gate(local) if self._shared else local

    def signed_today(self) -> int:
        """Return what was signed for in the current UTC day (10⁻⁶ usd), by earlier runs too."""
        return self._day.before() + self._signed.so_far(self._now_ns())

    def _signature(self, request: Mapping[str, Any]) -> dict[str, Any]:
        asked, fields = _read(request)
        self._check_contract(asked)
        order_id = self._signer.order_id(fields, version=asked.version, neg_risk=asked.neg_risk)  # type: ignore[arg-type]
        unwinds = self._unwinds(order_id, fields)
        if order_id not in self._known:
            self._count(order_id, fields, unwinds=unwinds)
        signed = self._signer.sign(fields, version=asked.version, neg_risk=asked.neg_risk)  # type: ignore[arg-type]
        log.info("signer.signed", order_id=order_id, side=str(fields.side), unwinds=unwinds)
        return {"order_id": order_id, "signature": "0x" + signed.signature.hex()}

    def _unwinds(self, order_id: str, fields: OrderFields) -> bool:
        """Return whether only a leave lets it be signed. KillSwitchActiveError: closed, and no leave fits."""
        state = self._gate()
        if not (state.on or state.scopes):
            return False
        why = self._unwinding.refusal(fields, state, counted=order_id in self._known)
        if not why:
            return True
        more = f"; {why}" if self._unwinding.asked_for else ""
        if state.on:
            raise KillSwitchActiveError((state.reason or "on") + more)
        # whose market or strategy an order is cannot be told from its bytes
        raise KillSwitchActiveError(f"on for {state.scopes[0]}: a signer knows no names, so it is for all{more}")

    def _check_contract(self, asked: _Request) -> None:
        chain = self._signer.chain
        try:
            known = chain.exchange(asked.version, neg_risk=asked.neg_risk)
        except UnsupportedOrder as e:
            raise _not_signed(e.reason, "AGB-543") from e
        if asked.chain_id != chain.chain_id or asked.contract != known:
            raise _not_signed(f"chain {asked.chain_id}, contract {asked.contract}: not what is signed for", "AGB-543")

    def _count(self, order_id: str, fields: OrderFields, *, unwinds: bool) -> None:
        usd = fields.maker_amount if fields.side is Side.BUY else fields.taker_amount
        total = self.signed_today() + usd
        if reason := over(self._caps, usd, total):
            raise _not_signed(reason, "AGB-542")
        try:
            self._day.reach(total)
            if unwinds:
                self._unwinding.count(fields.maker_amount)
        except OSError as e:
            raise _not_signed(f"what was signed cannot be written: {e.strerror or e}", "AGB-542") from e
        self._signed.add(self._now_ns(), usd)
        self._known[order_id] = None
        if len(self._known) > SIGNED_KEPT:
            del self._known[next(iter(self._known))]


def _read(request: Mapping[str, Any]) -> tuple[_Request, OrderFields]:
    try:
        asked = msgspec.convert(dict(request), _Request)
        return asked, asked.order.fields()
    except (ValueError, msgspec.DecodeError) as e:
        raise _not_signed(f"no request for a signature: {e}", "AGB-544") from e


def _not_signed(reason: str, error_id: str) -> ConfigError:
    return ConfigError(reason, id=error_id, remedy="nothing was signed; agbot signer --help names its limits")


async def run_signer(server: ControlServer, shared: Shared | None = None) -> str:
    """Serve until asked to stop by a signal; returns its name."""
    stop = Stop()
    async with watching(shared), trio.open_nursery() as nursery:
        await nursery.start(signals(stop))
        await nursery.start(server.run)
        await stop.wait()
        nursery.cancel_scope.cancel()
    return stop.reason

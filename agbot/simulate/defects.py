"""Planted defects: what bots get wrong, one each, to prove that the auditor would see it. `agbot simulate --defect`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import Any, Final
from unittest.mock import patch

import attrs
import msgspec

from agbot.core.admission import Admission
from agbot.core.engine import Engine
from agbot.core.oms import Oms
from agbot.errors import ExecutionError, VenueAmbiguous
from agbot.model.events import OrderEvidence, OrderFilled, OrderRejected, OrderUnknown, Timer
from agbot.model.ids import TradeId
from agbot.model.order import OrderAck, OrderState, Settlement
from agbot.run import reconcile
from agbot.run.gateway import Gateway
from agbot.run.reconcile import MAY_MATCH, Reconcile
from agbot.simulate.bot import SimBot
from agbot.simulate.disk import SimJournal
from agbot.store.carry import Past
from agbot.units import NS_PER_S
from agbot.venue.polymarket.asking import Asking
from agbot.venue.polymarket.cancelling import Cancelling
from agbot.venue.polymarket.compose import compose
from agbot.venue.polymarket.ledger import Ledger
from agbot.venue.polymarket.orders import post_body
from agbot.venue.polymarket.own import OwnOrder
from agbot.venue.polymarket.placing import Placing
from agbot.venue.polymarket.rest import ClobClient
from agbot.venue.polymarket.wire.rest import BalanceAllowance, OpenOrder

Defect = AbstractContextManager[object]


def _retry_with_a_new_salt() -> Defect:
    honest = Placing._after_error  # noqa: SLF001

    async def again(self: Placing, own: OwnOrder, error: ExecutionError, *, first: bool) -> OrderAck | None:
        ack = await honest(self, own, error, first=first)
        if ack is None:
            new = attrs.evolve(own.order, created_ns=own.order.created_ns + NS_PER_S)
            terms = await self._desk.clob.market(own.order.market)
            from agbot.venue.polymarket.compose import Terms  # noqa: PLC0415

            told = Terms.of(terms)
            made = await self._signer.sign(compose(new, told).fields, version=told.version, neg_risk=told.neg_risk)
            kind = compose(new, told).order_type
            own.body = post_body(made, owner=self._api_key, order_type=kind, post_only=new.post_only)
        return ack

    return patch.object(Placing, "_after_error", again)


def _silence_is_a_no() -> Defect:
    honest = Gateway._say  # noqa: SLF001

    def say(self: Gateway, said: OrderEvidence) -> None:
        if isinstance(said, OrderUnknown):
            said = OrderRejected(said.client_order_id, "timed out", said.ts_ns)
        honest(self, said)

    return patch.object(Gateway, "_say", say)


def _a_timer_ends_unknown() -> Defect:
    honest = Engine._timer  # noqa: SLF001

    def timer(self: Engine, now_ns: int, event: Timer) -> None:
        honest(self, now_ns, event)
        for record in list(self.oms.all_live()):
            if record.state is OrderState.UNKNOWN and now_ns > record.changed_ns + 5 * 10**9:
                self._evidence(now_ns, OrderRejected(record.command.client_order_id, "too old", now_ns))

    return patch.object(Engine, "_timer", timer)


def _fills_by_trade_alone() -> Defect:
    honest = Oms._fill  # noqa: SLF001

    def fill(self: Oms, now_ns: int, record: Any, event: OrderFilled) -> Any:
        for other in self.all():
            if other is not record and event.trade_id in other.trades:
                return None
        return honest(self, now_ns, record, event)

    return patch.object(Oms, "_fill", fill)


def _a_fill_is_summed_twice() -> Defect:
    honest = OwnOrder.note
    count = [0]

    def note(self: OwnOrder, fill: OrderFilled) -> OrderFilled | None:
        said = honest(self, fill)
        if said is None and fill.settlement is Settlement.MATCHED:
            count[0] += 1
            return msgspec.structs.replace(fill, trade_id=TradeId(f"{fill.trade_id}#{count[0]}"))
        return said

    return patch.object(OwnOrder, "note", note)


def _failed_settlements_are_passed_over() -> Defect:
    honest = OwnOrder.note

    def note(self: OwnOrder, fill: OrderFilled) -> OrderFilled | None:
        return None if fill.settlement is Settlement.FAILED else honest(self, fill)

    return patch.object(OwnOrder, "note", note)


def _empty_on_a_failed_read() -> Defect:
    honest = ClobClient.balance

    async def balance(self: ClobClient, asset_type: str = "COLLATERAL", token: str = "") -> BalanceAllowance:
        try:
            return await honest(self, asset_type, token)
        except ExecutionError:
            return BalanceAllowance(0, {})

    return patch.object(ClobClient, "balance", balance)


def _the_latch_is_in_memory() -> Defect:
    def begin(self: SimBot, nursery: Any) -> None:
        self._gateway._closed = lambda _: ""  # type: ignore[union-attr]  # noqa: SLF001
        latch = self.world.disk.latch
        self.world.disk.latch = attrs.evolve(latch, on=False)
        try:
            honest(self, nursery)
        finally:
            self.world.disk.latch = latch

    honest = SimBot._begin  # noqa: SLF001
    return patch.object(SimBot, "_begin", begin)


def _sent_before_it_is_on_disk() -> Defect:
    async def durable(self: SimJournal, seq: int) -> None:  # noqa: ARG001
        return

    return patch.object(SimJournal, "durable", durable)


def _a_lost_cancel_is_a_cancel() -> Defect:
    async def once(self: Cancelling, own: OwnOrder) -> None:
        desk = self._desk
        with suppress(VenueAmbiguous):
            await desk.clob.cancel(own.order_id)
        desk.say(desk.ledger.gone(own, OrderState.CANCELLED, "cancelled by us", counted=True))

    return patch.object(Cancelling, "_once", once)


def _nothing_is_read_after_a_reconnect() -> Defect:
    async def barrier(self: Asking) -> None:  # noqa: ARG001
        return

    return patch.object(Asking, "barrier", barrier)


def _resting_orders_do_not_count() -> Defect:
    honest = Admission.exposure

    def exposure(self: Admission, *asked: Any) -> Any:
        with patch.object(Oms, "live", lambda _self, _market: iter(())):
            return honest(self, *asked)

    return patch.object(Admission, "exposure", exposure)


def _a_start_takes_balances_for_fills() -> Defect:
    stack = ExitStack()
    stack.enter_context(patch.object(Reconcile, "_fold", lambda *_: None))
    stack.enter_context(patch.object(Reconcile, "_untold", lambda *_: ""))
    stack.enter_context(patch.object(Past, "unsettled", lambda _: []))
    return stack


def _a_start_believes_the_first_silence() -> Defect:
    stack = ExitStack()
    stack.enter_context(patch.object(reconcile, "ABSENT_ENOUGH", 1))
    stack.enter_context(patch.object(Reconcile, "_quiet", lambda *_: True))
    return stack


def _a_start_leaves_what_rests() -> Defect:
    async def shown(self: Reconcile, past: Past, record: Any, found: OpenOrder) -> str:
        return "" if found.status in MAY_MATCH else await honest(self, past, record, found)

    async def leave(_self: Reconcile, _ours: Any) -> None:
        return

    honest = Reconcile._shown  # noqa: SLF001
    stack = ExitStack()
    stack.enter_context(patch.object(Reconcile, "_take_off", leave))
    stack.enter_context(patch.object(Reconcile, "_shown", shown))
    return stack


def _a_yes_to_a_cancel_frees_at_once() -> Defect:
    def gone(self: Ledger, own: OwnOrder, state: OrderState, reason: str, **how: Any) -> list[Any]:
        return honest(self, own, state, reason, **(how | {"counted": True}))

    honest = Ledger.gone
    return patch.object(Ledger, "gone", gone)


DEFECTS: Final[Mapping[str, Callable[[], Defect]]] = {
    "new_salt": _retry_with_a_new_salt,
    "silence_is_no": _silence_is_a_no,
    "timer_ends_unknown": _a_timer_ends_unknown,
    "fill_by_trade_only": _fills_by_trade_alone,
    "fill_twice": _a_fill_is_summed_twice,
    "failed_ignored": _failed_settlements_are_passed_over,
    "empty_on_failure": _empty_on_a_failed_read,
    "latch_in_memory": _the_latch_is_in_memory,
    "sent_before_disk": _sent_before_it_is_on_disk,
    "cancel_frees_at_once": _a_yes_to_a_cancel_frees_at_once,
    "cancel_believed": _a_lost_cancel_is_a_cancel,
    "no_barrier": _nothing_is_read_after_a_reconnect,
    "resting_not_counted": _resting_orders_do_not_count,
    "start_counts_balances": _a_start_takes_balances_for_fills,
    "start_believes_silence": _a_start_believes_the_first_silence,
    "start_leaves_orders": _a_start_leaves_what_rests,
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Let a defect be in the bot while the body runs; none for an empty name."""
    if not name:
        yield
        return
    with DEFECTS[name]():
        yield

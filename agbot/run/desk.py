"""Where approved trades of other programs come in, whichever way: one table of requests, one gate.

Nothing is told before the journal has it on disk: neither a decision nor what became of the order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from typing import Any, Final

import attrs
import msgspec
import trio

from agbot.core.approvals import Approvals, Request
from agbot.core.engine import Engine
from agbot.core.step import Step
from agbot.errors import AgbotError, ConfigError, NotFoundError, TimedOutError
from agbot.log import get_logger
from agbot.model.events import Event, OperatorOrder
from agbot.model.notes import ResultTold, TradeRefused
from agbot.model.order import TimeInForce
from agbot.run.approved import name_of, trade_of
from agbot.run.control import Handler
from agbot.run.inbox import Inbox
from agbot.units import ms, to_text

ANSWER_S: Final = 10.0
WAIT_MAX_S: Final = 60.0
_CALLED: Final = {
    "time_in_force": "tif",
    "expire_ns": "good_till_ms",
    "slippage": "max_slippage",
    "valid_until_ns": "expires_ms",
    "token": "outcome",
}
"""What programs call the terms of an order."""

log = get_logger(__name__)


@attrs.frozen(kw_only=True)
class Taken:
    """A trade that came in under `request_id`; `differs` names the terms that were others the first time."""

    request_id: str
    repeated: bool = False
    differs: tuple[str, ...] = ()


class Desk:
    """Takes approved trades and tells what became of them. Also an observer of the engine.

    Args:
        kept: what the run before left.
        supported: what the venue can express.
        written: the sequence number of the journal's newest record.
        durable: waits until a record is on disk.
    """

    def __init__(
        self,
        engine: Engine,
        inbox: Inbox,
        kept: Iterable[Request],
        *,
        supported: Set[TimeInForce],
        written: Callable[[], int],
        durable: Callable[[int], Awaitable[None]],
        now_ns: Callable[[], int],
    ) -> None:
        self.approvals = Approvals(kept)
        self._engine = engine
        self._inbox = inbox
        self._supported = supported
        self._written = written
        self._durable = durable
        self._now_ns = now_ns
        self._coming: dict[str, OperatorOrder | TradeRefused] = {}
        """What is on its way to the engine: not in the journal yet."""
        self._changed = trio.Event()

    # -- the engine's side -----------------------------------------------------------------------------------------

    def observe(self, batch: list[Event], step: Step) -> None:
        """Follow decisions and orders, and wake whoever waits for one."""
        asked = [event for event in batch if isinstance(event, OperatorOrder | TradeRefused)]
        found = [self.approvals.fold(event) for event in asked]
        found += [self.approvals.decided(decision) for decision in step.output.decisions if decision.request_id]
        found += [self.approvals.follow(record) for record in step.changed]
        for event in asked:
            self._coming.pop(event.request_id, None)
        if any(found):
            woken, self._changed = self._changed, trio.Event()
            woken.set()

    # -- what comes in ---------------------------------------------------------------------------------------------

    def take(self, message: Mapping[str, Any]) -> Taken:
        """Take a trade, or find that it was taken before. Never waits: what is asked twice at once is asked once.

        Raises:
            ConfigError: AGB-651, it has no request id to be answered under. AgbotError: AGB-653, there is no room.
        """
        name, now_ns = name_of(message), self._now_ns()
        event = self._read(message, name, now_ns)
        if name in self._coming or self.approvals.get(name):
            differs = self._differs(name, event)
            log.info("trade.repeated", request_id=name, differs=differs)
            return Taken(request_id=name, repeated=True, differs=differs)
        if not self.approvals.room(now_ns):
            raise AgbotError(
                f"{len(self.approvals)} requests are kept and none may be forgotten yet",
                id="AGB-653",
                remedy="approve fewer, or with an earlier expires_ms; this one may be sent again",
            )
        self._coming[name] = event
        self._inbox.send_urgent(event)
        return Taken(request_id=name)

    def _read(self, message: Mapping[str, Any], name: str, now_ns: int) -> OperatorOrder | TradeRefused:
        try:
            return trade_of(message, self._engine.markets.values(), self._supported, now_ns)
        except ConfigError as e:
            log.warning("trade.refused", request_id=name, field=e.key, reason=e.reason)
            return TradeRefused(name, str(message.get("source", ""))[:64], f"{e.key}: {e.reason}", now_ns)

    def _differs(self, name: str, again: OperatorOrder | TradeRefused) -> tuple[str, ...]:
        known = self.approvals.get(name)
        first = known.asked if known else self._coming[name]
        if not (isinstance(first, OperatorOrder) and isinstance(again, OperatorOrder)):
            return ()
        was, now = msgspec.structs.asdict(first), msgspec.structs.asdict(again)
        return tuple(_CALLED.get(field, field) for field in was if field != "ts_ns" and was[field] != now[field])

    # -- what goes out ---------------------------------------------------------------------------------------------

    async def known(self, request_id: str) -> Request:
        """Return a request once its decision is on disk, as it is on disk.

        Raises:
            NotFoundError: AGB-652, nobody asked under this id.
        """
        while request_id in self._coming:
            await self._changed.wait()
        request = self._get(request_id)
        await self._durable(self._written())
        return request

    async def followed(self, request_id: str, seconds: float) -> Request:
        """Return a request once nothing more can happen to it, or as it is after `seconds`."""
        request = await self.known(request_id)
        with trio.move_on_after(seconds):
            while not request.final:
                changed = self._changed
                if self._get(request_id) == request:
                    await changed.wait()
                request = await self.known(request_id)
        return request

    async def news(self) -> None:
        """Return when there is a result that was not told."""
        while not self.approvals.untold(1):
            await self._changed.wait()

    async def untold(self, most: int) -> list[Request]:
        """Return at most so many requests with a result that was not told, as they are on disk."""
        requests = [self._get(name) for name in self.approvals.untold(most)]
        await self._durable(self._written())
        return requests

    def told(self, requests: Sequence[Request]) -> None:
        """Note, in the journal too, that these results were told to whoever approved them."""
        now_ns = self._now_ns()
        for request in requests:
            event = ResultTold(request.request_id, *request.mark, now_ns)
            if request.untold and self.approvals.fold(event):
                self._inbox.send_urgent(event)

    def _get(self, request_id: str) -> Request:
        request = self.approvals.get(request_id)
        if request is None:
            raise NotFoundError(
                f"nobody asked for a trade under the id {request_id!r}",
                id="AGB-652",
                remedy="it was never taken here, or more than a week ago: docs/control.md",
            )
        return request

    # -- the control socket ----------------------------------------------------------------------------------------

    def handlers(self) -> Mapping[str, Handler]:
        """Return the requests of the control socket by name."""
        return {"trade": self._trade, "trade_result": self._trade_result}

    async def _trade(self, request: Mapping[str, Any]) -> dict[str, Any]:
        taken = self.take({name: value for name, value in request.items() if name not in ("op", "wait_s")})
        found = await self._asked(taken.request_id, _wait(request))
        repeated: dict[str, Any] = {"repeated": taken.repeated, "differs": list(taken.differs)}
        return {**repeated, "decision": decision_json(found, self._now_ns()), **self._result(found)}

    async def _trade_result(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return self._result(await self._asked(name_of(request), _wait(request)))

    def _result(self, request: Request) -> dict[str, Any]:
        return {"result": result_json(request, self._now_ns())}

    async def _asked(self, request_id: str, wait_s: float) -> Request:
        with trio.move_on_after(ANSWER_S + wait_s):
            return await self.followed(request_id, wait_s)
        raise TimedOutError(
            f"no answer within {ANSWER_S + wait_s:.0f} s; what becomes of {request_id} is unknown",
            id="AGB-658",
            remedy="ask again: agbot trade result ID; or submit it again, which never makes a second order",
        )


def _wait(request: Mapping[str, Any]) -> float:
    value = request.get("wait_s", 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= WAIT_MAX_S:
        reason = f"it is seconds from 0 to {WAIT_MAX_S:g}, not {value!r}"
        raise ConfigError(reason, id="AGB-651", key="wait_s", remedy="leave it out: the answer is what is known now")
    return float(value)


def decision_json(request: Request, now_ns: int) -> dict[str, Any]:
    """Return what was decided about a request, as plain values."""
    return {
        "request_id": request.request_id,
        "decision": "approved" if request.allowed else "rejected",
        "rule_triggered": list(request.violated),
        "order_id": request.order_id,
        "source": request.source,
        "error": "" if request.allowed else request.error,
        "ts_ms": ms(now_ns),
    }


def result_json(request: Request, now_ns: int) -> dict[str, Any]:
    """Return what became of a request, as plain values; prices and shares as decimal text."""
    average = request.average_price
    return {
        "request_id": request.request_id,
        "order_id": request.order_id,
        "status": str(request.status),
        "final": request.final,
        "filled_amount": to_text(request.filled),
        "average_price": None if average is None else to_text(average),
        "error": request.error,
        "ts_ms": ms(now_ns),
    }

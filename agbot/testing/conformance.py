"""What every venue adapter must do, as a suite that runs against any of them.

Theory of operation. `make_venue` opens a fresh `VenueUnderTest` for each check: the adapter, a market it lists, money
and shares to trade with, and a way to move that market. A check raises `NotConforming` with one sentence; `check_venue`
runs all of them. What a venue cannot do (`supported`, `break_reads=None`) is skipped and named, never passed silently.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Final, TypeAlias

import attrs
import trio

from agbot.errors import ExecutionError, UnsupportedOrder, VenueDuplicate, VenueNotFound, VenueRefused
from agbot.model.events import OrderAccepted, OrderCancelled, OrderRejected
from agbot.model.order import OrderState, OrderType, Side, TimeInForce
from agbot.testing.bench import PATIENCE_S, Bench, NotApplicable, NotConforming, VenueUnderTest, expect, expect_raises

__all__ = [
    "CHECKS",
    "Bench",
    "Check",
    "MakeVenue",
    "NotApplicable",
    "NotConforming",
    "VenueUnderTest",
    "check_venue",
    "run_check",
]

Check: TypeAlias = Callable[[Bench], Awaitable[None]]
MakeVenue: TypeAlias = Callable[[], AbstractAsyncContextManager[VenueUnderTest]]


async def run_check(check: Check, make_venue: MakeVenue) -> None:
    """Run one check against a fresh venue.

    Raises:
        NotConforming: a promise is broken, an error came where an answer was due, or nothing came in time.
        NotApplicable: the venue does not have what the check is about.
    """
    outcome: Exception | None = NotConforming(f"expected an answer within {2 * PATIENCE_S:.0f} s")
    async with make_venue() as under_test:
        bench = Bench(under_test)
        async with trio.open_nursery() as nursery:
            await nursery.start(bench.listen)
            with trio.move_on_after(2 * PATIENCE_S):
                outcome = await _outcome(check, bench)
            nursery.cancel_scope.cancel()
    if outcome is not None:
        raise outcome


async def _outcome(check: Check, bench: Bench) -> Exception | None:
    try:
        await bench.book()
        await check(bench)
    except (NotConforming, NotApplicable) as e:
        return e
    except ExecutionError as e:
        return NotConforming(f"expected an answer, got {type(e).__name__}: {e.reason}")
    return None


async def check_venue(make_venue: MakeVenue) -> list[str]:
    """Run every check and return the names of those that do not apply.

    Raises:
        ExceptionGroup: of NotConforming, one for each broken promise.
    """
    skipped: list[str] = []
    broken: list[NotConforming] = []
    for name, check in CHECKS.items():
        try:
            await run_check(check, make_venue)
        except NotApplicable:
            skipped.append(name)
        except NotConforming as e:
            broken.append(NotConforming(f"{name}: {e}"))
    if broken:
        raise ExceptionGroup("the venue does not conform", broken)
    return skipped


async def _place(bench: Bench) -> None:
    order = bench.order()
    ack = await bench.venue.place_order(order)
    expect(ack.status is OrderState.OPEN, f"a resting order OPEN, got {ack.status}")
    expect(ack.filled == 0, f"nothing filled, got {ack.filled}")
    expect(ack.timestamp > 0, "a timestamp in nanoseconds")
    status = await bench.venue.get_order_status(ack.order_id)
    expect(status.status is OrderState.OPEN, f"its status OPEN, got {status.status}")


async def _open_orders(bench: Bench) -> None:
    expect(await bench.open_ids() == set(), "no open order at the start")
    order = bench.order()
    await bench.venue.place_order(order)
    found = await bench.only_open()
    same = attrs.evolve(found, id=order.id) == order
    expect(same, f"the open order {order}, got {found}")


async def _cancel(bench: Bench) -> None:
    ack = await bench.venue.place_order(bench.order())
    cancelled = await bench.venue.cancel_order(ack.order_id)
    expect(cancelled.status is OrderState.CANCELLED, f"CANCELLED, got {cancelled.status}")
    expect(await bench.open_ids() == set(), "no open order after the cancel")
    status = await bench.venue.get_order_status(ack.order_id)
    expect(status.status is OrderState.CANCELLED, f"its status CANCELLED, got {status.status}")


async def _cancel_twice(bench: Bench) -> None:
    ack = await bench.venue.place_order(bench.order())
    await bench.venue.cancel_order(ack.order_id)
    again = await bench.venue.cancel_order(ack.order_id)
    expect(again.status is OrderState.CANCELLED, f"a second cancel finds CANCELLED, got {again.status}")


async def _cancel_filled(bench: Bench) -> None:
    ack = await bench.venue.place_order(bench.order(price="0.55", size="20"))
    found = await bench.venue.cancel_order(ack.order_id)
    expect(found.status is OrderState.FILLED, f"a cancel of a filled order finds FILLED, got {found.status}")


async def _unknown(bench: Bench) -> None:
    await expect_raises(VenueNotFound, bench.venue.cancel_order("never-sent"), "cancelling an unknown order")
    await expect_raises(VenueNotFound, bench.venue.get_order_status("never-sent"), "the status of an unknown order")


async def _duplicate(bench: Bench) -> None:
    order = bench.order()
    await bench.venue.place_order(order)
    await expect_raises(VenueDuplicate, bench.venue.place_order(order), "a second send of the same order")
    expect(await bench.open_ids() == {order.client_order_id}, "the first order still rests, once")


async def _off_tick(bench: Bench) -> None:
    order = bench.order(price="0.505")
    await expect_raises(VenueRefused, bench.venue.place_order(order), "a price off the tick")
    expect(await bench.open_ids() == set(), "nothing rests after a refusal")


async def _too_small(bench: Bench) -> None:
    await expect_raises(VenueRefused, bench.venue.place_order(bench.order(size="1")), "a size under the minimum")


async def _not_enough(bench: Bench) -> None:
    too_much = bench.order(size="100000000")
    await expect_raises(VenueRefused, bench.venue.place_order(too_much), "an order over the balance")


async def _post_only(bench: Bench) -> None:
    crossing = bench.order(price="0.55", post_only=True)
    await expect_raises(VenueRefused, bench.venue.place_order(crossing), "a post-only order that crosses")
    ack = await bench.venue.place_order(bench.order(price="0.54", post_only=True))
    expect(ack.status is OrderState.OPEN, f"a post-only order that does not cross OPEN, got {ack.status}")


async def _unsupported(bench: Bench) -> None:
    missing = sorted(set(TimeInForce) - bench.venue.supported)
    if not missing:
        raise NotApplicable
    for tif in missing:
        expire_ns = 2**62 if tif is TimeInForce.GTD else 0
        order = bench.order(time_in_force=tif, expire_ns=expire_ns)
        await expect_raises(UnsupportedOrder, bench.venue.place_order(order), f"{tif}, which is not supported")


async def _needs_a_price(bench: Bench) -> None:
    for kind, tif in ((OrderType.LIMIT, TimeInForce.GTC), (OrderType.MARKET, TimeInForce.FAK)):
        try:
            bench.order(price=None, order_type=kind, time_in_force=tif)  # type: ignore[arg-type]
        except (ValueError, TypeError):
            continue
        raise NotConforming(f"expected a {kind} order without a price to be impossible")


async def _replace(bench: Bench) -> None:
    order = bench.order()
    old = await bench.venue.place_order(order)
    new = await bench.venue.replace_order(old.order_id, price=Decimal("0.49"), size=Decimal("12"))
    expect(new.order_id != old.order_id, "the replacement to have an id of its own")
    found = await bench.only_open()
    expect((found.price, found.size) == (Decimal("0.49"), Decimal(12)), f"0.49 × 12 to rest, got {found}")
    status = await bench.venue.get_order_status(old.order_id)
    expect(status.status is OrderState.CANCELLED, f"the old order CANCELLED, got {status.status}")


async def _cancel_all(bench: Bench) -> None:
    acks = [await bench.venue.place_order(bench.order(price=price)) for price in ("0.50", "0.49", "0.48")]
    taken = await bench.venue.cancel_all()
    expect({ack.order_id for ack in taken} == {ack.order_id for ack in acks}, f"all three taken, got {taken}")
    expect(await bench.open_ids() == set(), "no open order after cancel-all")
    expect(list(await bench.venue.cancel_all()) == [], "a second cancel-all to take nothing")


def _only_with(bench: Bench, tif: TimeInForce) -> None:
    if tif not in bench.venue.supported:
        raise NotApplicable


async def _fok(bench: Bench) -> None:
    _only_with(bench, TimeInForce.FOK)
    too_large = bench.order(price="0.55", size="21", time_in_force=TimeInForce.FOK)
    await expect_raises(VenueRefused, bench.venue.place_order(too_large), "a FOK order larger than the depth")
    order = bench.order(price="0.56", size="40", time_in_force=TimeInForce.FOK)
    ack = await bench.venue.place_order(order)
    expect(ack.status is OrderState.FILLED, f"a FOK order as large as the depth FILLED, got {ack.status}")
    await bench.filled_to(ack.order_id, "40")
    expect(bench.filled(too_large.client_order_id) == 0, "no fill of the killed order")


async def _fak(bench: Bench, tif: TimeInForce = TimeInForce.FAK) -> None:
    _only_with(bench, tif)
    ack = await bench.venue.place_order(bench.order(price="0.55", size="30", time_in_force=tif))
    await bench.filled_to(ack.order_id, "20")
    status = await bench.venue.get_order_status(ack.order_id)
    expect(status.status is OrderState.CANCELLED, f"the rest CANCELLED, got {status.status}")
    expect(await bench.open_ids() == set(), f"no rest of a {tif} order on the book")


async def _ioc(bench: Bench) -> None:
    await _fak(bench, TimeInForce.IOC)


async def _market_buy(bench: Bench) -> None:
    _only_with(bench, TimeInForce.FAK)
    order = bench.order(price="0.60", size="11", order_type=OrderType.MARKET, time_in_force=TimeInForce.FAK)
    ack = await bench.venue.place_order(order)
    await bench.filled_to(ack.order_id, "20")  # 11 usd at 0.55


async def _sell(bench: Bench) -> None:
    ack = await bench.venue.place_order(bench.order(Side.SELL, price="0.45", size="10"))
    expect(ack.status is OrderState.FILLED, f"a marketable sale FILLED, got {ack.status}")
    await bench.filled_to(ack.order_id, "10")


async def _partial_fill_then_cancel(bench: Bench) -> None:
    ack = await bench.venue.place_order(bench.order(price="0.55", size="50"))
    expect(ack.status is OrderState.PARTIALLY_FILLED, f"PARTIALLY_FILLED, got {ack.status}")
    await bench.filled_to(ack.order_id, "20")
    rest = await bench.only_open()
    expect(rest.size == 30, f"an open rest of 30, got {rest.size}")
    cancelled = await bench.venue.cancel_order(ack.order_id)
    expect(cancelled.status is OrderState.CANCELLED, f"CANCELLED, got {cancelled.status}")
    await bench.filled_to(ack.order_id, "20")


async def _maker_fill(bench: Bench) -> None:
    ack = await bench.venue.place_order(bench.order(price="0.50", size="10"))
    await bench.under_test.set_book([("0.45", "100")], [("0.50", "10")])
    await bench.filled_to(ack.order_id, "10")
    status = await bench.venue.get_order_status(ack.order_id)
    expect(status.status is OrderState.FILLED, f"FILLED, got {status.status}")


async def _said_once(bench: Bench) -> None:
    ack = await bench.venue.place_order(bench.order())
    await expect_raises(VenueRefused, bench.venue.place_order(bench.order(price="0.505")), "a price off the tick")
    await bench.venue.cancel_order(ack.order_id)
    await bench.until(lambda: any(isinstance(e, OrderCancelled) for e in bench.heard))
    expect(any(isinstance(e, OrderCancelled) for e in bench.heard), "the cancel on the evidence")
    repeated = [e for e in bench.heard if isinstance(e, OrderAccepted | OrderRejected)]
    expect(not repeated, f"answers not repeated on the evidence, got {repeated}")


async def _failed_read(bench: Bench) -> None:
    if bench.under_test.break_reads is None:
        raise NotApplicable
    ack = await bench.venue.place_order(bench.order())
    bench.under_test.break_reads()
    reads: dict[str, Callable[[], Awaitable[object]]] = {
        "open orders": bench.venue.get_open_orders,
        "a status": lambda: bench.venue.get_order_status(ack.order_id),
    }
    for name, read in reads.items():
        try:
            result = await read()
        except VenueNotFound as e:
            raise NotConforming(f"expected a failed read of {name} not to claim that nothing is there") from e
        except ExecutionError:
            continue
        raise NotConforming(f"expected a failed read of {name} to raise, got {result!r}")


CHECKS: Final[dict[str, Check]] = {
    "a resting order is acknowledged": _place,
    "open orders are listed": _open_orders,
    "a cancel takes the order off": _cancel,
    "a second cancel finds it cancelled": _cancel_twice,
    "a cancel of a filled order says so": _cancel_filled,
    "an unknown order is not found": _unknown,
    "a duplicate is refused": _duplicate,
    "a price off the tick is refused": _off_tick,
    "a size under the minimum is refused": _too_small,
    "an order over the balance is refused": _not_enough,
    "post-only never takes": _post_only,
    "an unsupported time in force is refused": _unsupported,
    "an order needs a price": _needs_a_price,
    "replace cancels and places": _replace,
    "cancel-all takes everything": _cancel_all,
    "FOK fills whole or not at all": _fok,
    "FAK cancels its rest": _fak,
    "IOC cancels its rest": _ioc,
    "a market buy spends usd": _market_buy,
    "a sale takes the bid": _sell,
    "a partial fill survives the cancel": _partial_fill_then_cancel,
    "a resting order fills": _maker_fill,
    "an answer is said once": _said_once,
    "a failed read raises": _failed_read,
}
"""Every promise by its sentence."""

"""agbot buy, sell and cancel when no bot runs: the venue itself, for one order."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Final

import click
import trio

from agbot.cli.common import audited
from agbot.cli.confirm import confirm_wallet
from agbot.cli.shown import shown_order
from agbot.errors import ConfigError, ExecutionError, VenueAmbiguous, VenueRefused, VenueThrottled, VenueUnavailable
from agbot.run.attach import Screens
from agbot.run.lock import exclusive, exclusive_wallet
from agbot.run.modes import Trader, connected
from agbot.run.oneshot import account_shown, send_one, shown
from agbot.run.place import keep
from agbot.run.plans import Start
from agbot.run.session import prepare_state_dir
from agbot.run.spend import Caps
from agbot.secrets import find
from agbot.settings import Mode, Settings
from agbot.shared.watch import Shared
from agbot.venue.polymarket.auth import API_KEY
from agbot.venue.polymarket.credentials import ALL, API, Credentials, load_credentials
from agbot.venue.polymarket.rest import ClobClient
from agbot.words import many

ROUNDS_MAX: Final = 5
PAUSE_S: Final = 0.25


def order_alone(settings: Settings, request: dict[str, Any], *, send: bool, confirm: str | None) -> dict[str, Any]:
    """Show what an order would do, or send it and return the acknowledgement.

    Raises:
        ConfigError: credentials, caps, locks or confirmation are missing. ExecutionError: what the venue said.
    """
    if not send:
        return trio.run(_look, settings, request)
    trader = Trader.of(settings, _credentials(settings))
    directory = prepare_state_dir(settings.profile, settings.state_dir)
    told = trio.run(account_shown, trader, request)
    click.echo(shown_order(told, asked=False), err=True)
    confirm_wallet(told, confirm)
    with ExitStack() as held:
        held.enter_context(exclusive(directory))
        shared = Shared.of(settings, str(directory), f"{settings.profile}, one order")
        fence = held.enter_context(exclusive_wallet(told["wallet"], directory, shared))
        keep(directory, settings, Mode.LIVE)
        screens = Screens(web=False, state_dir=directory)
        start = Start(settings=settings, state_dir=directory, screens=screens, shared=shared)
        # the price that was shown, not one walked through the book anew
        ack = trio.run(send_one, start, trader, fence, {**request, "price": told["price"]})
    return {"order_id": ack.order_id, "status": str(ack.status), "filled": f"{ack.filled:f}"}


async def _look(settings: Settings, request: dict[str, Any]) -> dict[str, Any]:
    async with connected(settings, Credentials()) as access:
        return await shown(access, request)


def has_credentials() -> bool:
    """Return whether there is an API key to cancel with."""
    return find(API_KEY) is not None


def cancel_alone(settings: Settings, order_id: str) -> dict[str, Any]:
    """Cancel one order by the venue's id, or all with an empty one, and look what is left; a few times if need be.

    The audit log of the bot that the settings are for gets a line of it, whatever came of it.

    Raises:
        VenueRefused: the venue did not cancel it; the text says why. VenueAmbiguous: orders still rest.
        ExecutionError: it could not be asked.
    """
    caps = Caps(max_order_usd=0, max_day_usd=0)
    trader = Trader(settings=settings, credentials=_credentials(settings), caps=caps)
    try:
        told = trio.run(_cancel, trader, order_id)
    except ExecutionError as e:
        _noted(settings, order_id, failed=str(e))
        raise
    _noted(settings, order_id, **told)
    return told


def _noted(settings: Settings, order_id: str, **fields: object) -> None:
    try:
        directory = prepare_state_dir(settings.profile, settings.state_dir)
    except ConfigError as e:
        click.echo(f"not in the audit log: {e}", err=True)
        return
    one = {"venue_order_id": order_id} if order_id else {}
    kind = "cancel" if order_id else "cancel_all"
    audited(directory, kind, reason="agbot cancel, no bot runs", **one, **fields)


async def _cancel(trader: Trader, order_id: str) -> dict[str, Any]:
    wallet = (await trader.signer()).account
    async with trader.connected(wallet) as access:
        gone: set[str] = set()
        failure: ExecutionError | None = None
        for again in range(ROUNDS_MAX):
            await trio.sleep(PAUSE_S * again)
            try:
                left = await _cancelled(access.clob, order_id, gone, doubt=failure is not None)
            except (VenueAmbiguous, VenueUnavailable, VenueThrottled) as e:
                failure = e
                continue
            if order_id or not left:
                return {"cancelled": len(gone), "orders_left": left}
            failure = VenueAmbiguous(
                f"{many(left, 'order still rests', 'orders still rest')} although cancelled", venue="polymarket"
            )
        assert failure is not None
        raise failure


async def _cancelled(clob: ClobClient, order_id: str, gone: set[str], *, doubt: bool) -> int:
    """Ask once, add what went to `gone`, and return how many orders rest.

    Args:
        doubt: an answer was lost before: an order that the venue does not cancel any more may be off already.
    """
    reply = await (clob.cancel(order_id) if order_id else clob.cancel_all())
    gone.update(reply.canceled)
    left = [order.id for order in await clob.open_orders()]
    if order_id and order_id not in gone and (order_id in left or not doubt):
        reason = reply.not_canceled.get(order_id) or "the venue does not say why"
        raise VenueRefused(f"{order_id} was not cancelled: {reason}", venue="polymarket")
    return len(left)


def _credentials(settings: Settings) -> Credentials:
    return load_credentials(required=API if settings.live.signer else ALL)

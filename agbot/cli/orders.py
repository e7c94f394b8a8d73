"""agbot buy, sell and cancel: shown first, sent with --send, through the one gate there is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from agbot.cli.common import bot_options, control, named
from agbot.errors import NotRunningError, RiskRejected, TimedOutError

ANSWER_S = 15.0
TIMES_IN_FORCE = ("GTC", "FOK", "FAK", "IOC")


def _order(side: str) -> click.Command:
    @click.command(name=side.lower())
    @click.argument("market")
    @click.argument("outcome", type=click.Choice(["yes", "no"], case_sensitive=False))
    @click.argument("size")
    @click.argument("price", required=False)
    @bot_options
    @click.option("--send", is_flag=True, help="Send it. Without this, only what would happen is shown.")
    @click.option(
        "--tif",
        type=click.Choice(TIMES_IN_FORCE, case_sensitive=False),
        metavar="|".join(TIMES_IN_FORCE),
        default="GTC",
        show_default=True,
        help="How long it stands: until cancelled, or now and never again (whole, or what there is).",
    )
    @click.option("--market-order", is_flag=True, help="Take now: PRICE is the worst accepted" + _budget(side))
    @click.option(
        "--slippage", help="Worse than the last price needed, for a market order without PRICE.  [default: 0.01]"
    )
    @click.option("--post-only", is_flag=True, help="Refuse rather than take.")
    @click.option(
        "--config", type=click.Path(path_type=Path), help="Whose bot; when it does not run, where venue and caps are."
    )
    @click.option("--confirm", metavar="WALLET", help="Real money, without a terminal: the wallet that pays.")
    @click.option("--json", "as_json", is_flag=True)
    def command(
        *,
        profile: str | None,
        state_dir: Path | None,
        config: Path | None,
        send: bool,
        confirm: str | None,
        as_json: bool,
        **order: Any,
    ) -> None:
        request = _request(side, order)
        profile, state_dir = named(profile, state_dir, config)
        try:
            shown = control(profile, state_dir, {"op": "preview", **request}, timeout_s=ANSWER_S)
        except NotRunningError as e:
            if config is None:
                e.remedy = "start one: agbot run; or name a --config, and the venue itself is asked"
                raise
            from agbot.cli.alone import order_alone  # noqa: PLC0415
            from agbot.cli.whose import venue_of  # noqa: PLC0415

            place = venue_of(profile, state_dir, config)
            say(order_alone(place, request, send=send, confirm=confirm), as_json)
            return
        if not send:
            say(shown, as_json)
            return
        permit(shown, confirm)
        # the price that was shown, not one walked through the book anew
        answer = control(profile, state_dir, {"op": "order", **request, "price": shown["price"]}, timeout_s=ANSWER_S)
        say(answer, as_json)

    verb = side.lower()
    command.help = (
        f"{verb.capitalize()} SIZE shares of MARKET's OUTCOME at PRICE (0-1 usd). Dry unless --send.\n\n"
        "\b\n"
        f"agbot {verb} will-it-rain yes 10 0.45           what would happen\n"
        f"agbot {verb} will-it-rain yes 10 0.45 --send    through the running bot's gate\n\n"
        "MARKET is a slug, a condition id, a token id or a page of polymarket.com. When no bot runs, --config asks\n"
        "the venue itself; sending then takes credentials, both caps, and the wallet to itself.\n\n"
        "Exit 1 when risk or the venue says no, 3 when no bot runs, 5 when nobody knows whether the order arrived."
    )
    return command


def _budget(side: str) -> str:
    return ", SIZE the usd to spend." if side == "BUY" else "."


def _request(side: str, order: dict[str, Any]) -> dict[str, Any]:
    market_order = order.pop("market_order")
    if order["price"] is None and not market_order:
        raise click.UsageError("name a PRICE, or give --market-order")
    if order["slippage"] is not None and (order["price"] is not None or not market_order):
        raise click.UsageError("--slippage has a meaning only for --market-order without PRICE")
    order["tif"] = "FAK" if market_order and order["tif"] == "GTC" else order["tif"]
    given = {name: value for name, value in order.items() if value is not None}
    return {**given, "side": side, "type": "MARKET" if market_order else "LIMIT"}


def permit(shown: Mapping[str, Any], confirm: str | None) -> None:
    """Return at once for money that is not real, else when the gate denies nothing and the wallet was confirmed.

    Raises:
        RiskRejected: the gate would deny it. ConfigError: AGB-142, not confirmed.
    """
    from agbot.cli.confirm import confirm_wallet  # noqa: PLC0415
    from agbot.cli.shown import gate, shown_order  # noqa: PLC0415

    if "wallet" not in shown:
        return
    if shown["denied"]:
        click.echo(gate(shown), err=True)
        raise RiskRejected(shown["denied"])
    click.echo(shown_order(shown, asked=False), err=True)
    confirm_wallet(shown, confirm)


buy = _order("BUY")
sell = _order("SELL")


@click.command(name="cancel")
@click.argument("order_id", required=False)
@bot_options
@click.option("--all", "everything", is_flag=True, help="Cancel every open order.")
@click.option("--config", type=click.Path(path_type=Path), help="Whose bot; when it does not run, where the venue is.")
@click.option("--json", "as_json", is_flag=True)
def cancel(
    *,
    order_id: str | None,
    profile: str | None,
    state_dir: Path | None,
    everything: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """Cancel ORDER_ID, or every open order with --all.

    Through the running bot; when none runs and there are credentials, at the venue itself (where the bot traded last,
    or what --config names; where none ever ran, Polymarket), where ORDER_ID is the venue's (0x…). A cancel asks nobody
    first.
    """
    if bool(order_id) == everything:
        raise click.UsageError("name one ORDER_ID, or give --all")
    profile, state_dir = named(profile, state_dir, config)
    try:
        answer = control(profile, state_dir, {"op": "cancel", "order_id": order_id or ""}, timeout_s=ANSWER_S)
    except NotRunningError as e:
        from agbot.cli.alone import cancel_alone, has_credentials  # noqa: PLC0415
        from agbot.cli.whose import venue_of  # noqa: PLC0415

        if not has_credentials():
            e.remedy = "name its --state-dir; orders at the venue itself: set your keys (agbot doctor), and again"
            raise
        answer = cancel_alone(venue_of(profile, state_dir, config), order_id or "")
    say(answer, as_json)


def say(answer: dict[str, Any], as_json: bool) -> None:
    """Print an answer: an order that was only shown as its lines, any other as one.

    Raises:
        TimedOutError: AGB-502, its order was sent and its fate is not known.
    """
    from agbot.cli.shown import shown_order  # noqa: PLC0415

    answer.pop("ok", None)
    only_shown = "denied" in answer
    if as_json:
        click.echo(json.dumps({**answer, "sent": False} if only_shown else answer))
    else:
        click.echo(shown_order(answer) if only_shown else ", ".join(f"{k} {v}" for k, v in answer.items()))
    if answer.get("status") == "UNKNOWN":
        raise TimedOutError(
            "it was sent, and nobody knows whether it arrived",
            id="AGB-502",
            remedy="do not send it again: agbot orders shows what rests, agbot cancel --all takes it off",
        )

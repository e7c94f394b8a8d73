"""agbot redeem, merge and split: contract calls, shown and never sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agbot.cli.access import ask, show, venue_options
from agbot.errors import ConfigError

if TYPE_CHECKING:
    from agbot.venue.polymarket.access import Access
    from agbot.venue.polymarket.calls import Call
    from agbot.venue.polymarket.contracts import Chain
    from agbot.venue.polymarket.wallets import Account
    from agbot.venue.polymarket.wire.account import AccountPosition
    from agbot.venue.polymarket.wire.public import ClobMarket

    Plan = Callable[[Access, ClobMarket, Sequence[AccountPosition]], Sequence[Call]]

TOO_EARLY = "the market is not resolved: a redemption now fails and costs its gas"
_dry_run = click.option("--dry-run", is_flag=True, help="Needed: agbot shows the call and never sends it.")


@click.command(name="split")
@click.argument("market")
@click.argument("amount")
@_dry_run
@venue_options
def split(market: str, amount: str, dry_run: bool, config: Path | None, as_json: bool) -> None:
    """Show the call that turns AMOUNT pUSD into AMOUNT YES and AMOUNT NO shares of MARKET.

    Example: agbot split will-it-rain 25 --dry-run
    """
    _only_dry(dry_run)
    from agbot.venue.polymarket.calls import router_split, split_position  # noqa: PLC0415

    size = _amount(amount)

    def plan(access: Access, terms: ClobMarket, _held: Sequence[AccountPosition]) -> Sequence[Call]:
        if terms.version == "v2":
            return [router_split(access.chain, terms.condition, size)]
        return [split_position(access.chain, terms.condition, size, neg_risk=terms.neg_risk)]

    _show(market, config, as_json, plan)


@click.command(name="merge")
@click.argument("market")
@click.argument("amount")
@_dry_run
@venue_options
def merge(market: str, amount: str, dry_run: bool, config: Path | None, as_json: bool) -> None:
    """Show the call that turns AMOUNT YES and AMOUNT NO shares of MARKET back into AMOUNT pUSD.

    Example: agbot merge will-it-rain 25 --dry-run
    """
    _only_dry(dry_run)
    from agbot.venue.polymarket.calls import merge_positions, router_merge  # noqa: PLC0415

    size = _amount(amount)

    def plan(access: Access, terms: ClobMarket, _held: Sequence[AccountPosition]) -> Sequence[Call]:
        if terms.version == "v2":
            return [router_merge(access.chain, terms.condition, size)]
        return [merge_positions(access.chain, terms.condition, size, neg_risk=terms.neg_risk)]

    _show(market, config, as_json, plan)


@click.command(name="redeem")
@click.argument("market")
@_dry_run
@venue_options
def redeem(market: str, dry_run: bool, config: Path | None, as_json: bool) -> None:
    """Show the call that turns shares of MARKET, which is resolved, into pUSD.

    Example: agbot redeem will-it-rain --dry-run
    """
    _only_dry(dry_run)
    from agbot.venue.polymarket.calls import redeem_positions, router_redeem  # noqa: PLC0415

    def plan(access: Access, terms: ClobMarket, held: Sequence[AccountPosition]) -> Sequence[Call]:
        if terms.version != "v2":
            return [redeem_positions(access.chain, terms.condition, neg_risk=terms.neg_risk)]
        if not held:
            reason = "a market of version 3 is redeemed share by share, and no shares of yours are known"
            raise ConfigError(reason, id="AGB-454", remedy="set your keys (agbot doctor); agbot positions shows shares")
        return [router_redeem(access.chain, terms.condition, each.outcome_index, each.size) for each in held]

    _show(market, config, as_json, plan, after_the_end=True)


def _only_dry(dry_run: bool) -> None:
    if not dry_run:
        raise click.UsageError("agbot shows contract calls and never sends them: add --dry-run")


def _amount(text: str) -> int:
    from agbot.units import to_units  # noqa: PLC0415

    try:
        size = to_units(text)
    except ValueError as e:
        raise click.BadParameter(str(e), param_hint="AMOUNT") from e
    if size <= 0:
        raise click.BadParameter(f"{text} is not positive", param_hint="AMOUNT")
    return size


def _show(market: str, config: Path | None, as_json: bool, plan: Plan, *, after_the_end: bool = False) -> None:
    told = ask(config, lambda access: _told(access, market, plan, after_the_end=after_the_end), required=None)
    show(as_json, told, as_text(told))


async def _told(access: Access, name: str, plan: Plan, *, after_the_end: bool) -> dict[str, Any]:
    from agbot.venue.polymarket.catalogue import find_listing  # noqa: PLC0415

    found = await find_listing(access.gamma, name)
    terms = await access.clob.market(found.condition)
    account = access.credentials.account
    held = [p for p in await access.data.positions(account.funder) if p.condition == found.condition] if account else []
    return {
        "market": found.slug,
        "condition": found.condition,
        "state": found.resolution or ("closed" if found.closed else "open"),
        **({"careful": TOO_EARLY} if after_the_end and not found.closed else {}),
        **({"held": _held(held)} if account else {}),
        "sender": sender(account),
        "calls": [as_json_call(call, access.chain) for call in plan(access, terms, held)],
    }


def _held(held: Sequence[AccountPosition]) -> str:
    from agbot.cli.tables import shares  # noqa: PLC0415

    return ", ".join(f"{shares(each.size)} {each.outcome}" for each in held) or "nothing"


def sender(account: Account | None) -> str:
    """Return who has to make a call for it to have the effect."""
    from agbot.venue.polymarket.wallets import SignatureType  # noqa: PLC0415

    if account is None:
        return "the wallet that holds the money and the shares"
    if account.signature_type is SignatureType.EOA:
        return f"{account.owner}, as a transaction of its own; it needs POL for gas"
    kind = account.signature_type.name.lower()
    return (
        f"the {kind} wallet {account.funder}, through polymarket.com or its relayer; not the key {account.owner} itself"
    )


def as_json_call(call: Call, chain: Chain) -> dict[str, Any]:
    """Return a call for programs."""
    name, _, parameters = call.function.removesuffix(")").partition("(")
    names = [parameter.split()[-1] for parameter in parameters.split(",")]
    return {
        "does": call.what,
        "contract": chain.name_of(call.to),
        "to": call.to,
        "function": name,
        "signature": call.function,
        "arguments": dict(zip(names, call.arguments, strict=True)),
        "data": "0x" + call.data.hex(),
    }


def as_text(told: dict[str, Any]) -> str:
    """Return everything as lines that can be pasted, the calldata whole."""
    from agbot.cli.tables import pairs  # noqa: PLC0415

    head = {name: value for name, value in told.items() if name != "calls"}
    parts = [pairs(head), *(call_text(call) for call in told["calls"])]
    return "\n\n".join([*parts, "nothing was sent"])


def call_text(call: dict[str, Any]) -> str:
    """Return one call as lines."""
    from agbot.cli.tables import pairs  # noqa: PLC0415

    arguments = "\n".join(f"{name} = {value}" for name, value in call["arguments"].items())
    lines = {"does": call["does"], "contract": f"{call['contract']} {call['to']}", "function": call["function"]}
    return f"{pairs({**lines, 'arguments': arguments})}\ncalldata   {call['data']}"

"""agbot allowances: who may take pUSD and move shares, and the calls that would let them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agbot.cli.access import ask, settings_of, show, venue_options

if TYPE_CHECKING:
    from agbot.venue.polymarket.access import Access
    from agbot.venue.polymarket.calls import Call
    from agbot.venue.polymarket.contracts import Chain
    from agbot.venue.polymarket.wire.rest import BalanceAllowance


@click.command(name="allowances")
@click.option(
    "--refresh", is_flag=True, help="Let the venue read the chain anew first, after a deposit or an approval."
)
@click.option(
    "--all", "everything", is_flag=True, help="Every approval a trading wallet sets; needs no key, no network."
)
@venue_options
def command(refresh: bool, everything: bool, config: Path | None, as_json: bool) -> None:
    """Show who may take your pUSD and move your shares, and the approve calls that are missing.

    Example: agbot allowances --refresh

    Nothing is sent: the calls are made by your wallet. Exit 1 when a permission is missing.
    """
    from agbot.cli.onchain import as_text  # noqa: PLC0415
    from agbot.cli.tables import table  # noqa: PLC0415
    from agbot.venue.polymarket.credentials import ALL  # noqa: PLC0415

    if everything:
        told = _every(config)
        show(as_json, told, as_text(told))
        return
    told = ask(config, lambda access: _told(access, refresh), required=ALL)
    spenders = told.pop("spenders")
    show(as_json, {**told, "spenders": spenders}, f"{table(spenders)}\n\n{as_text(told)}")
    if told["calls"]:
        raise SystemExit(1)


def _every(config: Path | None) -> dict[str, Any]:
    from agbot.cli.onchain import as_json_call, sender  # noqa: PLC0415
    from agbot.venue.polymarket.access import CHAINS  # noqa: PLC0415
    from agbot.venue.polymarket.calls import trading_approvals  # noqa: PLC0415

    chain = CHAINS[settings_of(config).polymarket.chain]
    return {"sender": sender(None), "calls": [as_json_call(call, chain) for call in trading_approvals(chain)]}


async def _told(access: Access, refresh: bool) -> dict[str, Any]:
    from agbot.cli.onchain import as_json_call, sender  # noqa: PLC0415
    from agbot.units import usd_text  # noqa: PLC0415

    if refresh:
        await access.clob.update_balance("COLLATERAL")
    money = await access.clob.balance("COLLATERAL")
    shares = await access.clob.balance("CONDITIONAL", (await access.busiest_market()).yes)
    account = access.credentials.account
    return {
        "wallet": account.funder if account else "",
        "money": f"{usd_text(money.balance)} pUSD",
        "sender": sender(account),
        "spenders": [*_rows("pUSD", money, access.chain), *_rows("shares", shares, access.chain)],
        "calls": [as_json_call(call, access.chain) for call in missing_calls(access.chain, money, shares)],
    }


def _rows(what: str, told: BalanceAllowance, chain: Chain) -> list[dict[str, Any]]:
    from agbot.doctor.venue import amount_text  # noqa: PLC0415

    return [
        {
            "what": what,
            "spender": chain.name_of(address) or "unknown",
            "address": address,
            "may_take": amount_text(amount),
        }
        for address, amount in told.allowances.items()
    ]


def missing_calls(chain: Chain, money: BalanceAllowance, shares: BalanceAllowance) -> list[Call]:
    """Return the calls that give the permissions without which orders are refused."""
    from agbot.doctor.venue import missing_spenders  # noqa: PLC0415
    from agbot.venue.polymarket.calls import approve, set_approval_for_all  # noqa: PLC0415

    return [
        *(approve(chain, chain.contract(name)) for name in missing_spenders(chain, money)),
        *(set_approval_for_all(chain, "ctf", chain.contract(name)) for name in missing_spenders(chain, shares)),
    ]

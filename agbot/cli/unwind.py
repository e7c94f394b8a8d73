"""agbot killswitch unwind: a leave for a closed signer to sign sales, for a while."""

from __future__ import annotations

import time
from pathlib import Path

import click

from agbot.cli.common import audited, bot_options
from agbot.errors import ConfigError
from agbot.words import many

PROFILE = "signer"
MINUTES_MAX = 60


@click.command(name="unwind")
@bot_options
@click.option("--shares", required=True, help="The most that is signed away under this leave, all sales together.")
@click.option("--floor", required=True, help="The least price, usd a share.")
@click.option("--minutes", type=click.IntRange(1, MINUTES_MAX), default=10, show_default=True, help="For how long.")
@click.option("--by", required=True, help="Who takes the responsibility.")
@click.option("--reason", required=True, help="Why.")
def command(
    profile: str | None, state_dir: Path | None, *, shares: str, floor: str, minutes: int, by: str, reason: str
) -> None:
    """Let a closed `agbot signer` sign sales for a while, so that --flatten works with the key elsewhere.

    --state-dir is the signer's.  [default: that of agbot signer]

    Its switch stays on: nothing but sales is signed, up to --shares in all, sold or not, at --floor or more, and only
    until --minutes are over or the switch is closed anew. The signer's caps hold as ever.
    """
    from agbot.control import state_dir as directory_of  # noqa: PLC0415
    from agbot.latch import LATCH_NAME, Latch  # noqa: PLC0415
    from agbot.run.unwind import NS_PER_MINUTE, Leave, closed_since, give  # noqa: PLC0415
    from agbot.units import SCALE, to_text  # noqa: PLC0415

    directory = directory_of(profile or PROFILE, state_dir, create=False)
    latch, now_ns = Latch(directory / LATCH_NAME), time.time_ns()
    if not closed_since(latch.read()):
        raise ConfigError(
            f"the signer's kill switch in {directory} is not on, or cannot be read: a leave would change nothing",
            id="AGB-550",
            remedy=f"agbot killswitch on --state-dir {directory} --reason TEXT closes it first",
        )
    leave = Leave(
        given_ns=now_ns,
        until_ns=now_ns + minutes * NS_PER_MINUTE,
        shares=_amount(shares, "--shares"),
        floor=_amount(floor, "--floor"),
        by=by,
        reason=reason,
    )
    if leave.floor >= SCALE:
        raise click.UsageError("--floor is a price: above 0 and below 1")
    give(latch, leave)
    limits = {"shares": to_text(leave.shares), "floor": to_text(leave.floor), "until_ns": leave.until_ns}
    audited(directory, "leave", by=by, reason=reason, **limits)
    click.echo(
        f"for {many(minutes, 'minute')} the signer in {directory} signs sales: up to {limits['shares']} shares, at "
        f"{limits['floor']} or more, by {by}"
    )


def _amount(text: str, option: str) -> int:
    from agbot.units import to_units  # noqa: PLC0415

    try:
        units = to_units(text)
    except ValueError as e:
        raise click.UsageError(f"{option}: {e}") from e
    if units <= 0:
        raise click.UsageError(f"{option} must be above 0")
    return units

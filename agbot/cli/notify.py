"""agbot notify: whether the channels of a configuration reach anybody."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agbot.cli.near import Group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agbot.errors import AgbotError
    from agbot.notify.settings import ChannelSettings


@click.group(name="notify", cls=Group)
def command() -> None:
    """Try the channels over which the bot tells people what happens.

    \b
    agbot notify test --config config.yaml
    agbot notify test pager --config config.yaml

    Which they are, and what goes where, is in the section notify: of the configuration (docs/notifications.md).
    """


@command.command()
@click.argument("channel", required=False)
@click.option(
    "--config", "config", required=True, type=click.Path(path_type=Path), help="The configuration that names them."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def test(channel: str | None, config: Path, as_json: bool) -> None:
    """Send one message over CHANNEL, or over each, and tell what the server said.

    \b
    agbot notify test telegram --config config.yaml

    Exit 0 when every server took it, 1 when one refused, 2 when a secret is missing, 4 when there is no such channel,
    5 when one gave no answer. Rate limits and quiet hours do not count here. No secret is printed.
    """
    from agbot.config import load_settings  # noqa: PLC0415

    rows = _tried(_named(load_settings(config).notify.channels, channel, config))
    if as_json:
        click.echo(json.dumps({"channels": [row for row, _ in rows]}, ensure_ascii=False))
    for row, error in rows:
        if error is not None:
            click.echo(f"agbot: {error}", err=True)
        elif not as_json:
            click.echo(f"{row['channel']}: {row['said']} ({row['ms']} ms)")
    sys.exit(next((error.exit_code for _, error in rows if error is not None), 0))


def _named(channels: Sequence[ChannelSettings], name: str | None, config: Path) -> Sequence[ChannelSettings]:
    from agbot.errors import NotFoundError  # noqa: PLC0415

    chosen = [each for each in channels if name in (None, each.name)]
    if chosen:
        return chosen
    known = ", ".join(each.name for each in channels)
    reason = f"{config} has no channel {name!r}" if known else f"{config} names no channel"
    remedy = f"it has {known}" if known else "notify: {channels: [{type: bell}]}, for example: docs/notifications.md"
    raise NotFoundError(reason, id="AGB-954", remedy=remedy)


def _tried(channels: Sequence[ChannelSettings]) -> list[tuple[dict[str, Any], AgbotError | None]]:
    import trio  # noqa: PLC0415

    from agbot.notify.channel import Sender  # noqa: PLC0415
    from agbot.notify.open import open_channel  # noqa: PLC0415

    sender = Sender(run_id="test", mode="TEST")
    opened = [(each, open_channel(each, sender)) for each in channels]

    async def main() -> list[tuple[dict[str, Any], AgbotError | None]]:
        return [await _try(each.name, channel) for each, channel in opened]

    return trio.run(main)


async def _try(name: str, channel: Any) -> tuple[dict[str, Any], AgbotError | None]:
    import time  # noqa: PLC0415

    from agbot.errors import AgbotError, TimedOutError  # noqa: PLC0415
    from agbot.notify.channel import NotSent, Refused  # noqa: PLC0415
    from agbot.notify.notice import Message, Notice, Severity  # noqa: PLC0415

    text = "a test of agbot's notifications: this channel works"
    notice = Notice(severity=Severity.INFO, kind="test", key="test", text=text, at_ns=time.time_ns())
    began, error, said = time.perf_counter(), None, ""
    try:
        said = await channel.send(Message(notices=[notice]))
    except NotSent as e:
        said = str(e)
        remedy = "is the address right, and the way there open? the bot itself would try again"
        error = (
            TimedOutError(f"{name}: {e}", id="AGB-953", remedy=remedy)
            if e.silent
            else AgbotError(f"{name}: not now: {e}", id="AGB-952", remedy="try later")
        )
    except Refused as e:
        said = str(e)
        remedy = "docs/notifications.md says what each server needs"
        error = AgbotError(f"{name}: refused: {e}", id="AGB-952", remedy=remedy)
    ms = round((time.perf_counter() - began) * 1000)
    row = {"channel": name, "ok": error is None, "said": said, "ms": ms, "error": error.id if error else None}
    return row, error

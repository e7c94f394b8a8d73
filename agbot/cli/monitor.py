"""agbot monitor: the web page and the metrics' meeting point, a process of its own."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import click

from agbot.errors import ConfigError
from agbot.telemetry.protocol import DEFAULT_HOST, DEFAULT_PORT

if TYPE_CHECKING:
    import trio


@click.command()
@click.option("--host", default=DEFAULT_HOST, show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one."
)
@click.option("--allow-remote", is_flag=True, help="Let other machines read the page; there is no password.")
@click.option(
    "--linger", type=click.FloatRange(min=0), metavar="SECONDS", help="Leave this long after the last bot did."
)
def command(host: str, port: int, linger: float | None, *, allow_remote: bool) -> None:
    """Serve the web page and collect the metrics of running bots.

    `agbot run` starts one by itself. The page only reads: orders and the kill switch stay with the bot.
    """
    import structlog  # noqa: PLC0415 - --help stays fast
    import trio  # noqa: PLC0415

    from agbot.web.origin import is_loopback  # noqa: PLC0415

    if not is_loopback(host) and not allow_remote:
        raise ConfigError(
            f"{host} can be reached from other machines and nothing asks for a password",
            id="AGB-703",
            key="--host",
            remedy=f"leave it at {DEFAULT_HOST}, or add --allow-remote",
        )
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.KeyValueRenderer(key_order=["level", "event"]),
        ],
    )
    trio.run(_main, host, port, linger)


async def _main(host: str, port: int, linger: float | None) -> None:
    import trio  # noqa: PLC0415

    refused: list[BaseException] = []
    try:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_on_signal, signals, nursery.cancel_scope)
                await _serve(host, port, linger)
                nursery.cancel_scope.cancel()
    except* ConfigError as group:
        refused += group.exceptions
    for error in refused:  # out of its group: main prints it and exits with its code
        raise error


async def _serve(host: str, port: int, linger: float | None) -> None:
    from agbot.monitor.app import serve  # noqa: PLC0415

    if not await serve(host, port, linger_s=linger, task_status=_Announcement(host)):
        click.echo(f"agbot monitor: already running at http://{host}:{port}", err=True)


async def _cancel_on_signal(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    async for _ in signals:
        scope.cancel()


class _Announcement:
    """Says where the page is as soon as the listener is open."""

    def __init__(self, host: str) -> None:
        self.host = f"[{host}]" if ":" in host else host

    def started(self, value: int | None = None) -> None:
        click.echo(f"agbot monitor: http://{self.host}:{value}", err=True)

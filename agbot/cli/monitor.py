"""agbot monitor: the web page and the metrics' meeting point, a process of its own."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agbot.errors import ConfigError
from agbot.telemetry.protocol import DEFAULT_HOST, DEFAULT_PORT

if TYPE_CHECKING:
    import trio

    from agbot.secrets import Secret


@click.command()
@click.option("--host", default=DEFAULT_HOST, show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one."
)
@click.option(
    "--state-dir",
    "directory",
    type=click.Path(),
    help="A bot's state directory: the page's history. What other programs push is kept in DIR/pushed.",
)
@click.option(
    "--linger", type=click.FloatRange(min=0), metavar="SECONDS", help="Leave this long after the last bot did."
)
def command(host: str, port: int, linger: float | None, directory: str | None) -> None:
    """Serve the web page and collect the metrics of running bots.

    `agbot run` starts one by itself. The page only reads: orders and the kill switch stay with the bot.

    Other machines can read it with a token, which the bot needs as well:

    \b
        export AGBOT_MONITOR_TOKEN=$(openssl rand -hex 32)
        agbot monitor --host 0.0.0.0
    """
    import structlog  # noqa: PLC0415 - --help stays fast
    import trio  # noqa: PLC0415

    from agbot.telemetry.access import TOKEN_ENV, TOKEN_REMEDY, monitor_token  # noqa: PLC0415
    from agbot.web.origin import is_loopback  # noqa: PLC0415

    token = monitor_token()
    if token is None and not is_loopback(host):
        raise ConfigError(
            f"{host} can be reached from other machines and {TOKEN_ENV} is not set",
            id="AGB-703",
            key="--host",
            remedy=f"leave it at {DEFAULT_HOST}, or {TOKEN_REMEDY}",
        )
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.KeyValueRenderer(key_order=["level", "event"]),
        ],
    )
    trio.run(_main, partial(_serve, host, port, linger, token, directory))


async def _main(serve: Callable[[], Awaitable[None]]) -> None:
    import trio  # noqa: PLC0415

    refused: list[BaseException] = []
    try:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_on_signal, signals, nursery.cancel_scope)
                await serve()
                nursery.cancel_scope.cancel()
    except* ConfigError as group:
        refused += group.exceptions
    for error in refused:  # out of its group: main prints it and exits with its code
        raise error


async def _serve(host: str, port: int, linger: float | None, token: Secret | None, directory: str | None) -> None:
    from agbot.monitor.app import serve  # noqa: PLC0415
    from agbot.monitor.history import of_state_dir  # noqa: PLC0415
    from agbot.monitor.keeper import Keeper  # noqa: PLC0415

    history, keeper = (of_state_dir(Path(directory)), Keeper(Path(directory))) if directory else (None, None)
    announced = _Announcement(host)
    serving = serve(host, port, linger_s=linger, token=token, history=history, keeper=keeper, task_status=announced)
    if not await serving:
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

"""What runs beside trading and may die without it noticing: the push to the monitor, the monitor, the terminal."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import trio

from agbot.log import get_logger
from agbot.run.bot import Service
from agbot.run.children import Monitor, keep_monitor, monitor_at, netloc, own_command, watch_sharing
from agbot.run.terminal import run_tui
from agbot.telemetry.access import monitor_token
from agbot.telemetry.push import push
from agbot.telemetry.registry import Registry


@attrs.frozen(kw_only=True)
class Screens:
    """Where people look: `web` starts a monitor at host:port unless one runs, `tui` takes this terminal."""

    host: str = "127.0.0.1"
    port: int = 8080
    web: bool = True
    tui: bool = False
    state_dir: Path

    @property
    def page(self) -> str:
        """Return the page's address, empty when none was asked for."""
        return f"http://{netloc(self.host, self.port)}" if self.web else ""

    @property
    def monitored(self) -> bool:
        """Return whether a monitor is needed: the terminal reads from it too."""
        return self.web or self.tui

    async def check(self) -> Monitor | None:
        """Return the monitor that runs already; ConfigError when the port is somebody else's, or the token bad."""
        return await monitor_at(self.host, self.port, monitor_token()) if self.monitored else None

    def beside(self, *, running: bool) -> Sequence[Service]:
        """Return the child processes as services; a monitor that is `running` already is only watched."""
        services: list[Service] = []
        if self.monitored:
            services.append(_service(self._monitor(running=running)))
            services.append(_service(self._sharing))
        if self.tui:
            services.append(_service(self._terminal))
        return services

    def _monitor(self, *, running: bool) -> Callable[[], Awaitable[None]]:
        return lambda: keep_monitor(self.host, self.port, running=running, state_dir=self.state_dir)

    async def _sharing(self) -> None:
        await watch_sharing(self.host, self.port)

    def push(self, registry: Registry, run_event: Mapping[str, Any]) -> Service:
        """Return the push to the monitor; without one a service that does nothing."""
        url = f"ws://{netloc(self.host, self.port)}/metrics"
        token = monitor_token() if self.monitored else None

        async def run(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
            if self.monitored:
                await push(registry, url, run_event=dict(run_event), token=token, task_status=task_status)
            else:
                task_status.started()

        return run

    async def _terminal(self) -> None:
        url = f"ws://{netloc(self.host, self.port)}/dashboard"
        command = own_command("tui", "--url", url, "--state-dir", str(self.state_dir))
        await run_tui(command, log=get_logger("agbot.run.terminal"))
        sys.stderr.write(
            "the terminal dashboard is closed; the bot still runs (Ctrl-C stops it, agbot tui watches it)\n"
        )


def _service(run: Callable[[], Awaitable[None]]) -> Service:
    async def service(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        await run()

    return service

"""How the notification channels of a run fare, as metrics."""

from __future__ import annotations

from agbot.notify.service import Notifier
from agbot.telemetry.registry import Registry


def publish_channels(registry: Registry, notifier: Notifier) -> None:
    """Publish every channel once; call it each second."""
    for line in notifier.lines:
        waiting = line.outbox.waiting + line.outbox.held
        figures = {"sent": line.sent, "failed": line.failed, "dropped": line.outbox.dropped, "waiting": waiting}
        for name, value in (figures | {"ended": bool(line.ended)}).items():
            registry.gauge(f"notify.{name}", channel=line.name).set(value)

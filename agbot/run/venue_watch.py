"""Once a second: how the venue is, told to the core when that changes; and what its answers measured, as metrics."""

from __future__ import annotations

from collections.abc import Callable

from agbot.core.health import Condition, Steadied
from agbot.log import get_logger
from agbot.model.events import Health, VenueHealth
from agbot.model.ids import VenueId
from agbot.run.inbox import Inbox
from agbot.run.venues import VenueLink
from agbot.telemetry.registry import Registry

_VALUE = {Health.HEALTHY: 0, Health.DEGRADED: 1, Health.DOWN: 2}
_LEVEL = {Health.HEALTHY: "info", Health.DEGRADED: "warning", Health.DOWN: "error"}

log = get_logger(__name__)


class VenueWatch:
    """See the module.

    Args:
        monotonic_s: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        link: VenueLink,
        inbox: Inbox,
        registry: Registry,
        now_ns: Callable[[], int],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._link = link
        self._inbox = inbox
        self._registry = registry
        self._now_ns = now_ns
        self._monotonic_s = monotonic_s
        self._steadied = Steadied()
        self._throttles: dict[str, int] = {}
        self._meters: set[str] = set()

    @property
    def venue(self) -> VenueId:
        """Return whose health this is."""
        return self._link.venue.venue_id

    @property
    def told(self) -> Condition:
        """Return what was told last."""
        return self._steadied.told

    def second(self) -> None:
        """Look once."""
        if self._steadied.look(self._monotonic_s(), self._link.condition()):
            self._tell(self._steadied.told)
        self._registry.gauge("venue.health", venue=self.venue).set(_VALUE[self.told.health])
        self._measure()

    def _tell(self, told: Condition) -> None:
        getattr(log, _LEVEL[told.health])("venue.health", venue=self.venue, health=told.health, reason=told.reason)
        self._inbox.send_urgent(VenueHealth(self.venue, told.health, told.reason, self._now_ns()))
        self._registry.event(
            "log", level=_LEVEL[told.health], event=f"venue.{told.health}", venue=self.venue, reason=told.reason
        )

    def _measure(self) -> None:
        care = self._link.care
        if care is None:
            return
        for call in care.drain():
            labels = {"venue": self.venue, "operation": call.operation}
            self._registry.histogram("exec.api_response_ms", **labels).observe(call.seconds * 1000)
            if call.error:
                self._registry.counter("exec.api_errors", **labels, error=call.error).add(1)
        for operation, total in care.throttles.items():
            more = total - self._throttles.get(operation, 0)
            self._throttles[operation] = total
            if more:
                counter = self._registry.counter("exec.rate_limit_violations", venue=self.venue, operation=operation)
                counter.add(more)
        used = self._link.utilisation()
        self._meters |= used.keys()
        for meter in self._meters:  # one that is not in use any more has all its room again
            self._registry.gauge("exec.rate_limit_utilisation", venue=self.venue, meter=meter).set(used.get(meter, 0.0))

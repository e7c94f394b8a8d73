"""Other policies for a bot that runs: an operator's event, journaled like any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agbot.core.engine import Engine
from agbot.core.rules import KillSwitch, Rule, parse_rules
from agbot.errors import ConfigError
from agbot.located import loads
from agbot.log import get_logger
from agbot.model.events import PoliciesSet
from agbot.run.inbox import Inbox
from agbot.run.requests import signed_reason
from agbot.store.rebuild import policies_text

log = get_logger(__name__)


class NewPolicies:
    """Takes policies from an operator and gives them to the core.

    Args:
        caps: of a live run's configuration: they hold whatever a file says.
    """

    def __init__(self, engine: Engine, inbox: Inbox, caps: Sequence[Rule], now_ns: Callable[[], int]) -> None:
        self._engine = engine
        self._inbox = inbox
        self._caps = tuple(caps)
        self._now_ns = now_ns

    async def handle(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Take on the policies of a request, written as a file has them. ConfigError: nothing was changed."""
        reason, by = signed_reason(request, "a change of the policies")
        rules = parse_rules(loads(str(request.get("policies") or ""), "<request>", "json"))
        if any(rule.enabled for rule in rules if isinstance(rule, KillSwitch)):
            remedy = "write enabled: false; agbot killswitch on turns it on"
            raise ConfigError("the policies turn the kill switch on", id="AGB-551", remedy=remedy)
        before = [str(rule) for rule in self._engine.state.gate.rules]
        text = policies_text(rules, self._caps)
        self._inbox.send_urgent(PoliciesSet(text, reason, by, self._now_ns()))
        log.warning("policies.set", reason=reason, by=by, before=before)
        told = parse_rules(loads(text, "<request>", "json"))
        return {"policies": [{"policy": rule.name, "says": str(rule)} for rule in told], "reason": reason, "by": by}

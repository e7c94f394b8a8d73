"""From a request to its route: 404 and 405 as the venue says them, keys checked, refusals turned into answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import attrs

from agbot.exchange.api import Ask, Reply, Route, Routes, error
from agbot.exchange.clob.keys import Keyring
from agbot.exchange.core.model import Refused
from agbot.units import NS_PER_S

NOT_FOUND: Final = error(404, "not found")
_STATUS_OF_TEXT: Final = (("not found", 404), ("unauthorized", 401), ("context canceled", 400))


class Router:
    """Answers requests by `routes`."""

    def __init__(self, routes: Routes) -> None:
        self.routes = dict(routes)
        self._methods: dict[str, list[str]] = {}
        for method, path in self.routes:
            self._methods.setdefault(path, []).append(method)

    def __call__(self, ask: Ask) -> Reply:
        """Return the answer; never raises `Refused`."""
        try:
            return self._answer(ask)
        except Refused as e:
            return refusal(e)

    def _answer(self, ask: Ask) -> Reply:
        route = self.routes.get((ask.method, ask.path))
        if route is not None:
            return route(ask)
        allowed = list(self._methods.get(ask.path, ()))
        for pattern, tail in _patterns(ask.path):
            if (route := self.routes.get((ask.method, pattern))) is not None:
                ask.tail = tail
                return route(ask)
            allowed += self._methods.get(pattern, ())
        return not_allowed(allowed) if allowed else NOT_FOUND


def _patterns(path: str) -> Iterator[tuple[str, str]]:
    """Yield what a path may be registered as, and what its ``{}`` stands for: the last part, or the one before it."""
    head, _, last = path.rpartition("/")
    above, _, middle = head.rpartition("/")
    if last:
        yield f"{head}/{{}}", last
    if middle and last:
        yield f"{above}/{{}}/{last}", middle


def not_allowed(methods: Iterable[str]) -> Reply:
    """Return the 405 of a path that takes only these methods."""
    return attrs.evolve(error(405, "method not allowed"), headers=(("Allow", ", ".join(sorted(set(methods)))),))


def refusal(refused: Refused) -> Reply:
    """Return the venue's answer to what it refuses: some texts have a status of their own, whatever was meant."""
    lower = refused.text.lower()
    status = next((status for words, status in _STATUS_OF_TEXT if words in lower), refused.status)
    return error(status, refused.text)


class Gate:
    """Lets only holders of API keys through to a route.

    Args:
        now_ns: the exchange's clock. Requests may carry its time or that of the host, which `host_s` gives.
    """

    def __init__(self, keys: Keyring, now_ns: Callable[[], int], host_s: Callable[[], float] = time.time) -> None:
        self.keys = keys
        self.now_ns = now_ns
        self._host_s = host_s

    def clocks_s(self) -> tuple[int, int]:
        """Return the seconds by which a request's timestamp is judged."""
        return self.now_ns() // NS_PER_S, int(self._host_s())

    def signed(self, route: Route) -> Route:
        """Return `route` behind the check of L2 headers: it finds `address` and `key` in what it is asked."""

        def checked(ask: Ask) -> Reply:
            key = self.keys.check(ask, *self.clocks_s())
            ask.address, ask.key = key.address, key.key
            return route(ask)

        return checked

    def all_signed(self, routes: Mapping[tuple[str, str], Route]) -> dict[tuple[str, str], Route]:
        """Return all of `routes` behind the check."""
        return {where: self.signed(route) for where, route in routes.items()}

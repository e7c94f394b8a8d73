"""Who may read: nobody is asked on a loopback monitor without a token; with one, all that tells of a bot wants it.

A program sends it as `Authorization: Bearer`. A browser shows it once, to `/session`, and gets a cookie in its place:
derived from the token, so that it holds across restarts and gives the token away to nobody, and ends when the token
changes.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

import structlog

from agbot.secrets import Secret
from agbot.telemetry.protocol import INGEST_PATH
from agbot.web.http import Place, Refuse, Request, Response

SESSION_PATH: Final = "/session"
OPEN: Final = frozenset({"/healthz", "/health", "/readyz", "/ready"})
"""Say that a monitor runs, of which version, and how many bots and pages it has."""
COMPLAIN_EVERY: Final = 100
"""Of wrong tokens the first is logged, then one in so many."""
_log = structlog.get_logger("agbot.monitor")


class Gate:
    """Refuses what has no token.

    Args:
        token: what to ask for; None asks nobody.
        strangers: looks first, at Host, Origin and method.
        sign_in: the page that asks a person for the token, an answer of 401.
    """

    def __init__(self, token: Secret | None, strangers: Refuse, sign_in: Response) -> None:
        self._token = token
        self._strangers = strangers
        self._sign_in = sign_in
        self._wrong = 0

    def refuse(self, request: Request, local: Place) -> Response | None:
        """Return the refusal of a request that came in on `local`, None when it may pass."""
        refusal = self._strangers(request, local)
        if refusal is not None or self._token is None:
            return refusal
        if request.path == SESSION_PATH:
            return self._session(request, local[1])
        if request.path in OPEN or request.path.startswith("/static/") or self._knows(request, local[1]):
            return None
        return self._sign_in if request.path == "/" else _refusal()

    def _session(self, request: Request, port: int) -> Response:
        if not self._shows_token(request):
            self._complain(request)
            return _refusal()
        cookie = f"{_cookie_name(port)}={self._proof()}; Path=/; HttpOnly; SameSite=Strict"
        return Response(204, headers=[("Set-Cookie", cookie)])

    def _knows(self, request: Request, port: int) -> bool:
        if "authorization" in request.headers:
            known = self._shows_token(request)
            if not known:
                self._complain(request)
            return known
        if request.path == INGEST_PATH:
            return False  # a page has nothing to push
        shown = _cookies(request.headers).get(_cookie_name(port), "")
        return hmac.compare_digest(shown.encode(), self._proof().encode())

    def _shows_token(self, request: Request) -> bool:
        assert self._token is not None, "asked only with a token"
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(shown.strip().encode(), self._token.reveal().encode())
        return same and scheme.lower() == "bearer"

    def _proof(self) -> str:
        assert self._token is not None, "asked only with a token"
        return hmac.new(self._token.reveal().encode(), b"agbot monitor session 1", hashlib.sha256).hexdigest()

    def _complain(self, request: Request) -> None:
        if self._wrong % COMPLAIN_EVERY == 0:
            _log.warning("wrong token", peer=request.peer, so_far=self._wrong + 1)
        self._wrong += 1


def _refusal() -> Response:
    asks = ("WWW-Authenticate", 'Bearer realm="agbot monitor"')
    return Response(401, b"this monitor wants its token\n", headers=[asks], closes=True)


def _cookie_name(port: int) -> str:
    """Cookies know no ports: two monitors of one machine must not take each other's."""
    return f"agbot_monitor_{port}"


def _cookies(headers: Mapping[str, str]) -> dict[str, str]:
    pairs = (part.partition("=") for part in headers.get("cookie", "").split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}

"""What a way to a person can do, and what can go wrong on it."""

from __future__ import annotations

import json
from typing import Any, Final, Protocol

import attrs
import httpx
import trio

from agbot import __version__
from agbot.notify.notice import Message
from agbot.secrets import redact

SEND_S: Final = 10.0
"""Seconds one attempt may take."""
SAID_MAX: Final = 200
ANSWER_MAX: Final = 64 * 1024
RETRY_MAX_S: Final = 3600.0


class NotSent(Exception):  # noqa: N818 - what happened
    """The message did not get through; another attempt may.

    Args:
        retry_after_s: how long the server wants to be left alone, None when it did not say.
        silent: whether no answer came at all.
    """

    def __init__(self, reason: str, *, retry_after_s: float | None = None, silent: bool = False) -> None:
        super().__init__(shortened(reason))
        self.retry_after_s = None if retry_after_s is None else min(max(retry_after_s, 0.0), RETRY_MAX_S)
        self.silent = silent


class Refused(Exception):  # noqa: N818 - what happened
    """The server said no and would say it again: address, token or password are wrong."""

    def __init__(self, reason: str) -> None:
        super().__init__(shortened(reason))


@attrs.frozen(kw_only=True)
class Sender:
    """Who tells: of which run and which mode."""

    run_id: str
    mode: str

    def __str__(self) -> str:
        return f"agbot {self.mode} {self.run_id}"


class Channel(Protocol):
    """A way to a person."""

    async def send(self, message: Message) -> str:
        """Deliver and return what the server said. NotSent, Refused; nothing else."""
        ...


class HttpChannel:
    """What webhooks have in common: a POST of JSON, and what a status means."""

    async def post(self, url: str, body: dict[str, Any]) -> str:
        """Return what the server said. NotSent, Refused."""
        agent = {"User-Agent": f"agbot/{__version__}"}
        try:
            with trio.fail_after(SEND_S):
                async with httpx.AsyncClient(headers=agent, timeout=SEND_S, trust_env=False) as client:
                    answer = await client.post(url, json=body)
        except trio.TooSlowError:
            raise NotSent(f"no answer within {SEND_S:g} s", silent=True) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as e:
            # No cause: its text and its frames may hold the address, which is the secret.
            raise NotSent(f"{type(e).__name__}: {e}".rstrip(": "), silent=True) from None
        return self.judged(answer)

    def judged(self, answer: httpx.Response) -> str:
        """Return what the server said when it took the message. NotSent, Refused."""
        said = f"{answer.status_code} {answer.reason_phrase} {answer.text[:SAID_MAX]}".strip()
        if answer.is_success:
            return shortened(said)
        if answer.status_code in (408, 425, 429) or answer.status_code >= 500:
            raise NotSent(said, retry_after_s=_retry_after_s(answer))
        raise Refused(said)


def answer_json(answer: httpx.Response) -> dict[str, Any]:
    """Return the answer's JSON object, an empty one when it is none."""
    try:
        found = json.loads(answer.content[:ANSWER_MAX])
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}


def _retry_after_s(answer: httpx.Response) -> float | None:
    """Return what a header or Telegram's or Discord's body asks for."""
    body = answer_json(answer)
    parameters = body.get("parameters")
    inner = parameters.get("retry_after") if isinstance(parameters, dict) else None
    for found in (inner, body.get("retry_after"), answer.headers.get("Retry-After")):
        try:
            seconds = float(found) if found is not None and not isinstance(found, bool) else -1.0
        except (TypeError, ValueError):
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    return None


def shortened(text: str) -> str:
    """Return one line without secrets, cut where it is too long."""
    line = " ".join(redact(text).split())
    return line if len(line) <= SAID_MAX else line[: SAID_MAX - 1] + "…"

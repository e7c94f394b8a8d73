"""Channels that are a POST: any webhook, Telegram, Discord."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import httpx

from agbot.errors import ConfigError
from agbot.located.address import LOOPBACK
from agbot.notify.channel import HttpChannel, Refused, Sender, answer_json
from agbot.notify.notice import Message
from agbot.secrets import Secret
from agbot.units import NS_PER_MS

TELEGRAM_MAX: Final = 4096
DISCORD_MAX: Final = 2000


def checked(url: Secret, name: str) -> Secret:
    """Return a secret address that may be posted to. ConfigError AGB-951: it is none, or not encrypted."""
    try:
        parts = urlsplit(url.reveal())
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if not right:
        raise ConfigError("it is no HTTP address", id="AGB-951", key=name, remedy="https://host/path")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        reason = "it is not encrypted: whoever is in between could read it and post in its place"
        raise ConfigError(reason, id="AGB-951", key=name, remedy="https://host/path")
    return url


class Webhook(HttpChannel):
    """Any server: one JSON object a message, as docs/notifications.md has it."""

    def __init__(self, url: Secret, sender: Sender) -> None:
        self._url = url
        self._sender = sender

    async def send(self, message: Message) -> str:
        """Deliver and return what the server said. NotSent, Refused."""
        notices = [
            {"severity": n.severity.word, "kind": n.kind, "text": n.text, "at": n.at_ns // NS_PER_MS, "count": n.count}
            for n in message.notices
        ]
        return await self.post(
            self._url.reveal(),
            {
                "app": "agbot",
                "run_id": self._sender.run_id,
                "mode": self._sender.mode,
                "severity": message.severity.word,
                "text": "\n".join(message.lines),
                "title": message.title,
                "count": message.count,
                "dropped": message.dropped,
                "notices": notices,
            },
        )


class Discord(HttpChannel):
    """A webhook of Discord. Nobody is called by name: what a market is called may hold an @everyone."""

    def __init__(self, url: Secret, sender: Sender) -> None:
        self._url = url
        self._sender = sender

    async def send(self, message: Message) -> str:
        """Deliver and return what the server said. NotSent, Refused."""
        text = cut(f"{self._sender}\n" + "\n".join(message.lines), DISCORD_MAX)
        return await self.post(self._url.reveal(), {"content": text, "allowed_mentions": {"parse": []}})


class Telegram(HttpChannel):
    """A bot of Telegram that writes to one chat. Plain text: a market's name is no markup."""

    def __init__(self, token: Secret, chat_id: str, server: str, sender: Sender) -> None:
        self._token = token
        self._chat_id = chat_id
        self._server = server
        self._sender = sender

    async def send(self, message: Message) -> str:
        """Deliver and return what the server said. NotSent, Refused."""
        text = cut(f"{self._sender}\n" + "\n".join(message.lines), TELEGRAM_MAX)
        body = {"chat_id": self._chat_id, "text": text, "link_preview_options": {"is_disabled": True}}
        return await self.post(f"{self._server}/bot{self._token.reveal()}/sendMessage", body)

    def judged(self, answer: httpx.Response) -> str:
        """Return what the server said; its 200 counts only with ``"ok": true``. NotSent, Refused."""
        said = super().judged(answer)
        if answer_json(answer).get("ok") is not True:
            raise Refused(f"not Telegram's answer: {said}")
        return said


def cut(text: str, most: int) -> str:
    """Return at most `most` UTF-16 units, as both servers count."""
    if len(text.encode("utf-16-le")) <= 2 * most:
        return text
    return text.encode("utf-16-le")[: 2 * (most - 1)].decode("utf-16-le", "ignore") + "…"

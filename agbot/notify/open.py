"""From settings to channels, with their secrets."""

from __future__ import annotations

from collections.abc import Mapping

from agbot.notify.bell import Bell
from agbot.notify.channel import Channel, Sender
from agbot.notify.posts import Discord, Telegram, Webhook, checked
from agbot.notify.settings import ChannelSettings, NotifySettings
from agbot.secrets import lookup


def open_channel(settings: ChannelSettings, sender: Sender, environ: Mapping[str, str] | None = None) -> Channel:
    """Return the channel. Blocks where the keyring does.

    Raises:
        ConfigError: AGB-115 its secret is nowhere, AGB-951 the secret is no address to post to.
    """
    secret = lookup(settings.secret, environ) if settings.secret else None
    if settings.mail is not None:
        from agbot.notify.mail import MailChannel  # noqa: PLC0415 - smtplib, and most configurations send no letters

        return MailChannel(settings.mail, secret, sender)
    if secret is None:
        return Bell()
    if settings.kind == "telegram":
        return Telegram(secret, settings.chat_id, settings.server, sender)
    make = Discord if settings.kind == "discord" else Webhook
    return make(checked(secret, settings.secret), sender)


def check_channels(settings: NotifySettings, environ: Mapping[str, str] | None = None) -> None:
    """Raise what opening the channels would, before a run begins. ConfigError AGB-115, AGB-951."""
    for channel in settings.channels:
        open_channel(channel, Sender(run_id="", mode=""), environ)

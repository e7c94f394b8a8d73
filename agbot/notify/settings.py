"""The section `notify:` of a configuration: which channels there are, and what goes where. docs/notifications.md."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import attrs

from agbot.errors import ConfigError
from agbot.located import Fields, Located
from agbot.located.address import LOOPBACK, private_page
from agbot.notify.notice import SEVERITIES, Severity
from agbot.notify.outbox import Rules
from agbot.notify.quiet import QuietHours
from agbot.secrets import Secret, find
from agbot.units import NS_PER_S

CHANNELS_MAX: Final = 16
PER_MINUTE_MAX: Final = 600
BURST_MAX: Final = 100
REPEAT_MAX_NS: Final = 24 * 3600 * NS_PER_S
DENIALS_MAX: Final = 100_000
WINDOW_MAX_NS: Final = 3600 * NS_PER_S
TELEGRAM: Final = "https://api.telegram.org"
PREFIX: Final = "AGBOT_NOTIFY"
TLS: Final = ("starttls", "tls", "none")
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}", re.ASCII)
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_MAILBOX: Final = re.compile(r"[^\s@<>,;:\"]+@[^\s@<>,;:\"]+", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]+", re.ASCII)


@attrs.frozen(kw_only=True)
class Mail:
    """Where letters go. `user` is empty where the server asks for no password."""

    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    user: str = ""
    tls: str = "starttls"


@attrs.frozen(kw_only=True)
class ChannelSettings:
    """One channel: "webhook", "telegram", "discord", "email" or "bell"; `name` is unique and names its secret."""

    kind: str
    name: str
    rules: Rules = attrs.field(factory=Rules)
    chat_id: str = ""
    server: str = TELEGRAM
    mail: Mail | None = None

    @property
    def secret(self) -> str:
        """Return the name of its secret in environment or keyring, empty when it has none."""
        if self.kind == "bell" or (self.mail is not None and not self.mail.user):
            return ""
        what = {"telegram": "TOKEN", "email": "PASSWORD"}.get(self.kind, "URL")
        return f"{PREFIX}_{self.name.upper().replace('-', '_')}_{what}"

    def secret_state(self, environ: Mapping[str, str] | None = None) -> str:
        """Return in words whether its secret is there; never the secret. Blocks where the keyring does."""
        if not self.secret:
            return "no secret"
        value = find(self.secret, environ)
        return f"{self.secret} is set" if value and Secret(value) else f"{self.secret} is NOT SET"

    def __str__(self) -> str:
        rules = self.rules
        quiet = f", quiet {rules.quiet}" if rules.quiet else ""
        return f"{self.kind}, from {rules.least.word} up, {rules.per_minute} a minute{quiet}"


@attrs.frozen(kw_only=True)
class NotifySettings:
    """What is told.

    Args:
        channels: none means that nothing is told.
        denials: so many denied orders within `denials_window_ns` are a burst.
        report_hour: UTC hour of the daily report, None for no report.
    """

    channels: tuple[ChannelSettings, ...] = ()
    denials: int = 20
    denials_window_ns: int = 60 * NS_PER_S
    report_hour: int | None = None


def read_notify(fields: Fields) -> NotifySettings:
    """Return the section; what is wrong with it goes to `fields.faults`."""
    base = NotifySettings()
    quiet = _quiet(fields)
    window = fields.duration("denials_window", base.denials_window_ns, low_ns=NS_PER_S, high_ns=WINDOW_MAX_NS)
    return NotifySettings(
        channels=_channels(fields, quiet),
        denials=fields.read("denials", lambda node: node.as_int(1, DENIALS_MAX), base.denials),
        denials_window_ns=window,
        report_hour=fields.read("daily_report_utc_hour", lambda node: node.as_int(0, 23), None),
    )


def _channels(fields: Fields, quiet: QuietHours | None) -> tuple[ChannelSettings, ...]:
    none: tuple[Located, ...] = ()
    nodes = fields.require("channels", _some, none)
    found: dict[str, ChannelSettings] = {}
    for node in nodes:
        if (channel := _channel(node, fields.faults, quiet)) is None:
            continue
        key = channel.name.upper().replace("-", "_")  # what tells their secrets apart
        if key in found:
            reason = f"the channel '{channel.name}' is given twice"
            fields.faults.append(node.fault(reason, id="AGB-114", remedy="give each a name of its own"))
        found[key] = channel
    return tuple(found.values())


def _some(node: Located) -> tuple[Located, ...]:
    if not 1 <= len(node.as_list()) <= CHANNELS_MAX:
        remedy = f"1 to {CHANNELS_MAX} channels, or remove the section"
        raise node.fault(f"{len(node.items)} channels are listed", id="AGB-107", remedy=remedy)
    return node.items


def _channel(node: Located, faults: list[ConfigError], quiet: QuietHours | None) -> ChannelSettings | None:
    fields = Fields(node, faults)
    kind = fields.require("type", lambda each: each.as_choice(_KINDS), "")
    name = fields.read("name", _name, kind)
    rules = _rules(fields, quiet)
    make = _KINDS.get(kind)
    if make is None:
        return None
    channel = make(fields, ChannelSettings(kind=kind, name=name, rules=rules))
    fields.close()
    return channel


def _rules(fields: Fields, quiet: QuietHours | None) -> Rules:
    base = Rules()
    keeps_quiet = fields.read("quiet", Located.as_bool, True)
    return Rules(
        least=fields.read("min", _severity, base.least),
        per_minute=fields.read("per_minute", lambda node: node.as_int(1, PER_MINUTE_MAX), base.per_minute),
        burst=fields.read("burst", lambda node: node.as_int(1, BURST_MAX), base.burst),
        repeat_ns=fields.duration("repeat", base.repeat_ns, low_ns=0, high_ns=REPEAT_MAX_NS),
        quiet=quiet if keeps_quiet else None,
        report=fields.read("report", Located.as_bool, False),
    )


def _telegram(fields: Fields, channel: ChannelSettings) -> ChannelSettings:
    chat_id = fields.require("chat_id", Located.as_text, "")
    return attrs.evolve(channel, chat_id=chat_id, server=fields.read("server", private_page, TELEGRAM))


def _email(fields: Fields, channel: ChannelSettings) -> ChannelSettings:
    tls = fields.read("tls", lambda node: node.as_choice(TLS), "starttls")
    nobody: tuple[str, ...] = ()
    mail = Mail(
        host=fields.require("host", lambda node: _server(node, tls), ""),
        port=fields.read("port", lambda node: node.as_int(1, 65_535), _PORTS[tls]),
        sender=fields.require("from", _mailbox, ""),
        recipients=fields.require("to", _recipients, nobody),
        user=fields.read("user", Located.as_text, ""),
        tls=tls,
    )
    return attrs.evolve(channel, mail=mail)


def _as_it_is(_fields: Fields, channel: ChannelSettings) -> ChannelSettings:
    return channel


_KINDS: Final[dict[str, Callable[[Fields, ChannelSettings], ChannelSettings]]] = {
    "webhook": _as_it_is,
    "telegram": _telegram,
    "discord": _as_it_is,
    "email": _email,
    "bell": _as_it_is,
}


def _severity(node: Located) -> Severity:
    return SEVERITIES[node.as_choice(SEVERITIES)]


def _name(node: Located) -> str:
    text = node.as_text()
    if not _NAME.fullmatch(text):
        remedy = "use 1 to 32 letters, digits, - or _, a letter first"
        raise node.fault(f"{node} cannot name a channel", id="AGB-107", remedy=remedy)
    return text


def _server(node: Located, tls: str) -> str:
    text = node.as_text()
    if not _HOST.fullmatch(text):
        raise node.fault(f"{node} is no host", id="AGB-107", remedy="write it as smtp.example.org, the port apart")
    if tls == "none" and text not in LOOPBACK:
        remedy = "tls: starttls or tls; none is for a server on this machine"
        raise node.fault(f"letters to {node} would not be encrypted", id="AGB-107", remedy=remedy)
    return text


def _mailbox(node: Located) -> str:
    text = node.as_text()
    if not _MAILBOX.fullmatch(text):
        raise node.fault(f"{node} is no e-mail address", id="AGB-107", remedy="write it as ann@example.org")
    return text


def _recipients(node: Located) -> tuple[str, ...]:
    if not node.as_names():
        raise node.fault("the list is empty", id="AGB-107", remedy="to: [ann@example.org]")
    return tuple(map(_mailbox, node.items))


def _quiet(fields: Fields) -> QuietHours | None:
    node = fields.get("quiet")
    if node is None:
        return None
    quiet = Fields(node, fields.faults)
    begin, end = (quiet.require(key, _clock, None) for key in ("from", "to"))
    zone = quiet.require("zone", _zone, None)
    quiet.close()
    if begin is None or end is None or zone is None:
        return None
    if begin == end:
        fields.faults.append(node.fault("it begins when it ends", id="AGB-107", remedy="two different times"))
        return None
    return QuietHours(begin=begin, end=end, zone=zone, name=zone.key)


def _clock(node: Located) -> int:
    """Return minutes after midnight."""
    found = _CLOCK.fullmatch(node.as_text())
    if not found:
        raise node.fault(f"{node} is no time of a day", id="AGB-107", remedy='write it as "22:00"')
    return int(found[1]) * 60 + int(found[2])


def _zone(node: Located) -> ZoneInfo:
    name = node.as_text()
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as e:  # unknown, not a name, a directory of zones
        near = difflib.get_close_matches(name, sorted(available_timezones()), n=1)
        remedy = f"did you mean {near[0]}?" if near else "a name such as Europe/Berlin or UTC"
        raise node.fault(f"{node} is no time zone of this machine", id="AGB-950", remedy=remedy) from e

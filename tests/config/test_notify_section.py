"""The section notify: what a right one becomes, and where a wrong one is told to be wrong."""

from __future__ import annotations

import pytest

from agbot.config import read_settings
from agbot.located import loads
from agbot.notify.notice import Severity
from agbot.notify.outbox import Rules
from agbot.notify.settings import ChannelSettings, Mail, NotifySettings
from agbot.units import NS_PER_S

FULL = """\
notify:
  daily_report_utc_hour: 6
  denials: 5
  denials_window_sec: 30
  quiet: {from: "22:00", to: "7:30", zone: Europe/Berlin}
  channels:
    - {type: webhook, name: pager, min: critical, per_minute: 6, burst: 2, repeat_sec: 300, quiet: false}
    - {type: telegram, chat_id: "-100123", report: true, server: "http://127.0.0.1:9"}
    - {type: email, host: smtp.example.org, from: bot@example.org, to: [ann@example.org], user: bot, tls: tls}
    - {type: discord}
    - {type: bell, min: critical}
"""


def read(text):
    faults = []
    settings = read_settings(loads(text, "c.yaml"), faults)
    return settings.notify, faults


def test_every_key():
    notify, faults = read(FULL)
    assert faults == []
    quiet = notify.channels[1].rules.quiet
    assert str(quiet) == "22:00–07:30 Europe/Berlin"
    to = ("ann@example.org",)
    mail = Mail(host="smtp.example.org", port=465, sender="bot@example.org", recipients=to, user="bot", tls="tls")
    pager = Rules(least=Severity.CRITICAL, per_minute=6, burst=2, repeat_ns=300 * NS_PER_S)
    assert notify == NotifySettings(
        report_hour=6,
        denials=5,
        denials_window_ns=30 * NS_PER_S,
        channels=(
            ChannelSettings(kind="webhook", name="pager", rules=pager),
            ChannelSettings(
                kind="telegram",
                name="telegram",
                rules=Rules(quiet=quiet, report=True),
                chat_id="-100123",
                server="http://127.0.0.1:9",
            ),
            ChannelSettings(kind="email", name="email", rules=Rules(quiet=quiet), mail=mail),
            ChannelSettings(kind="discord", name="discord", rules=Rules(quiet=quiet)),
            ChannelSettings(kind="bell", name="bell", rules=Rules(least=Severity.CRITICAL, quiet=quiet)),
        ),
    )
    assert [channel.secret for channel in notify.channels] == [
        "AGBOT_NOTIFY_PAGER_URL",
        "AGBOT_NOTIFY_TELEGRAM_TOKEN",
        "AGBOT_NOTIFY_EMAIL_PASSWORD",
        "AGBOT_NOTIFY_DISCORD_URL",
        "",
    ]


def test_without_the_section_nobody_is_told():
    assert read("mode: paper") == (NotifySettings(), [])


def channel(text):
    return f"notify:\n  channels:\n    - {text}\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("notify: {}", 1, "AGB-105] c.yaml:1: notify.channels: the key is missing"),
        ("notify: {channels: []}", 1, "0 channels are listed"),
        ("notify: text", 1, "AGB-106"),
        ("notify:\n  channels: [{type: bell}]\n  deny: 5", 3, "AGB-104] c.yaml:3: notify.deny: unknown key"),
        ("notify:\n  channels: [{type: bell}]\n  denials: 0", 3, "AGB-107"),
        ("notify:\n  channels: [{type: bell}]\n  daily_report_utc_hour: 24", 3, "between 0 and 23"),
        (channel("{type: pigeon}"), 3, "AGB-109] c.yaml:3: notify.channels[0].type: 'pigeon' is not known here"),
        (channel("{name: x}"), 3, "AGB-105] c.yaml:3: notify.channels[0].type: the key is missing"),
        (channel("{type: bell, name: 'a b'}"), 3, "cannot name a channel"),
        (channel("{type: bell, min: loud}"), 3, "AGB-109"),
        (channel("{type: bell, per_minute: 0}"), 3, "AGB-107"),
        (channel("{type: bell, burst: 1.5}"), 3, "not a whole number"),
        (channel("{type: bell, chat_id: 7}"), 3, "AGB-104"),
        (channel("{type: telegram}"), 3, "notify.channels[0].chat_id: the key is missing"),
        (channel("{type: telegram, chat_id: 7, server: 'http://telegram.example'}"), 3, "is not encrypted"),
        (channel("{type: webhook, url: 'https://x/secret'}"), 3, "AGB-104"),
        (channel("{type: email, host: h, from: a@b.c, to: []}"), 3, "the list is empty"),
        (channel("{type: email, host: h, from: nobody, to: [a@b.c]}"), 3, "is no e-mail address"),
        (channel("{type: email, host: h, from: a@b.c, to: ['a@b.c, x@y.z']}"), 3, "is no e-mail address"),
        (channel("{type: email, host: 'h/x', from: a@b.c, to: [a@b.c]}"), 3, "is no host"),
        (channel("{type: email, host: h, from: a@b.c, to: [a@b.c], tls: none}"), 3, "would not be encrypted"),
        (channel("{type: bell}\n    - {type: webhook, name: BELL}"), 4, "AGB-114] c.yaml:4"),
        (channel("{type: webhook, name: a-b}\n    - {type: discord, name: a_b}"), 4, "given twice"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text, line, said):
    _, faults = read(text)
    assert len(faults) == 1, faults
    assert faults[0].line == line
    assert said in str(faults[0])


@pytest.mark.parametrize(
    ("quiet", "said"),
    [
        ('{from: "22:00", to: "22:00", zone: UTC}', "it begins when it ends"),
        ('{from: "24:00", to: "7:00", zone: UTC}', "is no time of a day"),
        ('{from: "22:00", zone: UTC}', "notify.quiet.to: the key is missing"),
        ('{from: "22:00", to: "7:00", zone: Europe/Berln}', "did you mean Europe/Berlin?"),
        ('{from: "22:00", to: "7:00", zone: Europe}', "AGB-950"),
        ('{from: "22:00", to: "7:00", zone: ../../etc/passwd}', "AGB-950"),
        ('{from: "22:00", to: "7:00", zone: UTC, days: all}', "AGB-104"),
    ],
)
def test_quiet_hours_that_are_none(quiet, said):
    _, faults = read(f"notify:\n  channels: [{{type: bell}}]\n  quiet: {quiet}\n")
    assert len(faults) == 1, faults
    assert faults[0].line == 3
    assert said in str(faults[0])

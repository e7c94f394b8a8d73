"""Each channel against a real server on loopback: what it sends, and what an answer comes to."""

from __future__ import annotations

import json
import os
import pty

import pytest
import trio

from agbot.errors import ConfigError
from agbot.notify.bell import Bell
from agbot.notify.channel import NotSent, Refused, Sender
from agbot.notify.mail import MailChannel
from agbot.notify.notice import Message, Notice, Severity
from agbot.notify.open import open_channel
from agbot.notify.posts import Discord, Telegram, Webhook, checked, cut
from agbot.notify.settings import ChannelSettings, Mail
from agbot.secrets import Secret

SENDER = Sender(run_id="r1", mode="PAPER")
TOKEN = "7:secret-token"


def message(text="kill switch ON: a test", severity=Severity.CRITICAL):
    return Message(notices=[Notice(severity=severity, kind="kill", key="k", text=text, at_ns=1_500_000)])


def webhook(posts, path="/hook/secret-path"):
    return Webhook(Secret(f"http://127.0.0.1:{posts.port}{path}"), SENDER)


def telegram(posts):
    return Telegram(Secret(TOKEN), "-100", f"http://127.0.0.1:{posts.port}", SENDER)


async def test_a_webhook_gets_one_object(posts):
    assert await webhook(posts).send(message()) == "204 No Content"
    ((path, body),) = posts.got
    assert path == "/hook/secret-path"
    assert body == {
        "app": "agbot",
        "run_id": "r1",
        "mode": "PAPER",
        "severity": "critical",
        "text": "CRITICAL: kill switch ON: a test",
        "title": "",
        "count": 1,
        "dropped": 0,
        "notices": [{"severity": "critical", "kind": "kill", "text": "kill switch ON: a test", "at": 1, "count": 1}],
    }


async def test_telegram_gets_text(posts, said_by):
    posts.answers = [said_by(200, ok=True, result={"message_id": 1})]
    assert (await telegram(posts).send(message())).startswith("200 OK")
    ((path, body),) = posts.got
    assert path == f"/bot{TOKEN}/sendMessage"
    assert body["chat_id"] == "-100"
    assert body["text"] == "agbot PAPER r1\nCRITICAL: kill switch ON: a test"
    assert "parse_mode" not in body


async def test_discord_calls_nobody_by_name(posts):
    channel = Discord(Secret(f"http://127.0.0.1:{posts.port}/api/webhooks/1/x"), SENDER)
    await channel.send(message("@everyone will win"))
    ((_, body),) = posts.got
    assert body == {"content": "agbot PAPER r1\nCRITICAL: @everyone will win", "allowed_mentions": {"parse": []}}


@pytest.mark.parametrize(
    ("status", "body", "retry_after_s"),
    [
        (429, {"ok": False, "parameters": {"retry_after": 7}}, 7.0),
        (429, {"retry_after": 0.25, "global": False}, 0.25),
        (429, {"retry_after": "soon"}, None),
        (429, {"retry_after": True}, None),
        (429, {"retry_after": 1e300}, 3600.0),
        (500, {}, None),
        (503, {"parameters": []}, None),
        (408, {}, None),
    ],
)
async def test_what_may_work_later(posts, said_by, status, body, retry_after_s):
    posts.answers = [said_by(status, **body)]
    with pytest.raises(NotSent) as caught:
        await webhook(posts).send(message())
    assert caught.value.retry_after_s == retry_after_s
    assert not caught.value.silent


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410])
async def test_what_will_not(posts, said_by, status):
    posts.answers = [said_by(status, message="Unknown Webhook")]
    with pytest.raises(Refused, match=str(status)):
        await webhook(posts).send(message())


@pytest.mark.parametrize("answer", [{"ok": False}, {}, {"ok": "true"}])
async def test_telegrams_ok_is_needed(posts, said_by, answer):
    posts.answers = [said_by(200, **answer)]
    with pytest.raises(Refused):
        await telegram(posts).send(message())


async def test_no_error_holds_the_secret(posts, said_by):
    posts.answers = [said_by(404, description=f"no bot {TOKEN}")]
    with pytest.raises(Refused) as refused:
        await telegram(posts).send(message())
    listener = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener[0].socket.getsockname()[1]
    await listener[0].aclose()
    nobody = Webhook(Secret(f"http://127.0.0.1:{port}/hook/secret-path"), SENDER)
    with pytest.raises(NotSent) as silent:
        await nobody.send(message())
    assert silent.value.silent
    for caught in (refused.value, silent.value):
        assert "secret" not in f"{caught} {caught!r} {caught.__cause__!r}"
    assert "***" in str(refused.value)


async def test_a_server_that_says_nothing_is_given_up(nursery, autojump_clock):
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    channel = Webhook(Secret(f"http://127.0.0.1:{port}/hook"), SENDER)
    autojump_clock.autojump_threshold = 0.2  # longer than loopback takes
    with pytest.raises(NotSent, match="no answer within 10 s"):
        await channel.send(message())
    await listener.aclose()


@pytest.mark.parametrize("url", ["ftp://x/", "http://pager.example/x", "https://", "x", "http://[", "https://h:99999/"])
def test_an_address_that_is_none(url):
    with pytest.raises(ConfigError, match="AGB-951") as caught:
        checked(Secret(url), "AGBOT_NOTIFY_PAGER_URL")
    assert url not in str(caught.value).replace("https://host/path", "")


def test_secrets_come_from_the_environment_only():
    settings = ChannelSettings(kind="webhook", name="my-pager")
    environ = {"AGBOT_NOTIFY_MY_PAGER_URL": "https://pager.example/secret-path"}
    assert settings.secret == "AGBOT_NOTIFY_MY_PAGER_URL"
    assert isinstance(open_channel(settings, SENDER, environ), Webhook)
    assert settings.secret_state(environ) == "AGBOT_NOTIFY_MY_PAGER_URL is set"
    assert settings.secret_state({}) == "AGBOT_NOTIFY_MY_PAGER_URL is NOT SET"
    with pytest.raises(ConfigError, match="AGB-115"):
        open_channel(settings, SENDER, {})
    assert isinstance(open_channel(ChannelSettings(kind="bell", name="bell"), SENDER, {}), Bell)


@pytest.mark.parametrize(("text", "units"), [("a" * 3000, 2000), ("😀" * 1500, 2000), ("short", 5)])
def test_a_cut_counts_as_the_servers_do(text, units):
    assert len(cut(text, 2000).encode("utf-16-le")) // 2 in (units, units - 1)
    json.dumps(cut(text, 2000)).encode()


# ---------------------------------------------------------------- letters


def letters(mailbox, *, tls="starttls", user="ann", host="127.0.0.1"):
    mail = Mail(host=host, port=mailbox.port, sender="bot@x.org", recipients=("a@x.org", "b@x.org"), user=user, tls=tls)
    return MailChannel(mail, Secret("pass-word") if user else None, SENDER)


@pytest.fixture
def believed(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


async def test_a_letter_goes_encrypted(mailbox, believed):
    assert await letters(mailbox).send(message()) == "250 taken"
    (letter,) = mailbox.letters
    assert "Subject: agbot PAPER r1: CRITICAL: kill switch ON: a test" in letter
    assert letter.endswith("\nCRITICAL: kill switch ON: a test")
    words = [line.split(" ")[0].lower() for line in mailbox.words]
    assert words[:4] == ["ehlo", "starttls", "ehlo", "auth"]
    assert words.count("rcpt") == 2


async def test_a_certificate_nobody_vouches_for_is_refused(mailbox):
    with pytest.raises(Refused, match="CERTIFICATE_VERIFY_FAILED"):
        await letters(mailbox).send(message())
    assert mailbox.letters == []


async def test_without_starttls_nothing_is_sent(mailbox, believed):
    mailbox.offers = "250 localhost"
    with pytest.raises(Refused, match="STARTTLS"):
        await letters(mailbox).send(message())
    assert [line.split(" ")[0].lower() for line in mailbox.words if "ehlo" not in line.lower()] in ([], ["quit"])


@pytest.mark.parametrize(
    ("word", "reply", "error"),
    [
        ("AUTH", "535 wrong password", Refused),
        ("AUTH", "454 try later", NotSent),
        ("MAIL", "550 who are you", Refused),
        ("RCPT", "550 no such person", Refused),
        ("RCPT", "451 grey", NotSent),
        ("DATA", "452 full", NotSent),
        ("EHLO", "421 too busy", NotSent),
    ],
)
async def test_what_a_code_means(mailbox, believed, word, reply, error):
    mailbox.refuse |= {word: reply} | ({"HELO": reply} if word == "EHLO" else {})
    with pytest.raises(error, match=reply):
        await letters(mailbox).send(message())
    assert mailbox.letters == []


async def test_nobody_listens(mailbox, believed):
    mailbox.shutdown()
    mailbox.server_close()
    with pytest.raises(NotSent) as caught:
        await letters(mailbox).send(message())
    assert caught.value.silent


# ---------------------------------------------------------------- the bell


async def test_the_bell_rings_on_a_terminal():
    ours, theirs = pty.openpty()
    try:
        assert await Bell(os.ttyname(theirs)).send(message()) == "rung"
        assert os.read(ours, 10) == b"\a"
    finally:
        os.close(ours)
        os.close(theirs)


async def test_no_terminal_is_a_refusal(tmp_path):
    with pytest.raises(Refused, match="no terminal"):
        await Bell(str(tmp_path / "tty")).send(message())

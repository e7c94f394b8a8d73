"""Rate, duplicates, quiet hours and bounds as pure functions of an explicit clock."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.notify.notice import LINES_MAX, SEVERITIES, Message, Notice, Severity
from agbot.notify.outbox import Outbox, Rules
from agbot.notify.quiet import MINUTE_NS, QuietHours
from agbot.units import NS_PER_S

T0 = 1_790_000_000 * NS_PER_S
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]


def notice(severity=Severity.INFO, key="k", text="it happened", at_ns=T0, kind="fill"):
    return Notice(severity=severity, kind=kind, key=key, text=text, at_ns=at_ns)


def quiet_hours(zone="UTC", begin=22 * 60, end=7 * 60):
    return QuietHours(begin=begin, end=end, zone=ZoneInfo(zone), name=zone)


def at(text, zone="UTC"):
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * NS_PER_S


def all_of(outbox, now_ns):
    taken = []
    while (message := outbox.take(now_ns)) is not None:
        taken.append(message)
    return taken


# ---------------------------------------------------------------- rate

STEPS = st.lists(
    st.tuples(st.integers(0, 90), st.sampled_from(list(Severity)), st.integers(0, 3)), min_size=1, max_size=60
)


@settings(max_examples=50)
@given(steps=STEPS, per_minute=st.integers(1, 60), burst=st.integers(1, 8), repeat_s=st.sampled_from([0, 60]))
def test_no_more_goes_than_the_rate_allows_and_nothing_is_lost(steps, per_minute, burst, repeat_s):
    rules = Rules(least=Severity.INFO, per_minute=per_minute, burst=burst, repeat_ns=repeat_s * NS_PER_S)
    outbox, now_ns, sent, put = Outbox(rules), T0, [], 0
    for wait_s, severity, key in steps:
        now_ns += wait_s * NS_PER_S
        outbox.put(notice(severity, f"{severity}{key}", at_ns=now_ns), now_ns)
        put += 1
        sent += [(now_ns, message) for message in all_of(outbox, now_ns)]
    while (due := outbox.due_ns(now_ns)) is not None:
        assert due > now_ns, "else it would spin"
        now_ns = due
        message = outbox.take(now_ns)
        assert message is not None, "due, and yet there is nothing"
        sent.append((now_ns, message))
    assert sum(message.count for _, message in sent) == put
    for first, (began, _) in enumerate(sent):
        for last, (ended, _) in enumerate(sent[first:], first):
            assert last - first + 1 <= burst + (ended - began) * per_minute / (60 * NS_PER_S) + 1e-6


@settings(max_examples=50)
@given(steps=STEPS, burst=st.integers(2, 8))
def test_a_kill_switch_never_waits_behind_fills(steps, burst):
    outbox, now_ns = Outbox(Rules(least=Severity.INFO, per_minute=1, burst=burst)), T0
    for number, (wait_s, _, _) in enumerate(steps):
        now_ns += wait_s * NS_PER_S
        outbox.put(notice(key=str(number)), now_ns)
        all_of(outbox, now_ns)
    outbox.put(notice(Severity.CRITICAL, "kill"), now_ns)
    message = outbox.take(now_ns)
    assert message is not None
    assert message.lines[0] == "CRITICAL: it happened"


def test_beyond_the_rate_the_rest_is_folded_into_one():
    outbox = Outbox(Rules(least=Severity.INFO, per_minute=1, burst=3))
    for number in range(42):
        outbox.put(notice(key=str(number), text=f"fill {number}"), T0)
        all_of(outbox, T0)
    assert outbox.waiting == 40
    outbox.put(notice(Severity.WARNING, "w", "books doubted"), T0)
    message = outbox.take(outbox.due_ns(T0))
    assert message.lines[0] == "WARNING: books doubted"
    assert len(message.lines) == LINES_MAX + 1
    assert message.lines[-1] == "… and 31 more"
    assert outbox.waiting == 0


def test_duplicates_are_told_once_with_their_count():
    outbox = Outbox(Rules(least=Severity.INFO))
    outbox.put(notice(), T0)
    assert outbox.take(T0).lines == ["INFO: it happened"]
    for second in range(1, 38):
        outbox.put(notice(), T0 + second * NS_PER_S)
        assert outbox.take(T0 + second * NS_PER_S) is None
    assert outbox.due_ns(T0 + 37 * NS_PER_S) == T0 + 60 * NS_PER_S
    assert outbox.take(T0 + 60 * NS_PER_S).lines == ["INFO: it happened (×37)"]
    assert outbox.due_ns(T0 + 60 * NS_PER_S) is None


def test_a_repeated_critical_one_does_not_wait():
    outbox = Outbox(Rules())
    for _ in range(2):
        outbox.put(notice(Severity.CRITICAL), T0)
        assert outbox.take(T0).severity is Severity.CRITICAL


@pytest.mark.parametrize("least", list(Severity))
def test_what_is_below_the_channel_is_not_for_it(least):
    outbox = Outbox(Rules(least=least, burst=9))
    for severity in Severity:
        outbox.put(notice(severity, severity.word), T0)
    assert {message.severity for message in all_of(outbox, T0)} == {s for s in Severity if s >= least}


def test_the_oldest_of_the_least_severity_is_dropped_and_counted():
    outbox = Outbox(Rules(least=Severity.INFO, per_minute=1, burst=1), waiting_max=3)
    words = ["critical", "info", "warning", "info", "info"]
    for number, word in enumerate(words):
        outbox.put(notice(SEVERITIES[word], str(number), f"n{number}"), T0)
    message = outbox.take(T0)
    assert message.lines == ["CRITICAL: n0", "WARNING: n2", "INFO: n4", "2 older ones were dropped: too many waited"]
    assert outbox.dropped == 2


def test_what_could_not_be_sent_waits_again_with_what_was_dropped():
    outbox = Outbox(Rules(least=Severity.INFO, repeat_ns=0), waiting_max=2)
    for number in range(3):
        outbox.put(notice(key=str(number)), T0)
    failed = outbox.take(T0)
    assert failed.dropped == 1
    outbox.again(failed)
    messages = all_of(outbox, T0)
    assert sum(message.count for message in messages) == 2
    assert messages[0].dropped == 1


# ---------------------------------------------------------------- quiet hours


@settings(max_examples=50)
@given(
    zone=st.sampled_from(ZONES),
    begin=st.integers(0, 1439),
    length=st.integers(1, 1439),
    seconds=st.integers(1_700_000_000, 1_900_000_000),
)
def test_quiet_ends_when_it_says(zone, begin, length, seconds):
    quiet, now_ns = quiet_hours(zone, begin, (begin + length) % 1440), seconds * NS_PER_S
    until_ns = quiet.until_ns(now_ns)
    if not quiet.holds(now_ns):
        assert until_ns == now_ns
        return
    assert until_ns > now_ns
    assert not quiet.holds(until_ns)
    for part in range(10):
        assert quiet.holds(now_ns + (until_ns - 1 - now_ns) * part // 10)
    assert quiet.holds(until_ns - 1)


@pytest.mark.parametrize(
    ("zone", "now", "until"),
    [
        ("UTC", "2026-11-28 21:59:59", None),
        ("UTC", "2026-11-28 22:00", "2026-11-29 07:00"),
        ("UTC", "2026-11-29 06:59:59", "2026-11-29 07:00"),
        ("UTC", "2026-11-29 07:00", None),
        ("Europe/Berlin", "2026-03-28 23:00", "2026-03-29 07:00"),  # the night of eight hours
        ("America/New_York", "2026-10-31 23:00", "2026-11-01 07:00"),  # the night of ten
    ],
)
def test_a_night(zone, now, until):
    quiet = quiet_hours(zone)
    assert quiet.until_ns(at(now, zone)) == at(until or now, zone)


def test_the_clock_decides_where_it_changes():
    quiet = quiet_hours("Europe/Berlin", begin=60, end=150)  # to 02:30, which the night of 2026-03-29 does not have
    assert quiet.until_ns(at("2026-03-29 01:30", "Europe/Berlin")) == at("2026-03-29 03:00", "Europe/Berlin")


@settings(max_examples=50)
@given(steps=STEPS)
def test_only_what_is_critical_passes_and_the_rest_comes_as_one_digest(steps):
    quiet = quiet_hours()
    outbox = Outbox(Rules(least=Severity.INFO, per_minute=60, burst=5, repeat_ns=0, quiet=quiet))
    now_ns, held, put = at("2026-11-28 21:00"), 0, 0
    for wait_s, severity, key in steps:
        now_ns += wait_s * 60 * NS_PER_S // 8
        outbox.put(notice(severity, f"{severity}{key}"), now_ns)
        put += 1
        for message in all_of(outbox, now_ns):
            put -= message.count
            if quiet.holds(now_ns):
                assert {n.severity for n in message.notices} == {Severity.CRITICAL}
    while (due := outbox.due_ns(now_ns)) is not None:
        held, now_ns = outbox.held, due
        message = outbox.take(now_ns)
        put -= message.count
        assert not quiet.holds(now_ns) or message.severity is Severity.CRITICAL
        assert bool(message.title) == bool(held and not outbox.held)
    assert put == 0


def test_the_digest_says_what_there_was():
    outbox = Outbox(Rules(least=Severity.INFO, quiet=quiet_hours()))
    night = at("2026-11-28 23:00")
    for number in range(12):
        outbox.put(notice(key=str(number), text=f"fill {number}", at_ns=night + number), night)
    outbox.put(notice(Severity.WARNING, "u", "order o1 is UNKNOWN", kind="unknown"), night)
    assert outbox.take(night) is None
    assert outbox.due_ns(night) == at("2026-11-29 07:00")
    lines = outbox.take(at("2026-11-29 07:00")).lines
    assert lines[:3] == [
        "while it was quiet (22:00–07:00 UTC): 12 fill, 1 unknown",
        "WARNING: order o1 is UNKNOWN",
        "INFO: fill 0",
    ]
    assert lines[-1] == "… and 3 more"


def test_what_waited_when_it_became_quiet_is_held():
    outbox = Outbox(Rules(least=Severity.INFO, per_minute=1, burst=2, quiet=quiet_hours()))
    evening = at("2026-11-28 21:59:59")
    for number in range(5):
        outbox.put(notice(key=str(number)), evening)
    assert len(all_of(outbox, evening)) == 1
    outbox.put(notice(key="late"), evening)
    assert outbox.take(evening + MINUTE_NS) is None
    assert (outbox.waiting, outbox.held) == (0, 1)


@pytest.mark.parametrize(("hour", "told"), [("23:00", 1), ("12:00", 2)])
def test_at_the_end_of_the_bot_a_night_stays_quiet(hour, told):
    outbox, now_ns = Outbox(Rules(least=Severity.INFO, quiet=quiet_hours())), at(f"2026-11-28 {hour}")
    outbox.put(notice(Severity.CRITICAL, "c"), now_ns)
    outbox.put(notice(), now_ns)
    assert outbox.last(now_ns).count == told
    assert outbox.last(now_ns) is None


def test_a_long_text_is_cut_and_stays_one_line():
    message = Message(notices=[notice(text="a\nb" + "x" * 999)])
    assert message.lines[0].startswith("INFO: a bxxx")
    assert len(message.lines[0]) < 320


def test_times_are_utc():
    assert datetime.fromtimestamp(at("2026-11-28 22:00") // NS_PER_S, UTC).hour == 22

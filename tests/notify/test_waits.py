"""What strategies say that waits for a person: once when it begins, once when it is over."""

from __future__ import annotations

import types

import trio

from agbot.notify.notice import Severity
from agbot.notify.outbox import Outbox, Rules
from agbot.notify.service import ASK_S, Line, Notifier
from agbot.notify.settings import NotifySettings
from agbot.notify.waits import Waits
from agbot.units import NS_PER_S


class Waiting:
    """A strategy that says what the test says."""

    def __init__(self, **said):
        self.said = said

    def waits(self):
        return self.said


def engine_of(**strategies):
    coordinator = types.SimpleNamespace(strategies=tuple(strategies), strategy=strategies.__getitem__)
    return types.SimpleNamespace(coordinator=coordinator)


def told(waits):
    return [(notice.severity, notice.kind, notice.text) for notice in waits.notices(1)]


def test_it_is_told_once_and_once_when_it_is_over():
    strategy = Waiting()
    waits = Waits(engine_of(arb=strategy, plain=object()))
    assert told(waits) == []
    strategy.said = {"proof 7": "a leg is open"}
    assert told(waits) == [(Severity.WARNING, "waits", "strategy arb waits: a leg is open")]
    strategy.said = {"proof 7": "a leg is open, and it costs more"}
    assert told(waits) == []
    strategy.said = {}
    assert told(waits) == [(Severity.WARNING, "waits", "strategy arb waits no more: proof 7")]


def test_a_hook_that_raises_does_not_end_the_notices_of_the_others():
    broken = types.SimpleNamespace(waits=lambda: 1 / 0)
    waits = Waits(engine_of(broken=broken, arb=Waiting(leg="open")))
    assert [text for _, _, text in told(waits)] == [
        "strategy broken waits: it cannot say what for: ZeroDivisionError",
        "strategy arb waits: open",
    ]
    assert told(waits) == []


def test_where_nobody_has_the_hook_nobody_is_asked():
    assert not Waits(engine_of(plain=object()))


async def test_it_is_asked_for_while_nothing_happens(nursery, autojump_clock):
    sent = []

    async def send(message):
        await trio.lowlevel.checkpoint()
        sent.append(message)
        return "taken"

    strategy = Waiting()
    line = Line(name="c", channel=types.SimpleNamespace(send=send), outbox=Outbox(Rules(least=Severity.INFO)))
    clock = lambda: int(trio.current_time() * NS_PER_S)  # noqa: E731
    await nursery.start(Notifier(NotifySettings(), engine_of(arb=strategy), [line], now_ns=clock).run)
    await trio.sleep(10 * ASK_S)
    assert sent == []
    strategy.said = {"proof 7": "a leg is open"}
    await trio.sleep(10 * ASK_S)
    strategy.said = {}
    await trio.sleep(10 * ASK_S)
    assert [message.lines[0] for message in sent] == [
        "WARNING: strategy arb waits: a leg is open",
        "WARNING: strategy arb waits no more: proof 7",
    ]

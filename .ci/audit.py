"""Two checks that need no network: `licences` of what agbot brings along, and `secrets` in the tracked files."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ALLOWED = {"MIT", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Apache-2.0", "ISC", "PSF-2.0", "MPL-2.0", "Zlib", "CC0-1.0"}
# What packages write where they should write an SPDX name.
ALIASES = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "BSD 2-Clause License": "BSD-2-Clause",
    "Apache Software License": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
SECRETS = {
    "private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "wallet key": r"(?i)(private|secret|signer|wallet)_?key\W{1,6}(0x)?[0-9a-f]{64}\b",
    "cloud key": r"\b(AKIA|ASIA)[0-9A-Z]{16}\b",
    "forge token": r"\b(gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{50,}|glpat-[\w-]{20,})",
    "package token": r"\b(pypi-AgEI[\w-]{20,}|npm_[A-Za-z0-9]{36})",
    "service token": r"\b(xox[abprs]-[\w-]{10,}|sk-[A-Za-z0-9]{32,}|AIza[\w-]{35})",
    "web token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "password in an address": r"\b[a-z][a-z+]*://[^\s/:@{}<>$\"']+:[^\s/:@{}<>$\"']{6,}@",
    "literal secret": r"(?i)\b(secret|passphrase|password|api_?key|auth_?token)[\"']?\s*[:=]\s*[\"'][\w+/=-]{20,}[\"']",
}
# (file, kind): why it is no secret.
KNOWN: dict[tuple[str, str], str] = {
    ("benchmarks/authentication.py", "literal secret"): "made up, signs nothing anywhere",
    ("benchmarks/signing_peer.py", "wallet key"): "made up, holds nothing",
    ("tests/exchange/clients/node/day_client.mjs", "literal secret"): "made up, to be refused",
    ("tests/exchange/clients/node/day_clob_client_v2.mjs", "literal secret"): "made up, to be refused",
    ("tests/exchange/clients/test_export_env.py", "literal secret"): "made up, known to no exchange",
    ("tests/exchange/clients/test_export_env.py", "wallet key"): "the first key of every development chain",
    ("tests/exchange/clients/test_polymarket_client.py", "literal secret"): "made up, to be refused",
    ("tests/exchange/vectors.json", "literal secret"): "of the published test vectors",
    ("tests/exchange/vectors.json", "wallet key"): "of the published test vectors; holds nothing",
    ("tests/venue/polymarket/test_auth.py", "literal secret"): "of the published test vectors",
    ("tests/web/localhost.pem", "private key"): "of a certificate for localhost that nobody trusts",
}


def permitted(expression: str) -> bool:
    """Return whether one side of an OR holds nothing but allowed licences. What is not understood is not permitted."""
    sides = [[ALIASES.get(word, word) for word in side.split(" AND ")] for side in expression.split(" OR ")]
    return any(all(word in ALLOWED for word in side) for side in sides)


def licence(dist: metadata.Distribution) -> str:
    """Return the licence a package states: expression, else classifiers, else the free text."""
    fields = dist.metadata
    classifiers = [c.rpartition(" :: ")[2] for c in fields.get_all("Classifier") or [] if c.startswith("License ::")]
    named = " AND ".join(c for c in classifiers if c not in ("OSI Approved", "DFSG approved"))
    return fields.get("License-Expression") or named or fields.get("License") or "none stated"


def brought_along(root: str) -> Iterator[metadata.Distribution]:
    """Yield the packages `root` needs to run here, and what those need."""
    todo, seen = [Requirement(root)], set()
    while todo:
        asked = todo.pop()
        name = asked.name.lower().replace("_", "-")
        dist = metadata.distribution(name)
        if name not in seen:
            seen.add(name)
            yield dist
        needs = [Requirement(line) for line in dist.requires or []]
        wanted = [n for n in needs for e in {"", *asked.extras} if n.marker is None or n.marker.evaluate({"extra": e})]
        todo += [n for n in wanted if n.extras or n.name.lower().replace("_", "-") not in seen]


def licences() -> list[str]:
    """Return the packages whose licence is not on the list; print all."""
    bad = []
    for dist in sorted(brought_along("agbot"), key=lambda d: d.name.lower()):
        stated = licence(dist)
        print(f"{dist.name:20} {stated}")
        if not permitted(stated):
            bad.append(f"{dist.name}: {stated!r} is not on the list in .ci/audit.py")
    return bad


def secrets_in(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line number, kind) of what looks like a secret."""
    for number, line in enumerate(text.splitlines(), 1):
        yield from ((number, kind) for kind, pattern in SECRETS.items() if re.search(pattern, line))


def scan(paths: Iterable[Path]) -> list[str]:
    """Return what looks like a secret in `paths` and is not known to be none. The value itself is not printed."""
    rows = []
    for path in paths:
        for number, kind in secrets_in(path.read_text(encoding="utf-8", errors="replace")):
            if (path.as_posix(), kind) not in KNOWN:
                rows.append(f"{path.as_posix()}:{number}: looks like a {kind}")
    return rows


def tracked() -> list[Path]:
    """Return the files git tracks, or would."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
        text=True,
    )
    return [path for path in map(Path, filter(None, listing.stdout.split("\0"))) if path.is_file()]


def secrets() -> list[str]:
    """Return what looks like a secret in the tracked files."""
    paths = tracked()
    print(f"{len(paths)} files searched for {len(SECRETS)} kinds of secret")
    return scan(paths)


if __name__ == "__main__":
    if findings := {"licences": licences, "secrets": secrets}[sys.argv[1]]():
        sys.exit("\n".join(findings))

"""The files of the page, each with its headers. What is not in this table does not exist, so no path can leave it."""

from __future__ import annotations

from collections.abc import Container
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

import attrs

from agbot.web.http import Response

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""The page loads from us and from nobody else, and no text can become markup or script."""
_PAGE: Final = (
    ("Content-Security-Policy", POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
)
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_UPLOT: Final = (
    b'<link rel="stylesheet" href="/static/vendor/uPlot.min.css">\n',
    b'<script defer src="/static/vendor/uPlot.iife.min.js"></script>\n',
)
"""What the page asks for of uPlot; left out of a page that was built without it, which then shows tables."""


@attrs.frozen
class Site:
    """What is served as it is, by path; `sign_in` is the page that asks for the token."""

    files: dict[str, Response]
    sign_in: Response

    @classmethod
    def load(cls) -> Site:
        """Read every file that is served."""
        web = resources.files("agbot.monitor") / "web"
        files: dict[str, Response] = {}
        for prefix, folder in (("/static/", web), ("/static/vendor/", web / "vendor")):
            if folder.is_dir():
                files |= {prefix + file.name: _static(file) for file in folder.iterdir() if _type(file)}
        page, sign_in = (files.pop(f"/static/{name}.html") for name in ("index", "signin"))
        files["/"] = Response(200, _asking(page.body, files), page.content_type, _PAGE)
        return cls(files, Response(401, sign_in.body, sign_in.content_type, _PAGE))


def _asking(page: bytes, files: Container[str]) -> bytes:
    for tag in _UPLOT:
        assert tag in page, "the page asks for uPlot in another way"
        if tag.split(b'"')[-2].decode() not in files:
            page = page.replace(tag, b"")
    return page


def _type(file: Traversable) -> str:
    return _TYPES.get(file.name[file.name.rfind(".") :], "") if file.is_file() else ""


def _static(file: Traversable) -> Response:
    return Response(200, file.read_bytes(), _type(file))

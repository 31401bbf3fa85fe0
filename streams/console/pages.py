"""The page and its files, held in memory: small, compressed once, and named by what is in them.

In the page every reference to `/static/...` is given the hash of the file behind it, so a browser keeps a
file for ever and still has the new one at once; what is asked for without a hash is asked about each time.
"""

import gzip
import hashlib
import mimetypes
import re
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from streams.console.answers import Refused

ROOT = Path(__file__).parent / "static"
FOREVER = "public, max-age=31536000, immutable"
ASK = "no-cache"
_REFERENCE = re.compile(r'(?P<before>(?:src|href)=")(?P<path>/static/[^"?#]+)(?P<after>")')
_TEXTS = ("text/", "application/json", "image/svg")
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".webmanifest": "application/manifest+json",
          ".woff2": "font/woff2"}  # fmt: skip


class _File(NamedTuple):
    stamp: tuple[float, int]
    body: bytes
    packed: bytes | None
    kind: str
    tag: str


class Pages:
    """The files of a folder.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root.resolve()
        self._files: dict[str, _File] = {}

    async def index(self, request: web.Request) -> web.Response:
        """The page."""
        file = self._read("index.html")
        text = _REFERENCE.sub(self._hashed, file.body.decode())
        file = _file(file.stamp, text.encode(), file.kind)
        return _served(request, file, ASK)

    async def static(self, request: web.Request) -> web.Response:
        """Any other file."""
        file = self._read(request.match_info["path"])
        return _served(request, file, FOREVER if request.query.get("v") == file.tag else ASK)

    def _hashed(self, found: re.Match[str]) -> str:
        try:
            tag = self._read(found["path"].removeprefix("/static/")).tag
        except Refused:
            return found[0]
        return f"{found['before']}{found['path']}?v={tag}{found['after']}"

    def _read(self, name: str) -> _File:
        """A file, read again where it is another one.

        Raises:
            Refused: there is none, or it lies elsewhere.
        """
        try:
            path = (self._root / name).resolve()
            if not path.is_relative_to(self._root) or not path.is_file():
                raise FileNotFoundError
            about = path.stat()
        except (OSError, ValueError):
            raise Refused(404, "not_found", "there is no such page") from None
        stamp = about.st_mtime, about.st_size
        known = self._files.get(name)
        if known is None or known.stamp != stamp:
            kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            known = self._files[name] = _file(stamp, path.read_bytes(), kind)
        return known


def _file(stamp: tuple[float, int], body: bytes, kind: str) -> _File:
    packed = gzip.compress(body, 9, mtime=0) if kind.startswith(_TEXTS) else None
    return _File(stamp, body, packed, kind, hashlib.sha256(body).hexdigest()[:16])


def _served(request: web.Request, file: _File, keep: str) -> web.Response:
    headers = {"Cache-Control": keep, "ETag": f'"{file.tag}"', "Vary": "Accept-Encoding"}
    if request.headers.get("If-None-Match", "").removeprefix("W/") == f'"{file.tag}"':
        return web.Response(status=304, headers=headers)
    charset = "utf-8" if file.kind.startswith(_TEXTS) else None
    body = file.body
    if file.packed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
        body, headers["Content-Encoding"] = file.packed, "gzip"
    return web.Response(body=body, content_type=file.kind, charset=charset, headers=headers)

"""Serves declared folders of static files from memory, with entity tags, compression and security headers.

Files are read when the service starts; each is compressed once, at the first request that accepts it.
"""

import asyncio
import gzip
import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from time import perf_counter
from urllib.parse import unquote

from aiohttp import web
from aiohttp.web import BaseRequest

from chassis.errors import NotFound
from chassis.http.idempotency import EncodedReply
from chassis.http.meter import RequestMeter
from chassis.http.raw.response import write
from chassis.http.route import paths_of
from chassis.http.visit import Responder, Visit, common_headers
from chassis.raw import Content, Redirect
from chassis.static import FOLDER_BYTES_MAX, StaticFolder, security_headers

METHODS = ("GET", "HEAD")
GZIP_BYTES_MIN = 1024
_SUFFIXES = {".gz": "gzip", ".br": "br"}
_TEXTS = ("text/", "application/json", "application/yaml", "application/manifest+json", "image/svg+xml")
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
    ".yaml": "application/yaml",
}
"""The same on every machine; other suffixes are looked up in the system's table."""


class StaticFile:
    """One file in memory, and its compressed forms by content coding."""

    def __init__(self, name: str, body: bytes) -> None:
        suffix = f".{name.rpartition('.')[2]}".lower()
        self.content_type = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        self.etag = sha256(body).hexdigest()[:32]
        self.forms = {"identity": body}
        self.compressible = self.content_type.startswith(_TEXTS) and len(body) >= GZIP_BYTES_MIN

    async def form(self, accept_encoding: str) -> tuple[str, bytes]:
        """Content coding and bytes of the best form for an `Accept-Encoding`."""
        accepted = accepted_codings(accept_encoding)
        if "gzip" in accepted and "gzip" not in self.forms and self.compressible:
            self.forms["gzip"] = await asyncio.to_thread(gzip.compress, self.forms["identity"], 9, mtime=0)
        for coding in ("br", "gzip"):
            if coding in accepted and coding in self.forms:
                return coding, self.forms[coding]
        return "identity", self.forms["identity"]


class FileMatch:
    """A path below a folder: its file (None if absent), or the path to redirect to."""

    def __init__(self, folder: StaticFolder, file: StaticFile | None, redirect: str = "") -> None:
        self.folder = folder
        self.file = file
        self.redirect = redirect


class StaticFiles:
    """The static files of one service."""

    def __init__(
        self, folders: Sequence[StaticFolder], service: str, responder: Responder, meter: RequestMeter
    ) -> None:
        self._responder = responder
        self._meter = meter
        self._roots: dict[str, tuple[StaticFolder, Mapping[str, StaticFile]]] = {}
        self._public = f"/{service}"
        for folder in folders:
            held = read_folder(folder)
            self._roots.update(dict.fromkeys(paths_of(service, folder.path), (folder, held)))

    def find(self, method: str, path: str) -> FileMatch | None:
        """The match for a path; None if it is not below a folder, or the method is not GET or HEAD."""
        if method not in METHODS:
            return None
        for root, (folder, held) in self._roots.items():
            if path == root:
                return FileMatch(folder, None, f"{self._public}{folder.path}/")
            if path.startswith(f"{root}/"):
                name = unquote(path[len(root) + 1 :])
                return FileMatch(folder, held.get(f"{name}index.html" if not name or name.endswith("/") else name))
        return None

    def methods(self, path: str) -> Sequence[str]:
        """The methods that a path takes."""
        return METHODS if any(path == root or path.startswith(f"{root}/") for root in self._roots) else ()

    async def handle(self, request: BaseRequest, visit: Visit, found: FileMatch) -> web.StreamResponse:
        """Answer a request for a file: 200, 206, 304, 308, 404 or 416."""
        visit.call = found.folder.call
        self._meter.begin()
        try:
            response = await self._answer(request, visit, found)
        except Exception as failure:  # noqa: BLE001  as in dispatch.py
            response = self._refused(visit, failure)
        except BaseException:
            self._meter.abandon()
            raise
        self._meter.end(visit.call, response.status, perf_counter() - visit.started)
        return response

    async def _answer(self, request: BaseRequest, visit: Visit, found: FileMatch) -> web.StreamResponse:
        headers = {**common_headers(visit), **security_headers(found.folder)}
        if found.redirect:
            return await write(request, Redirect(location=found.redirect, status=308), headers)
        if found.file is None:
            raise NotFound("there is no such file")
        return await write_file(request, found.file, headers)

    def _refused(self, visit: Visit, failure: Exception) -> web.StreamResponse:
        reply: EncodedReply = self._responder.refused(self._responder.refusal_of(visit, failure))
        return self._responder.respond(visit, reply, perf_counter() - visit.started)


async def write_file(request: BaseRequest, file: StaticFile, headers: dict[str, str]) -> web.StreamResponse:
    """A file in the form that the caller takes, or 304 where it has that form already; `headers` are the defaults."""
    coding, body = await file.form(request.headers.get("Accept-Encoding", ""))
    headers["Vary"] = "Accept-Encoding"
    etag = file.etag
    if coding != "identity":
        headers["Content-Encoding"] = coding
        etag = f"{etag}-{coding}"
    return await write(request, Content(body=body, content_type=file.content_type, etag=etag), headers)


def read_folder(folder: StaticFolder) -> dict[str, StaticFile]:
    """Every file of a folder by its relative name. Raises TypeError if the folder is absent or too large."""
    root = files(folder.package) / folder.folder
    if not root.is_dir():
        raise TypeError(f"{folder.package} has no folder {folder.folder!r}")
    bodies = dict(_walk(root, ""))
    if sum(map(len, bodies.values())) > FOLDER_BYTES_MAX:
        raise TypeError(f"{folder.package}/{folder.folder} has more than {FOLDER_BYTES_MAX} bytes")
    found = {name: StaticFile(name, body) for name, body in bodies.items() if not _original(name, bodies)}
    for name, body in bodies.items():
        if original := _original(name, bodies):
            found[original].forms[_SUFFIXES[name[-3:]]] = body
    return found


def _original(name: str, bodies: Mapping[str, bytes]) -> str:
    """The file that this one is the compressed form of; empty for a file of its own."""
    return name[:-3] if name[-3:] in _SUFFIXES and name[:-3] in bodies else ""


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for each in folder.iterdir():
        if each.is_dir():
            if each.name != "__pycache__":
                yield from _walk(each, f"{prefix}{each.name}/")
        elif not each.name.startswith("."):
            yield prefix + each.name, each.read_bytes()


def accepted_codings(accept_encoding: str) -> set[str]:
    """The codings of `gzip` and `br` that an `Accept-Encoding` accepts (RFC 9110, 12.5.3)."""
    taken: set[str] = set()
    refused: set[str] = set()
    for part in accept_encoding.lower().split(","):
        coding, _, weight = part.partition(";")
        name, weight = coding.strip(), weight.replace(" ", "")
        zero = weight.startswith("q=0") and not weight[3:].strip(".0")
        (refused if zero else taken).add("gzip" if name == "x-gzip" else name)
    if "*" in taken:
        taken |= {"gzip", "br"}
    return (taken - refused) & {"gzip", "br"}

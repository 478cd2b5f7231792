"""Writes the answers of raw endpoints and static files: in full, in part, or only their head."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO, Self

from aiohttp import web
from aiohttp.web import BaseRequest

from chassis.errors import NotFound
from chassis.http.raw.conditions import ByteRange, is_unchanged, part_of, validators_of
from chassis.raw import Content, Cookie, FileContent, RawAnswer, Redirect, Represented, StreamContent

FILE_PART_BYTES = 256 * 1024
_NOT_IN_304 = frozenset({"content-type", "content-encoding", "content-length", "content-disposition"})


class AnswerBroken(Exception):
    """An answer failed after its head was sent, with this status."""

    def __init__(self, status: int) -> None:
        super().__init__("the answer ended early")
        self.status = status


async def write(request: BaseRequest, answer: RawAnswer, headers: dict[str, str]) -> web.StreamResponse:
    """The response for an answer. Streams are sent here, all others by the server. `headers` are defaults.

    Raises `RangeNotSatisfiable` and `NotFound` before anything is sent, `AnswerBroken` after.
    """
    headers = {**headers, **answer.headers}
    if isinstance(answer, (Content, FileContent, StreamContent)):
        response = await _represented(request, answer, headers)
    elif isinstance(answer, Redirect):
        response = web.Response(status=answer.status, headers={**headers, **_to(answer)})
    else:
        response = web.Response(status=answer.status, headers=headers)
    return _with_cookies(response, answer.cookies)


async def _represented(request: BaseRequest, answer: Represented, headers: dict[str, str]) -> web.StreamResponse:
    """A content; with status 200 conditional requests and ranges turn it into 304 or 206."""
    validators = validators_of(answer)
    headers = {**headers, **validators.headers()}
    if answer.status == 200 and is_unchanged(request.headers, validators):
        kept = {name: value for name, value in headers.items() if name.lower() not in _NOT_IN_304}
        return web.Response(status=304, headers=kept)
    with _Opened(answer) as opened:
        length = await opened.length()
        part = None
        if length is not None and answer.status == 200:
            headers["Accept-Ranges"] = "bytes"
            if request.method == "GET" and (part := part_of(request.headers, validators, length)) is not None:
                headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{length}"
        if isinstance(answer, Content):
            return _whole(answer, headers, part)
        headers = {"Content-Type": answer.content_type, **headers}
        response = web.StreamResponse(status=answer.status if part is None else 206, headers=headers)
        _with_cookies(response, answer.cookies)
        return await _sent(request, response, opened.read(part), length if part is None else part.stop - part.start)


class _Opened:
    """A content that is being read; holds the open file."""

    def __init__(self, answer: Represented) -> None:
        self._answer = answer
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    async def length(self) -> int | None:
        """Size in bytes, None where it is not known; `NotFound` for a file that is not there."""
        match self._answer:
            case Content(body=body):
                return len(body)
            case StreamContent(length=length):
                return length
            case FileContent(path=path):
                self._file, length = await asyncio.to_thread(_open, path)
                return length

    def read(self, part: ByteRange | None) -> AsyncIterator[bytes]:
        """The content, or a part of it, piece by piece."""
        if self._file is not None:
            return _file_parts(self._file, part)
        assert isinstance(self._answer, StreamContent)
        return self._answer.read(*(part or (0, self._answer.length)))


def _open(path: Path) -> tuple[BinaryIO, int]:
    try:
        file = path.open("rb")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise NotFound("there is no such file") from None
    return file, file.seek(0, 2)


async def _file_parts(file: BinaryIO, part: ByteRange | None) -> AsyncIterator[bytes]:
    await asyncio.to_thread(file.seek, 0 if part is None else part.start)
    left = None if part is None else part.stop - part.start
    while left is None or left > 0:
        data = await asyncio.to_thread(file.read, FILE_PART_BYTES if left is None else min(FILE_PART_BYTES, left))
        if not data:
            return
        left = None if left is None else left - len(data)
        yield data


def _whole(answer: Content, headers: dict[str, str], part: ByteRange | None = None) -> web.Response:
    body = answer.body if part is None else answer.body[part.start : part.stop]
    typed = {"Content-Type": answer.content_type, **headers} if body else headers
    return web.Response(status=answer.status if part is None else 206, body=body or None, headers=typed)


async def _sent(
    request: BaseRequest, response: web.StreamResponse, parts: AsyncIterator[bytes], size: int | None
) -> web.StreamResponse:
    """Send a stream. An error before its first part is raised as it is, later ones as `AnswerBroken`."""
    if size is not None:
        response.content_length = size
    if request.method == "HEAD":
        await _close(parts)
        return response
    async with aclosing(_counted(parts, size)) as counted:
        first = await anext(counted, b"")
        await response.prepare(request)
        try:
            if first:
                await response.write(first)
            async for part in counted:
                await response.write(part)
            await response.write_eof()
        except Exception as failure:
            raise AnswerBroken(response.status) from failure
    return response


async def _counted(parts: AsyncIterator[bytes], size: int | None) -> AsyncGenerator[bytes, None]:
    """The parts. Raises RuntimeError if they differ from the announced size."""
    sent = 0
    try:
        async for part in parts:
            sent += len(part)
            if size is not None and sent > size:
                break
            if part:
                yield part
        if size is not None and sent != size:
            raise RuntimeError(f"a content of {size} bytes yielded {'more' if sent > size else sent}")
    finally:
        await _close(parts)


async def _close(parts: AsyncIterator[bytes]) -> None:
    if (close := getattr(parts, "aclose", None)) is not None:
        await close()


def _to(answer: Redirect) -> dict[str, str]:
    """The header with the target. Raises ValueError for an address that is not percent-encoded."""
    if not answer.location.isascii() or not answer.location.isprintable() or " " in answer.location:
        raise ValueError("the address of a redirect has to be encoded")
    return {"Location": answer.location}


def _with_cookies(response: web.StreamResponse, cookies: tuple[Cookie, ...]) -> web.StreamResponse:
    if response.prepared:
        return response
    for cookie in cookies:
        response.set_cookie(
            cookie.name,
            cookie.value,
            path=cookie.path,
            max_age=cookie.max_age_seconds,
            httponly=cookie.http_only,
            secure=cookie.secure,
            samesite=cookie.same_site,
        )
    return response

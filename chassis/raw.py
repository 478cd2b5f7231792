"""What handlers of raw endpoints are given and what they answer, where a body is not JSON in the envelope.

A handler may also answer an `Answer` struct, which is put into the envelope, and it may raise any `Refusal`.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from chassis.clock import Utc
from chassis.entity import Value
from chassis.errors import TooLarge

RAW_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
RawMethod = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class BodyStream:
    """The body of a request as it arrives, read once: `async for part in body`.

    The connection is read no faster than the handler reads, so memory stays constant. Reading raises `TooLarge` (413)
    as soon as the endpoint's limit is passed, and `Invalid` (400) if the body ends early or stops arriving.

    length      the announced size in bytes; None where none was announced
    bytes_read  what has been read so far
    """

    def __init__(self, source: AsyncIterator[bytes], length: int | None, bytes_max: int) -> None:
        self.length = length
        self.bytes_read = 0
        self._source = source
        self._bytes_max = bytes_max

    def __aiter__(self) -> "BodyStream":
        return self

    async def __anext__(self) -> bytes:
        part = await anext(self._source)
        self.bytes_read += len(part)
        if self.bytes_read > self._bytes_max:
            raise TooLarge(f"the body must have at most {self._bytes_max} bytes")
        return part

    async def read(self) -> bytes:
        """The rest of the body in one piece. Only for endpoints whose limit is small."""
        return b"".join([part async for part in self])


class RawRequest(Value):
    """The HTTP request of a raw endpoint.

    method    as declared: GET also where only the head is asked for
    head      whether only the head of the answer is sent (HEAD)
    path      as it was sent, not decoded
    query     the query string as it was sent, without `?`
    headers   by name, in any case
    """

    method: RawMethod
    head: bool
    path: str
    query: str
    headers: Mapping[str, str]
    cookies: Mapping[str, str]


class Cookie(Value):
    """A cookie to set; `max_age_seconds` None keeps it until the browser closes, 0 removes it."""

    name: str
    value: str
    path: str = "/"
    max_age_seconds: int | None = None
    http_only: bool = True
    secure: bool = True
    same_site: Literal["Lax", "Strict", "None"] = "Lax"


class RawAnswer(Value):
    """What every raw answer may say. `headers` win over those that the chassis sets (`Cache-Control: no-store` …)."""

    status: int = 200
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    cookies: tuple[Cookie, ...] = ()


class Redirect(RawAnswer):
    """Sends the caller to another address: 302, or 301, 303, 307, 308."""

    location: str
    status: int = 302


class Content(RawAnswer):
    """Bytes in memory.

    With status 200 it is a representation: conditional requests and ranges are served (304, 206, 416).

    content_type   left out where the body is empty
    etag           identifies the content, without quotes; empty: it has none
    modified_utc   when the content changed last
    """

    body: bytes = b""
    content_type: str = "application/octet-stream"
    etag: str = ""
    modified_utc: Utc | None = None


class FileContent(RawAnswer):
    """A file of the local disk, read in pieces. `NotFound` where it is absent. Other fields as `Content`."""

    path: Path
    content_type: str = "application/octet-stream"
    etag: str = ""
    modified_utc: Utc | None = None


class StreamContent(RawAnswer):
    """Bytes that are made or fetched while they are sent, no faster than the caller takes them.

    read     given the first byte wanted and the one after the last (None: to the end), yields the bytes between
    length   size in bytes; None where it is not known, and then ranges are not served

    A stream that fails, or yields another number of bytes than it should, breaks the connection, so that the caller
    sees that the content is incomplete. Other fields as `Content`.
    """

    read: Callable[[int, int | None], AsyncIterator[bytes]]
    length: int | None = None
    content_type: str = "application/octet-stream"
    etag: str = ""
    modified_utc: Utc | None = None


Represented = Content | FileContent | StreamContent
"""Answers that conditional requests and ranges apply to."""

"""Reads JSON request bodies, up to the limit of their endpoint."""

from aiohttp import web
from aiohttp.web import BaseRequest

from chassis.errors import Invalid, TooLarge, UnsupportedMedia

_JSON = "application/json"


def check_head(request: BaseRequest, bytes_max: int) -> None:
    """Check a body by the request's head, before anything of it is read.

    Raises `TooLarge` (413) by its announced size, and `UnsupportedMedia` (415) if it is not JSON or is compressed.
    """
    headers = request.headers
    length = headers.get("Content-Length")
    if length is not None and int(length) > bytes_max:
        raise too_large(bytes_max)
    if not request.body_exists:
        return
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMedia("the body must not be compressed")
    content_type = headers.get("Content-Type", "")
    if content_type != _JSON and length != "0" and not _is_json(content_type):
        raise UnsupportedMedia(f"the body must be {_JSON}")


async def read_body(request: BaseRequest, bytes_max: int) -> bytes:
    """The whole body; empty if there is none. Raises `TooLarge` (413), and `Invalid` (400) if it ends early."""
    if not request.body_exists:
        return b""
    try:
        return await _read(request, bytes_max)
    except (web.RequestPayloadError, ConnectionError):
        raise Invalid("the body ended before its end") from None


async def _read(request: BaseRequest, bytes_max: int) -> bytes:
    content = request.content
    body = await content.readany()
    if content.is_eof() and len(body) <= bytes_max:
        return body
    parts, size = [body], len(body)
    while size <= bytes_max and not content.at_eof():
        part = await content.readany()
        parts.append(part)
        size += len(part)
    if size > bytes_max:
        raise too_large(bytes_max)
    return b"".join(parts)


def _is_json(content_type: str) -> bool:
    kind, _, parameters = content_type.partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    return kind.strip().lower() == _JSON and charset in {"", "utf-8", "utf8"}


def too_large(bytes_max: int) -> TooLarge:
    """The error for a body of more than `bytes_max` bytes."""
    return TooLarge(f"the body must have at most {bytes_max} bytes")

"""Answers with a document: compressed for callers who accept it, and 304 for those who have it already."""

from aiohttp import web

from chassis.http.raw.conditions import ContentValidators, is_unchanged
from chassis.http.static import StaticFile
from gateway.http.exchange import Exchange


async def document_answer(exchange: Exchange, file: StaticFile, content_type: str) -> web.Response:
    """The answer to GET or HEAD."""
    coding, body = await file.form(exchange.accept_encoding)
    validators = ContentValidators(f'"{file.etag}"' if coding == "identity" else f'"{file.etag}-{coding}"', None)
    headers = {
        "Cache-Control": "no-cache",
        "Vary": "Accept-Encoding",
        **validators.headers(),
        **exchange.own_headers(),
    }
    if is_unchanged(exchange.request.headers, validators):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = content_type
    if coding != "identity":
        headers["Content-Encoding"] = coding
    exchange.answer_bytes = len(body)
    return web.Response(body=b"" if exchange.method == "HEAD" else body, headers=headers)

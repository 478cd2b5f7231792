"""What the gateway reads from a request before anything else: its id and the caller's address."""

import re
from collections.abc import Sequence
from time import time_ns
from urllib.parse import unquote

from aiohttp.web_request import BaseRequest

from chassis.errors import NotFound
from chassis.ids import IDS
from gateway.http.exchange import Exchange

ADDRESS_LENGTH_MAX = 64
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def request_id_of(request: BaseRequest) -> str:
    """The caller's `X-Request-Id` if it is valid and contains no credential, else a new id."""
    given = request.headers.get("X-Request-Id")
    if given is not None and _REQUEST_ID.fullmatch(given) and not shows_credential(request, given):
        return given
    return new_request_id()


def new_request_id() -> str:
    """A new id that sorts by time."""
    return IDS.new_at(time_ns() // 1_000_000)


def shows_credential(request: BaseRequest, text: str) -> bool:
    """Whether `text`, which answers and logs show, contains a credential that the request also sends in a header."""
    session, key = request.headers.get("X-Session-Guid"), request.headers.get("X-Api-Key")
    return bool((session and session in text) or (key and key in text) or "rsk_" in text)


def hide_credentials(exchange: Exchange, credentials: Sequence[str]) -> None:
    """Keep credentials that stand in the body out of the request id and the path, which answers and logs show.

    Raises `NotFound` for a path that contains one.
    """
    for text in credentials:
        if text in exchange.request_id:
            exchange.rename(new_request_id())
        if text in unquote(exchange.path):
            exchange.path = "/"
            raise NotFound("there is nothing at this path")


def peer_of(request: BaseRequest, proxies: int) -> str:
    """The caller's address: that of the connection, or the one seen by the outermost of `proxies` trusted proxies."""
    if proxies:
        listed = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
        if len(listed) >= proxies and (address := listed[-proxies].strip()):
            return address[:ADDRESS_LENGTH_MAX]
    return request.remote or ""

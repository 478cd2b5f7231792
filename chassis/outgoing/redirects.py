"""Following redirects of outgoing calls: where to, and what is sent along."""

from collections.abc import AsyncIterator

from yarl import URL

from chassis.errors import Invalid
from chassis.outgoing.message import OutgoingFailed, OutgoingRequest

REDIRECTS = frozenset({301, 302, 303, 307, 308})
BOUND_TO_HOST = frozenset({"authorization", "cookie", "proxy-authorization"})


def redirected(request: OutgoingRequest, status: int, target: str) -> OutgoingRequest:
    """The request that a redirect asks for. Raises `OutgoingFailed` for one that can't be followed.

    Not from https to http, and not with a streamed body. Credentials stay with their host; what is not a GET or HEAD
    becomes a GET after 303, and a POST after 301 and 302, as browsers do.
    """
    host = request.url.host or ""
    try:
        url = checked(str(request.url.join(URL(target))))
    except (ValueError, Invalid):
        raise OutgoingFailed(host, "redirect") from None
    becomes_get = (status == 303 and request.method != "HEAD") or (status in {301, 302} and request.method == "POST")
    if (request.url.scheme == "https" and url.scheme == "http") or (
        isinstance(request.body, AsyncIterator) and not becomes_get
    ):
        raise OutgoingFailed(host, "redirect")
    headers = dict(request.headers)
    if url.origin() != request.url.origin():
        headers = {name: value for name, value in headers.items() if name.lower() not in BOUND_TO_HOST}
    if becomes_get:
        headers = {name: value for name, value in headers.items() if not name.lower().startswith("content-")}
        return OutgoingRequest(method="GET", url=url, headers=headers)
    return OutgoingRequest(method=request.method, url=url, headers=headers, body=request.body)


def checked(url: str) -> URL:
    """The address, if it is an absolute HTTP one without credentials. Raises `Invalid` otherwise."""
    try:
        parsed = URL(url)
    except ValueError:
        raise Invalid("the address can't be read") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.user or parsed.password:
        raise Invalid("the address must be an absolute http or https address without credentials")
    return parsed

"""Which headers are forwarded: an allow list of request headers and a deny list of response headers.

Headers that the gateway adds for services (caller, ids, context) are never taken from the request, so callers cannot
forge them. Response headers are removed if they belong to one connection or are internal.
"""

from collections.abc import Iterable

from aiohttp.http import HttpVersion10, HttpVersion11
from aiohttp.web_request import BaseRequest
from multidict import CIMultiDict

from chassis.errors import Invalid, invalid_field

PASSED_IN = frozenset({
    b"accept", b"accept-language", b"content-type", b"content-language", b"idempotency-key", b"if-match",
    b"if-modified-since", b"if-none-match", b"if-range", b"if-unmodified-since", b"range", b"tracestate", b"user-agent",
    b"x-channel-code", b"x-logical-guid",
})  # fmt: skip

TAKEN = frozenset({
    b"x-session-guid", b"x-api-key", b"x-orgcode", b"x-cccode", b"x-request-id", b"traceparent", b"content-encoding",
    b"content-type", b"x-forwarded-for", b"origin", b"accept-encoding", b"expect",
})  # fmt: skip
"""Request headers that the gateway reads. Of these only `content-type` is forwarded unchanged."""

HOP_BY_HOP = frozenset({
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te", b"trailer",
    b"transfer-encoding", b"upgrade",
})  # fmt: skip

KEPT_BACK = HOP_BY_HOP | frozenset({
    b"content-length", b"date", b"server", b"server-timing", b"x-request-id", b"x-caller", b"x-powered-by", b"via",
    b"x-orgcode", b"x-cccode", b"x-session-guid", b"x-api-key", b"x-secret-code",
    b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"ratelimit", b"ratelimit-policy",
    b"ratelimit-limit", b"ratelimit-remaining", b"ratelimit-reset", b"x-maintenance-scheduled",
    b"x-content-type-options",
    b"access-control-allow-origin", b"access-control-allow-credentials", b"access-control-expose-headers",
})  # fmt: skip

_LISTS = frozenset({"accept-encoding", "x-forwarded-for", "content-encoding"})
"""Headers that may be given in several lines, which form one list (RFC 9110, 5.3)."""

KINDS_MAX = 1024

Pair = tuple[bytes, bytes]


_KINDS: dict[bytes, tuple[bytes, bool, str]] = {}
"""Cache: header name as received -> lower case, whether it is forwarded, the name it is read as (empty: not read)."""


def _kind_of(name: bytes) -> tuple[bytes, bool, str]:
    lower = name.lower()
    kind = (lower, lower in PASSED_IN, lower.decode() if lower in TAKEN else "")
    if len(_KINDS) < KINDS_MAX:
        _KINDS[name] = kind
    return kind


class Inbound:
    """The headers of a request: those to forward, those the gateway reads, and a problem with them if any."""

    __slots__ = ("passed", "problem", "taken")

    def __init__(self, raw: Iterable[Pair], also: frozenset[bytes] = frozenset()) -> None:
        self.passed: list[Pair] = []
        self.taken: dict[str, str] = {}
        self.problem: Invalid | None = None
        for name, value in raw:
            lower, passes, word = _KINDS.get(name) or _kind_of(name)
            if passes or lower in also:
                self.passed.append((lower, value))
            if word:
                self._read(word, value)

    def _read(self, name: str, value: bytes) -> None:
        try:
            self._take(name, value.decode().strip())
        except UnicodeDecodeError:
            self.problem = invalid_field(name, "is not UTF-8")

    def _take(self, name: str, text: str) -> None:
        """Store a value. A second, different one is a problem, unless the header is a list."""
        before = self.taken.get(name)
        if before is None or before == text:
            self.taken[name] = text
        elif name in _LISTS:
            self.taken[name] = f"{before}, {text}"
        else:
            self.problem = invalid_field(name, "is given twice with different values")


def check_version(request: BaseRequest) -> None:
    """Raises `Invalid` for another version than HTTP/1.0 and 1.1, and for headers that the version may not have."""
    if request.version not in {HttpVersion10, HttpVersion11}:
        raise invalid_field("version", "must be HTTP/1.1 or HTTP/1.0")
    if request.version == HttpVersion10 and "Transfer-Encoding" in request.headers:
        # HTTP/1.0 knows no transfer coding: what stands in front may see another end of the body.
        raise invalid_field("transfer-encoding", "needs HTTP/1.1")
    if request.version == HttpVersion11 and "Host" not in request.headers:
        raise invalid_field("host", "is missing")


def pass_out(raw: Iterable[Pair]) -> list[Pair]:
    """The response headers of a service that the caller gets."""
    kept: list[Pair] = []
    named: set[bytes] = set()
    for pair in raw:
        lower = pair[0].lower()
        if lower in KEPT_BACK:
            if lower == b"connection" and pair[1].lower() not in {b"keep-alive", b"close"}:
                named |= {word.strip().lower() for word in pair[1].split(b",")}
        elif not lower.startswith(b"x-internal-"):
            kept.append(pair)
    return [pair for pair in kept if pair[0].lower() not in named] if named else kept


def as_dict(headers: Iterable[Pair]) -> CIMultiDict[str]:
    """Headers in aiohttp's form."""
    return CIMultiDict(
        [(name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")) for name, value in headers]
    )

"""What an outgoing call sends and what comes back."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar

import msgspec
from yarl import URL

from chassis.entity import Value
from chassis.errors import UpstreamFailed
from chassis.outgoing.retries import FailureKind

T = TypeVar("T")
Body = bytes | AsyncIterator[bytes]


class OutgoingFailed(UpstreamFailed):
    """An outgoing call got no answer. The caller of this service gets a 502 unless it is caught.

    kind   why
    sent   whether the other side may have received the call
    """

    def __init__(self, host: str, kind: FailureKind) -> None:
        super().__init__(f"{host}: {_WORDS[kind]}")
        self.kind: FailureKind = kind
        self.sent = kind not in {"refused", "blocked"}


_WORDS: Mapping[FailureKind, str] = {
    "refused": "no connection could be opened",
    "timeout": "there was no answer in time",
    "broken": "the connection broke",
    "blocked": "the address is not public",
    "too_large": "the answer is too large",
    "redirect": "the redirect is not followed",
}


class OutgoingRequest(Value):
    """One HTTP request as it is sent."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: Body | None = None

    @property
    def shown(self) -> str:
        """The address without user, query and fragment, for logs and spans."""
        return str(self.url.with_user(None).with_query(None).with_fragment(None))


class OutgoingAnswer(Value):
    """A whole answer. `url` is where it came from in the end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: URL

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self, kind: type[T]) -> T:
        """The body as JSON of this type; `UpstreamFailed` where it is none."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise UpstreamFailed(f"{self.url.host} answered what can't be read") from None


class OutgoingStream:
    """An answer whose body is read as it arrives: `async for part in answer`."""

    def __init__(self, status: int, headers: Mapping[str, str], url: URL, parts: AsyncIterator[bytes]) -> None:
        self.status = status
        self.headers = headers
        self.url = url
        self._parts = parts

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._parts


def json_body(value: Any) -> tuple[bytes, dict[str, str]]:
    """A value as a JSON body, and the header that says so."""
    return msgspec.json.encode(value), {"Content-Type": "application/json"}

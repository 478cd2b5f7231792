"""The requests that cost a gateway or service most: large bodies, and heads and bodies in many small parts."""

from collections.abc import Iterator

KIB = 1024
MIB = 1024 * KIB


def bodies(size: int) -> dict[str, bytes]:
    """JSON of about `size` bytes, by what it is made of. `{}` in a name's place stands for the name of a field."""
    return {
        "objects": repeated(b"{}", size),
        "lists": repeated(b"[]", size),
        "texts": repeated(b'""', size),
        "nulls": repeated(b"null", size),
        "numbers": repeated(b"1.5e-7", size),
        "digits": b"1" * size,
        "escapes": b'"' + b"\\u0041" * (size // 6) + b'"',
        "backslashes": b'"' + b"\\\\" * (size // 2) + b'"',
        "wide": '"{}"'.format("\N{EURO SIGN}" * (size // 3)).encode(),
        "deep": b"[" * (size // 2) + b"]" * (size // 2),
        "pairs": b"{" + b",".join(b'"%x":0' % number for number in range(size // 10)) + b"}",
        "spaces": b"[" + b" " * (size - 2) + b"]",
    }


def repeated(piece: bytes, size: int) -> bytes:
    """A list of the same piece, of about the given size in bytes."""
    return b"[" + b",".join([piece] * (size // (len(piece) + 1))) + b"]"


def named(name: str, content: bytes) -> bytes:
    """A body with this content under a name, and an escape before it."""
    return b'{"a":"\\u0041","%b":%b}' % (name.encode(), content)


def heads() -> Iterator[bytes]:
    """Requests without a body whose heads are as large as they may be, or in many parts."""
    get = b"GET /ics/zone/list%b HTTP/1.1\r\nHost: g\r\n%b\r\n"
    yield get % (b"?" + b"orgcode=%41&" * 600, b"")
    yield get % (b"", b"x-orgcode: " + b"a" * 15 * KIB + b"\r\n")
    yield get % (b"", b"".join(b"x-h%d: %b\r\n" % (number, b"v" * 100) for number in range(100)))
    yield get % (b"", b"accept-encoding: " + b"gzip;q=0.1," * KIB + b"\r\n")
    yield get % (b"", b"traceparent: " + b"0" * 15 * KIB + b"\r\n")
    yield get % (b"", b"x-request-id: " + b"\xc3\xa9" * 7 * KIB + b"\r\n")
    yield get % (b"/" + b"%2e%2e/" * 1000, b"")
    yield get % (b"", b"x-forwarded-for: " + b"1.1.1.1," * 1500 + b"\r\n")


def in_small_chunks(target: str, size: int) -> bytes:
    """A request whose body comes a byte a chunk."""
    head = b"POST %b HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head % target.encode() + b"1\r\n \r\n" * size + b"0\r\n\r\n"


def pipelined(target: str, count: int) -> bytes:
    """Many requests at once, none of which waits for the answer to the one before."""
    return b"GET %b HTTP/1.1\r\nHost: g\r\n\r\n" % target.encode() * count

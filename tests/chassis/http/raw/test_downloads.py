"""Files and streams as answers: ranges, conditions, HEAD, lengths, and streams that fail."""

import pytest

from chassis.testing.client import ServiceClient, TestAnswer
from tests.chassis.http.raw.given import PARCEL, put, raw_get


async def test_a_part_is_what_was_asked_for(sample: ServiceClient) -> None:
    await put(sample, "a")

    async def part(text: str, **headers: str) -> TestAnswer:
        return await sample.get("/parcel/a", headers={"Range": text, **headers})

    middle, tail, rest = await part("bytes=10-19"), await part("bytes=-5"), await part(f"bytes={len(PARCEL) - 3}-")
    assert (middle.status, middle.raw) == (206, PARCEL[10:20])
    assert middle.headers["Content-Range"] == f"bytes 10-19/{len(PARCEL)}"
    assert (tail.raw, rest.raw) == (PARCEL[-5:], PARCEL[-3:])
    assert (await part("bytes=0-999999999")).raw == PARCEL
    assert (await part("bytes=1-2,4-5")).status == 200
    assert (await part("lines=1-2")).status == 200
    beyond = await part(f"bytes={len(PARCEL)}-")
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{len(PARCEL)}")
    assert beyond.tag == "validation-error"
    assert (await part("bytes=0-1", **{"If-Range": '"v1"'})).status == 206
    assert (await part("bytes=0-1", **{"If-Range": '"v0"'})).status == 200
    assert (await part("bytes=0-1", **{"If-Range": "Thu, 01 Jan 2026 12:00:00 GMT"})).status == 206
    assert (await part("bytes=0-1", **{"If-Range": "Thu, 01 Jan 2026 12:00:01 GMT"})).status == 200


async def test_what_the_caller_has_is_not_sent_again(sample: ServiceClient) -> None:
    await put(sample, "a")

    async def status(**headers: str) -> tuple[int, bytes]:
        answer = await sample.get("/parcel/a", headers={k.replace("_", "-"): v for k, v in headers.items()})
        assert answer.headers["ETag"] == '"v1"'
        return answer.status, answer.raw[:4]

    whole = (200, PARCEL[:4])
    assert await status(If_None_Match='"v1"') == (304, b"")
    assert await status(If_None_Match='"v0", W/"v1"') == (304, b"")
    assert await status(If_None_Match="*") == (304, b"")
    assert await status(If_None_Match='"v0"') == whole
    assert await status(If_Modified_Since="Thu, 01 Jan 2026 12:00:00 GMT") == (304, b"")
    assert await status(If_Modified_Since="Thu, 01 Jan 2026 11:59:59 GMT") == whole
    assert await status(If_Modified_Since="soon") == whole
    assert await status(If_None_Match='"v0"', If_Modified_Since="Thu, 01 Jan 2026 12:00:00 GMT") == whole


async def test_a_head_has_the_length_and_no_body(sample: ServiceClient) -> None:
    await put(sample, "a")
    file, rows = await sample.send("HEAD", "/parcel/a"), await sample.send("HEAD", "/rows/1?size=5")

    assert (file.status, file.raw, file.headers["Content-Length"]) == (200, b"", str(len(PARCEL)))
    assert (rows.status, rows.raw, rows.headers["Content-Length"]) == (200, b"", "60")
    assert rows.headers["ETag"] == '"rows-5"'


async def test_what_is_not_there_is_not_found(sample: ServiceClient) -> None:
    for key in ("nothing", "a/../b", "a//b", "a%2Fb", "a%5Cb", "a/.", "%ff", "a%00"):
        answer = await sample.send("GET", f"/parcel/{key}") if "%" not in key else await raw_get(sample, key)
        assert (answer.status, answer.error_code) == (404, "sample.not_found"), key


async def test_a_stream_is_sent_with_or_without_its_length(sample: ServiceClient) -> None:
    known = await sample.get("/rows/1", size=1000)
    unknown = await sample.get("/rows/1", size=1000, announced="false")

    assert (known.headers["Content-Length"], known.headers["Accept-Ranges"]) == ("12000", "bytes")
    assert ("Content-Length" in unknown.headers, "Accept-Ranges" in unknown.headers) == (False, False)
    assert known.raw == unknown.raw == b"twelve bytes" * 1000
    part = await sample.get("/rows/1", size=1000, headers={"Range": "bytes=1001-2002"})
    assert (part.status, part.raw) == (206, (b"twelve bytes" * 1000)[1001:2003])


async def test_a_stream_that_fails_is_seen_to_be_broken(sample: ServiceClient) -> None:
    for announced in ("true", "false"):
        with pytest.raises(Exception, match=r"(?i)payload|incomplete|reset|disconnect|transfer"):
            await sample.get("/rows/1", size=1000, announced=announced, headers={"x-broken": "yes"})
    assert (await sample.get("/rows/1")).status == 200

"""Raw endpoints through the port of the sample service."""

import asyncio
from hashlib import sha256
from pathlib import Path

import pytest

from chassis.caller import ANONYMOUS
from chassis.clock import Utc
from chassis.gate import GateWindow
from chassis.http.documents import Documents
from chassis.service import collect
from chassis.testing.client import ServiceClient, TestAnswer
from chassis.testing.keys import token
from tests.chassis.sample.app import SAMPLE
from tests.chassis.sample.parcel.handlers import PARCEL_BYTES_MAX
from tests.waiting import within

ID = "01970f3e-9a4c-7c31-8a55-3f0c4b1d2e6a"
PARCEL = bytes(range(256)) * 4000


def anybody(sample: ServiceClient) -> ServiceClient:
    """The caller whom the gateway passes on without a session."""
    other = sample.plain
    other.caller = ANONYMOUS
    return other


async def put(client: ServiceClient, key: str, body: bytes = PARCEL, **headers: str) -> TestAnswer:
    return await client.send("PUT", f"/parcel/{key}", body, headers)


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_a_body_arrives_in_parts_and_its_answer_in_the_envelope(sample: ServiceClient) -> None:
    answer = await put(anybody(sample), "a/b%20c")

    assert answer.status == 200, answer
    assert (answer.data["size_bytes"], answer.data["sha256"]) == (len(PARCEL), sha256(PARCEL).hexdigest())
    assert answer.data["chunks"] > 1
    assert answer.body["stats"]["call"] == "sample_parcel_put"
    assert (await anybody(sample).get("/parcel/a/b%20c")).raw == PARCEL


async def test_an_open_endpoint_still_needs_the_gateways_signature(sample: ServiceClient) -> None:
    answer = await put(sample.nobody, "a")

    assert (answer.status, answer.error_code) == (401, "sample.unauthorized")


async def test_a_body_over_the_limit_is_refused_by_its_head_or_while_it_arrives(
    sample: ServiceClient, tmp_path: Path
) -> None:
    over = PARCEL_BYTES_MAX + 1
    announced = await raw_put(sample, f"Content-Length: {over}\r\n", b"")
    chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
    streamed = await raw_put(sample, "Transfer-Encoding: chunked\r\n", chunk * (over // 65536 + 1))

    assert announced.startswith(b"HTTP/1.1 413")
    assert streamed.startswith(b"HTTP/1.1 413")
    assert b'"error_code":"sample.validation_failed"' in streamed
    assert [size <= PARCEL_BYTES_MAX for size in sizes_in(tmp_path)] == [True]


def sizes_in(folder: Path) -> list[int]:
    return [path.stat().st_size for path in folder.iterdir()]


async def raw_put(sample: ServiceClient, head: str, body: bytes) -> bytes:
    """Send a request whose body does not end; answers what came back."""
    token = a_token()
    reader, writer = await asyncio.open_connection("127.0.0.1", sample.application.http_port)
    writer.write(f"PUT /sample/parcel/a HTTP/1.1\r\nHost: x\r\nx-caller: {token}\r\n{head}\r\n".encode() + body)
    async with within(20):
        told = await reader.readuntil(b"\r\n\r\n")
        told += await reader.readuntil(b"}}}")
    writer.close()
    return told


def a_token() -> str:
    return token(ANONYMOUS, "sample")


async def test_a_slow_reader_slows_the_sender_down(sample: ServiceClient, monkeypatch: pytest.MonkeyPatch) -> None:
    go = asyncio.Event()
    original = asyncio.to_thread

    async def held(function: object, /, *args: object) -> object:
        await go.wait()
        return await original(function, *args)  # type: ignore[arg-type]

    monkeypatch.setattr("tests.chassis.sample.parcel.handlers.asyncio.to_thread", held)
    token = a_token()
    size = PARCEL_BYTES_MAX
    _, writer = await asyncio.open_connection("127.0.0.1", sample.application.http_port)
    head = f"PUT /sample/parcel/a HTTP/1.1\r\nHost: x\r\nx-caller: {token}\r\nContent-Length: {size}\r\n\r\n"
    writer.transport.set_write_buffer_limits(0)
    writer.write(head.encode())
    connections = sample.application._http._connections  # type: ignore[union-attr]
    async with within(20):
        writer.write(bytes(size))
        while not any(each.transport and each._reading_paused for each in connections.connections):  # type: ignore[union-attr]  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    go.set()
    async with within(20):
        await writer.drain()
    writer.close()


async def test_a_body_that_breaks_off_is_no_body(sample: ServiceClient) -> None:
    token = a_token()
    reader, writer = await asyncio.open_connection("127.0.0.1", sample.application.http_port)
    writer.write(
        f"PUT /sample/parcel/a HTTP/1.1\r\nHost: x\r\nx-caller: {token}\r\nContent-Length: 9\r\n\r\nshort".encode()
    )
    writer.write_eof()
    async with within(10):
        told = await reader.read()
    writer.close()

    assert b" 200 " not in told


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


async def raw_get(sample: ServiceClient, key: str) -> TestAnswer:
    """GET of a path just as it is written, which the client would write anew."""
    reader, writer = await asyncio.open_connection("127.0.0.1", sample.application.http_port)
    head = f"GET /sample/parcel/{key} HTTP/1.1\r\nHost: x\r\nx-caller: {a_token()}\r\nConnection: close\r\n"
    writer.write(head.encode() + b"\r\n")
    async with within(10):
        told = await reader.read()
    writer.close()
    head_bytes, _, body = told.partition(b"\r\n\r\n")
    return TestAnswer(status=int(head_bytes[9:12]), headers={}, raw=body)


async def test_parameters_have_types(sample: ServiceClient) -> None:
    wrong = await sample.get("/rows/many", size=0)
    low = await sample.get("/rows/1001")
    unknown = await sample.get("/rows/1", page=2)

    assert (wrong.status, wrong.problems) == (400, {"size": "must be at least 1"})
    assert (low.status, low.problems) == (400, {"first": "must be at most 1000"})
    assert (unknown.status, unknown.problems) == (400, {"page": "is not a known field"})


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


async def test_a_redirect_has_a_cookie_and_passes_over_what_it_does_not_know(sample: ServiceClient) -> None:
    answer = await anybody(sample).get("/go", to="x", foreign="1")

    assert (answer.status, answer.raw) == (302, b"")
    assert answer.headers["Location"].startswith("https://there.example/?to=")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("seen=yes;")
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Max-Age=60", "Path=/"} <= set(cookie.replace("; ", ";").split(";"))
    assert (await anybody(sample).get("/go", to="x", strict="true")).status == 401
    again = await anybody(sample).get("/go", to="x", strict="true", headers={"Cookie": "seen=yes"})
    assert again.status == 302
    assert (await anybody(sample).get("/go")).problems == {"to": "is required"}


async def test_a_webhook_is_judged_by_its_bytes(sample: ServiceClient) -> None:
    body = b'{"id": 1}'
    headers = {"Content-Type": "application/json"}
    signed = {**headers, "x-signature": sha256(body).hexdigest()}

    right = await anybody(sample).send("POST", "/hook", body, signed)
    wrong = await anybody(sample).send("POST", "/hook", body, headers)
    large = await anybody(sample).send("POST", "/hook", bytes(1001), signed)
    other = await anybody(sample).send("POST", "/hook", body, {**signed, "Content-Type": "text/plain"})

    assert (right.status, right.raw) == (200, b"")
    assert (wrong.status, wrong.raw, wrong.headers["x-asked-by"]) == (401, b"", "anonymous")
    assert (large.status, other.status) == (413, 415)


async def test_roles_and_data_are_as_for_other_endpoints(sample: ServiceClient) -> None:
    crate = (await sample.post("/crate/create", code="A-01")).data["crate"]["crate_id"]
    shown = await sample.with_roles("sample_view").get(f"/label/{crate}.txt")

    assert (shown.status, shown.raw, shown.headers["Content-Type"]) == (200, b"A-01", "text/plain")
    assert shown.headers["Cache-Control"] == "private, max-age=60"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert (await sample.with_roles("sample_keeper").get(f"/label/{crate}.txt")).status == 403
    assert (await anybody(sample).get(f"/label/{crate}.txt")).status == 401
    assert (await sample.as_caller(orgcode="OTHR0001").get(f"/label/{crate}.txt")).status == 404
    assert (await sample.get("/label/nonsense.txt")).problems.keys() == {"crate_id"}


async def test_a_maintenance_window_closes_them(sample: ServiceClient) -> None:
    end = Utc("2099-01-01T00:00:00.000Z")
    sample.application.runtime.gate.close(GateWindow(maintenance_id=ID, expected_end_utc=end))
    answer = await put(sample, "a")

    assert (answer.status, answer.error_code) == (503, "sample.maintenance_active")


async def test_other_methods_are_told_what_the_path_takes(sample: ServiceClient) -> None:
    wrong = await sample.send("DELETE", "/parcel/a")
    asked = await sample.send("OPTIONS", "/parcel/a")

    assert (wrong.status, wrong.headers["Allow"]) == (405, "PUT, GET, HEAD, OPTIONS")
    assert (asked.status, asked.headers["Allow"]) == (204, "PUT, GET, HEAD, OPTIONS")


async def test_they_are_counted_like_others(sample: ServiceClient) -> None:
    await put(sample, "a")
    text = sample.application.runtime.metrics.text().decode()

    assert 'call="sample_parcel_put",status="200"' in text


def test_they_are_documented_like_others() -> None:
    document = Documents(SAMPLE, collect(SAMPLE), "1")._makers()["openapi"]()
    kept = document["paths"]["/sample/parcel/{key}"]

    assert kept["put"]["operationId"] == "sample_parcel_put"
    assert kept["put"]["x-body-bytes-max"] == PARCEL_BYTES_MAX
    assert set(kept["put"]["requestBody"]["content"]) == {"application/octet-stream"}
    assert kept["put"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/StoredAnswer")
    assert {"200", "206", "304", "404", "416"} <= set(kept["get"]["responses"])
    assert kept["get"]["parameters"][0] == {"name": "key", "in": "path", "required": True, "schema": {"type": "string"}}
    rows = document["paths"]["/sample/rows/{first}"]["get"]
    assert [each["name"] for each in rows["parameters"] if each.get("in") == "query"] == ["size", "announced"]
    page = Documents(SAMPLE, collect(SAMPLE), "1").text("PROTOCOL.md").decode()
    assert "| sample_parcel_put | `PUT /sample/parcel/{key}` | everybody | Keep a parcel. |" in page
    assert "Location" in document["paths"]["/sample/go"]["get"]["responses"]["302"]["headers"]

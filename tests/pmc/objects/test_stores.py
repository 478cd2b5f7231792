"""The object store's port: what both stores promise, the folder and the bucket."""

import base64
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from time import time
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import pytest_asyncio
from moto.server import ThreadedMotoServer

from chassis.clock import Utc, from_seconds, to_seconds
from chassis.settings import SettingsError
from chassis.testing.client import TEST_KEY
from chassis.testing.keys import key_settings
from services.pmc.objects.port import CHUNK_BYTES, ObjectStore, StoreDown, pack_key, part_key
from services.pmc.objects.resource import object_store
from services.pmc.objects.s3 import S3ObjectStore
from services.pmc.settings import PmcSettings

RUN = "0192e4a0-0000-7000-8000-00000000000a"
KEY = part_key("ACME", RUN, 1)
BUCKET = "pmc-objects"
JSON_LINES = "application/x-ndjson"


class Server(NamedTuple):
    """An S3 server of the tests, with one bucket."""

    address: str


@pytest.fixture(scope="module")
def s3_server() -> Iterator[Server]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield Server(f"http://{host}:{port}")
    server.stop()


def settings(tmp_path: Path, address: str = "", **more: Any) -> PmcSettings:
    """Settings of the folder store, or of the bucket store at an address."""
    fields: dict[str, Any] = {
        "mongodb_uri": "mongodb://nowhere",
        "amqp_url": "amqp://nowhere",
        "caller_key": TEST_KEY,
        **key_settings("pmc"),
        "pmc_objects_folder": str(tmp_path),
    }
    if address:
        fields |= {
            "pmc_objects_store": "s3",
            "pmc_s3_bucket": BUCKET,
            "pmc_s3_endpoint": address,
            "pmc_s3_access_key": "key",
            "pmc_s3_secret_key": "secret",
        }
    return PmcSettings(**{**fields, **more})


def opened(given: PmcSettings) -> AbstractAsyncContextManager[ObjectStore]:
    """The store of these settings, as the service opens it."""
    return object_store.open(given)


@pytest_asyncio.fixture(params=["local", "s3"], loop_scope="module")
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    """Each of the stores, empty."""
    address = ""
    if request.param == "s3":
        address = request.getfixturevalue("s3_server").address
    async with opened(settings(tmp_path, address)) as found:
        if isinstance(found, S3ObjectStore):
            await found._asked(lambda: found._client.create_bucket(Bucket=BUCKET))
        async for each in found.keys(""):
            await found.remove(each.key)
        yield found


async def body_of(store: ObjectStore, key: str) -> bytes:
    return b"".join([piece async for piece in store.stream(key)])


def now() -> Utc:
    return from_seconds(time())


async def test_an_object_is_what_was_put_last(store: ObjectStore) -> None:
    await store.put(KEY, b"one\n", JSON_LINES)
    await store.put(KEY, b"three\n", JSON_LINES)

    assert await body_of(store, KEY) == b"three\n"
    info = await store.info(KEY)
    assert info is not None
    assert (info.key, info.size) == (KEY, 6)
    assert abs(to_seconds(info.modified_utc) - time()) < 60


async def test_a_large_object_comes_in_pieces(store: ObjectStore) -> None:
    data = bytes(range(256)) * (3 * CHUNK_BYTES // 256) + b"end"
    await store.put(KEY, data, JSON_LINES)

    pieces = [piece async for piece in store.stream(KEY)]

    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= CHUNK_BYTES


async def test_what_is_not_there_is_none_or_not_found_and_may_be_removed(store: ObjectStore) -> None:
    assert await store.info(KEY) is None
    with pytest.raises(FileNotFoundError):
        await body_of(store, KEY)
    await store.remove(KEY)

    await store.put(KEY, b"x", JSON_LINES)
    await store.remove(KEY)
    assert await store.info(KEY) is None


async def test_objects_are_listed_by_prefix(store: ObjectStore) -> None:
    keys = [part_key("ACME", RUN, 2), part_key("ACME", RUN, 1), pack_key("ACME", RUN, 1), pack_key("OTHER", RUN, 1)]
    for key in keys:
        await store.put(key, key.encode(), JSON_LINES)

    assert [each.key async for each in store.keys("pmc/ACME/runs/")] == [keys[1], keys[0]]
    assert [each.key async for each in store.keys("pmc/ACME/")] == sorted(keys[:3])
    assert [each.size async for each in store.keys("pmc/")] == [len(key) for key in sorted(keys)]


async def test_a_store_says_that_it_answers(store: ObjectStore) -> None:
    assert await store.answers()


async def test_links_name_their_expiry_and_the_size_of_the_body(store: ObjectStore) -> None:
    at = now()
    put = store.sign_put(KEY, size=6, sha256="ab" * 32, headers={"Content-Type": JSON_LINES}, now=at, seconds=60)
    get = store.sign_get(KEY, now=at, seconds=90)

    assert (put.method, put.max_bytes, get.method, get.max_bytes) == ("PUT", 6, "GET", None)
    assert put.headers["Content-Type"] == JSON_LINES
    assert 59 <= to_seconds(Utc(put.expires_utc)) - to_seconds(at) <= 60
    assert 89 <= to_seconds(Utc(get.expires_utc)) - to_seconds(at) <= 90


async def test_callers_upload_and_download_by_presigned_links(s3_server: Server, tmp_path: Path) -> None:
    data = b'{"n": 1}\n'
    digest = hashlib.sha256(data)
    async with opened(settings(tmp_path, s3_server.address)) as store:
        put = store.sign_put(
            KEY,
            size=len(data),
            sha256=digest.hexdigest(),
            headers={"Content-Type": JSON_LINES, "Content-Encoding": "gzip"},
            now=now(),
            seconds=60,
        )
        async with aiohttp.ClientSession(auto_decompress=False) as http:
            async with http.put(put.url, data=data, headers=put.headers) as answer:
                assert answer.status == 200, await answer.text()
            async with http.get(store.sign_get(KEY, now=now(), seconds=60).url) as answer:
                assert (answer.status, await answer.read()) == (200, data)
        # What is stored compressed is read as it was sent.
        assert await body_of(store, KEY) == data


async def test_a_presigned_upload_is_bound_to_length_hash_and_type(s3_server: Server, tmp_path: Path) -> None:
    async with opened(settings(tmp_path, s3_server.address)) as store:
        put = store.sign_put(KEY, size=9, sha256="ab" * 32, headers={"Content-Type": JSON_LINES}, now=now(), seconds=60)

        query = parse_qs(urlsplit(put.url).query)
        assert query["X-Amz-Expires"] == ["60"]
        signed = set(query["X-Amz-SignedHeaders"][0].split(";"))
        assert {"content-length", "content-type", "host", "x-amz-checksum-sha256"} <= signed
        assert put.headers["x-amz-checksum-sha256"] == base64.b64encode(bytes.fromhex("ab" * 32)).decode()


async def test_callers_are_sent_to_the_public_address(s3_server: Server, tmp_path: Path) -> None:
    public = settings(tmp_path, s3_server.address, pmc_s3_public_endpoint="https://objects.example")
    async with opened(public) as store:
        assert store.sign_get(KEY, now=now(), seconds=60).url.startswith(f"https://objects.example/{BUCKET}/{KEY}?")
        assert await store.answers()


async def test_a_store_that_does_not_answer_is_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.pmc.objects.s3.TRIES_MAX", 1)
    async with opened(settings(tmp_path, "http://127.0.0.1:9")) as store:
        assert not await store.answers()
        with pytest.raises(StoreDown):
            await store.put(KEY, b"x", JSON_LINES)
        with pytest.raises(StoreDown):
            await body_of(store, KEY)


async def test_a_bucket_that_does_not_exist_is_no_store_that_answers(s3_server: Server, tmp_path: Path) -> None:
    async with opened(settings(tmp_path, s3_server.address, pmc_s3_bucket="another")) as store:
        assert not await store.answers()


@pytest.mark.parametrize(
    ("more", "name"),
    [({"pmc_s3_bucket": ""}, "PMC_S3_BUCKET"), ({"pmc_s3_secret_key": ""}, "PMC_S3_SECRET_KEY")],
)
async def test_a_setting_that_is_missing_stops_the_start(tmp_path: Path, more: dict[str, Any], name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        async with opened(settings(tmp_path, "http://127.0.0.1:9", **more)):
            pass

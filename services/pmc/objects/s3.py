"""The object store as a bucket of an S3-compatible service.

Links are presigned: callers send and fetch objects at the service itself. An upload's link covers its length and its
SHA-256, so that the service refuses any other body.

botocore blocks, so each request runs in a thread of the store's own: a slow service then holds up nobody else.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chassis.clock import Utc, from_seconds, to_seconds
from services.pmc.objects.port import CHUNK_BYTES, ObjectInfo, SignedRequest, StoreDown

T = TypeVar("T")

REQUESTS_AT_ONCE = 16
CONNECT_SECONDS = 5
READ_SECONDS = 30
TRIES_MAX = 3
NOT_FOUND = {"404", "NoSuchKey", "NotFound"}


class S3ObjectStore:
    """Objects of one bucket.

    endpoint         address of the service; empty for AWS
    public_endpoint  address at which callers reach the service; empty if it is the same
    access_key       with `secret_key`; both empty: what the machine's role or environment gives
    """

    def __init__(
        self,
        bucket: str,
        *,
        endpoint: str,
        public_endpoint: str,
        region: str,
        access_key: str,
        secret_key: str,
    ) -> None:
        self._bucket = bucket
        self._by_role = not access_key
        self._session = botocore.session.get_session()

        def client(address: str) -> Any:
            return self._session.create_client(
                "s3",
                region_name=region,
                endpoint_url=address or None,
                aws_access_key_id=access_key or None,
                aws_secret_access_key=secret_key or None,
                config=_config(path_style=bool(address)),
            )

        self._client = client(endpoint)
        self._signer = client(public_endpoint or endpoint)
        self._threads = ThreadPoolExecutor(REQUESTS_AT_ONCE, thread_name_prefix="s3")

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store an object whole."""
        await self._asked(
            lambda: self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=content_type)
        )

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """The bytes of an object as stored, piece by piece."""
        found = await self._asked(lambda: self._client.get_object(Bucket=self._bucket, Key=key))
        body = found["Body"]
        try:
            while chunk := await self._asked(lambda: body.read(CHUNK_BYTES)):
                yield chunk
        finally:
            body.close()

    async def info(self, key: str) -> ObjectInfo | None:
        """Size and time of an object, or None if there is none."""
        try:
            found = await self._asked(lambda: self._client.head_object(Bucket=self._bucket, Key=key))
        except FileNotFoundError:
            return None
        return _info(key, found["ContentLength"], found["LastModified"].timestamp())

    async def remove(self, key: str) -> None:
        """Remove an object, if there is one."""
        await self._asked(lambda: self._client.delete_object(Bucket=self._bucket, Key=key))

    async def keys(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """The objects whose keys begin with the prefix, in order, read page by page."""
        pages = iter(self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix))
        while (page := await self._asked(lambda: next(pages, None))) is not None:
            for each in page.get("Contents", ()):
                yield _info(each["Key"], each["Size"], each["LastModified"].timestamp())

    def sign_put(
        self, key: str, *, size: int, sha256: str, headers: Mapping[str, str], now: Utc, seconds: int
    ) -> SignedRequest:
        """A presigned upload of exactly this body. The headers are part of the signature, so they must be sent."""
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        params = {
            "Bucket": self._bucket,
            "Key": key,
            "ContentLength": size,
            "ChecksumSHA256": checksum,
            **{_PARAMS[name]: value for name, value in headers.items()},
        }
        return SignedRequest(
            method="PUT",
            url=self._signer.generate_presigned_url("put_object", Params=params, ExpiresIn=seconds),
            headers={**headers, "x-amz-checksum-sha256": checksum},
            expires_utc=from_seconds(int(to_seconds(now)) + seconds),
            max_bytes=size,
        )

    def sign_get(self, key: str, *, now: Utc, seconds: int) -> SignedRequest:
        """A presigned download."""
        params = {"Bucket": self._bucket, "Key": key}
        url = self._signer.generate_presigned_url("get_object", Params=params, ExpiresIn=seconds)
        expires = from_seconds(int(to_seconds(now)) + seconds)
        return SignedRequest(method="GET", url=url, headers={}, expires_utc=expires)

    async def answers(self) -> bool:
        """Whether the bucket is there and may be used. It also renews credentials of a role before links need them."""

        def look() -> None:
            credentials = self._session.get_credentials() if self._by_role else None
            if credentials is not None:
                credentials.get_frozen_credentials()
            self._client.head_bucket(Bucket=self._bucket)

        try:
            await self._asked(look)
        except (StoreDown, FileNotFoundError):
            return False
        return True

    async def close(self) -> None:
        """Close all connections; requests under way end first."""
        await asyncio.to_thread(self._threads.shutdown)
        self._client.close()
        self._signer.close()

    async def _asked(self, request: Callable[[], T]) -> T:
        """The answer of a request, made in a thread. Raises `FileNotFoundError`, or else `StoreDown`."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, request)
        except ClientError as refusal:
            if refusal.response.get("Error", {}).get("Code") in NOT_FOUND:
                raise FileNotFoundError("there is no such object") from refusal
            raise StoreDown("the object store does not answer") from refusal
        except (BotoCoreError, OSError) as failure:
            raise StoreDown("the object store does not answer") from failure


_PARAMS: Mapping[str, str] = {"Content-Type": "ContentType", "Content-Encoding": "ContentEncoding"}


def _config(*, path_style: bool) -> Config:
    return Config(
        signature_version="s3v4",
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=REQUESTS_AT_ONCE,
        retries={"mode": "standard", "max_attempts": TRIES_MAX},
        s3={"addressing_style": "path" if path_style else "virtual"},
        # Stores other than AWS know no checksum but those asked for.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def _info(key: str, size: int, seconds: float) -> ObjectInfo:
    return ObjectInfo(key=key, size=size, modified_utc=from_seconds(seconds))

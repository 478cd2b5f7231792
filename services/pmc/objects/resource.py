"""The object store of a PMC process: a folder that all its replicas share, or a bucket of an S3-compatible service."""

from collections.abc import AsyncIterator
from pathlib import Path

from chassis.resource import resource
from chassis.settings import SettingsError
from services.pmc.objects.links import ObjectLinks
from services.pmc.objects.local import LocalObjectStore
from services.pmc.objects.port import ObjectStore
from services.pmc.settings import PmcSettings


@resource(health=lambda store: store.answers())
async def object_store(settings: PmcSettings) -> AsyncIterator[ObjectStore]:
    """Where pack uploads and manifest parts are stored."""
    if settings.pmc_objects_store == "local":
        yield LocalObjectStore(Path(settings.pmc_objects_folder), signer_of(settings))
        return
    if not settings.pmc_s3_bucket:
        raise SettingsError("PMC_S3_BUCKET is missing: PMC_OBJECTS_STORE is s3")
    if bool(settings.pmc_s3_access_key) != bool(settings.pmc_s3_secret_key):
        raise SettingsError("PMC_S3_ACCESS_KEY and PMC_S3_SECRET_KEY are needed both, or neither")
    # Its library is an extra, and takes some tenths of a second to load.
    from services.pmc.objects.s3 import S3ObjectStore  # noqa: PLC0415

    store = S3ObjectStore(
        settings.pmc_s3_bucket,
        endpoint=settings.pmc_s3_endpoint,
        public_endpoint=settings.pmc_s3_public_endpoint,
        region=settings.pmc_s3_region,
        access_key=settings.pmc_s3_access_key,
        secret_key=settings.pmc_s3_secret_key,
    )
    try:
        yield store
    finally:
        await store.close()


def signer_of(settings: PmcSettings) -> ObjectLinks:
    """The signer of links to objects of the folder store."""
    return ObjectLinks((settings.pmc_link_key or settings.caller_key).encode(), settings.pmc_public_url)

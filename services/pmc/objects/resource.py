"""The object store of a PMC process: a folder that all its replicas share."""

from collections.abc import AsyncIterator
from pathlib import Path

from chassis.resource import resource
from services.pmc.objects.links import ObjectLinks
from services.pmc.objects.local import LocalObjectStore
from services.pmc.objects.port import ObjectStore
from services.pmc.settings import PmcSettings


@resource(health=lambda store: store.answers())
async def object_store(settings: PmcSettings) -> AsyncIterator[ObjectStore]:
    """Where pack uploads and manifest parts are stored."""
    yield LocalObjectStore(Path(settings.pmc_objects_folder), signer_of(settings))


def signer_of(settings: PmcSettings) -> ObjectLinks:
    """The signer of links to objects of the folder store."""
    return ObjectLinks((settings.pmc_link_key or settings.caller_key).encode(), settings.pmc_public_url)

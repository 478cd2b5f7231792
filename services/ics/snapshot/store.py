"""Storage of snapshots and their rows. All but the list of snapshots is read by id."""

from collections.abc import Mapping
from typing import Any

from chassis.entity import HUB, Entity, edge, index
from chassis.page import Page, Paged
from chassis.unit import View
from services.ics.filters import split
from services.ics.snapshot.domain import Directory, Snapshot, SnapshotBuild, SnapshotPart

SNAPSHOTS = Entity(
    "snapshot",
    Snapshot,
    collection="snapshots",
    id="snapshot_id",
    shard_key=("orgcode", "snapshot_id"),
    keys=("ORG#{orgcode}", "SNAPSHOT#{snapshot_id}"),
    indexes=[
        index("snapshot_id"),
        index("logical_guid", "snapshot_id"),
        index("status", "snapshot_id"),
        index("variant_ids", "snapshot_id"),
    ],
    edges=[
        edge("of", to="facility", by="logical_guid", service=HUB),
        edge("shows", to="variant", by="variant_ids", service=HUB, cardinality="many"),
    ],
    label="{name} taken {taken_utc}",
)

PARTS = Entity(
    "snapshot_part",
    SnapshotPart,
    collection="snapshot_parts",
    id="part_id",
    shard_key=("orgcode", "part_id"),
    history=False,
    technical=True,
)
DIRECTORIES = Entity(
    "snapshot_directory",
    Directory,
    collection="snapshot_directories",
    id="snapshot_id",
    shard_key=("orgcode", "snapshot_id"),
    history=False,
    technical=True,
)
BUILDS = Entity(
    "snapshot_build",
    SnapshotBuild,
    collection="snapshot_builds",
    id="snapshot_id",
    shard_key=("orgcode", "snapshot_id"),
    history=False,
    technical=True,
)

_LEADS = (("logical_guid",), ("status",), ())


async def list_snapshots(view: View, wanted: Mapping[str, Any], page: Paged) -> Page[Snapshot]:
    """Snapshots, newest first. Index: the first of `_LEADS` that the filters cover."""
    where, rest = split(wanted, _LEADS)
    return await view.page(SNAPSHOTS, where, page=page, rest=rest)

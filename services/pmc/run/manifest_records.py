"""The records of a run's manifest: its lines, and the parts they are stored in."""

from typing import Annotated, Literal

from msgspec import Meta

from chassis.clock import Utc
from chassis.entity import Document
from chassis.values import Code, Count, Guid, Id
from chassis.values import Utc as UtcText
from services.pmc.product.domain import Findings
from services.pmc.words import OnlineState, Outcome, Part, QualityScore, Rev, RevId


class ManifestLine(Part):
    """What a run did with one item."""

    n: Annotated[int, Meta(ge=1, le=1_000_000_000)]
    style_id: Guid
    variant_id: Guid
    sku: Annotated[str, Meta(min_length=1, max_length=64)]
    channel_code: Code
    product_id: Id | None = None
    outcome: Outcome
    rev: Rev | None = None
    rev_id: RevId | None = None
    previous_rev: Rev | None = None
    previous_live: Rev | None = None
    previous_online: OnlineState | None = None
    served_rev: Rev | None = None
    publishable: bool
    quality_score: QualityScore
    reasons: Findings
    warnings: Findings
    online_state: OnlineState | None = None


class RunItem(Document):
    """A manifest line as it is stored until it is pruned."""

    item_id: str
    orgcode: str = ""
    run_id: str
    n: int
    product_id: str | None = None
    line: ManifestLine


class ManifestPart(Part):
    """A part of a run's manifest, as an object of the object store."""

    run_id: Id
    part: Annotated[int, Meta(ge=1, le=1_000_000)]
    lines: Count
    bytes: Count
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    content_type: Literal["application/x-ndjson"]
    created_utc: UtcText


class StoredPart(Document):
    """A manifest part as it is stored."""

    part_id: str
    orgcode: str = ""
    run_id: str
    part: int
    lines: int
    bytes: int
    sha256: str
    created_utc: Utc
    object_key: str

"""Revisions: every content a product ever had, numbered per product."""

from typing import Annotated

from msgspec import Meta

from chassis.entity import Document
from chassis.values import Id, Name
from chassis.values import Utc as UtcText
from services.pmc.content import CanonicalContent, ProductContent, read_content
from services.pmc.product.domain import Findings, ProductState
from services.pmc.words import FieldPath, Finding, Part, Rev, RevId

CHANGED_MAX = 64


class StoredRevision(Document):
    """A revision as it is stored; `content` is the RFC 8785 text."""

    revision_id: str
    orgcode: str = ""
    product_id: str
    rev: int
    rev_id: str
    run_id: str
    pack_id: str
    pack_rev: int
    publishable: bool
    reasons: list[Finding]
    changed: list[str]
    content: str
    created_utc: UtcText
    created_by: str


class ProductRevision(Part):
    """A revision as callers see it."""

    rev: Rev
    rev_id: RevId
    run_id: Id
    pack_id: Id
    pack_rev: Rev
    publishable: bool
    reasons: Findings
    changed: Annotated[list[FieldPath], Meta(max_length=CHANGED_MAX)]
    is_live: bool
    is_served: bool
    pointers: Annotated[list[Name], Meta(max_length=3)]
    content: ProductContent | None = None
    created_utc: UtcText
    created_by: Name


def revision_id_of(product_id: str, rev: int) -> str:
    """The id of a revision; ids of one product ascend with its revisions."""
    return f"{product_id}/{rev:09d}"


def to_answer(revision: StoredRevision, product: ProductState, *, with_content: bool) -> ProductRevision:
    """The revision, and what of the product points at it."""
    pointers = product.pointers
    named = {"staged": pointers.staged, "preview": pointers.preview, "fallback": pointers.fallback}
    return ProductRevision(
        rev=revision.rev,
        rev_id=revision.rev_id,
        run_id=revision.run_id,
        pack_id=revision.pack_id,
        pack_rev=revision.pack_rev,
        publishable=revision.publishable,
        reasons=revision.reasons,
        changed=revision.changed,
        is_live=product.live is not None and product.live.rev == revision.rev,
        is_served=product.served is not None and product.served.rev == revision.rev,
        pointers=[name for name, ref in named.items() if ref is not None and ref.rev == revision.rev],
        content=read_content(revision.content) if with_content else None,
        created_utc=revision.created_utc,
        created_by=revision.created_by,
    )


def canonical_of(revision: StoredRevision) -> CanonicalContent:
    """A stored revision's content, ready to be shown again."""
    return CanonicalContent(
        content=read_content(revision.content),
        text=revision.content,
        rev_id=revision.rev_id,
        bytes=len(revision.content.encode()),
    )

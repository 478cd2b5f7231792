"""Events published about products, and which of them a change makes."""

from typing import Any

from chassis.entity import Value
from chassis.event import EventType
from chassis.unit import Change
from chassis.values import Code, Id, Name
from services.pmc.product.answers import ProductSummary, summary_of
from services.pmc.product.domain import StoredProduct
from services.pmc.words import FieldPath, Finding, Part, Pointer, Rev, RevId


class ProductPublished(Part):
    """A run changed the served revision; `previous_rev` is the one served before, `changed` what differs from it."""

    product: ProductSummary
    run_id: Id
    previous_rev: Rev | None = None
    changed: list[FieldPath]


class ProductBlocked(Value):
    """A run judged the product not publishable, for reasons that are new."""

    product: ProductSummary
    run_id: Id
    reasons: list[Finding]


class OnlineChanged(Part):
    """The online state changed, and the served revision did not."""

    product: ProductSummary
    reason_code: Code | None = None


class PointerSet(Value):
    """A pointer was set."""

    product: ProductSummary
    pointer: Name
    rev: Rev
    rev_id: RevId
    served_changed: bool
    changed: list[FieldPath]


class PointerCleared(Value):
    """A pointer was removed."""

    product: ProductSummary
    pointer: Name
    served_changed: bool
    changed: list[FieldPath]


EVENTS = [
    EventType(
        type="pmc.product.published",
        subject="product_id",
        body=ProductPublished,
        summary="The served revision changed through a run.",
    ),
    EventType(
        type="pmc.product.blocked",
        subject="product_id",
        body=ProductBlocked,
        summary="A run judged the product not publishable.",
    ),
    EventType(
        type="pmc.product.online_set", subject="product_id", body=OnlineChanged, summary="The product went online."
    ),
    EventType(
        type="pmc.product.online_cleared", subject="product_id", body=OnlineChanged, summary="The product went offline."
    ),
    EventType(type="pmc.product.pointer_set", subject="product_id", body=PointerSet, summary="A pointer was set."),
    EventType(
        type="pmc.product.pointer_cleared", subject="product_id", body=PointerCleared, summary="A pointer was removed."
    ),
]

STEP_EVENTS = (
    "pmc.product.published",
    "pmc.product.blocked",
    "pmc.product.online_set",
    "pmc.product.online_cleared",
)


def emit_online(change: Change, before: StoredProduct, after: StoredProduct) -> None:
    """Emit a change of the online state, if there is one."""
    if before.online_state == after.online_state:
        return
    kind = "online_set" if after.online_state == "online" else "online_cleared"
    _emit(change, f"pmc.product.{kind}", after, _with_reason(after))


def emit_run(
    change: Change, before: StoredProduct | None, after: StoredProduct, run_id: str, changed: list[str]
) -> None:
    """Emit what a run changed for the channel: the served revision, otherwise the online state."""
    served_before = before.served if before is not None else None
    served_after = after.served
    if served_before != served_after:
        body: dict[str, Any] = {"run_id": run_id, "changed": changed}
        if served_before is not None:
            body["previous_rev"] = served_before.rev
        _emit(change, "pmc.product.published", after, body)
    elif before is not None:
        emit_online(change, before, after)


def emit_blocked(change: Change, before: StoredProduct | None, after: StoredProduct, run_id: str) -> None:
    """Emit a blocking verdict if it or its reasons are new."""
    if after.publishable:
        return
    if before is None or before.publishable or before.reasons != after.reasons:
        _emit(change, "pmc.product.blocked", after, {"run_id": run_id, "reasons": after.reasons})


def emit_pointer_set(
    change: Change, after: StoredProduct, pointer: Pointer, rev: int, rev_id: str, *, changed: list[str] | None
) -> None:
    """Emit that a pointer was set; `changed` is None where the served revision is the same."""
    body = {"pointer": pointer, "rev": rev, "rev_id": rev_id}
    _emit(change, "pmc.product.pointer_set", after, {**body, **_served_changed(changed)})


def emit_pointer_cleared(change: Change, after: StoredProduct, pointer: Pointer, *, changed: list[str] | None) -> None:
    """Emit that a pointer was removed; `changed` is None where the served revision is the same."""
    _emit(change, "pmc.product.pointer_cleared", after, {"pointer": pointer, **_served_changed(changed)})


def _served_changed(changed: list[str] | None) -> dict[str, Any]:
    return {"served_changed": changed is not None, "changed": changed or []}


def _with_reason(product: StoredProduct) -> dict[str, Any]:
    return {} if product.online_reason_code is None else {"reason_code": product.online_reason_code}


def _emit(change: Change, event_type: str, product: StoredProduct, body: dict[str, Any]) -> None:
    change.emit(event_type, product.product_id, product=summary_of(product), **body)

"""What the three kinds of promises declare alike: derived fields, finders, edges."""

from collections.abc import Callable
from typing import Any

from chassis.entity import HUB, Edge, edge
from chassis.finder import Finder, found_by
from services.ics.keyed import KEYS, KeyedFilters
from services.ics.ledger.balance import ITEM_ID
from services.ics.ledger.holder import hold_keys
from services.ics.ledger.store import NEVER_EXPIRES
from services.ics.words import HolderType


def promise_fields(kind: HolderType, filters: KeyedFilters) -> dict[str, Callable[[Any], Any]]:
    """The derived fields that each kind of promise stores: `due`, `queue` and `holds`, so that all kinds are found
    together, and the keys of its list."""

    def due(promise: Any) -> str | None:
        if not promise.positions:
            return None
        return f"{NEVER_EXPIRES}{promise.commit_id}" if kind == "commit" else str(promise.expires_utc)

    rank = 1 if kind == "commit" else 2

    def queue(promise: Any) -> str | None:
        for held in promise.positions:
            if held.zone_id is None and held.lot_code is None and held.stage in {None, "open"}:
                return f"{rank}/{getattr(promise, f'{kind}_id')}"
        return None

    def holds(promise: Any) -> list[str]:
        return hold_keys(promise.positions)

    return {"due": due, "queue": queue, "holds": holds, KEYS: filters.keys_of}


def promise_finders(prefix: str, **lookups: str) -> dict[str, Finder]:
    """How promises of a kind are found by the keys of its list; `lookups`: further fields and the codes of their keys.

    `balance` is what edges name: the id of the item that has the promised units.
    """
    codes = {"variant_id": "v", "logical_guid": "f", "channel_code": "ch", **lookups}
    return {
        "orgcode": found_by(keys=prefix),
        **{field: found_by(keys=f"{prefix}{code}:{{value}}") for field, code in codes.items()},
        "balance": found_by(ITEM_ID, keys=f"{prefix}fv:{{logical_guid}}:{{variant_id}}"),
    }


def promise_edges() -> list[Edge]:
    """The edges that every kind of promise has."""
    return [
        edge("of", to="variant", by="variant_id", service=HUB),
        edge("in", to="facility", by="logical_guid", service=HUB),
        edge("for", to="channel_code", by="channel_code", service=HUB),
        edge("drawn_from", to="balance", by=ITEM_ID, back="balance"),
    ]

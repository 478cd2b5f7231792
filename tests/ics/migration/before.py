"""Documents as the release before stored them: made of today's, less what it did not know."""

from collections.abc import Callable, Mapping
from typing import Any

from chassis.testing.client import ServiceClient

Stored = dict[str, Any]

MARKS = ("serials", "blocked", "dated", "quarantine_serials", "damaged_serials")


def _without(document: Mapping[str, Any], *names: str) -> Stored:
    return {name: value for name, value in document.items() if name not in names}


def _promise(document: Stored) -> Stored:
    waits = document["queue"] is not None
    old = {**_without(document, "keys", "queue", "remarks"), "waits": waits}
    if document["kind"] == "commit" and document["source"] == "allocation":
        old["reservation_id"] = None
    return {**old, "rank": 1 if document["kind"] == "commit" else 2}


def _entry(document: Stored) -> Stored:
    """Looked up by operation, document, holders, variant, facilities and lots; its serials by an index of their own."""
    refs = [ref for ref in document["refs"] if ref[:2] not in {"i:", "s:", "o:"}]
    return {**_without(document, "order_ref"), "refs": refs, "named": bool(document["serials"])}


def _balance(document: Stored) -> Stored:
    spots = [spot for spot in document["spots"] if not spot.startswith("f:")]
    return {**document, "spots": spots, "cells": [_without(cell, *MARKS) for cell in document["cells"]]}


def _serial(document: Stored) -> Stored:
    old = _without(document, "lots", "lot_expiry", "spot", "state")
    return {**old, "lot_code": None} if document["kind"] == "serial" else old


def _count(document: Stored) -> Stored:
    lines = [_without(line, "serials_found", "serials_missing") for line in document["lines"]]
    return {**_without(document, "keys", "places", "line_count"), "lines": lines}


def _text(*fields: str) -> Callable[[Stored], Stored]:
    """Texts were folded for case alone."""

    def old(document: Stored) -> Stored:
        words = {word for field in fields for word in (document[field] or "").casefold().split()}
        return {**_without(document, "remarks"), "tokens": sorted(words)}

    return old


FORMS: Mapping[str, Callable[[Stored], Stored]] = {
    "promises": _promise,
    "entries": _entry,
    "balances": _balance,
    "serials": _serial,
    "counts": _count,
    "consignments": lambda document: _without(document, "keys", "remarks"),
    "comments": _text("body"),
    "inbox_items": _text("title", "body"),
    "transfers": lambda document: _without(document, "remarks", "cancelled_utc", "cancelled_by"),
    "shipments": lambda document: _without(document, "remarks", "closed_utc"),
    "zones": lambda document: _without(document, "remarks"),
    "bins": lambda document: _without(document, "remarks"),
}


async def store_as_before(ics: ServiceClient) -> None:
    """Store all that the service keeps in the old form, and forget that it was ever brought to this one."""
    database = ics.application.runtime.database
    for name, old_form in FORMS.items():
        collection = database.collection(name)
        found = [old_form(document) for document in await collection.find({"_id": {"$gt": ""}})]
        async with database.transaction() as transaction:
            await collection.replace_many(found, session=transaction)
            await transaction.commit()
    words = database.collection("search_words")
    folded = [each["_id"] for each in await words.find({"_id": {"$gt": ""}}) if each["word"].startswith("cafe")]
    await words.delete_many({"_id": {"$in": folded}})
    await database.collection("migrations").delete_many({"_id": {"$gt": ""}})

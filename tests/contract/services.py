"""The services whose declarations are held against the contract, and what of it none of them answers yet."""

from chassis.service import Service
from services.ics.app import ICS
from tests.contract.rows import contract

SERVICES: dict[str, Service] = {"ics": ICS}
ALL = tuple(SERVICES.values())

LATER_FEATURES = {
    "ics": (
        "/allocation/suggest",
        "/comment",
        "/consignment",
        "/count",
        "/demand",
        "/inbox",
        "/replenishment",
        "/search",
        "/serial",
        "/snapshot",
        "/transfer",
    ),
}
"""Paths, and all below them, that are not declared. The list only ever gets shorter."""

LATER = {
    name: [key for key in contract(name).rows if any(key[1] == path or key[1].startswith(f"{path}/") for path in paths)]
    for name, paths in LATER_FEATURES.items()
}

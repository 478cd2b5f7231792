"""The services whose declarations are held against the contract, and what of it none of them answers yet."""

from functools import cache

from chassis.endpoint import Endpoint
from chassis.http.openapi import openapi
from chassis.service import Service, collect
from services.ics.app import ICS
from tests.contract.rows import contract
from tests.contract.schema import Document

SERVICES: dict[str, Service] = {"ics": ICS}
DECLARED: list[tuple[Service, Endpoint]] = [
    (service, endpoint) for service in SERVICES.values() for endpoint in collect(service).endpoints
]


@cache
def document_of(name: str) -> Document:
    """The OpenAPI document a service makes of its declarations."""
    return Document(openapi(SERVICES[name], collect(SERVICES[name]), "dev"))


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

"""The services whose declarations are held against the contract, and what of it is declared to the last row."""

from functools import cache

from chassis.endpoint import Endpoint
from chassis.http.openapi import openapi
from chassis.service import Service, collect
from services.ics.app import ICS
from services.ops.app import OPS
from services.pmc.app import PMC
from services.slc.app import SLC
from services.visualgrid.app import VISUALGRID
from tests.contract.rows import Row
from tests.contract.schema import Document

SERVICES: dict[str, Service] = {service.name: service for service in (OPS, ICS, PMC, SLC, VISUALGRID)}
DECLARED: list[tuple[Service, Endpoint]] = [
    (service, endpoint) for service in SERVICES.values() for endpoint in collect(service).endpoints
]


@cache
def document_of(name: str) -> Document:
    """The OpenAPI document a service makes of its declarations."""
    return Document(openapi(SERVICES[name], collect(SERVICES[name]), "dev"))


WHOLE: dict[str, tuple[str, ...]] = {
    "ops": ("/ping", "/stat", "/maintenance"),
    "ics": (
        "/stat",
        "/adjustment",
        "/allocation",
        "/atp",
        "/bin",
        "/comment",
        "/commit",
        "/consignment",
        "/demand",
        "/count",
        "/holdback",
        "/inbox",
        "/pack",
        "/pick",
        "/putaway",
        "/qc",
        "/receive",
        "/replenishment",
        "/reservation",
        "/search",
        "/serial",
        "/ship",
        "/snapshot",
        "/stock",
        "/transfer",
        "/zone",
    ),
    "pmc": ("/stat",),
    "slc": ("ping",),
    "visualgrid": ("/ping",),
}
"""Paths, with all below them, and actions that are declared to the last row. The list only ever gets longer."""


def is_whole(row: Row) -> bool:
    """Whether a row is among those that are declared."""
    if row.action:
        return row.action in WHOLE[row.service]
    return any(row.path == path or row.path.startswith(f"{path}/") for path in WHOLE[row.service])

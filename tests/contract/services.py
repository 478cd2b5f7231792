"""The services whose declarations are held against the contract, and the documents made of them."""

from functools import cache
from typing import Any

from chassis.endpoint import Endpoint
from chassis.http.openapi import openapi
from chassis.key_ring import KeyRing, new_key
from chassis.service import Service, collect
from services.ics.app import ICS
from services.ops.app import OPS
from services.pmc.app import PMC
from services.slc.app import SLC
from services.visualgrid.app import VISUALGRID
from tests.contract.schema import Document

SERVICES: dict[str, Service] = {service.name: service for service in (OPS, ICS, PMC, SLC, VISUALGRID)}
DECLARED: list[tuple[Service, Endpoint]] = [
    (service, endpoint) for service in SERVICES.values() for endpoint in collect(service).endpoints
]

OWN_SETTINGS: dict[str, dict[str, Any]] = {"slc": {"slc_keys": KeyRing.from_text(new_key("test"))}}
"""Settings without which a service does not start."""


@cache
def document_of(name: str) -> Document:
    """The OpenAPI document a service makes of its declarations."""
    return Document(openapi(SERVICES[name], collect(SERVICES[name]), "dev"))

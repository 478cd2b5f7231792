"""The ICS service: its features, settings and roles. The contract's ics.yaml specifies every endpoint."""

from chassis.service import Service
from services.ics.reservation.gauges import overdue_gauges
from services.ics.settings import IcsSettings
from services.ics.words import ROLES

ICS = Service(
    name="ics",
    title="Inventory control",
    description="Stock of every variant in every facility: where it is, to whom it is promised, and every movement.",
    package="services.ics",
    settings=IcsSettings,
    features=[
        "stat",
        "ledger",
        "finding",
        "comment",
        "inbox",
        "search",
        "zone",
        "bin",
        "policy",
        "serial",
        "holdback",
        "stock",
        "atp",
        "reservation",
        "allocation",
        "commit",
        "order",
        "receive",
        "putaway",
        "replenishment",
        "inventory",
        "demand",
        "transfer",
        "consignment",
        "count",
        "snapshot",
        "migration",
    ],
    roles=ROLES,
    resources=[overdue_gauges],
)

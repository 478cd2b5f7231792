"""SLC: sales channels kept in step with the catalogue and the stock."""

from chassis.service import Service
from services.slc.channel.selling import selling_orgs
from services.slc.comparison.gauges import drift_gauges
from services.slc.credential.access import shop_access
from services.slc.inbound.signers import shop_signers
from services.slc.settings import SlcSettings
from services.slc.shopify.client import shops
from services.slc.words import ROLES

SLC = Service(
    name="slc",
    title="Shopify channel sync",
    description="Keeps Shopify shops in step: products, quantities, orders and fulfilments.",
    settings=SlcSettings,
    package="services.slc",
    features=[
        "ping",
        "closing",
        "channel",
        "counters",
        "variant",
        "audit",
        "credential",
        "job",
        "order",
        "fulfilment",
        "inclusion",
        "lifecycle",
        "connection",
        "sync",
        "facility",
        "oauth",
        "inbound",
        "drift",
        "comparison",
        "shelf",
        "upkeep",
        "explain",
        "stats",
        "vacuum",
    ],
    roles=ROLES,
    dialect="catalogue",
    reasons={"internal_error": "internal-error"},
    resources=[shops, shop_access, shop_signers, selling_orgs, drift_gauges],
)

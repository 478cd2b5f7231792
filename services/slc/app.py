"""SLC: sales channels kept in step with the catalogue and the stock."""

from chassis.service import Service
from services.slc.settings import SlcSettings

SLC = Service(
    name="slc",
    title="Shopify channel sync",
    description="Keeps Shopify shops in step: products, quantities, orders and fulfilments.",
    settings=SlcSettings,
    package="services.slc",
    features=["ping"],
    roles={"slc_view": "reads", "slc_manage": "reads and writes"},
    dialect="catalogue",
)

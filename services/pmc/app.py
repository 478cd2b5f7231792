"""PMC: the catalogue, published product by product."""

from chassis.service import Service
from services.pmc.settings import PmcSettings

PMC = Service(
    name="pmc",
    title="Product publishing and merchandising catalogue",
    description="Products: content packs, what each channel shows, lists and search.",
    settings=PmcSettings,
    package="services.pmc",
    features=["stat"],
    roles={
        "pmc_view": "reads",
        "pmc_publish": "writes, and searches in regex mode; it does not include pmc_view",
    },
    synonyms={"pvv": ["pmc_view"], "pma": ["pmc_view", "pmc_publish"]},
    dialect="catalogue",
)

"""PMC: the catalogue, published product by product."""

from chassis.cpu_pool import cpu_pool
from chassis.service import Service
from services.pmc.objects.resource import object_store
from services.pmc.search.limits import regex_searches
from services.pmc.search.store import known_samples
from services.pmc.settings import PmcSettings
from services.pmc.words import ROLES

PMC = Service(
    name="pmc",
    title="Product publishing and merchandising catalogue",
    description="Products: content packs, what each channel shows, lists and search.",
    settings=PmcSettings,
    package="services.pmc",
    features=[
        "stat",
        "objects",
        "rollup",
        "profile",
        "pack",
        "product",
        "online",
        "pointer",
        "group",
        "feed",
        "search",
        "run",
        "audit",
        "build",
        "sweep",
    ],
    roles=ROLES,
    synonyms={"pvv": ["pmc_view"], "pma": ["pmc_view", "pmc_publish"]},
    dialect="catalogue",
    resources=[cpu_pool, object_store, regex_searches, known_samples],
)

"""The settings of PMC."""

from chassis.settings import BaseSettings, Secret


class PmcSettings(BaseSettings):
    """PMC's settings, besides those every process has.

    pmc_objects_folder where uploads and manifest parts are stored; all replicas share it
    pmc_link_key       signs links to objects; derived from `caller_key` where left empty
    pmc_public_url     address at which callers reach the gateway; signed links begin with it
    pmc_http_media     whether media of packs may have http addresses, beside https
    """

    pmc_objects_folder: str = ".run/objects/pmc"
    pmc_link_key: Secret = Secret("")
    pmc_public_url: str = "http://127.0.0.1:8080"
    pmc_http_media: bool = False

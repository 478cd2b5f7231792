"""What PMC needs from its environment."""

from typing import Literal

from chassis.settings import BaseSettings, Secret


class PmcSettings(BaseSettings):
    """PMC's settings, beside those every process has.

    pmc_objects        which object store holds uploads and manifest parts: `local`, a folder, or `s3`
    pmc_objects_folder of the local store: its folder
    pmc_link_key       signs links to objects of the local store; derived from `caller_key` where left empty
    pmc_public_url     of the local store: where callers reach the gateway, for signed links
    pmc_http_media     whether media of packs may have http addresses, beside https
    """

    pmc_objects: Literal["local", "s3"] = "local"
    pmc_objects_folder: str = ".run/objects/pmc"
    pmc_link_key: Secret = Secret("")
    pmc_public_url: str = "http://127.0.0.1:8080"
    pmc_http_media: bool = False

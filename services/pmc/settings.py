"""The settings of PMC."""

from typing import Literal

from chassis.settings import BaseSettings, Secret


class PmcSettings(BaseSettings):
    """PMC's settings, besides those every process has.

    pmc_objects_store       where uploads and manifest parts are stored: in a folder, or in a bucket
    pmc_objects_folder      the folder; all replicas share it
    pmc_link_key            signs links to objects in the folder; derived from `caller_key` where left empty
    pmc_public_url          address at which callers reach the gateway; links to objects in the folder begin with it
    pmc_s3_bucket           the bucket
    pmc_s3_endpoint         address of the S3-compatible service; empty for AWS
    pmc_s3_public_endpoint  address at which callers reach it; empty if it is the same
    pmc_s3_region           its region
    pmc_s3_access_key       with `pmc_s3_secret_key`; both empty: the role or environment of the process
    pmc_http_media          whether media of packs may have http addresses, beside https
    """

    pmc_objects_store: Literal["local", "s3"] = "local"
    pmc_objects_folder: str = ".run/objects/pmc"
    pmc_link_key: Secret = Secret("")
    pmc_public_url: str = "http://127.0.0.1:8080"
    pmc_s3_bucket: str = ""
    pmc_s3_endpoint: str = ""
    pmc_s3_public_endpoint: str = ""
    pmc_s3_region: str = "us-east-1"
    pmc_s3_access_key: str = ""
    pmc_s3_secret_key: Secret = Secret("")
    pmc_http_media: bool = False

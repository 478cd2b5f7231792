"""A service to try the chassis on: crates, which have a code, a state and much that can be said wrongly of them."""

from chassis.service import Service
from chassis.settings import BaseSettings
from chassis.static import StaticFolder


class SampleSettings(BaseSettings):
    """What the sample needs: nothing of its own but a folder to keep parcels in."""

    sample_crates_max: int = 5
    sample_folder: str = ""


SAMPLE = Service(
    name="sample",
    title="Sample",
    settings=SampleSettings,
    package="tests.chassis.sample",
    features=["crate", "parcel", "stat"],
    roles={"sample_view": "reads", "sample_keeper": "reads and writes"},
    synonyms={"skp": ["sample_keeper"]},
    folders=[StaticFolder(path="/ui", package="tests.chassis.sample", folder="page", call="sample_page")],
)

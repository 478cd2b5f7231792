"""The PMC process."""

import chassis.early  # noqa: F401  before everything else  # isort: skip
from chassis.app import run
from services.pmc.app import PMC

if __name__ == "__main__":
    run(PMC)

"""The PMC process."""

from chassis.app import run
from services.pmc.app import PMC

if __name__ == "__main__":
    run(PMC)

"""The SLC process."""

from chassis.app import run
from services.slc.app import SLC

if __name__ == "__main__":
    run(SLC)

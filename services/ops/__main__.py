"""The OPS process."""

from chassis.app import run
from services.ops.app import OPS

if __name__ == "__main__":
    run(OPS)

"""The gateway's process."""

import chassis.early  # noqa: F401  before everything else  # isort: skip
from chassis.app import main
from gateway.app import GATEWAY, Gateway

if __name__ == "__main__":
    main(GATEWAY, Gateway)

"""The gateway's process."""

from chassis.app import main
from gateway.app import GATEWAY, Gateway

if __name__ == "__main__":
    main(GATEWAY, Gateway)

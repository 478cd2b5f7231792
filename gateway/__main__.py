"""The gateway's process, or the parent of its worker processes."""

import chassis.exit_on_sigterm  # noqa: F401  before everything else  # isort: skip
from threading import Thread

from chassis.app import Runnable, main
from chassis.service import Service
from gateway.app import GATEWAY, Gateway
from gateway.settings import GatewaySettings
from gateway.workers.supervisor import Supervisor
from gateway.workers.worker import end_with_parent


def make(service: Service, settings: GatewaySettings) -> Runnable:
    """What this process is: the gateway, one of its workers, or the parent of them."""
    if settings.gateway_workers > 1 and not settings.gateway_worker:
        return Supervisor(settings)
    if settings.gateway_worker:
        Thread(target=end_with_parent, args=(settings.gateway_parent_fd,), daemon=True).start()
    return Gateway(service, settings)


if __name__ == "__main__":
    main(GATEWAY, make)

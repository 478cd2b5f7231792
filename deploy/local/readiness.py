"""Asks a service on its private port whether it is ready."""

import http.client
from contextlib import closing

from deploy.local import process
from deploy.local.ports import LOOPBACK
from deploy.local.running import Running

# A process that dies is noticed at once; this is for a slow or busy machine.
READY_SECONDS = 180.0
ASK_SECONDS = 2.0


def is_ready(running: Running) -> bool:
    """Whether `/readyz` of the process answers 200."""
    with closing(http.client.HTTPConnection(LOOPBACK, running.ports["private"], timeout=ASK_SECONDS)) as asking:
        try:
            asking.request("GET", "/readyz")
            return asking.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False


def wait(running: Running) -> None:
    """Wait until the process is ready. Raises Failed with the end of its log if it ends or takes too long."""
    process.wait_listening(running, running.ports["private"], READY_SECONDS, lambda: is_ready(running))

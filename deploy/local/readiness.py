"""Asks a process whether it is ready: a service on its private port, the stand-in Shopify by its page."""

import http.client
from contextlib import closing

from deploy.local import process
from deploy.local.ports import LOOPBACK
from deploy.local.running import Running

# A process that dies is noticed at once; this is for a slow or busy machine.
READY_SECONDS = 180.0
ASK_SECONDS = 2.0


def is_ready(running: Running) -> bool:
    """Whether `/readyz` of the process answers 200, or its page where it has no private port."""
    path = "/readyz" if "private" in running.ports else "/"
    with closing(http.client.HTTPConnection(LOOPBACK, _port(running), timeout=ASK_SECONDS)) as asking:
        try:
            asking.request("GET", path)
            return asking.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False


def wait(running: Running) -> None:
    """Wait until the process is ready. Raises Failed with the end of its log if it ends or takes too long."""
    process.wait_listening(running, _port(running), READY_SECONDS, lambda: is_ready(running))


def _port(running: Running) -> int:
    return running.ports.get("private") or running.ports["http"]

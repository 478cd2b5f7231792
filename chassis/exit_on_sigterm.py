"""Ends a process on SIGTERM while it is still starting. Every process imports this before everything else.

Until the event loop has its own handler, the process has nothing to finish. Without a handler, process 1 of a container
would ignore the signal.
"""

import os
import signal
from types import FrameType


def _end(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)


signal.signal(signal.SIGTERM, _end)

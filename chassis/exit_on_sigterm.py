"""Imported first by every process: SIGTERM ends it from its first line on.

Until the event loop has its own handler the process has nothing to finish. As process 1 of a container it would ignore
the signal without a handler.
"""

import os
import signal
from types import FrameType


def _end(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)


signal.signal(signal.SIGTERM, _end)

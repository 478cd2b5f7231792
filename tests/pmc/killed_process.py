"""PMC in a process of its own that kills itself at a point: `python -m tests.pmc.killed_process`.

The file that KILL_FILE names says at how many points from now. SMALL set: batches, steps and parts are small.
"""

import chassis.exit_on_sigterm  # noqa: F401  before everything else  # isort: skip
import os
import signal
from pathlib import Path

from msgspec.structs import replace

from chassis.app import run
from services.pmc.app import PMC
from services.pmc.pack import uploads, work
from services.pmc.run import domain, step
from tests.pmc.interruptions import When, points

COUNTED = {"object", "_hand_over", "_write_styles", "_finish_styles", "_write_items", "_number_items"}
COUNTED |= {"write_step", "_store_part"}
SMALL_PART_LINES = 20
WITHOUT_FEED = replace(PMC, features=[each for each in PMC.features if each != "feed"])
"""Consumers write on their own; the server keeps the locks of a dead process's open transaction for up to a minute."""


def reached(name: str, _when: When) -> None:
    """Count down, and die when it is time."""
    file = Path(os.environ["KILL_FILE"])
    if name not in COUNTED or not file.exists():
        return
    left = int(file.read_text()) - 1
    if left > 0:
        file.write_text(str(left))
        return
    file.unlink()
    os.kill(os.getpid(), signal.SIGKILL)


def make_small() -> None:
    """Have batches of a few rows, and parts of a few lines."""
    setattr(work, "ROWS_AT_ONCE_MAX", 9)  # noqa: B010  the module has it from another one
    work.STYLES_AT_ONCE = 5
    for module in (domain, step):
        setattr(module, "PART_LINES", SMALL_PART_LINES)  # noqa: B010  as above


if __name__ == "__main__":
    setattr(uploads, "INLINE_BYTES_MAX", 1)  # noqa: B010  the module has it from another one
    if "SMALL" in os.environ:
        make_small()
    with points(reached):
        run(WITHOUT_FEED)

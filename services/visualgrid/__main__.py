"""The VisualGrid process."""

import chassis.exit_on_sigterm  # noqa: F401  before everything else  # isort: skip
from chassis.app import run
from services.visualgrid.app import VISUALGRID

if __name__ == "__main__":
    run(VISUALGRID)

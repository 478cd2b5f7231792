"""Runs ICS: `python -m services.ics`."""

import chassis.exit_on_sigterm  # noqa: F401  before everything else  # isort: skip
from chassis.app import run
from services.ics.app import ICS

if __name__ == "__main__":
    run(ICS)

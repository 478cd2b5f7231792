"""Runs ICS: `python -m services.ics`."""

from chassis.app import run
from services.ics.app import ICS

if __name__ == "__main__":
    run(ICS)

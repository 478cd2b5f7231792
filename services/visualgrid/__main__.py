"""The VisualGrid process."""

from chassis.app import run
from services.visualgrid.app import VISUALGRID

if __name__ == "__main__":
    run(VISUALGRID)

"""Loads the demo's catalogue of products: runs `python -m demo load`, which calls the gateway like any caller."""

import os
import subprocess
import sys

from deploy.local.process import Failed
from deploy.local.state import ROOT, Home

LOAD_SECONDS = 300.0


def load_catalogue(home: Home) -> str:
    """Load the catalogue where it is missing; what there is then, in words. Raises Failed if a call is refused."""
    command = [sys.executable, "-m", "demo", "load"]
    environment = {**os.environ, "RETAILSTACK_RUN": str(home.directory)}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LOAD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise Failed(f"the demo's catalogue was not loaded within {LOAD_SECONDS:.0f} s") from late
    if done.returncode != 0:
        raise Failed(f"the demo's catalogue could not be loaded: {(done.stdout + done.stderr).strip()}")
    return done.stdout.strip()

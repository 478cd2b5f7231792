"""The stack as the next launcher finds it, and what runs of it."""

import io
import json
import urllib.request

from rich.console import Console

from deploy.local.report import Report
from deploy.local.stack import Stack
from deploy.local.state import Home

NAMES = ["ops", "ics", "pmc", "slc", "visualgrid", "gateway"]


def silent() -> Report:
    """A report that prints to nowhere."""
    return Report(Console(file=io.StringIO()))


def opened(home: Home) -> Stack:
    """The stack as the next launcher would find it."""
    return Stack(home, silent())


def running(home: Home) -> dict[str, int]:
    """Pids by name, as processes.json says; where nothing runs, there is none."""
    file = home.directory / "processes.json"
    rows = json.loads(file.read_text()) if file.exists() else []
    return {row["name"]: row["pid"] for row in rows}


def told(home: Home, name: str) -> dict[str, str]:
    """The addresses that a stand-in was given."""
    port = opened(home).state.members[name].running.ports["private"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
        found: dict[str, str] = json.load(answer)
        return found

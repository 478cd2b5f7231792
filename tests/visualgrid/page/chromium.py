"""The browser in which the explorer's page is tried: the distribution's Chromium, installed as RabbitMQ is."""

import os
import shutil
import sys
from pathlib import Path

from filelock import FileLock

from deploy.local.engines import debian
from deploy.local.engines.engine import EngineUnavailable

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
LOCK = Path(__file__).with_name(".chromium.lock")


class NoBrowser(Exception):
    """There is no Chromium here, and none could be installed; the text says why."""


def path() -> str:
    """Where Chromium is; it is installed where that is possible. Raises `NoBrowser`.

    The variable CHROMIUM names another one.
    """
    found = _found()
    if found is None and sys.platform == "linux" and shutil.which("apt-get"):
        with FileLock(LOCK):
            found = _found() or _installed()
    if found is None:
        raise NoBrowser("there is no Chromium, and this system's packages cannot be installed from here")
    return found


def _found() -> str | None:
    named = os.environ.get("CHROMIUM")
    return named or next((where for name in NAMES if (where := shutil.which(name))), None)


def _installed() -> str | None:
    try:
        debian.install("chromium", lambda _: None)
    except EngineUnavailable as reason:
        raise NoBrowser(str(reason)) from None
    return _found()

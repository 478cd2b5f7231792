"""Installs a Homebrew package. Homebrew does not start services at installation."""

import subprocess

from deploy.local.engines.engine import EngineUnavailable, Say

INSTALL_SECONDS = 900


def install(package: str, say: Say) -> None:
    """Install the package; raises Unavailable if that is not possible."""
    say(f"installing {package} with Homebrew (once; its service is not started)")
    try:
        done = subprocess.run(
            ["brew", "install", "--quiet", package],
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as cause:
        raise EngineUnavailable(f"brew install {package} took longer than {INSTALL_SECONDS} s") from cause
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["brew did not say why"])[-1]
        raise EngineUnavailable(f"{package} could not be installed: {reason}")

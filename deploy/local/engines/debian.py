"""Installs a package of Debian or Ubuntu without starting or enabling its service.

Package scripts start the service and enable it at boot. During the installation a `policy-rc.d` forbids the start, and
afterwards the links that enable it are removed. If the package is installed already, nothing is changed.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.local.engines.engine import EngineUnavailable, Say

POLICY = Path("/usr/sbin/policy-rc.d")
DENY = "#!/bin/sh\n# Put here while a package is installed: its service must not start.\nexit 101\n"
WANTS = Path("/etc/systemd/system")
LOCKED = Path("/var/lib/dpkg")
"""Locked while one of us installs. dpkg has locks of its own, but those of apt's lists are refused, not waited for."""
INSTALL_SECONDS = 900


def install(package: str, say: Say) -> None:
    """Install the package, after any that is being installed. Raises EngineUnavailable if that is not possible."""
    rights = _rights(package)
    say(f"installing {package} from the distribution's packages (once; its service is neither started nor enabled)")
    with _one_at_a_time():
        links = set(_links())
        with _nothing_starts(rights):
            done = _apt(rights, "install", package)
            if done.returncode:
                # The package lists may be missing or old.
                _apt(rights, "update")
                done = _apt(rights, "install", package)
        _remove(rights, sorted(set(_links()) - links))
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["apt-get did not say why"])[-1]
        raise EngineUnavailable(f"{package} could not be installed: {reason}")


def _rights(package: str) -> list[str]:
    """The prefix that runs a command as root: none, or `sudo -n`. Raises EngineUnavailable if neither works."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    raise EngineUnavailable(f"installing {package} needs root (or run: sudo apt-get install {package})")


def _apt(rights: Sequence[str], verb: str, *packages: str) -> subprocess.CompletedProcess[str]:
    options = ["--yes", "--no-install-recommends"] if verb == "install" else []
    options.append(f"--option=DPkg::Lock::Timeout={INSTALL_SECONDS}")
    command = [*rights, "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "apt-get", "--quiet", verb, *options]
    try:
        return subprocess.run(
            [*command, *packages],
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
            # Packages are for every user of the machine.
            umask=0o022,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"apt-get {verb} took longer than {INSTALL_SECONDS} s")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Wait until no other process of ours installs a package."""
    if not LOCKED.is_dir():
        yield
        return
    folder = os.open(LOCKED, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


@contextmanager
def _nothing_starts(rights: Sequence[str]) -> Iterator[None]:
    """Forbid package scripts to start services. An existing policy of the administrator is kept."""
    ours = not POLICY.exists()
    if ours:
        subprocess.run([*rights, "tee", str(POLICY)], input=DENY, text=True, capture_output=True, check=False)
        subprocess.run([*rights, "chmod", "755", str(POLICY)], capture_output=True, check=False)
    try:
        yield
    finally:
        if ours:
            _remove(rights, [POLICY])


def _links() -> Iterator[Path]:
    """The systemd links that enable the broker at boot."""
    return (path for path in WANTS.glob("*.wants/*") if path.name.startswith(("rabbitmq-server", "epmd")))


def _remove(rights: Sequence[str], paths: Sequence[Path]) -> None:
    if paths:
        subprocess.run([*rights, "rm", "-f", *map(str, paths)], capture_output=True, check=False)

"""The Node tools of `tests/node`: installed once, as its lock says.

python -m tests.documents.node_tools   installs them, or says that npm is not there
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from tests.waiting import stretched

FOLDER = Path(__file__).parents[1] / "node"
LOCK = FOLDER / "package-lock.json"
INSTALLED = FOLDER / "node_modules/.package-lock.json"
INSTALL_SECONDS_MAX = 300
TOOL_SECONDS_MAX = 240
NO_NPM = "npm is not installed, so the Node tools that read the documents cannot run"


def has_npm() -> bool:
    """Whether Node's package manager is on the path."""
    return shutil.which("npm") is not None


def install() -> None:
    """Install what the lock names, unless it is there already; RuntimeError with npm's words if that fails."""
    with FileLock(FOLDER / ".lock"):
        if INSTALLED.exists() and INSTALLED.stat().st_mtime >= LOCK.stat().st_mtime:
            return
        done = subprocess.run(
            ["npm", "ci", "--no-progress", "--loglevel=error"],
            cwd=FOLDER,
            capture_output=True,
            text=True,
            timeout=stretched(INSTALL_SECONDS_MAX),
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"the Node tools of {FOLDER.name}/ could not be installed:\n{done.stderr[-2000:]}")
        os.utime(INSTALLED)


def run(tool: str, *arguments: str | Path, cwd: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    """Run a tool by its name, or `node` itself, with what it prints kept."""
    command = ["node"] if tool == "node" else [str(FOLDER / "node_modules/.bin" / tool)]
    return subprocess.run(
        [*command, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=stretched(TOOL_SECONDS_MAX),
        check=False,
    )


if __name__ == "__main__":
    if has_npm():
        install()
    else:
        sys.stderr.write(f"{NO_NPM}\n")

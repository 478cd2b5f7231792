"""Projects to install, with a lock, a Makefile like ours and the pip release a test asks for."""

import ensurepip
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).parents[3]
# The releases that the first Python of each line brings along, and the newest there was when this was written.
HASHES = {
    "22.3": "1daab4b8d3b97d1d763caeb01a4640a2250a0ea899e257b1e44b9eded91e15ab",
    "23.2.1": "7ccf472345f20d35bdc9d1841ff5f313260c2c33fe417f48c30ac46cccabf5be",
    "24.2": "2cd581cf58ab7fcfca4ce8efa6dcacd0de5bf8d0a3eb9ec927e07405f4d9e2a2",
    "25.2": "6d67a2b4e7f14d8b31b8b52648866fa717f45a1eb70e83002f4331d07e953717",
    "26.3": "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13",
}
FIRST = {(3, 11): "22.3", (3, 12): "23.2.1", (3, 13): "24.2", (3, 14): "25.2"}
PIPS = {"oldest": FIRST[sys.version_info[:2]], "newest": "26.3"}
UNREACHABLE = "from versions: none"


class Project(msgspec.Struct, frozen=True):
    """A folder that `make` installs."""

    folder: Path

    def make(self, python: str | Path = sys.executable, **pip: str) -> subprocess.CompletedProcess[str]:
        """Install the packages with this Python; `pip` are pip's settings for it, beside those of this machine."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PYTHON"))}
        # Compiling what it installs takes pip most of its time.
        settings = {f"PIP_{name.upper()}": value for name, value in {"compile": "0", **pip}.items()}
        return subprocess.run(
            ["make", "--silent", ".venv/.stamps/install", f"PYTHON={python}"],
            cwd=self.folder,
            env=kept | settings,
            capture_output=True,
            text=True,
            check=False,
        )

    def installed(self) -> dict[str, str]:
        """Package name to version, as they are in the project's virtual environment."""
        folders = self.folder.glob(".venv/lib/python*/site-packages")
        return {
            each.name.lower(): each.version for each in metadata.distributions(path=[str(each) for each in folders])
        }


@pytest.fixture(params=["bundled", *PIPS])
def project(request: pytest.FixtureRequest, tmp_path: Path, environment_with: Callable[[Path], Path]) -> Project:
    """A project without a lock yet, whose virtual environment has the pip that this Python brings, or another one."""
    folder = tmp_path / "project"
    (folder / "requirements").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copy(Path(__file__).with_name("wheels.py"), folder / "backend.py")
    release = PIPS.get(request.param)
    wheel = bundled() if release is None else request.getfixturevalue("pip_wheel")(release)
    shutil.copytree(environment_with(wheel), folder / ".venv", symlinks=True)
    return Project(folder)


@pytest.fixture(scope="session")
def environment_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Makes a virtual environment with the pip of a wheel and nothing else, once for each; it is to be copied."""

    @cache
    def make(wheel: Path) -> Path:
        folder = tmp_path_factory.mktemp("environment") / ".venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        python = folder / "bin/python"
        subprocess.run([python, wheel / "pip", "install", "--quiet", "--no-index", "--no-compile", wheel], check=True)
        # Python compiles what this imports; the copies need not do so again.
        subprocess.run([python, "-m", "pip", "download", "--help"], check=True, stdout=subprocess.DEVNULL)
        return folder

    return make


def bundled() -> Path:
    """The pip that this Python puts into a virtual environment."""
    folders = (Path(ensurepip.__file__).with_name("_bundled"), Path("/usr/share/python-wheels"))
    return next(wheel for folder in folders for wheel in folder.glob("pip-*.whl"))


@pytest.fixture(scope="session")
def pip_wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """Fetches a release of pip by its hash; skips the test where no index can be reached."""
    folder = tmp_path_factory.mktemp("pip")

    def fetch(release: str) -> Path:
        wheel = folder / f"pip-{release}-py3-none-any.whl"
        if not wheel.exists():
            lock = folder / f"{release}.txt"
            lock.write_text(f"pip=={release} --hash=sha256:{HASHES[release]}\n")
            download(lock, folder)
        return wheel

    yield fetch
    shutil.rmtree(folder)


def download(lock: Path, folder: Path) -> None:
    """Fetch the wheels of a lock into the folder; skips the test where no index can be reached."""
    command: list[str | Path] = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--dest", folder, "--requirement", lock]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if UNREACHABLE in done.stderr:
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stderr

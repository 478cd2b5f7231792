"""`make` installs what the lock says, with any pip, whatever the index offers by then."""

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import default_environment

from tests.deploy.install import wheels
from tests.deploy.install.conftest import PIPS, ROOT, Project, download
from tests.house.locks import project as required
from tests.house.locks import read_lock

NEWER = "999"
LOCK = read_lock(ROOT / "requirements/dev.txt")
HERE = {name: str(value) for name, value in default_environment().items()}
SAYS = "installing the locked packages (a minute or two, once)\n"
# Small, all of Python, and one asks for another's extra: older pips looked up anew what an extra is of.
FEW = ("coverage", "iniconfig", "packaging", "pluggy", "pygments", "pytest", "pytest-cov")


def test_a_newer_release_of_any_package_changes_nothing(project: Project, tmp_path: Path) -> None:
    locked = LOCK.versions(HERE)
    files, lock = [], []
    for pin in LOCK.pins:
        requires = metadata.requires(pin.name) or [] if pin.name in locked else []
        file = wheels.make_wheel(tmp_path, pin.name, pin.version, requires)
        files += [file, wheels.make_wheel(tmp_path, pin.name, NEWER, requires)]
        lock.append(f"{pin.requirement} --hash=sha256:{wheels.sha256(file)}")
    index = wheels.make_index(tmp_path / "index", files)
    write(project, "\n".join(lock), required()[""])

    done = project.make(index_url=index, config_file=os.devnull, find_links="")

    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == (SAYS, "")
    installed = project.installed()
    assert {name: installed.get(name) for name in locked} == locked
    assert set(installed) - set(locked) <= {"retailstack", "pip", "setuptools"}
    assert offered(project, index) == f"pluggy-{NEWER}"


def offered(project: Project, index: str) -> str:
    """What the index gives to somebody who does not say which release."""
    target = project.folder / "target"
    command: list[str | Path] = [project.folder / ".venv/bin/python", "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--no-compile", "--disable-pip-version-check", "--target", target, "pluggy"]
    environment = {**os.environ, "PIP_INDEX_URL": index, "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    subprocess.run(command, env=environment, check=True)
    (found,) = target.glob("*.dist-info")
    return found.stem


def write(project: Project, lock: str, dependencies: list[str]) -> None:
    """Give the project a lock, and a pyproject.toml that needs no tool to be built."""
    (project.folder / "requirements/dev.txt").write_text(lock + "\n")
    (project.folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "retailstack"\nversion = "0.1.0"\ndependencies = {json.dumps(dependencies)}\n'
    )


@pytest.mark.parametrize("project", PIPS, indirect=True)
def test_packages_of_the_lock_are_installed_from_the_index(project: Project, tmp_path: Path) -> None:
    pins = [pin for pin in LOCK.pins if pin.name in FEW]
    write(project, "\n".join(pin.text for pin in pins), ["pytest", "pytest-cov"])
    download(project.folder / "requirements/dev.txt", tmp_path / "seen")
    for pin in pins:
        wheels.make_wheel(tmp_path, pin.name, NEWER)

    done = project.make(find_links=str(tmp_path))

    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == (SAYS, "")
    installed = project.installed()
    assert {name: installed.get(name) for name in FEW} == {pin.name: pin.version for pin in pins}


@pytest.mark.parametrize("project", ["bundled"], indirect=True)
def test_what_pip_refuses_is_said_in_one_line_that_names_the_log(project: Project, tmp_path: Path) -> None:
    index = wheels.make_index(tmp_path / "index", [wheels.make_wheel(tmp_path, "pluggy", "1.0")])
    write(project, f"pluggy==1.0 --hash=sha256:{64 * '0'}", [])

    done = project.make(index_url=index, config_file=os.devnull, find_links="")

    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("pip install failed; its output is in .venv/install.log: ERROR: THESE PACKAGES DO NOT")
    assert "pluggy" in (project.folder / ".venv/install.log").read_text()
    assert not (project.folder / ".venv/.stamps/install").exists()


@pytest.mark.parametrize("project", ["bundled"], indirect=True)
def test_a_project_that_needs_what_is_not_locked_is_refused(project: Project, tmp_path: Path) -> None:
    file = wheels.make_wheel(tmp_path, "pluggy", "1.0")
    write(project, f"pluggy==1.0 --hash=sha256:{wheels.sha256(file)}", ["pluggy>=2"])

    done = project.make(index_url=wheels.make_index(tmp_path / "index", [file]), config_file=os.devnull, find_links="")

    assert done.returncode != 0
    assert "pip check failed" in done.stderr
    assert "pluggy" in done.stderr


@pytest.mark.parametrize("project", ["bundled"], indirect=True)
def test_a_python_without_ensurepip_is_said_and_leaves_nothing(project: Project, tmp_path: Path) -> None:
    python = tmp_path / "python"
    refuses = "*venv*) mkdir -p .venv/bin; echo ensurepip is not available; exit 1;;"
    python.write_text(f'#!/bin/sh\ncase "$*" in {refuses} esac\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    write(project, "", [])
    shutil.rmtree(project.folder / ".venv")

    done = project.make(python=python)

    assert done.returncode != 0
    assert "apt-get install python3-venv): ensurepip is not available" in done.stderr
    assert not (project.folder / ".venv").exists()

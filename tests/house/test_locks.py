"""The locks are complete: whatever a locked package requires, on any Python the project names, is locked too."""

import os
import subprocess
import sys
from importlib import metadata
from typing import Any

import msgspec
import pytest
from packaging.utils import canonicalize_name

from tests.house import locks
from tests.house.locks import FOLDER, Lock

EXTRAS = locks.extras()
INSTALLED: dict[str, metadata.Distribution] = {canonicalize_name(each.name): each for each in metadata.distributions()}


@pytest.mark.parametrize("name", EXTRAS)
def test_all_that_a_lock_requires_is_locked(name: str) -> None:
    lock = locks.read_lock(FOLDER / f"{name}.txt")
    project = locks.project()
    wanted = [text for extra in EXTRAS[name] for text in project[extra]]
    requires = requirements(lock)

    missing = {
        where: unmet
        for where, environment in locks.environments()
        if (unmet := locks.unmet(wanted, lock.versions(environment), requires, environment))
    }

    assert not missing, f"requirements/{name}.txt: `make lock` makes it anew\n{missing}"


def requirements(lock: Lock) -> dict[str, list[str]]:
    """The requirements of each package of the lock: of the installed one, else as the index tells them."""
    needed = {pin.name: pin.version for pin in lock.pins if any(pin.applies(each) for _, each in locks.environments())}
    absent = {name: version for name, version in needed.items() if name not in INSTALLED}
    there = {name: list(INSTALLED[name].requires or []) for name in needed if name in INSTALLED}
    return there | (asked(absent) if absent else {})


def asked(versions: dict[str, str]) -> dict[str, list[str]]:
    """The requirements of these releases, from the index."""
    found = index(versions)
    return {canonicalize_name(each["metadata"]["name"]): each["metadata"].get("requires_dist", []) for each in found}


def index(versions: dict[str, str], *options: str) -> list[dict[str, Any]]:
    """What the index has for these releases; only metadata are downloaded. Skips the test if no index is reachable."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps"]
    names = [f"{name}=={version}" for name, version in versions.items()]
    done = subprocess.run([*command, "--report", "-", *options, *names], capture_output=True, text=True, check=False)
    if "from versions: none" in done.stderr and not options:
        pytest.skip(f"no package index can be reached to ask about {', '.join(names)}")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = msgspec.json.decode(done.stdout)["install"]
    return found


@pytest.mark.skipif("RETAILSTACK_CHECK_WHEELS" not in os.environ, reason="RETAILSTACK_CHECK_WHEELS=1 asks the index")
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("python", locks.pythons())
def test_every_pin_has_a_wheel(python: str, machine: str) -> None:
    where = dict(locks.environments())[f"Python {python}, Linux on {'x86-64' if machine == 'x86_64' else 'ARM'}"]
    pins = {pin.name: pin for name in EXTRAS for pin in locks.read_lock(FOLDER / f"{name}.txt").pins}
    needed = {name: pin.version for name, pin in pins.items() if pin.applies(where)}
    glibc = [f"--platform=manylinux_2_{minor}_{machine}" for minor in (28, 27, 26, 24, 17, 12, 5)]
    older = [f"--platform=manylinux{year}_{machine}" for year in (2014, 2010, 1)]

    found = index(needed, f"--python-version={python}", "--only-binary=:all:", "--target=wheels", *glibc, *older)

    files = {canonicalize_name(each["metadata"]["name"]): each["download_info"]["archive_info"] for each in found}
    assert set(files) == set(needed)
    unknown = [name for name, file in files.items() if file["hashes"]["sha256"] not in pins[name].text]
    assert not unknown, f"wheels whose hash is not in the lock: {unknown}"


def test_the_installed_packages_are_the_locked_ones() -> None:
    lock = locks.read_lock(FOLDER / "dev.txt")
    different = {
        pin.name: (pin.version, found)
        for pin in lock.pins
        if pin.applies({})
        and (found := INSTALLED[pin.name].version if pin.name in INSTALLED else "none") != pin.version
    }
    assert not different, "`make setup` installs the lock (locked, installed): " + str(different)


def test_all_locks_name_the_same_versions() -> None:
    everything = {(pin.name, pin.version) for name in EXTRAS for pin in locks.read_lock(FOLDER / f"{name}.txt").pins}
    assert len(everything) == len({name for name, _ in everything})


@pytest.mark.parametrize(
    ("versions", "missing"),
    [
        ({"a": "1", "b": "2"}, []),
        ({"a": "1"}, ["a needs b>=2; the lock has none"]),
        ({"a": "1", "b": "1"}, ["a needs b>=2; the lock has 1"]),
    ],
)
def test_an_extra_of_a_package_is_looked_at(versions: dict[str, str], missing: list[str]) -> None:
    requires = {"a": ['b>=2; extra == "x"', 'c; python_version < "3.11"'], "b": []}
    assert locks.unmet(["a[x]"], versions, requires, {"python_version": "3.11", "extra": ""}) == missing

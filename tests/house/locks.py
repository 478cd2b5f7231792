"""The locks as data: what each names, for which Pythons and systems, and what those packages require in turn."""

import itertools
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "requirements"
SYSTEMS = {
    "Linux on x86-64": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    "Linux on ARM": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "aarch64"},
    "macOS on ARM": {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
}
PYTHON = {"os_name": "posix", "implementation_name": "cpython", "platform_python_implementation": "CPython"}


class Pin(msgspec.Struct, frozen=True):
    """One entry of a lock: exactly one version, for the environments of its marker (all where it has none)."""

    name: str
    version: str
    marker: Marker | None
    requirement: str
    """The entry without its hashes, such as `colorama==0.4.6 ; sys_platform == 'win32'`."""
    text: str
    """The entry as the file has it, with its hashes."""

    def applies(self, environment: Mapping[str, str]) -> bool:
        """Whether the package is installed in this environment."""
        return self.marker is None or self.marker.evaluate(dict(environment))


class Lock(msgspec.Struct, frozen=True):
    """One file of `requirements/`."""

    name: str
    pins: tuple[Pin, ...]

    def versions(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Package name to version: what the lock installs in this environment."""
        return {pin.name: pin.version for pin in self.pins if pin.applies(environment)}


def read_lock(file: Path) -> Lock:
    """The lock in the file. Raises AssertionError for an entry without an exact version or without a hash."""
    pins = []
    lines = [line for line in file.read_text().splitlines() if not line.lstrip().startswith("#")]
    for text in re.split(r"\n(?=\S)", "\n".join(lines)):
        stated = text.split(" \\\n")[0]
        requirement = Requirement(stated)
        versions = [each.version for each in requirement.specifier if each.operator == "=="]
        assert len(versions) == 1, f"{file.name}: not one exact version: {text}"
        assert "--hash=sha256:" in text, f"{file.name}: no hash: {text}"
        pins.append(Pin(canonicalize_name(requirement.name), versions[0], requirement.marker, stated, text))
    return Lock(file.stem, tuple(pins))


def project() -> dict[str, list[str]]:
    """What pyproject.toml requires, by extra or group; what the project always needs is under the empty name."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = table["project"]
    return {"": project["dependencies"], **project["optional-dependencies"], **table["dependency-groups"]}


def extras() -> dict[str, list[str]]:
    """What each lock holds: names of `project()`, as the Makefile has them."""
    assigned = dict(re.findall(r"^(\w+) :=[ \t]*(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    components = assigned["COMPONENTS"]
    names = assigned["LOCKS"].replace("$(COMPONENTS)", components).split()
    stated = {name: assigned[f"LOCK_{name}"].replace("$(COMPONENTS)", components).split() for name in names}
    return {
        name: [*([""] if words else []), *words, *(["build"] if name in {"build", "dev"} else [])]
        for name, words in stated.items()
    }


def pythons() -> list[str]:
    """The Python versions that pyproject.toml names, such as 3.11."""
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    return [found[1] for each in classifiers if (found := re.fullmatch(r".*:: (3\.\d+)", each))]


def environments() -> Iterator[tuple[str, dict[str, str]]]:
    """Every environment the project names, with its marker variables."""
    for version, (system, variables) in itertools.product(pythons(), SYSTEMS.items()):
        full = {"python_version": version, "python_full_version": f"{version}.0", "implementation_version": version}
        yield f"Python {version}, {system}", {**PYTHON, **variables, **full, "platform_release": "", "extra": ""}


def unmet(
    wanted: Iterable[str],
    versions: Mapping[str, str],
    requires: Mapping[str, list[str]],
    environment: Mapping[str, str],
) -> list[str]:
    """What these require, directly or not, extras included, and is not in the lock at a version that fits.

    `versions` is the lock; `requires` has the requirements of each locked package.
    """
    missing: set[str] = set()
    done: set[tuple[str, str]] = set()
    ahead = [("the project", "", text) for text in wanted]
    while ahead:
        by, extra, text = ahead.pop()
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({**environment, "extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        if not requirement.specifier.contains(versions.get(name, "0.dev0"), prereleases=True) or name not in versions:
            missing.add(f"{by} needs {name}{requirement.specifier}; the lock has {versions.get(name, 'none')}")
            continue
        for each in ("", *requirement.extras):
            if (name, each) not in done:
                done.add((name, each))
                ahead += [(name, each, further) for further in requires[name]]
    return sorted(missing)

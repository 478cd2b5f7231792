"""A wheel of one component: its own code, the chassis and the gRPC code, with what it needs pinned as its lock says."""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from deploy.image.recipe import ROOT, recipe

IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


def stage(component: str, folder: Path) -> list[str]:
    """Copy what the component's image has, and the generated gRPC code. Returns the top-level packages."""
    copied = recipe(component).copied
    for source, target in copied.items():
        path = ROOT / source
        if path.is_dir():
            shutil.copytree(path, folder / target, ignore=IGNORED)
        else:
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, folder / target)
    shutil.copytree(ROOT / "proto/retailstack", folder / "proto/retailstack", ignore=IGNORED)
    return sorted({target.partition("/")[0] for source, target in copied.items() if (ROOT / source).is_dir()})


def project_file(component: str, packages: list[str]) -> str:
    """The pyproject.toml of a component's wheel."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requires = [*project["dependencies"], *project["optional-dependencies"][component]]
    lines = [
        "[build-system]",
        'requires = ["hatchling>=1.27"]',
        'build-backend = "hatchling.build"',
        "[project]",
        f'name = "retailstack-{component}"',
        f'version = "{project["version"]}"',
        f'requires-python = "{project["requires-python"]}"',
        f'license = "{project["license"]}"',
        'license-files = ["LICENSE"]',
        f"dependencies = {_array(requires)}",
    ]
    if component == "ops":
        lines += ["[project.scripts]", f'stackctl = "{project["scripts"]["stackctl"]}"']
    lines += [
        "[tool.hatch.build]",
        "ignore-vcs = true",
        "[tool.hatch.build.targets.wheel]",
        f"packages = {_array([*packages, 'proto/retailstack'])}",
    ]
    return "\n".join(lines) + "\n"


def build(component: str, target: Path) -> Path:
    """Build the wheel into a folder and return its path. Raises CalledProcessError with hatchling's output."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        packages = stage(component, folder)
        (folder / "pyproject.toml").write_text(project_file(component, packages), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(target.resolve())],
            cwd=folder,
            env={**os.environ, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
    return target / Path((done.stdout + done.stderr).strip().splitlines()[-1]).name


def _array(words: list[str]) -> str:
    return "[" + ", ".join('"' + word.replace('"', '\\"') + '"' for word in words) + "]"

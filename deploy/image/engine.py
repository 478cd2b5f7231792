"""Building an image with whichever of docker, podman and buildah is installed."""

import shutil
import subprocess
from collections.abc import Sequence

from deploy.image.recipe import COMPONENTS, DOCKERFILE, ROOT

ENGINES = ("docker", "podman", "buildah")


class BuildError(Exception):
    """An image could not be built; the text is one line."""


def engine() -> str:
    """The first engine that is installed. Raises BuildError if there is none."""
    for name in ENGINES:
        if shutil.which(name) is not None:
            return name
    raise BuildError(f"none of {', '.join(ENGINES)} is installed")


def command(
    name: str, component: str, *, tag: str, version: str, revision: str, options: Sequence[str] = ()
) -> list[str]:
    """The command that builds a component's image with an engine. Options are passed on to it."""
    if component not in COMPONENTS:
        raise BuildError(f"there is no component {component!r}; there are {', '.join(COMPONENTS)}")
    arguments = {"COMPONENT": component, "VERSION": version, "REVISION": revision}
    return [
        name,
        "build",
        *(f"--build-arg={key}={value}" for key, value in arguments.items()),
        f"--file={DOCKERFILE}",
        f"--target={component}",
        f"--tag={tag}",
        *options,
        str(ROOT),
    ]


def build(component: str, *, tag: str, version: str, options: Sequence[str] = ()) -> None:
    """Build the image, showing the engine's output. Raises BuildError if it fails."""
    parts = command(engine(), component, tag=tag, version=version, revision=_revision(), options=options)
    if subprocess.run(parts, check=False).returncode:
        raise BuildError(f"{parts[0]} could not build the image of {component}; its output is above")


def _revision() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"

"""An image is built from its Dockerfile: no engine runs, and nothing comes from a registry of images.

Buildah isolates by chroot, and the base is a small Debian made by debootstrap. Skipped where these cannot be installed.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.image.engine import command
from deploy.image.recipe import ROOT
from deploy.local.engines import debian
from deploy.local.engines.engine import EngineUnavailable

BASE = "localhost/retailstack-test/base"
TAG = "localhost/retailstack-test/gateway:1.2.3"
# What this machine says about package indexes and certificates; the Dockerfile names none.
OUTSIDE = ("/etc/pip.conf", "/etc/xdg/pip", "/etc/ssl/certs")
SECONDS_MAX = 900

Buildah = Callable[..., str]


@pytest.fixture
def buildah(tmp_path: Path) -> Iterator[Buildah]:
    """Runs buildah with a store of the test's own, and returns what it printed."""
    if os.geteuid() != 0:
        pytest.skip("buildah isolates by chroot as root only")
    for program in ("buildah", "debootstrap"):
        try:
            if shutil.which(program) is None:
                debian.install(program, print)
        except (EngineUnavailable, OSError) as why:
            pytest.skip(f"{program} is not installed: {why}")
    store = [f"--root={tmp_path / 'store'}", f"--runroot={tmp_path / 'run'}"]

    def run(*words: str) -> str:
        done = subprocess.run(
            ["buildah", *store, *words],
            env={**os.environ, "BUILDAH_ISOLATION": "chroot"},
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout.strip()

    yield run
    run("rm", "--all")
    run("rmi", "--all", "--force")


@pytest.fixture
def base(buildah: Buildah, tmp_path: Path) -> str:
    """A base image with Python, made from the distribution's packages."""
    root = tmp_path / "debian"
    made = subprocess.run(
        ["debootstrap", "--variant=minbase", "--include=python3,python3-venv", "stable", str(root)],
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    if made.returncode:
        pytest.skip(
            f"no base could be made: {(made.stdout.strip().splitlines() or ['debootstrap did not say why'])[-1]}"
        )
    container = buildah("from", "scratch")
    # Not shutil: it would read the devices.
    subprocess.run(["cp", "--archive", f"{root}/.", buildah("mount", container)], check=True)
    shutil.rmtree(root)
    buildah("umount", container)
    buildah("commit", "--quiet", "--rm", container, BASE)
    return BASE


def test_the_dockerfile_builds_an_image_that_starts(buildah: Buildah, base: str) -> None:
    outside = [f"--volume={path}:{path}:ro" for path in OUTSIDE if Path(path).exists()]
    options = ["--pull-never", f"--build-arg=BASE={base}", *outside]
    buildah(*command("buildah", "gateway", tag=TAG, version="1.2.3", revision="abcdef", options=options)[1:])

    config = json.loads(buildah("inspect", "--type=image", TAG))["OCIv1"]["config"]
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["python", "-m", "gateway"]
    assert config["Labels"]["org.opencontainers.image.version"] == "1.2.3"

    container = buildah("from", "--pull-never", TAG)
    files = Path(buildah("mount", container))
    assert sorted(path.name for path in (files / "app").iterdir()) == [
        "LICENSE",
        "chassis",
        "gateway",
        "proto",
        "sbom.cdx.json",
    ]
    components = json.loads((files / "app/sbom.cdx.json").read_text())["components"]
    assert {"aiohttp", "grpcio"} <= {each["name"] for each in components}
    assert not list((files / "opt/venv/bin").glob("pip*"))
    buildah("umount", container)
    # Started without any setting, it says which one is missing: all its modules and packages are there.
    said = why_it_ended(buildah, container)
    assert "MONGODB_URI is not set" in said


def why_it_ended(buildah: Buildah, container: str) -> str:
    """What the image's program says when it does not start."""
    with pytest.raises(AssertionError) as failed:
        buildah("run", container, "--", "python", "-m", "gateway")
    return str(failed.value)


def test_the_build_context_is_small() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*", "everything is left out that is not named"

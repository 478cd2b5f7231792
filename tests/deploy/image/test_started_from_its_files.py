"""Each component starts from the very files and packages that its image has, and from nothing else."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.testing.keys import key_environ
from deploy.image.generate import generate
from deploy.image.recipe import COMPONENTS, ROOT, Recipe, recipe
from deploy.local.ports import any_free
from tests.waiting import stretched

READY_SECONDS = 30.0
KEY = "k" * 48
SEALING_KEY = "one:" + "A" * 43 + "="


@pytest.fixture
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Recipe, Path, Path]]:
    """A component's recipe, a folder with exactly its files, and the Python of its packages."""
    component = recipe(request.param)
    folder, packages = tmp_path / "app", tmp_path / "packages"
    for source, target in component.copied.items():
        path = folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, path, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / source, path)
    generate(ROOT / "proto", folder / "proto")
    uv = Path(sys.executable).with_name("uv")
    environment: list[str | Path] = [uv, "venv", "--quiet", "--python", sys.executable, packages]
    subprocess.run(environment, check=True)
    install: list[str | Path] = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--require-hashes",
        "--only-binary",
        ":all:",
    ]
    python = packages / "bin/python"
    subprocess.run([*install, "--python", python, "--requirement", ROOT / component.lock], check=True)
    yield component, folder, python
    shutil.rmtree(packages)


@pytest.mark.parametrize("image", COMPONENTS, indirect=True)
def test_a_component_starts_from_its_files_and_ends_when_told(
    image: tuple[Recipe, Path, Path],
    tmp_path: Path,
    mongodb_uri: str,
    mongodb_engine: str,
    amqp_url: str,
    database_name: str,
    bus_prefix: str,
) -> None:
    component, folder, python = image
    port = any_free()
    settings = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{folder}:{folder / 'proto'}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MONGODB_URI": mongodb_uri,
        "MONGODB_DATABASE": database_name,
        "MONGODB_ENGINE": "embedded" if mongodb_engine == "embedded" else "",
        "AMQP_URL": amqp_url,
        "AMQP_PREFIX": bus_prefix,
        "CALLER_KEY": KEY,
        **key_environ(component.component),
        "GATEWAY_KEY": KEY,
        "SLC_KEYS": SEALING_KEY,
        "PMC_OBJECTS_FOLDER": str(tmp_path / "objects"),
        "PRIVATE_PORT": str(port),
    }
    log = tmp_path / "log"
    command: list[str | Path] = [python, *component.entry_point[1:]]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=settings, stdout=output, stderr=subprocess.STDOUT)
    try:
        assert is_ready(process, port), log.read_text()[-3000:]
        process.send_signal(signal.SIGTERM)
        assert process.wait(stretched(READY_SECONDS)) == 0, log.read_text()[-3000:]
    finally:
        process.kill()
        process.wait()


def is_ready(process: subprocess.Popen[bytes], port: int) -> bool:
    """Whether the process says that it is ready before its deadline and while it runs."""
    deadline = time.monotonic() + stretched(READY_SECONDS)
    while process.poll() is None and time.monotonic() < deadline:
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer,
        ):
            return bool(answer.status == 200)
        time.sleep(0.1)
    return False

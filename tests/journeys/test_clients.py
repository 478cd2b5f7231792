"""Clients made by others' generators from the documents that the gateway serves: they compile, and their calls work."""

import compileall
import json
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.documents import node_tools
from tests.outages.world import World
from tests.waiting import stretched

pytestmark = pytest.mark.outage  # shares the whole stack with the outages, and so takes turns with them

SECONDS_MAX = 240


@pytest.fixture(scope="module")
def document(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The OpenAPI document of ICS, as the gateway serves it."""
    file = tmp_path_factory.mktemp("clients") / "ics.json"
    with urlopen(f"{world.stack['GATEWAY_URL']}/ics/openapi.json", timeout=stretched(30)) as answer:
        file.write_bytes(answer.read())
    return file


def given(world: World, code: str) -> list[str]:
    return [world.stack["GATEWAY_URL"], world.demo["DEMO_OWNER_SESSION"], world.demo["DEMO_ORGCODE"], code]


def check(printed: str) -> None:
    """What either client has to have seen."""
    found: dict[str, Any] = json.loads(printed)
    assert (found["purpose"], found["refused"], found["revision"]) == ("storage", "ics.conflict", 2)
    assert found["items"] == [{"zone_id": found["zone_id"], "status": "inactive"}]


def a_code() -> str:
    return f"CLIENT-{uuid.uuid4().hex[:8]}".upper()


def test_a_typescript_client_compiles_and_calls(world: World, document: Path, tmp_path: Path) -> None:
    if not node_tools.has_npm():
        pytest.skip(node_tools.NO_NPM)
    node_tools.install()
    for name in ("calls.ts", "tsconfig.json", "package.json"):
        shutil.copy(node_tools.FOLDER / name, tmp_path / name)
    (tmp_path / "node_modules").symlink_to(node_tools.FOLDER / "node_modules")

    made = node_tools.run("openapi-typescript", document, "--output", tmp_path / "ics.d.ts")
    assert made.returncode == 0, made.stdout + made.stderr
    compiled = node_tools.run("tsc", "--project", tmp_path)
    assert compiled.returncode == 0, compiled.stdout
    ran = node_tools.run("node", tmp_path / "out/calls.js", *given(world, a_code()))

    assert ran.returncode == 0, ran.stderr
    check(ran.stdout)


def test_a_python_client_compiles_and_calls(world: World, document: Path, tmp_path: Path) -> None:
    # Without its own formatting, which takes longer than everything else.
    (tmp_path / "config.yaml").write_text("post_hooks: []\n")
    made = run(
        str(Path(sys.executable).with_name("openapi-python-client")),
        *("generate", "--path", str(document), "--output-path", str(tmp_path / "made_client")),
        *("--meta", "none", "--config", str(tmp_path / "config.yaml"), "--fail-on-warning"),
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert compileall.compile_dir(tmp_path / "made_client", quiet=1)

    calls = Path(__file__).with_name("python_calls.py")
    ran = run(sys.executable, str(calls), *given(world, a_code()), PYTHONPATH=str(tmp_path))

    assert ran.returncode == 0, ran.stderr
    check(ran.stdout)


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )

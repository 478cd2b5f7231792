"""The page's files: how they are served, how large they are, and that they are as the tools want them."""

import gzip
import subprocess
from pathlib import Path

import aiohttp
import pytest

from tests.documents import node_tools
from tests.visualgrid.explorer import World

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "services/visualgrid/page"
TRANSFER_BYTES_MAX = 150 * 1024
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@pytest.fixture(scope="module")
def node() -> None:
    """Install the Node tools; a test that needs them is skipped where there is no npm."""
    if not node_tools.has_npm():
        pytest.skip(node_tools.NO_NPM)
    node_tools.install()


async def test_files_are_served_with_tags_and_a_strict_policy(grid: World) -> None:
    base = f"{grid.url}/visualgrid/ui"
    async with aiohttp.ClientSession(auto_decompress=False) as http:
        async with http.get(base, allow_redirects=False) as redirect:
            assert (redirect.status, redirect.headers["Location"]) == (308, "/visualgrid/ui/")
        async with http.get(f"{base}/no-such-file.js") as missing:
            assert missing.status == 404
        total = 0
        for file in sorted(PAGE.rglob("*.*")):
            name = file.relative_to(PAGE).as_posix()
            async with http.get(f"{base}/{'' if name == 'index.html' else name}") as answer:
                body = await answer.read()
                headers = answer.headers
            assert answer.status == 200, name
            plain = gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body
            assert plain == file.read_bytes()
            assert headers["Content-Security-Policy"] == POLICY
            assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
            assert headers["Cache-Control"] == "no-cache"
            async with http.get(f"{base}/{name}", headers={"If-None-Match": headers["ETag"]}) as again:
                assert again.status == 304, name
            total += len(body)
    assert total <= TRANSFER_BYTES_MAX


@pytest.mark.usefixtures("node")
def test_the_modules_are_typed() -> None:
    found = node_tools.run("tsc", "--project", "tsconfig.page.json")
    assert (found.returncode, found.stdout) == (0, "")


@pytest.mark.usefixtures("node")
def test_the_modules_are_clean() -> None:
    found = node_tools.run("eslint", "--config", "tests/node/eslint.config.mjs", str(PAGE.relative_to(ROOT)), cwd=ROOT)
    assert (found.returncode, found.stdout) == (0, ""), found.stderr


@pytest.mark.usefixtures("node")
def test_the_vendored_library_is_what_the_lock_makes(tmp_path: Path) -> None:
    made = tmp_path / "d3-force.js"
    found = node_tools.run("node", "vendor.mjs", made)
    assert found.returncode == 0, found.stderr
    assert made.read_bytes() == (PAGE / "vendor/d3-force.js").read_bytes(), "run: make vendor"


@pytest.mark.usefixtures("node")
def test_the_modules_decide_right(tmp_path: Path) -> None:
    for file in PAGE.glob("*.js"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "package.json").write_text('{"type": "module"}')
    found = subprocess.run(
        ["node", "--test", str(Path(__file__).with_name("modules.test.mjs"))],
        env={"PAGE": str(tmp_path), "PATH": "/usr/bin:/bin:/usr/local/bin"},
        capture_output=True,
        text=True,
        timeout=node_tools.TOOL_SECONDS_MAX,
        check=False,
    )
    assert found.returncode == 0, found.stdout

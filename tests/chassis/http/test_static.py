import gzip
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest

from chassis.clock import Utc
from chassis.gate import GateWindow
from chassis.http.static import accepted_codings, read_folder
from chassis.static import StaticFolder, security_headers
from chassis.testing.client import ServiceClient

PAGE = files("tests.chassis.sample") / "page"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


async def test_a_page_is_shown_to_anybody_with_its_security_headers(sample: ServiceClient) -> None:
    page = await sample.nobody.get("/ui/")

    assert (page.status, page.raw) == (200, (PAGE / "index.html").read_bytes())
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Content-Security-Policy"] == POLICY
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-cache"
    assert (await sample.nobody.get("/ui/assets/app.css")).headers["Content-Type"] == "text/css; charset=utf-8"


async def test_a_slash_that_is_missing_is_added(sample: ServiceClient) -> None:
    answer = await sample.nobody.get("/ui")

    assert (answer.status, answer.headers["Location"]) == (308, "/sample/ui/")


async def test_a_file_is_compressed_for_those_who_take_it(sample: ServiceClient) -> None:
    plain = await sample.send("GET", "/ui/assets/app.js", None, {"Accept-Encoding": "identity"})
    zipped = await sample.send("HEAD", "/ui/assets/app.js", None, {"Accept-Encoding": "gzip, br"})
    small = await sample.send("GET", "/ui/assets/app.css", None, {"Accept-Encoding": "gzip"})

    assert plain.raw == (PAGE / "assets" / "app.js").read_bytes()
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert int(zipped.headers["Content-Length"]) < len(plain.raw) / 2
    assert "Content-Encoding" not in small.headers
    assert plain.headers["Vary"] == zipped.headers["Vary"] == "Accept-Encoding"
    assert plain.headers["ETag"] != zipped.headers["ETag"]


async def test_a_file_the_browser_has_is_not_sent_again(sample: ServiceClient) -> None:
    first = await sample.get("/ui/")
    again = await sample.get("/ui/", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status, again.raw, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert again.headers["Content-Security-Policy"] == POLICY


@pytest.mark.parametrize(
    "path", ["no.js", "assets", "assets/", "../app.py", "%2e%2e/app.py", "assets/..%2f..%2fapp.py"]
)
async def test_there_is_nothing_but_the_files_of_the_folder(sample: ServiceClient, path: str) -> None:
    answer = await sample.nobody.get(f"/ui/{path}")

    assert (answer.status, answer.error_code) == (404, "sample.not_found")


async def test_a_page_is_only_read(sample: ServiceClient) -> None:
    answer = await sample.nobody.send("POST", "/ui/", b"")

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


async def test_a_page_stays_in_a_maintenance_window(sample: ServiceClient) -> None:
    identifier = "01970f3e-9a4c-7c31-8a55-3f0c4b1d2e6a"
    end = Utc("2099-01-01T00:00:00.000Z")
    sample.application.runtime.gate.close(GateWindow(maintenance_id=identifier, expected_end_utc=end))

    assert (await sample.get("/crate/ask")).status == 503
    assert (await sample.nobody.get("/ui/")).status == 200
    assert 'call="sample_page",status="200"' in sample.application.runtime.metrics.text().decode()


async def test_a_folder_may_lie_in_an_archive_and_hold_compressed_forms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, packed = b"let a = 1;" * 500, gzip.compress(b"let a = 1;" * 500)
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as archive:
        archive.writestr("shoppage/__init__.py", "")
        archive.writestr("shoppage/ui/index.html", "<p>")
        archive.writestr("shoppage/ui/app.js", script)
        archive.writestr("shoppage/ui/app.js.gz", packed)
        archive.writestr("shoppage/ui/app.js.br", b"brotli")
        archive.writestr("shoppage/ui/lone.gz", b"lone")
    monkeypatch.syspath_prepend(str(tmp_path / "shop.zip"))
    held = read_folder(StaticFolder(path="/ui", package="shoppage", folder="ui", call="shop_page"))
    sys.modules.pop("shoppage")

    assert set(held) == {"index.html", "app.js", "lone.gz"}
    assert await held["app.js"].form("gzip") == ("gzip", packed)
    assert await held["app.js"].form("gzip, br") == ("br", b"brotli")
    assert await held["app.js"].form("") == ("identity", script)


def test_a_folder_that_is_not_there_stops_the_start() -> None:
    folder = StaticFolder(path="/ui", package="tests.chassis.sample", folder="nowhere", call="shop_page")
    with pytest.raises(TypeError, match="has no folder 'nowhere'"):
        read_folder(folder)


def test_hashes_of_style_sheets_are_named_and_nothing_is_unsafe() -> None:
    folder = StaticFolder(path="/ui", package="x", folder="y", call="z", style_hashes=["sha256-abc="])
    policy = security_headers(folder)["Content-Security-Policy"]

    assert "style-src 'self' 'sha256-abc=';" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("", set()),
        ("gzip", {"gzip"}),
        ("gzip;q=0, br", {"br"}),
        ("*", {"gzip", "br"}),
        ("*, gzip;q=0.0", {"br"}),
        ("br;q=0.1", {"br"}),
        ("deflate, zstd", set()),
    ],
)
def test_accepted_codings_are_read_off_the_header(header: str, taken: set[str]) -> None:
    assert accepted_codings(header) == taken

"""Raw endpoints through the port of the sample service: roles, parameters, methods, redirects, and their documents."""

from chassis.clock import Utc
from chassis.gate import GateWindow
from chassis.http.documents import Documents
from chassis.service import collect
from chassis.testing.client import ServiceClient
from tests.chassis.http.raw.given import ID, anybody, put
from tests.chassis.sample.app import SAMPLE
from tests.chassis.sample.parcel.handlers import PARCEL_BYTES_MAX


async def test_an_open_endpoint_still_needs_the_gateways_signature(sample: ServiceClient) -> None:
    answer = await put(sample.nobody, "a")

    assert (answer.status, answer.error_code) == (401, "sample.unauthorized")


async def test_parameters_have_types(sample: ServiceClient) -> None:
    wrong = await sample.get("/rows/many", size=0)
    low = await sample.get("/rows/1001")
    unknown = await sample.get("/rows/1", page=2)

    assert (wrong.status, wrong.problems) == (400, {"size": "must be at least 1"})
    assert (low.status, low.problems) == (400, {"first": "must be at most 1000"})
    assert (unknown.status, unknown.problems) == (400, {"page": "is not a known field"})


async def test_a_redirect_has_a_cookie_and_passes_over_what_it_does_not_know(sample: ServiceClient) -> None:
    answer = await anybody(sample).get("/go", to="x", foreign="1")

    assert (answer.status, answer.raw) == (302, b"")
    assert answer.headers["Location"].startswith("https://there.example/?to=")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("seen=yes;")
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Max-Age=60", "Path=/"} <= set(cookie.replace("; ", ";").split(";"))
    assert (await anybody(sample).get("/go", to="x", strict="true")).status == 401
    again = await anybody(sample).get("/go", to="x", strict="true", headers={"Cookie": "seen=yes"})
    assert again.status == 302
    assert (await anybody(sample).get("/go")).problems == {"to": "is required"}


async def test_roles_and_data_are_as_for_other_endpoints(sample: ServiceClient) -> None:
    crate = (await sample.post("/crate/create", code="A-01")).data["crate"]["crate_id"]
    shown = await sample.with_roles("sample_view").get(f"/label/{crate}.txt")

    assert (shown.status, shown.raw, shown.headers["Content-Type"]) == (200, b"A-01", "text/plain")
    assert shown.headers["Cache-Control"] == "private, max-age=60"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert (await sample.with_roles("sample_keeper").get(f"/label/{crate}.txt")).status == 403
    assert (await anybody(sample).get(f"/label/{crate}.txt")).status == 401
    assert (await sample.as_caller(orgcode="OTHR0001").get(f"/label/{crate}.txt")).status == 404
    assert (await sample.get("/label/nonsense.txt")).problems.keys() == {"crate_id"}


async def test_a_maintenance_window_closes_them(sample: ServiceClient) -> None:
    end = Utc("2099-01-01T00:00:00.000Z")
    sample.application.runtime.gate.close(GateWindow(maintenance_id=ID, expected_end_utc=end))
    answer = await put(sample, "a")

    assert (answer.status, answer.error_code) == (503, "sample.maintenance_active")


async def test_other_methods_are_told_what_the_path_takes(sample: ServiceClient) -> None:
    wrong = await sample.send("DELETE", "/parcel/a")
    asked = await sample.send("OPTIONS", "/parcel/a")

    assert (wrong.status, wrong.headers["Allow"]) == (405, "PUT, GET, HEAD, OPTIONS")
    assert (asked.status, asked.headers["Allow"]) == (204, "PUT, GET, HEAD, OPTIONS")


async def test_they_are_counted_like_others(sample: ServiceClient) -> None:
    await put(sample, "a")
    text = sample.application.runtime.metrics.text().decode()

    assert 'call="sample_parcel_put",status="200"' in text


def test_they_are_documented_like_others() -> None:
    document = Documents(SAMPLE, collect(SAMPLE), "1")._makers()["openapi"]()
    kept = document["paths"]["/sample/parcel/{key}"]

    assert kept["put"]["operationId"] == "sample_parcel_put"
    assert kept["put"]["x-body-bytes-max"] == PARCEL_BYTES_MAX
    assert set(kept["put"]["requestBody"]["content"]) == {"application/octet-stream"}
    assert kept["put"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/StoredAnswer")
    assert {"200", "206", "304", "404", "416"} <= set(kept["get"]["responses"])
    assert kept["get"]["parameters"][0] == {"name": "key", "in": "path", "required": True, "schema": {"type": "string"}}
    rows = document["paths"]["/sample/rows/{first}"]["get"]
    assert [each["name"] for each in rows["parameters"] if each.get("in") == "query"] == ["size", "announced"]
    page = Documents(SAMPLE, collect(SAMPLE), "1").text("PROTOCOL.md").decode()
    assert "| sample_parcel_put | `PUT /sample/parcel/{key}` | everybody | Keep a parcel. |" in page
    assert "Location" in document["paths"]["/sample/go"]["get"]["responses"]["302"]["headers"]

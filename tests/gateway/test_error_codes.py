"""Who was refused, and why, is visible: in the access log, and counted by call and error code."""

import io
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.web_request import BaseRequest

from gateway.telemetry.access import AccessLog
from tests.gateway.given import House, Upstream, a_house
from tests.gateway.stack import a_stack

STRANGER = {"x-session-guid": "nobody", "x-orgcode": "DEMO0001"}


def _refusing(status: int, body: Any) -> Upstream:
    async def refuse(_: BaseRequest, __: bytes) -> web.StreamResponse:
        return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")

    return Upstream(refuse)


def _standard(code: str, call: str) -> dict[str, Any]:
    return {"success": False, "error": {"error_code": code}, "stats": {"call": call}}


def _counted(house: House) -> dict[tuple[str, str], float]:
    families = {family.name: family for family in house.counts.collect()}
    samples = families["retailstack_gateway_refusals"].samples
    return {(sample.labels["call"], sample.labels["code"]): sample.value for sample in samples}


def _log_into(house: House) -> io.StringIO:
    written = io.StringIO()
    house.entrance.pipeline._access = AccessLog("gw-1", out=written)
    return written


def _lines(house: House, written: io.StringIO) -> list[dict[str, Any]]:
    house.entrance.pipeline._access.flush()
    return [msgspec.json.decode(line) for line in written.getvalue().splitlines()]


async def test_a_refusal_of_the_service_is_logged_and_counted_with_its_call_and_code() -> None:
    async with a_house(upstreams={"ics": _refusing(403, _standard("ics.forbidden", "ics_zone_create"))}) as house:
        written = _log_into(house)
        await house.post("/ics/zone/create")
        await house.post("/ics/zone/create")
        line, _ = _lines(house, written)

        assert (line["status"], line["call"], line["error_code"]) == (403, "ics_zone_create", "ics.forbidden")
        assert _counted(house) == {("ics_zone_create", "ics.forbidden"): 2.0}


async def test_a_refusal_of_the_gateway_is_logged_and_counted_for_the_call_that_was_made() -> None:
    async with a_house() as house:
        written = _log_into(house)
        await house.get("/ics/zone/list", STRANGER)
        (line,) = _lines(house, written)

        assert (line["status"], line["call"], line["error_code"]) == (401, "ics_zone_list", "ics.unauthorized")
        assert _counted(house) == {("ics_zone_list", "ics.unauthorized"): 1.0}


async def test_paths_that_cannot_be_a_call_count_for_their_service() -> None:
    async with a_house() as house:
        for path in ("/ics/MADE/up", "/ics/x.y", "/ics/%41", "/nowhere", "/ics/../x"):
            await house.get(path, STRANGER)

        assert _counted(house) == {("ics", "ics.unauthorized"): 3.0, ("gateway", "gateway.not_found"): 2.0}


async def test_visualgrids_envelope_has_a_tag_for_a_code() -> None:
    refused = {"ok": False, "error": {"tag": "auth", "message": "a token is required"}, "build": {}}
    async with a_house(upstreams={"visualgrid": _refusing(401, refused)}) as house:
        await house.get("/visualgrid/graph/node")

        assert _counted(house) == {("visualgrid_graph_node", "visualgrid.auth"): 1.0}


@pytest.mark.parametrize(
    "body", [[], {"error": None}, {"error": {"error_code": "a b\n"}}, {"error": {"error_code": 5}}, {"detail": "no"}]
)
async def test_an_error_that_is_no_envelope_has_no_code(body: Any) -> None:
    async with a_house(upstreams={"ics": _refusing(500, body)}) as house:
        written = _log_into(house)
        reply = await house.get("/ics/x")
        (line,) = _lines(house, written)

        assert (reply.status, reply.json) == (500, body)
        assert "error_code" not in line
        assert _counted(house) == {}


async def test_an_answer_that_is_no_refusal_has_no_code() -> None:
    async with a_house(upstreams={"ics": _refusing(200, _standard("ics.not_found", "ics_x"))}) as house:
        await house.get("/ics/x")

        assert _counted(house) == {}


async def test_paths_that_are_tried_out_do_not_fill_the_metrics() -> None:
    async with a_house(upstreams={"ics": _refusing(404, _standard("ics.not_found", "ics_zone_get"))}) as house:
        house.entrance._calls._unproven_max = 2
        for path in ("/ics/a", "/ics/b", "/ics/c", "/ics/d", "/ics/a"):
            await house.get(path, STRANGER)
        await house.get("/ics/zone/get")
        await house.get("/ics/zone/get", STRANGER)

        assert _counted(house) == {
            ("ics_a", "ics.unauthorized"): 2.0,
            ("ics_b", "ics.unauthorized"): 1.0,
            ("ics", "ics.unauthorized"): 2.0,
            ("ics_zone_get", "ics.not_found"): 1.0,
            ("ics_zone_get", "ics.unauthorized"): 1.0,
        }


async def test_the_private_port_shows_refusals_by_call_and_code(
    mongodb_uri: str, database_name: str, amqp_url: str
) -> None:
    async with a_stack(mongodb_uri, database_name, amqp_url) as stack:
        await stack.get("no-such-session")
        metrics = stack.gateway.runtime.metrics.text().decode()

    assert 'retailstack_gateway_refusals_total{call="ics_stock_get",code="ics.unauthorized"} 1.0' in metrics

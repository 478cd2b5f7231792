import asyncio
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from chassis.telemetry import log, trace
from chassis.telemetry.metrics import Metrics
from chassis.telemetry.names import HTTP_REQUESTS, METRICS
from chassis.testing.client import ServiceClient
from tests.chassis.process_given import ROOT

UUID_KEY = "rsk_0193a1b2-0000-7000-8000-000000000001_Hunter2-hunter_2"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    """Where the log goes during the test; afterwards all is as it was."""
    root = logging.getLogger()
    handlers, level, known = root.handlers[:], root.level, structlog.get_config()
    stream = io.StringIO()
    log.configure("info", service="sample", replica="one", build="b", out=stream)
    yield stream
    root.handlers[:], root.level = handlers, level
    structlog.configure(**known)


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_one_json_object(out: io.StringIO) -> None:
    log.get_logger("here").info("something happened", count=3)
    log.get_logger("here").debug("nobody asked")
    (line,) = lines(out)
    assert line.pop("at_utc").endswith("Z")
    assert line == {
        "service": "sample",
        "replica": "one",
        "build": "b",
        "part": "here",
        "level": "info",
        "event": "something happened",
        "count": 3,
    }


def test_a_line_says_for_which_request_it_is(out: io.StringIO) -> None:
    token = trace.enter(trace.Scope("r-1", "sample_stat", PARENT))
    log.get_logger("here").info("within")
    trace.leave(token)
    log.get_logger("here").info("without")
    within, without = lines(out)
    assert (within["request_id"], within["call"], within["trace_id"]) == ("r-1", "sample_stat", PARENT[3:35])
    assert "request_id" not in without


def test_nothing_secret_reaches_a_line(out: io.StringIO) -> None:
    secret = "hunter2"
    logger = log.get_logger("here")
    logger.info("one", session_guid=secret, headers={"X-Api-Key": secret, "inner": [{"secret_code": secret}]})
    logger.info("two", text="the key rsk_01_abcHUNTER2_x was sent, to amqp://guest:hunter2@mq/", other={"a": {"b": {}}})
    logger.info("three", token="eyJhbGciOi.eyJhdWQiOi.c2lnbmF0dXJl", deep={"a": {"b": {"c": {"d": {"e": secret}}}}})
    try:
        raise ValueError("mongodb://u:hunter2@db refused")
    except ValueError:
        logger.exception("four")
    logger.info("five", text=f"{UUID_KEY} was sent", deep=[UUID_KEY])
    assert "hunter2" not in out.getvalue().lower()
    assert "rsk_" not in out.getvalue()
    assert (lines(out)[4]["text"], lines(out)[4]["deep"]) == ("… was sent", ["…"])
    assert "Traceback" in lines(out)[3]["exception"]


def test_libraries_write_the_same_lines(out: io.StringIO) -> None:
    logging.getLogger("somebody.else").warning("a warning about %s", "rsk_1_2")
    logging.getLogger("somebody.else").info("chatter")
    (line,) = lines(out)
    assert (line["event"], line["level"], line["service"]) == ("a warning about …", "warning", "sample")


def test_what_json_can_not_say_is_shown_as_it_looks(out: io.StringIO) -> None:
    log.get_logger("here").info("odd", value=object, number=1.5, nothing=None, text="ü")
    (line,) = lines(out)
    assert (line["value"], line["number"], line["nothing"], line["text"]) == ("<class 'object'>", 1.5, None, "ü")


def test_a_span_costs_nothing_until_there_is_an_exporter() -> None:
    with trace.span("x", "server", PARENT, size=1) as handed_on:
        assert handed_on is None
    assert not trace.enabled()


def test_nothing_of_opentelemetry_is_loaded_without_an_exporter() -> None:
    program = "import sys, chassis.app; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    told = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        (PARENT, PARENT),
        ("", None),
        ("nonsense", None),
        ("00-" + "0" * 32 + "-b7ad6b7169203331-01", None),
        (PARENT + "x", None),
    ],
)
def test_a_malformed_traceparent_is_dropped(sent: str, taken: str | None) -> None:
    assert trace.traceparent_of({"traceparent": sent}) == taken


class SpanRecorder:
    """Keeps the spans that end, as a span processor of OpenTelemetry."""

    def __init__(self) -> None:
        self.ended: list[Any] = []

    def on_start(self, span: Any, parent_context: Any = None) -> None: ...

    def on_end(self, span: Any) -> None:
        self.ended.append(span)

    def _on_ending(self, span: Any) -> None: ...

    def shutdown(self) -> None: ...

    def force_flush(self, timeout_millis: int = 0) -> bool:
        return True


@pytest.fixture
def spans() -> Iterator[SpanRecorder]:
    """The spans recorded during the test."""
    kept = SpanRecorder()
    trace.enable_with(kept, "sample", "b")
    yield kept
    trace.disable()


async def test_spans_hang_below_the_callers(spans: SpanRecorder) -> None:
    with trace.span("outer", "server", PARENT) as outer:
        await asyncio.sleep(0)
        with trace.span("inner", "client") as inner:
            pass
    assert outer is not None
    assert inner is not None
    assert outer[3:35] == inner[3:35] == PARENT[3:35]
    assert [each.name for each in spans.ended] == ["inner", "outer"]
    assert f"{spans.ended[0].parent.span_id:016x}" == outer[36:52]


async def test_a_request_is_a_span(sample: ServiceClient, spans: SpanRecorder) -> None:
    answer = await sample.post("/crate/create", code="A-01", headers={"traceparent": PARENT})
    assert answer.status == 200
    (server,) = [span for span in spans.ended if span.name == "sample_crate_create"]
    assert f"{server.context.trace_id:032x}" == PARENT[3:35]


def test_every_metric_says_what_to_do_about_it() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS) > 15
    for metric in METRICS:
        assert metric.name.startswith("retailstack_")
        assert metric.meaning.endswith(".")
        assert metric.action.endswith((".", "?", "`."))
        assert metric.kind != "counter" or metric.name.endswith("_total")


def test_metrics_are_written_as_prometheus_reads_them() -> None:
    metrics = Metrics()
    metrics.counter(HTTP_REQUESTS).labels("sample_stat", "200").inc()
    text = metrics.text().decode()
    assert 'retailstack_http_requests_total{call="sample_stat",status="200"} 1.0' in text
    assert "retailstack_resident_bytes" in text
    assert "_created" not in text


async def test_calls_are_counted(sample: ServiceClient) -> None:
    await sample.post("/crate/create", code="A-01")
    await sample.post("/crate/create", code="!")
    await sample.nobody.get("/nowhere")
    text = sample.application.runtime.metrics.text().decode()
    assert 'retailstack_http_requests_total{call="sample_crate_create",status="200"} 1.0' in text
    assert 'retailstack_http_requests_total{call="sample_crate_create",status="400"} 1.0' in text
    assert 'retailstack_http_requests_total{call="unknown",status="404"} 1.0' in text
    assert 'retailstack_http_request_seconds_count{call="sample_crate_create"} 2.0' in text
    assert "retailstack_changes_total 1.0" in text
    assert "retailstack_http_in_flight 0.0" in text


@pytest.mark.parametrize("request_id", ["01970f3e-9a4c-7c31-8a55-3f0c4b1d2e6a", "order-77.a", "0" * 32])
def test_what_came_without_a_trace_is_given_the_one_of_its_request(request_id: str) -> None:
    begun = trace.trace_begun_by(request_id)

    assert trace.traceparent_of({"traceparent": begun}) == begun
    assert begun == trace.trace_begun_by(request_id) != trace.trace_begun_by(request_id + "b")

"""Large bodies are read without holding up the event loop, whatever is in them."""

import asyncio
from collections import deque
from threading import get_ident
from time import perf_counter

import pytest

from chassis.http.body_decoding import WAITING_MAX, BodyDecoding
from chassis.telemetry import notes
from chassis.telemetry.loop_watch import (
    BUSY_NOTES,
    BUSY_SECONDS,
    IDLE_SECONDS,
    QUIET_SECONDS,
    LoopWatch,
    _pause,
    holder,
)
from chassis.testing.client import ServiceClient
from tests.holding import CALLER_SECONDS, held_at_most
from tests.waiting import until

MIB = 1024 * 1024
JSON = {"Content-Type": "application/json"}
HEAD = b'{"variant_id":"v","quantity":1,'
EMPTY_OBJECTS = b"[" + b"{}," * (MIB // 3 - 40) + b"{}]}"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (HEAD + b'"x":' + EMPTY_OBJECTS, {"x": "is not a known field"}),
        (HEAD + b'"lines":' + EMPTY_OBJECTS, {"lines": "must have at most 3 items"}),
        (HEAD + b'"code":' + EMPTY_OBJECTS, {"code": "must be text"}),
    ],
    ids=["unknown", "list", "text"],
)
async def test_a_large_body_holds_no_other_call_up(sample: ServiceClient, body: bytes, problem: dict[str, str]) -> None:
    async with held_at_most(CALLER_SECONDS):
        answer = await sample.send("POST", "/crate/echo", body, {**JSON, "x-logical-guid": "FAC-A"})

    assert (answer.status, answer.problems) == (400, problem)


async def test_bodies_beyond_what_may_wait_are_refused_at_once(sample: ServiceClient) -> None:
    decoding = BodyDecoding()
    decoding.waiting = WAITING_MAX
    with pytest.raises(Exception, match="too many large bodies"):
        await decoding.decode(None, b" " * MIB, {})  # type: ignore[arg-type]


async def test_a_held_loop_is_measured_and_the_call_is_named() -> None:
    watch = LoopWatch(idle_seconds=0.005)
    watch.start()
    loop = asyncio.get_running_loop()

    def hold() -> None:
        notes.note("sample_crate_hold")
        end = loop.time() + 0.1
        while loop.time() < end:
            pass
        notes.note("sample_crate_next")

    loop.call_soon(hold)
    await until(lambda: watch.recent, 5.0)
    await watch.stop()

    [(call, late), *_] = watch.recent
    assert call == "sample_crate_hold"
    assert late <= watch.largest
    assert 0.0 < watch.largest_held <= watch.largest


def test_the_holder_is_the_call_with_the_longest_time_behind_it() -> None:
    assert holder([(0.0, "first"), (0.1, "second"), (0.9, "third")], 1.0) == "second"
    assert holder([], 1.0) == ""


def test_no_callback_took_more_cpu_than_lies_between_two_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    here = get_ident()
    taken = [
        (1.0, "before", 0.1, here),
        (2.0, "first", 0.2, here),
        (3.0, "elsewhere", 0.3, 0),
        (4.0, "last", 0.5, here),
    ]
    monkeypatch.setattr(notes, "_notes", deque(taken))
    assert notes.longest_cpu(1.5, 0.15, 0.6) == pytest.approx(0.3)
    assert notes.longest_cpu(4.5, 0.5, 0.6) == pytest.approx(0.1)


async def test_every_process_measures_its_loop(sample: ServiceClient) -> None:
    text = sample.application.runtime.metrics.text().decode()

    assert "retailstack_loop_lag_seconds_count" in text
    assert "retailstack_loop_lag_largest_seconds" in text
    assert "retailstack_loop_held_seconds_count" in text


async def test_a_process_at_rest_looks_rarely_and_a_busy_one_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "_notes", deque([(float("-inf"), "", 0.0, 0)]))
    now = perf_counter()
    pauses = [_pause(now)]
    notes.note("sample_crate_get")
    pauses.append(_pause(perf_counter()))
    for _ in range(BUSY_NOTES):
        notes.note("sample_crate_get")
    pauses.append(_pause(perf_counter()))

    assert pauses == [IDLE_SECONDS, QUIET_SECONDS, BUSY_SECONDS]

"""A caller who notes what it sends, how long the answer takes, and how long the event loop is held up meanwhile."""

import asyncio
from collections.abc import Iterator
from time import perf_counter, process_time
from typing import Any, NamedTuple

from chassis.telemetry.loop_watch import LoopWatch
from chassis.testing.client import ServiceClient, TestAnswer
from tests.holding import callbacks_of
from tests.ics.given import CHANNEL
from tests.ics.limits.declared import ListField


class Asked(NamedTuple):
    """A call: seconds until its answer, CPU seconds of caller and service, how late a timer of the loop was at most in
    seconds, and the CPU seconds of the longest callback, with what it belongs to."""

    path: str
    status: int
    seconds: float
    cpu: float
    late: float
    held: float
    held_by: str

    def __str__(self) -> str:
        return (
            f"{self.path:32} {self.status} {self.seconds * 1000:7.0f} ms, {self.cpu * 1000:5.0f} ms CPU, "
            f"loop {self.late * 1000:5.0f} ms late, held {self.held * 1000:5.1f} ms of CPU"
        )


class LimitsCaller:
    """Asks ICS in one facility."""

    def __init__(self, ics: ServiceClient, fields: list[ListField]) -> None:
        self.ics = ics
        self.fields = fields
        self.asked: list[Asked] = []
        self.refused_beyond: set[str] = set()
        self._most: dict[ListField, int] = {}
        self._numbers = iter(range(1, 1_000_000))

    def serials(self, number: int) -> list[str]:
        """New serial numbers."""
        return [f"SN-{place:06}" for place in self._take(number)]

    async def ask(self, path: str, **body: Any) -> TestAnswer:
        """A call, with the current revision of what it changes; whatever becomes of it, it is no defect. A call whose
        lines name as many serials as they may is made with one more before, and refused."""
        for field in self.fields:
            if field.path == path and field.of_a_call and field.found_in(body) == field.most:
                await self._refuse_one_more(field, body)
        answer = await self._timed(path, body)
        if answer.status == 428:
            body |= {"expected_revision": answer.details["current_revision"]}
            answer = await self._timed(path, body)
        return answer

    async def do(self, path: str, **body: Any) -> Any:
        """The data of a call that succeeds."""
        answer = await self.ask(path, **body)
        assert answer.status == 200, (path, answer)
        return answer.data

    def unasked(self) -> list[str]:
        """The lists that no successful call had at their maximum."""
        return [f"{each.path} {each.name}: {each.most}" for each in self.fields if self._most.get(each, 0) < each.most]

    def report(self) -> str:
        """The slowest calls, and those that held the loop longest."""
        slowest = sorted(self.asked, key=lambda asked: -asked.seconds)[:20]
        holding = sorted(self.asked, key=lambda asked: -asked.held)[:12]
        return "\n".join(
            [
                "",
                "slowest:",
                *map(str, slowest),
                "held the loop longest:",
                *(f"{each}: {each.held_by}" for each in holding),
                "",
            ]
        )

    async def _refuse_one_more(self, field: ListField, body: dict[str, Any]) -> None:
        outer, _, inner = field.name.partition(".")
        lines = body[outer] if len(body[outer]) < 200 else body[outer][:-1]
        last = next(line for line in body[outer] if line.get(inner))
        amounts = {name: 1 for name in ("quantity", "delta", "counted") if name in last}
        numbers = {name: len(lines) + 1 for name in ("line_no", "transfer_line_no") if name in last}
        more = {**last, **amounts, **numbers, inner: self.serials(1)}
        answer = await self._timed(field.path, {**body, outer: [*lines, more]})
        assert (answer.status, answer.error_code) == (400, "ics.validation_failed"), (field, answer)
        assert any(str(each["path"]).startswith(outer) for each in answer.details["fields"]), (field, answer)
        self.refused_beyond.add(field.path)

    async def _timed(self, path: str, body: dict[str, Any]) -> TestAnswer:
        watch = LoopWatch(idle_seconds=0.002)
        watch.start()
        began, cpu = perf_counter(), process_time()
        with callbacks_of(asyncio.get_running_loop()) as callbacks:
            answer = await self.ics.post(path, headers={"x-channel-code": CHANNEL}, **body)
        seconds, cpu = perf_counter() - began, process_time() - cpu
        await watch.stop()
        assert answer.status == 200 or 400 <= answer.status < 500, (path, answer)
        for field in self.fields:
            if field.path == path and answer.status == 200:
                self._most[field] = max(self._most.get(field, 0), field.found_in(body))
        self.asked.append(Asked(path, answer.status, seconds, cpu, watch.largest, callbacks.longest, callbacks.held_by))
        return answer

    def _take(self, number: int) -> Iterator[int]:
        for _ in range(number):
            yield next(self._numbers)

"""Jobs: what a service does on a schedule, or when an operator asks. Each runs in one replica at a time.

    jobs = Jobs("ics")

    @jobs.every(seconds=15, name="replenishment-sweep", params=SweepParams)
    async def sweep(units: Units, call: Call, params: SweepParams) -> SweepAnswer: ...

Further parameters of a handler ask for things of the process by type (the settings struct, Channels, a resource …). A
job with a field `dry_run` in its params can be tried without effect. A job may be cut off at any point (its process
dies, its lease is lost) and run again, so it must be safe to repeat.
"""

from collections.abc import Awaitable, Callable, Mapping
from inspect import getdoc

from msgspec import Struct

from chassis.clock import Utc
from chassis.entity import Value
from chassis.provided import asks_of
from chassis.unit import View

HOUR_SECONDS = 3600
DAY_SECONDS = 24 * HOUR_SECONDS

JobHandler = Callable[..., Awaitable[Struct]]


Due = Callable[[View], Awaitable[Utc | None]]
"""When there is something to do: a time that may have passed, or None if nothing is known to come."""


class NoParams(Value):
    """The params of a job that takes none."""


class Job(Value):
    """A declared job.

    seconds  between the starts of two runs; None if it is only run by hand
    due      of a job that often has nothing to do: when it will have, or None as far as is known; it runs no earlier
    at_seconds  of a job that runs once a day: when, in seconds since midnight UTC
    asks     further parameters of the handler -> the type of the thing each asks for
    """

    service: str
    name: str
    seconds: float | None
    params: type[Struct]
    handler: JobHandler
    summary: str
    asks: Mapping[str, type] = {}
    at_seconds: float | None = None
    due: Due | None = None


class Jobs:
    """The jobs of one feature."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.declared: list[Job] = []

    def every(
        self, *, seconds: float, name: str, params: type[Struct] = NoParams, due: Due | None = None
    ) -> Callable[[JobHandler], JobHandler]:
        """Declare a job that runs every `seconds`, with default params, and by hand.

        With `due` it runs only when that says there is something to do, at most every `seconds`. `due` is asked
        after each commit of this process, and every two seconds for what others commit: it must be one cheap read.
        """
        if seconds <= 0:
            raise TypeError(f"job {name} must have an interval of more than 0 seconds")
        params()
        return self._declare(seconds, name, params, due=due)

    def daily(self, *, hour: int, name: str, params: type[Struct] = NoParams) -> Callable[[JobHandler], JobHandler]:
        """Declare a job that runs every day at this hour (UTC, 0 to 23), with default params, and by hand."""
        if not 0 <= hour < DAY_SECONDS // HOUR_SECONDS:
            raise TypeError(f"job {name} must run at an hour of the day")
        params()
        return self._declare(DAY_SECONDS, name, params, at_seconds=hour * HOUR_SECONDS)

    def by_hand(self, *, name: str, params: type[Struct] = NoParams) -> Callable[[JobHandler], JobHandler]:
        """Declare a job that only an operator runs."""
        return self._declare(None, name, params)

    def _declare(
        self,
        seconds: float | None,
        name: str,
        params: type[Struct],
        *,
        at_seconds: float | None = None,
        due: Due | None = None,
    ) -> Callable[[JobHandler], JobHandler]:
        def keep(handler: JobHandler) -> JobHandler:
            summary = (getdoc(handler) or "").partition("\n")[0]
            if not summary:
                raise TypeError(f"job {name} has no docstring; its first line tells operators what it does")
            self.declared.append(
                Job(
                    service=self.service,
                    name=name,
                    seconds=seconds,
                    params=params,
                    handler=handler,
                    summary=summary,
                    asks=asks_of(handler, skip=3),
                    at_seconds=at_seconds,
                    due=due,
                )
            )
            return handler

        return keep

"""Jobs: what a service does by the clock, or when an operator asks. One replica at a time runs each.

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

from chassis.entity import Value
from chassis.provided import asks_of

JobHandler = Callable[..., Awaitable[Struct]]


class NoParams(Value):
    """The params of a job that takes none."""


class Job(Value):
    """A declared job.

    seconds  between the starts of two runs; None if it is only run by hand
    asks     further parameters of the handler -> the type of the thing each asks for
    """

    service: str
    name: str
    seconds: float | None
    params: type[Struct]
    handler: JobHandler
    summary: str
    asks: Mapping[str, type] = {}


class Jobs:
    """The jobs of one feature."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.declared: list[Job] = []

    def every(
        self, *, seconds: float, name: str, params: type[Struct] = NoParams
    ) -> Callable[[JobHandler], JobHandler]:
        """Declare a job that runs every so many seconds, with default params, and by hand."""
        if seconds <= 0:
            raise TypeError(f"job {name} must run every so many seconds, more than none")
        params()
        return self._declare(seconds, name, params)

    def by_hand(self, *, name: str, params: type[Struct] = NoParams) -> Callable[[JobHandler], JobHandler]:
        """Declare a job that only an operator runs."""
        return self._declare(None, name, params)

    def _declare(self, seconds: float | None, name: str, params: type[Struct]) -> Callable[[JobHandler], JobHandler]:
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
                )
            )
            return handler

        return keep

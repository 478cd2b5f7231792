"""How a service's jobs are, in words for operators and metrics."""

from chassis.clock import Utc
from chassis.entity import Value


class JobStatus(Value, frozen=True, kw_only=True):
    """A job as an operator sees it. `answer` is JSON."""

    name: str
    summary: str
    params: list[str]
    every_seconds: float | None
    running: bool
    replica: str
    last_started_utc: Utc | None
    last_ended_utc: Utc | None
    last_answer: str | None
    last_error: str | None
    next_utc: Utc | None


class JobStats(Value, frozen=True, kw_only=True):
    """Runs of a job on this replica since it started."""

    name: str
    runs: int
    failures: int

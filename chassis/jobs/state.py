"""The state of jobs: what replicas share about runs, and what operators and metrics see."""

from chassis.clock import Utc
from chassis.entity import ONE_SHARD, Document, Entity, Value


class JobState(Document):
    """A job's last run, for every replica to see. `running_until_utc` moves on while it runs."""

    name: str
    started_utc: Utc
    ended_utc: Utc | None = None
    running_until_utc: Utc | None = None
    replica: str = ""
    answer: str | None = None
    error: str | None = None


JOB_STATES: Entity[JobState] = Entity(
    "job_state",
    JobState,
    collection="jobs",
    id="name",
    shard_key=ONE_SHARD,
    org_scoped=False,
    history=False,
    technical=True,
)


class JobStatus(Value):
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


class JobStats(Value):
    """Runs of a job on this replica since its start."""

    name: str
    runs: int
    failures: int

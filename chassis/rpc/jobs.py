"""The servicer behind `job list` and `job run`."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from chassis.caller import Call
from chassis.rpc.context import require_stack
from chassis.rpc.declaration import Served
from retailstack.chassis.v1 import jobs_pb2 as pb
from retailstack.chassis.v1 import jobs_pb2_grpc as pb_grpc


class Runner(Protocol):
    """Runs a service's jobs; implemented by `chassis.jobs.runner.JobRunner`."""

    async def status(self) -> Sequence[Any]: ...

    async def run(self, name: str, params: Mapping[str, Any], *, dry_run: bool, call: Call | None = None) -> Any: ...


class JobsServicer(pb_grpc.JobsServicer):
    """Serves operators."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def List(self, request: pb.ListJobsRequest, context: Any) -> pb.ListJobsResponse:
        """Every job, with the outcome of its last run."""
        require_stack()
        return pb.ListJobsResponse(jobs=[_job_to_proto(job) for job in await self._runner.status()])

    async def Run(self, request: pb.RunJobRequest, context: Any) -> pb.RunJobResponse:
        """Run a job now, on behalf of the caller."""
        call = require_stack()
        answer = await self._runner.run(request.job, dict(request.params), dry_run=request.dry_run, call=call)
        return pb.RunJobResponse(answer=msgspec.json.encode(answer).decode())


def jobs(runner: Runner) -> Served:
    """The servicer for this process's jobs."""
    return pb_grpc.add_JobsServicer_to_server, JobsServicer(runner)


def _job_to_proto(job: Any) -> pb.JobStatus:
    return pb.JobStatus(
        name=job.name,
        summary=job.summary,
        params=job.params,
        every_seconds=job.every_seconds or 0.0,
        running=job.running,
        replica=job.replica,
        last_started_utc=job.last_started_utc or "",
        last_ended_utc=job.last_ended_utc or "",
        next_utc=job.next_utc or "",
        last_answer=job.last_answer or "",
        last_error=job.last_error or "",
    )

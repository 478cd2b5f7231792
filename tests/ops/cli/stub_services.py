"""Servicers with set answers, which record what they are asked."""

import json
from collections.abc import AsyncIterator
from typing import Any

from chassis.errors import Conflict, Invalid, Refusal, Unauthorized
from chassis.rpc.interceptors import SecretVerdict
from chassis.shard_keys import ShardKey
from retailstack.chassis.v1 import (
    bus_pb2,
    bus_pb2_grpc,
    jobs_pb2,
    jobs_pb2_grpc,
    work_pb2,
    work_pb2_grpc,
)
from retailstack.identity.v1 import administration_pb2 as pb
from retailstack.identity.v1 import administration_pb2_grpc
from retailstack.ops.v1 import secret_pb2, secret_pb2_grpc
from retailstack.pmc.v1 import publishing_pb2, publishing_pb2_grpc

SECRET = "open sesame, please"
NOW = "2026-03-01T12:00:00.000Z"


class Directory(administration_pb2_grpc.AdministrationServicer):
    """Records its requests."""

    access = "open"

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def _take(self, request: Any) -> None:
        self.asked.append(request)
        if request.secret_code != SECRET:
            raise Unauthorized("the secret code is wrong or missing")

    async def CreateOrg(self, request: pb.CreateOrgRequest, context: Any) -> pb.OrgAnswer:
        self._take(request)
        if request.orgcode == "TAKEN":
            raise Conflict("the orgcode is taken", orgcode="TAKEN")
        return pb.OrgAnswer(org=pb.Org(orgcode=request.orgcode, name=request.name, state="active", revision=1))

    async def ListOrgs(self, request: pb.ListOrgsRequest, context: Any) -> pb.ListOrgsResponse:
        self._take(request)
        page = int(request.next_token or 0)
        orgs = [pb.Org(orgcode=f"ORG{page}", name="n", state="active")]
        return pb.ListOrgsResponse(items=orgs, count=1, next_token=str(page + 1) if page < 2 else None)

    async def CloseOrg(self, request: pb.CloseOrgRequest, context: Any) -> pb.OrgAnswer:
        self._take(request)
        return pb.OrgAnswer(org=pb.Org(orgcode=request.orgcode, state="closed"))

    async def CreateUser(self, request: pb.CreateUserRequest, context: Any) -> pb.UserAnswer:
        self._take(request)
        return pb.UserAnswer(user=pb.User(user_id="u-1", name=request.name, email=request.email or None))

    async def ListUsers(self, request: pb.ListUsersRequest, context: Any) -> pb.ListUsersResponse:
        self._take(request)
        return pb.ListUsersResponse()

    async def SetAssociation(self, request: pb.SetAssociationRequest, context: Any) -> pb.AssociationAnswer:
        self._take(request)
        association = pb.Association(
            orgcode=request.orgcode, user_id=request.user_id, owner=request.owner, roles=request.roles
        )
        return pb.AssociationAnswer(association=association)

    async def RemoveAssociation(self, request: pb.RemoveAssociationRequest, context: Any) -> pb.AssociationAnswer:
        self._take(request)
        return pb.AssociationAnswer(association=pb.Association(orgcode=request.orgcode, user_id=request.user_id))

    async def OpenSession(self, request: pb.OpenSessionRequest, context: Any) -> pb.OpenSessionResponse:
        self._take(request)
        return pb.OpenSessionResponse(session_guid="g-1", session_id="s-1", user_id=request.user_id, expires_utc=NOW)

    async def RevokeSession(self, request: pb.RevokeSessionRequest, context: Any) -> pb.SessionAnswer:
        self._take(request)
        return pb.SessionAnswer(session=pb.Session(session_id="s-1", revoked_utc=NOW))

    async def RevokeSessions(self, request: pb.RevokeSessionsRequest, context: Any) -> pb.RevokeSessionsResponse:
        self._take(request)
        return pb.RevokeSessionsResponse(revoked=3)

    async def CloseUser(self, request: pb.CloseUserRequest, context: Any) -> pb.UserAnswer:
        self._take(request)
        return pb.UserAnswer(user=pb.User(user_id=request.user_id, state="closed"))

    async def ListSessions(self, request: pb.ListSessionsRequest, context: Any) -> pb.ListSessionsResponse:
        self._take(request)
        return pb.ListSessionsResponse(items=[pb.Session(session_id="s-1", user_id=request.user_id)], count=1)

    async def CreateKey(self, request: pb.CreateKeyRequest, context: Any) -> pb.CreateKeyResponse:
        self._take(request)
        return pb.CreateKeyResponse(api_key="rsk_k1_x", key_id="k1", orgcode=request.orgcode, expires_utc=NOW)

    async def RevokeKey(self, request: pb.RevokeKeyRequest, context: Any) -> pb.KeyAnswer:
        self._take(request)
        return pb.KeyAnswer(key=pb.ApiKey(key_id=request.key_id, revoked_utc=NOW))

    async def ListKeys(self, request: pb.ListKeysRequest, context: Any) -> pb.ListKeysResponse:
        self._take(request)
        return pb.ListKeysResponse(items=[pb.ApiKey(key_id="k1", orgcode=request.orgcode, roles=["ics_view"])])


class Jobs(jobs_pb2_grpc.JobsServicer):
    """Runs nothing; answers with the job and parameters it got."""

    def __init__(self) -> None:
        self.asked: list[jobs_pb2.RunJobRequest] = []
        self.answer = "{}"

    async def List(self, request: jobs_pb2.ListJobsRequest, context: Any) -> jobs_pb2.ListJobsResponse:
        return jobs_pb2.ListJobsResponse(jobs=[jobs_pb2.JobStatus(name="sweep", summary="Sweeps.", every_seconds=15)])

    async def Run(self, request: jobs_pb2.RunJobRequest, context: Any) -> jobs_pb2.RunJobResponse:
        self.asked.append(request)
        if request.job == "unfit":
            raise Invalid("no such parameter")
        return jobs_pb2.RunJobResponse(answer=self.answer)


class Bus(bus_pb2_grpc.BusServicer):
    """Three events, one dead letter."""

    async def Queues(self, request: bus_pb2.QueuesRequest, context: Any) -> bus_pb2.QueuesResponse:
        return bus_pb2.QueuesResponse()

    async def DeadLetters(self, request: bus_pb2.DeadLettersRequest, context: Any) -> bus_pb2.DeadLettersResponse:
        letter = bus_pb2.DeadLetter(queue="slc.sync", event_id="e-1", tries=5, reason="never", body='{"a": 1}')
        broken = bus_pb2.DeadLetter(queue="slc.sync", event_id="e-2", body="{")
        return bus_pb2.DeadLettersResponse(dead_letters=[letter, broken])

    async def Replay(self, request: bus_pb2.ReplayRequest, context: Any) -> bus_pb2.ReplayResponse:
        return bus_pb2.ReplayResponse(replayed=request.limit or 9)

    async def Tail(self, request: bus_pb2.TailRequest, context: Any) -> AsyncIterator[bus_pb2.TailEvent]:
        for number in range(3):
            yield bus_pb2.TailEvent(event_id=f"e-{number}", type="ics.zone.created", body=f'{{"n": {number}}}')


class WorkToDo(work_pb2_grpc.WorkServicer):
    """One queue with one dead item; retries what it is told to."""

    def __init__(self) -> None:
        self.asked: list[work_pb2.RetryWorkRequest] = []

    async def Depths(self, request: work_pb2.WorkDepthsRequest, context: Any) -> work_pb2.WorkDepthsResponse:
        depth = work_pb2.WorkDepth(queue="pmc.validation", lane="normal", ready=3, dead=1, oldest_seconds=2.5)
        return work_pb2.WorkDepthsResponse(depths=[depth])

    async def Dead(self, request: work_pb2.DeadWorkRequest, context: Any) -> work_pb2.DeadWorkResponse:
        dead = work_pb2.DeadWork(
            queue="slc.sync", orgcode="ACME", key="V-1", attempts=8, last_error="no", payload='{"a": 1}'
        )
        return work_pb2.DeadWorkResponse(dead=[dead])

    async def Retry(self, request: work_pb2.RetryWorkRequest, context: Any) -> work_pb2.RetryWorkResponse:
        self.asked.append(request)
        return work_pb2.RetryWorkResponse(retried=1 if request.key else 7)


class Shards:
    """Two collections of one database; counts how often they are sharded."""

    database = "ics"
    keys = (
        ShardKey(collection="entries", fields=("orgcode", "item")),
        ShardKey(collection="balances", fields=("_id",)),
    )

    def __init__(self) -> None:
        self.applied = 0
        self.refusal: Refusal | None = None

    async def apply(self) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.applied += 1


class Publishing(publishing_pb2_grpc.PublishingServicer):
    """One run of 450 items, 200 a step.

    trouble   what the next steps raise, and whether each does its items before
    status    the run's status once a step has been refused
    """

    def __init__(self) -> None:
        self.taken: list[publishing_pb2.TakeRunRequest] = []
        self.steps: list[publishing_pb2.StepRunRequest] = []
        self.trouble: list[tuple[bool, Refusal]] = []
        self.refusal: Refusal | None = None
        self.status = ""
        self.processed, self.revision = 0, 1

    def _answer(self) -> publishing_pb2.RunAnswer:
        status = (
            self.status if self.status and not self.trouble else "completed" if self.processed == 450 else "running"
        )
        run = {
            "run_id": "r-1",
            "status": status,
            "revision": self.revision,
            "total": 450,
            "processed": self.processed,
            "selector": {"channel_codes": ["WEB"]},
            "outcomes": {"created": self.processed, "blocked": 0},
        }
        return publishing_pb2.RunAnswer(orgcode="ACME", run=json.dumps(run).encode())

    async def Take(self, request: publishing_pb2.TakeRunRequest, context: Any) -> publishing_pb2.RunAnswer:
        self.taken.append(request)
        if self.refusal is not None:
            raise self.refusal
        return self._answer()

    async def Get(self, request: publishing_pb2.GetRunRequest, context: Any) -> publishing_pb2.RunAnswer:
        return self._answer()

    async def Step(self, request: publishing_pb2.StepRunRequest, context: Any) -> publishing_pb2.RunAnswer:
        self.steps.append(request)
        works, refusal = self.trouble.pop(0) if self.trouble else (True, None)
        if works:
            self.processed, self.revision = min(450, self.processed + request.max_items), self.revision + 1
        if refusal is not None:
            raise refusal
        return self._answer()


class Secret(secret_pb2_grpc.SecretServicer):
    """Knows one code."""

    access = "open"

    def __init__(self) -> None:
        self.asked: list[secret_pb2.SetSecretRequest] = []

    async def Set(self, request: secret_pb2.SetSecretRequest, context: Any) -> secret_pb2.SetSecretResponse:
        self.asked.append(request)
        return secret_pb2.SetSecretResponse(ok=True)

    async def Check(self, request: secret_pb2.CheckSecretRequest, context: Any) -> secret_pb2.CheckSecretResponse:
        return secret_pb2.CheckSecretResponse(ok=request.code == SECRET)

    async def Current(self, request: secret_pb2.CurrentSecretRequest, context: Any) -> secret_pb2.CurrentSecretResponse:
        raise AssertionError

    async def check_secret(self, code: str, peer: str) -> SecretVerdict:
        return SecretVerdict(ok=code == SECRET)

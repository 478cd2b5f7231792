"""The credential, org and cost centre that a request names, before they are checked.

Each may be in a header, in the body or in the query. Contradictions are kept as problems for later, because an unknown
caller is refused first.
"""

from typing import Self

from chassis.cpu_pool import CpuPool
from chassis.errors import FieldProblem, Invalid
from gateway.caller import credential, fields, named_code
from gateway.caller.credential import Credential
from gateway.caller.fields import NOTHING, Fields
from gateway.http.headers import Inbound

AT_ONCE_BYTES_MAX = 1024 * 1024
"""Larger bodies are read in a child process: three milliseconds for each MiB."""


class RequestCredentials:
    """What a request says of its caller.

    `in_body` are the credentials in its body; `payload` and `target` are forwarded to the service. Made by `read`.
    """

    __slots__ = ("cccode", "credential", "in_body", "orgcode", "payload", "probe", "problems", "target")

    @classmethod
    async def read(cls, inbound: Inbound, payload: bytes, target: str, cpu: CpuPool, *, may_probe: bool) -> Self:
        """Read them. A large body is looked into in steps, or in a child process, while other callers are served."""
        body, payload = await _look_into(inbound, payload, cpu, always=may_probe)
        return cls(inbound, body, payload, target, may_probe=may_probe)

    def __init__(self, inbound: Inbound, body: Fields, payload: bytes, target: str, *, may_probe: bool) -> None:
        taken = inbound.taken
        self.payload = payload
        query, self.target = fields.read_query(target)
        self.in_body = body.credentials
        self.probe = may_probe and body.action == "ping"
        found = credential.find(taken.get("x-session-guid"), taken.get("x-api-key"), body.session_guid, body.api_key)
        org = named_code.named_code("orgcode", taken.get("x-orgcode"), body.orgcode, query.orgcode)
        cost = named_code.named_code("cccode", taken.get("x-cccode"), body.cccode, query.cccode)
        self.credential: Credential | None = found.credential
        self.orgcode = org.code
        self.cccode = cost.code
        self.problems = (inbound.problem, found.problem, org.problem, cost.problem, body.problem, query.problem)

    def check(self) -> None:
        """Raises one `Invalid` that names everything malformed or contradictory."""
        if not any(self.problems):
            return
        found = [problem for problem in self.problems if problem is not None]
        named: list[FieldProblem] = [field for problem in found for field in problem.details.get("fields", ())]
        raise Invalid("; ".join(problem.message for problem in found), named)


async def _look_into(inbound: Inbound, payload: bytes, cpu: CpuPool, *, always: bool) -> tuple[Fields, bytes]:
    """The gateway's fields of the body, if it may contain some."""
    if not payload:
        return NOTHING, payload
    taken = inbound.taken
    given = taken.get("x-session-guid") or taken.get("x-api-key")
    is_bare = "x-orgcode" not in taken or given is None
    if not (always or is_bare or await fields.names_ours_in_steps(payload)):
        return NOTHING, payload
    if len(payload) <= AT_ONCE_BYTES_MAX:
        return fields.read_body(payload)
    # Callers take turns.
    found, rest = await cpu.run(fields.read_large_body, payload, org=given or "")
    return found, payload if rest is None else rest

"""Creates the demo data of `make up`: two orgs with users, an API key, two facilities, and a catalogue.

Identities are created over gRPC with the secret code, as operators do; the rest through the gateway, as users do.
Existing data are kept. Sessions and the API key are new each time and expire after a week.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, TypeVar

import grpc

from deploy.local.catalogue import load_catalogue
from deploy.local.facilities import make_facilities
from deploy.local.plan import GATEWAY, Part, addresses
from deploy.local.process import Failed
from deploy.local.report import Report
from deploy.local.state import Home, write_env
from gateway.settings import ROLES
from retailstack.identity.v1 import administration_pb2 as pb
from retailstack.identity.v1.administration_pb2_grpc import AdministrationStub
from retailstack.ops.v1.secret_pb2 import SetSecretRequest
from retailstack.ops.v1.secret_pb2_grpc import SecretStub

CALL_SECONDS = 15.0
BUSY_SECONDS = 60.0
"""How long a stack that has just started may be too busy to answer, on a loaded machine."""

BUSY_PAUSE_SECONDS = 0.5
BUSY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
WEEK_SECONDS = 7 * 86_400
PAGE_ITEMS = 256
CALLS_AT_ONCE = 2
ORGS = {"DEMO0001": "Demo One", "DEMO0002": "Demo Two"}
USERS = (
    ("Olive Owner", "owner@demo0001.example"),
    ("Vic Viewer", "viewer@demo0001.example"),
    ("Otto Outsider", "outsider@nowhere.example"),
    ("Pat Owner", "owner@demo0002.example"),
)
VIEWER_ROLES = ("ics_view", "pmc_view", "slc_view")

T = TypeVar("T")


def make(home: Home, parts: Sequence[Part], report: Report) -> None:
    """Create what is missing, open new sessions, and write demo.env. Raises Failed if a call is refused."""
    gateway = addresses(parts, GATEWAY, "http")
    made_before = home.demo_env.exists()
    try:
        with ExitStack() as open_channels:
            ops = open_channels.enter_context(grpc.insecure_channel(first_of(parts, "ops")))
            identity = open_channels.enter_context(grpc.insecure_channel(first_of(parts, GATEWAY)))
            identities = _Identities(AdministrationStub(identity), home.operator_code.read_text())
            if not made_before:
                _once_answered(lambda: identities.set_code(SecretStub(ops)))
            values = _once_answered(lambda: identities.make(made_before))
    except grpc.RpcError as refusal:
        raise Failed(f"the demo could not be made: {_message(refusal)}") from refusal
    report.say("demo", "orgs DEMO0001 and DEMO0002, sessions, an API key")
    make_facilities(gateway, values["DEMO_OWNER_SESSION"], values["DEMO_ORGCODE"])
    report.say("demo", "facilities FAC-A and FAC-B")
    write_env(home.demo_env, values | {"DEMO_SECRET_FILE": str(home.operator_code)})
    report.say("demo", f"catalogue: {load_catalogue(home)}")


class _Identities:
    """Creates identities with the secret code. OPS hashes the code slowly in each call, so at most two run at once."""

    def __init__(self, stub: AdministrationStub, code: str) -> None:
        self._stub = stub
        self._code = code
        self._users: dict[str, str] = {}

    def set_code(self, stub: SecretStub) -> None:
        """Set the secret code; nothing changes if this code is set already."""
        stub.Set(SetSecretRequest(new_code=self._code, current_code=self._code), timeout=CALL_SECONDS)

    def make(self, made_before: bool) -> dict[str, str]:
        """Create the identities that do not exist yet; returns the content of demo.env."""
        self._users = self._all_users()
        first, second = ORGS
        if not made_before:
            for orgcode, name in ORGS.items():
                self._org(orgcode, name)
        owner, viewer, outsider, other = (self._user(name, email) for name, email in USERS)
        if not made_before:
            self._associate(first, owner, owner=True)
            self._associate(first, viewer, roles=VIEWER_ROLES)
            self._associate(second, other, owner=True)
        with ThreadPoolExecutor(CALLS_AT_ONCE) as threads:
            key = threads.submit(self._key, first)
            sessions = list(threads.map(self._session, (owner, viewer, outsider, other)))
        return {
            "DEMO_ORGCODE": first,
            "DEMO_OWNER_SESSION": sessions[0],
            "DEMO_VIEWER_SESSION": sessions[1],
            "DEMO_API_KEY": key.result(),
            "DEMO_OUTSIDER_SESSION": sessions[2],
            "DEMO2_ORGCODE": second,
            "DEMO2_OWNER_SESSION": sessions[3],
        }

    def _all_users(self) -> dict[str, str]:
        """User ids by e-mail address."""
        found: dict[str, str] = {}
        token: str | None = None
        while True:
            request = pb.ListUsersRequest(secret_code=self._code, limit=PAGE_ITEMS, next_token=token)
            page = self._stub.ListUsers(request, timeout=CALL_SECONDS)
            found |= {user.email: user.user_id for user in page.items}
            token = page.next_token
            if not token:
                return found

    def _org(self, orgcode: str, name: str) -> None:
        try:
            self._stub.CreateOrg(
                pb.CreateOrgRequest(secret_code=self._code, orgcode=orgcode, name=name), timeout=CALL_SECONDS
            )
        except grpc.RpcError as refusal:
            if _status(refusal) != grpc.StatusCode.ALREADY_EXISTS:
                raise

    def _user(self, name: str, email: str) -> str:
        if email in self._users:
            return self._users[email]
        request = pb.CreateUserRequest(secret_code=self._code, name=name, email=email)
        return self._stub.CreateUser(request, timeout=CALL_SECONDS).user.user_id

    def _associate(self, orgcode: str, user_id: str, owner: bool = False, roles: Sequence[str] = ()) -> None:
        request = pb.SetAssociationRequest(
            secret_code=self._code, orgcode=orgcode, user_id=user_id, owner=owner, roles=roles
        )
        self._stub.SetAssociation(request, timeout=CALL_SECONDS)

    def _session(self, user_id: str) -> str:
        request = pb.OpenSessionRequest(secret_code=self._code, user_id=user_id, ttl_seconds=WEEK_SECONDS)
        return self._stub.OpenSession(request, timeout=CALL_SECONDS).session_guid

    def _key(self, orgcode: str) -> str:
        request = pb.CreateKeyRequest(
            secret_code=self._code, orgcode=orgcode, name="demo", roles=ROLES, ttl_seconds=WEEK_SECONDS
        )
        return self._stub.CreateKey(request, timeout=CALL_SECONDS).api_key


def _once_answered(work: Callable[[], T]) -> T:
    """The result of the work, repeated while a service is too busy to answer; so the work must be idempotent."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return work()
        except grpc.RpcError as refusal:
            if _status(refusal) not in BUSY or time.monotonic() > deadline:
                raise
        time.sleep(BUSY_PAUSE_SECONDS)


def first_of(parts: Sequence[Part], service: str) -> str:
    """The gRPC address of the first replica of a service."""
    return addresses(parts, service, "grpc").split(",", maxsplit=1)[0]


def _status(refusal: Any) -> grpc.StatusCode | None:
    """The status of a refused call. The raised error is a call as well, which its type does not say."""
    code: grpc.StatusCode | None = refusal.code() if hasattr(refusal, "code") else None
    return code


def _message(refusal: Any) -> str:
    code = _status(refusal)
    if code is None:
        return str(refusal)
    if code == grpc.StatusCode.UNAUTHENTICATED:
        return "the existing data were created with another secret code; `make down CLEAN=1` starts over"
    return f"{code.name.lower()}: {refusal.details()}"

"""The actions of a scenario as plain values: a call, concurrent calls, a sweep, a wait. `Floor` performs them.

Bodies contain placeholders: `UniqueName("VAR-1")` becomes a name unique to the run, `RecordId("P-01")` the id of a
record that an earlier call kept under this name.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct


class UniqueName(Struct, frozen=True):
    """A name made unique in each run, so that runs on one stack do not affect each other."""

    name: str


class RecordId(Struct, frozen=True):
    """The id of the record kept under this name."""

    name: str


class ApiCall(Struct, frozen=True):
    """One call of ICS.

    at      the facility of the call; None: none
    on      the record it changes: its id and newest known revision are added to the body
    keeps   name -> the field of the answer whose record is kept under that name
    """

    path: str
    body: Mapping[str, Any]
    at: str | None
    on: str | None
    keeps: Mapping[str, str]

    @property
    def words(self) -> str:
        """The action in print."""
        return f"/ics/{self.path}"


class ConcurrentCalls(Struct, frozen=True):
    """The same call `times` times concurrently. The answer counts successes, and refusals by error code."""

    times: int
    call: ApiCall

    @property
    def words(self) -> str:
        """The action in print."""
        return f"{self.times} × {self.call.words}"


class RunSweep(Struct, frozen=True):
    """The replenishment sweep of one facility, run with `stackctl`."""

    at: str

    @property
    def words(self) -> str:
        """The action in print."""
        return "job replenishment-sweep"


class WaitUntilExpired(Struct, frozen=True):
    """Wait in real time until a reservation is past its `expires_utc`."""

    name: str

    @property
    def words(self) -> str:
        """The action in print."""
        return f"wait past the expires_utc of {self.name}"


Action = ApiCall | ConcurrentCalls | RunSweep | WaitUntilExpired


def call(
    path: str, *, at: str | None = "FAC-A", on: str | None = None, keeps: Mapping[str, str] | None = None, **body: Any
) -> ApiCall:
    """A call, by its path below /ics and the fields of its body."""
    return ApiCall(path, body, at, on, keeps or {})

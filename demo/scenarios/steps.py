"""What a step of a scenario does: a call, a crowd of them, a sweep, a wait. Plain values; the floor carries them out.

Bodies name what a run makes anew: `UniqueName("VAR-1")` is that run's variant of this name, `RecordId("P-01")` the id
of a record an earlier call was told to keep.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct


class UniqueName(Struct, frozen=True):
    """A name that every run makes its own, so that runs on one stack never meet."""

    name: str


class RecordId(Struct, frozen=True):
    """The id of a record that was kept under this name."""

    name: str


class ApiCall(Struct, frozen=True):
    """One call of ICS.

    at      the facility it is made in; None: in none
    on      the record it changes: its id and newest known revision go into the body
    keeps   name -> the part of the answer to be known by that name from here on
    """

    path: str
    body: Mapping[str, Any]
    at: str | None
    on: str | None
    keeps: Mapping[str, str]

    @property
    def words(self) -> str:
        """What is called."""
        return f"/ics/{self.path}"


class ConcurrentCalls(Struct, frozen=True):
    """The same call many times at the same moment. Its answer counts how many succeeded, and refusals by their code."""

    times: int
    call: ApiCall

    @property
    def words(self) -> str:
        """What is called."""
        return f"{self.times} × {self.call.words}"


class RunSweep(Struct, frozen=True):
    """The replenishment sweep of one facility, run by hand as an operator does."""

    at: str

    @property
    def words(self) -> str:
        """What is called."""
        return "job replenishment-sweep"


class WaitUntilExpired(Struct, frozen=True):
    """Wait until a promise is past its `expires_utc`, really."""

    name: str

    @property
    def words(self) -> str:
        """What is called."""
        return f"wait past the expires_utc of {self.name}"


Action = ApiCall | ConcurrentCalls | RunSweep | WaitUntilExpired


def call(
    path: str, *, at: str | None = "FAC-A", on: str | None = None, keeps: Mapping[str, str] | None = None, **body: Any
) -> ApiCall:
    """A call, by its path below /ics and the fields of its body."""
    return ApiCall(path, body, at, on, keeps or {})

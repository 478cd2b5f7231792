"""Parameters of a job: given as text, read like a query, refused by name."""

import pytest

from chassis.caller import Call
from chassis.entity import Value
from chassis.errors import Invalid
from chassis.jobs.declaration import Jobs
from chassis.jobs.params import read_params
from chassis.unit import Units
from tests.chassis.jobs.given import Sweep, SweepParams


@pytest.mark.parametrize("given", [{"limit": "many"}, {"colour": "red"}])
def test_params_that_do_not_fit_are_refused_by_name(given: dict[str, str]) -> None:
    with pytest.raises(Invalid) as refused:
        read_params(Sweep().declared[0], given, dry_run=False)

    assert [field.path for field in refused.value.details["fields"]] == list(given)


def test_params_are_read_as_leniently_as_a_query() -> None:
    read = read_params(Sweep().declared[0], {"limit": "7", "orgcode": "acme"}, dry_run=True)

    assert read == SweepParams(orgcode="ACME", limit=7, dry_run=True)


def test_a_job_that_knows_no_dry_run_refuses_one() -> None:
    jobs = Jobs("test")

    @jobs.every(seconds=5, name="plain")
    async def plain(units: Units, call: Call, params: Value) -> Value:
        """Do something."""
        return params

    with pytest.raises(Invalid, match="dry"):
        read_params(jobs.declared[0], {}, dry_run=True)

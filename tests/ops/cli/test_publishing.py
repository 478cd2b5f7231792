"""`stackctl pmc publish` and `stackctl audit catalogue`, against a stub of PMC."""

import json
import os
from typing import Any

import pytest

from chassis.errors import InvalidState, NotFound, StaleRevision, Unavailable
from retailstack.pmc.v1 import publishing_pb2 as pb
from services.ops.cli import pmc
from tests.ops.cli.given import Operator

PACK = "0192e4a0-0000-7000-8000-00000000000a"


@pytest.fixture
def operator(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """The operator, who knows PMC's address, too, and does not wait while PMC is busy."""
    monkeypatch.setattr(pmc, "BUSY_PAUSE_SECONDS", 0.0)
    monkeypatch.setenv("STACK_PMC_GRPC", os.environ["STACK_ICS_GRPC"])
    return operator


async def test_a_run_is_stepped_to_its_end_and_its_outcomes_are_printed(operator: Operator) -> None:
    assert await operator.run("--json", "pmc", "publish", PACK, "--channel", "web", "--dry-run") == 0

    answer = json.loads(operator.out)
    assert (answer["run"]["status"], answer["run"]["processed"]) == ("completed", 450)
    assert answer["outcomes"] == answer["run"]["outcomes"] == {"created": 450, "blocked": 0}
    (taken,) = operator.publishing.taken
    assert (taken.pack_id, taken.channel_code, taken.dry_run, taken.staged) == (PACK, "web", True, False)
    assert [each.expected_revision for each in operator.publishing.steps] == [1, 2, 3]


async def test_people_see_the_outcomes_in_a_table(operator: Operator) -> None:
    assert await operator.run("pmc", "publish", PACK, "--staged") == 0

    assert "created    450" in operator.out
    assert "450/450" in operator.err
    assert operator.publishing.taken[0].staged


async def test_a_run_goes_on_where_it_was_cut_off(operator: Operator) -> None:
    operator.publishing.processed, operator.publishing.revision = 400, 3

    assert await operator.run("--json", "pmc", "publish", PACK) == 0
    assert [each.expected_revision for each in operator.publishing.steps] == [3]


async def test_a_step_whose_answer_was_lost_is_not_repeated(operator: Operator) -> None:
    operator.publishing.trouble = [(True, Unavailable("the connection broke")), (True, StaleRevision(3))]

    assert await operator.run("--json", "pmc", "publish", PACK) == 0
    assert json.loads(operator.out)["run"]["processed"] == 450
    assert len(operator.publishing.steps) == 3


async def test_a_step_that_did_nothing_is_tried_again(operator: Operator) -> None:
    operator.publishing.trouble = [(False, Unavailable("not yet"))]

    assert await operator.run("--json", "pmc", "publish", PACK) == 0
    assert [each.expected_revision for each in operator.publishing.steps] == [1, 1, 2, 3]


async def test_a_run_that_somebody_cancels_is_shown_with_status_1(operator: Operator) -> None:
    operator.publishing.trouble = [(False, InvalidState("the run is cancelled"))]
    operator.publishing.status = "cancelled"

    assert await operator.run("--json", "pmc", "publish", PACK) == 1
    assert json.loads(operator.out)["run"]["status"] == "cancelled"


async def test_an_unknown_pack_is_refused(operator: Operator) -> None:
    operator.publishing.refusal = NotFound("there is no such pack")

    assert await operator.run("pmc", "publish", PACK) == 1
    assert "there is no such pack" in operator.err


@pytest.mark.parametrize(("differences", "status"), [([], 0), ([{"what": "category cat-tees"}], 1)])
async def test_an_audit_of_the_catalogue_is_status_1_where_something_differs(
    operator: Operator, differences: list[Any], status: int
) -> None:
    operator.jobs.answer = json.dumps({"products_checked": 7, "differences": differences, "unsettled": 0})

    assert await operator.run("audit", "catalogue", "--org", "acme", "--json") == status
    assert json.loads(operator.out) == {"products_checked": 7, "differences": differences}
    asked = operator.jobs.asked[0]
    assert (asked.job, dict(asked.params)) == ("audit-catalogue", {"orgcode": "ACME"})


def test_a_run_is_read_from_its_answer() -> None:
    assert pmc.run_of(pb.RunAnswer(orgcode="ACME", run=b'{"status": "running"}')) == {"status": "running"}

"""Commands about a running stack: jobs, audits, events, work, status, and its secret."""

import json
import os
from pathlib import Path

import pytest

from tests.ops.cli.given import Operator
from tests.ops.cli.stub_services import SECRET


async def test_a_job_is_run_with_its_parameters_and_shows_its_answer(operator: Operator) -> None:
    operator.jobs.answer = '{"scanned": 3}'
    words = ("job", "run", "ics", "sweep", "--param", "orgcode=ACME", "--param", "limit=5", "--dry-run", "--json")
    assert await operator.run(*words) == 0
    assert json.loads(operator.out) == {"scanned": 3}
    asked = operator.jobs.asked[0]
    assert (dict(asked.params), asked.dry_run) == ({"orgcode": "ACME", "limit": "5"}, True)

    assert await operator.run("job", "run", "ics", "unfit") == 1
    assert await operator.run("job", "run", "nobody", "sweep") == 2
    assert await operator.run("job", "run", "ics", "sweep", "--param", "limit") == 2


async def test_jobs_of_all_services_are_listed(operator: Operator) -> None:
    assert await operator.run("job", "list", "--json") == 0
    jobs = [(job["service"], job["name"]) for job in json.loads(operator.out)["items"]]
    assert jobs == [("ops", "sweep"), ("gateway", "sweep"), ("ics", "sweep"), ("slc", "sweep")]


async def test_an_audit_that_finds_differences_is_status_1(operator: Operator) -> None:
    operator.jobs.answer = '{"items_checked": 2, "entries_checked": 9, "differences": [], "took": 1}'
    assert await operator.run("audit", "ledger", "--org", "ACME", "--json") == 0
    assert json.loads(operator.out) == {"items_checked": 2, "entries_checked": 9, "differences": []}
    assert (operator.jobs.asked[0].job, dict(operator.jobs.asked[0].params)) == ("audit-ledger", {"orgcode": "ACME"})

    assert await operator.run("audit", "ledger", "--changed", "--json") == 0
    assert dict(operator.jobs.asked[1].params) == {"changed": "true"}

    operator.jobs.answer = '{"items_checked": 2, "entries_checked": 9, "differences": [{"variant_id": "v"}]}'
    assert await operator.run("audit", "ledger", "--json") == 1
    assert len(json.loads(operator.out)["differences"]) == 1


async def test_events_are_a_line_each(operator: Operator) -> None:
    assert await operator.run("events", "tail", "--json") == 0
    lines = [json.loads(line) for line in operator.out.splitlines()]
    assert [line["body"] for line in lines] == [{"n": 0}, {"n": 1}, {"n": 2}]

    assert await operator.run("events", "dead", "slc.sync", "--json") == 0
    letters = [json.loads(line) for line in operator.out.splitlines()]
    assert [letter["body"] for letter in letters] == [{"a": 1}, "{"]

    assert await operator.run("events", "replay", "slc.sync", "--limit", "3", "--json") == 0
    assert json.loads(operator.out)["replayed"] == 3
    assert await operator.run("events", "replay", "nobody.sync") == 2


async def test_work_is_listed_and_what_was_given_up_is_tried_again(operator: Operator) -> None:
    assert await operator.run("work", "list", "--json") == 0
    depth = json.loads(operator.out)["items"][0]
    assert (depth["queue"], depth["ready"], depth["dead"], depth["oldest_seconds"]) == ("pmc.validation", 3, 1, 2.5)

    assert await operator.run("work", "dead", "slc.sync", "--json") == 0
    [dead] = [json.loads(line) for line in operator.out.splitlines()]
    assert (dead["key"], dead["payload"], dead["last_error"]) == ("V-1", {"a": 1}, "no")

    assert await operator.run("work", "retry", "slc.sync", "--org", "acme", "--key", "V-1", "--json") == 0
    assert json.loads(operator.out) == {"queue": "slc.sync", "retried": 1}
    assert (operator.work.asked[-1].orgcode, operator.work.asked[-1].key) == ("ACME", "V-1")
    assert await operator.run("work", "retry", "nobody.sync") == 2


async def test_status_needs_no_secret_and_shows_every_service(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STACK_SECRET_FILE")
    assert await operator.run("status", "--json") == 0
    services = json.loads(operator.out)["services"]
    assert [service["service"] for service in services] == ["ops", "gateway", "ics", "slc"]
    assert (services[0]["build_id"], services[0]["gate"], services[0]["relay_pending"]) == ("b42", "open", 0)

    assert await operator.run("status", "--slc-grpc", "127.0.0.1:1") == 3
    assert "slc can't be reached" in operator.out


async def test_the_secret_is_set_and_rotated(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"a new code of some length")
    os.close(writing)
    try:
        assert await operator.run("secret", "set", "--secret-fd", str(reading), "--json") == 0
    finally:
        os.close(reading)
    assert json.loads(operator.out) == {"ok": True}
    asked = operator.secret.asked[0]
    assert (asked.new_code, asked.current_code) == ("a new code of some length", SECRET)


@pytest.mark.parametrize("how", ["flag", "variable"])
async def test_a_new_secret_is_read_from_a_file(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str
) -> None:
    monkeypatch.delenv("STACK_SECRET_FILE", raising=False)
    file = tmp_path / "code"
    file.write_text("a brand new code\n")
    if how == "variable":
        monkeypatch.setenv("STACK_NEW_SECRET_FILE", str(file))
    flags = ["--secret-file", str(file)] if how == "flag" else []

    assert await operator.run("secret", "set", *flags, "--json") == 0
    assert operator.secret.asked[-1].new_code == "a brand new code"

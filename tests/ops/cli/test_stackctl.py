import io
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.ops.cli.app import call
from services.ops.cli.options import PEERS, UsageError, read_addresses, seconds_of
from tests.ops.cli.given import Operator
from tests.ops.cli.stub_services import NOW, SECRET
from tests.waiting import stretched


@pytest.fixture
async def operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[Operator]:
    async with Operator(tmp_path, monkeypatch, capsys).at_work() as operator:
        yield operator


async def test_json_is_one_document_and_nothing_else(operator: Operator) -> None:
    assert await operator.run("--json", "org", "create", "ACME", "--name", "Acme & Söhne") == 0

    org = json.loads(operator.out)["org"]
    assert (org["orgcode"], org["name"], org["owner_user_id"], operator.err) == ("ACME", "Acme & Söhne", None, "")
    assert operator.directory.asked[0].secret_code == SECRET


async def test_the_flag_may_stand_anywhere(operator: Operator) -> None:
    assert await operator.run("org", "create", "ACME", "--json", "--name", "Acme") == 0
    assert json.loads(operator.out)["org"]["name"] == "Acme"


async def test_people_see_a_table(operator: Operator) -> None:
    assert await operator.run("org", "list") == 0
    assert operator.out.split()[0] == "orgcode"
    assert all(f"ORG{number}" in operator.out for number in range(3))


async def test_a_list_is_read_to_its_last_page(operator: Operator) -> None:
    assert await operator.run("org", "list", "--json") == 0
    assert [org["orgcode"] for org in json.loads(operator.out)["items"]] == ["ORG0", "ORG1", "ORG2"]


async def test_a_refusal_is_status_1_and_its_error_object_is_on_stderr(operator: Operator) -> None:
    assert await operator.run("--json", "org", "create", "TAKEN", "--name", "x") == 1
    error = json.loads(operator.err)
    assert (error["error_code"], error["http_status"], error["details"]) == ("ics.conflict", 409, {"orgcode": "TAKEN"})
    assert operator.out == ""

    assert await operator.run("org", "create", "TAKEN", "--name", "x") == 1
    assert "the orgcode is taken" in operator.err


async def test_a_wrong_code_is_refused(operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("swordfish")
    monkeypatch.setenv("STACK_SECRET_FILE", str(wrong))
    assert await operator.run("user", "list") == 1
    assert await operator.run("job", "list") == 1
    assert "swordfish" not in operator.err


async def test_the_code_may_come_from_a_descriptor(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STACK_SECRET_FILE")
    reading, writing = os.pipe()
    os.write(writing, f"{SECRET}\n".encode())
    os.close(writing)
    try:
        assert await operator.run("user", "list", "--secret-fd", str(reading), "--json") == 0
    finally:
        os.close(reading)
    assert json.loads(operator.out) == {"items": []}


async def test_without_a_code_and_without_anybody_to_ask_it_says_so(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STACK_SECRET_FILE")
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert await operator.run("user", "list") == 2
    assert "--secret-fd" in operator.err


@pytest.mark.parametrize(
    "words",
    [(), ("bogus",), ("org", "create"), ("org", "list", "--nonsense"), ("session", "open", "u", "--ttl", "12x")],
)
async def test_usage_errors_are_status_2(operator: Operator, words: tuple[str, ...]) -> None:
    assert await operator.run(*words) == 2


async def test_an_unreachable_service_is_status_3(operator: Operator) -> None:
    assert await operator.run("org", "list", "--gateway-grpc", "127.0.0.1:1") == 3
    assert "gateway can't be reached" in operator.err


@pytest.mark.parametrize(
    "words",
    [("org", "list"), ("maintenance", "list"), ("job", "list"), ("events", "dead"), ("work", "list"), ("status",)],
)
async def test_a_service_of_no_known_address_is_unreachable_too(
    operator: Operator, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for peer in PEERS:
        monkeypatch.delenv(f"STACK_{peer.upper()}_GRPC", raising=False)
    assert await operator.run(*words, "--json") == 3
    assert "no address of" in json.loads(operator.err)["major"]["message"]["en_US"]


@pytest.mark.parametrize(
    "words",
    [
        ("org", "close", "ACME"),
        ("member", "remove", "ACME", "u-1"),
        ("session", "revoke", "g-1"),
        ("key", "revoke", "k1"),
    ],
)
async def test_destructive_verbs_ask_first(
    operator: Operator, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert await operator.run(*words) == 2
    assert operator.directory.asked == []
    assert "Sure?" in operator.err

    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert await operator.run(*words) == 0
    assert await operator.run(*words, "--yes") == 0
    assert len(operator.directory.asked) == 2


async def test_users_members_sessions_and_keys(operator: Operator) -> None:
    assert await operator.run("--json", "user", "create", "--name", "Ann") == 0
    assert json.loads(operator.out)["user"]["user_id"] == "u-1"

    await operator.run("--json", "member", "set", "ACME", "u-1", "--role", "ics_view", "--role", "pmc_view", "--owner")
    association = json.loads(operator.out)["association"]
    assert (association["roles"], association["owner"]) == (["ics_view", "pmc_view"], True)

    await operator.run("--json", "session", "open", "u-1", "--ttl", "12h")
    assert json.loads(operator.out) == {
        "session_guid": "g-1",
        "session_id": "s-1",
        "user_id": "u-1",
        "expires_utc": NOW,
    }
    assert operator.directory.asked[-1].ttl_seconds == 43_200

    await operator.run("--json", "key", "create", "ACME", "--name", "till", "--role", "ics_view", "--ttl", "90d")
    assert json.loads(operator.out) == {
        "api_key": "rsk_k1_x",
        "key_id": "k1",
        "orgcode": "ACME",
        "expires_utc": NOW,
    }
    await operator.run("--json", "key", "list", "ACME")
    assert json.loads(operator.out)["items"][0]["roles"] == ["ics_view"]
    await operator.run("--json", "session", "list", "u-1")
    assert json.loads(operator.out)["items"][0]["session_id"] == "s-1"


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


def test_addresses_come_from_flag_then_environment_then_file(tmp_path: Path) -> None:
    file = tmp_path / "stack.env"
    file.write_text("# here\nOPS_GRPC=127.0.0.1:1\nexport ICS_GRPC='127.0.0.1:2,127.0.0.1:3'\nPMC_GRPC=127.0.0.1:4\n")
    found = read_addresses({"ops": "a:1"}, {"STACK_PMC_GRPC": "b:2", "STACK_OPS_GRPC": "b:1"}, file)
    assert found["ops"] == ("a:1",)
    assert found["pmc"] == ("b:2",)
    assert found["ics"] == ("127.0.0.1:2", "127.0.0.1:3")
    assert found["slc"] == ()


def test_spans_of_time() -> None:
    assert [seconds_of(text) for text in ("90s", "30m", "12h", "7d")] == [90, 1800, 43_200, 604_800]
    for wrong in ("", "12", "h", "0h", "-1h", "1w"):
        with pytest.raises(UsageError):
            seconds_of(wrong)


def test_help_is_shown_for_every_noun(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--help"], ["org", "--help"], ["org", "create", "--help"], ["events", "tail", "--help"]):
        assert call(words) == 0
        assert "stackctl" in capsys.readouterr().out


def test_help_does_without_grpc() -> None:
    program = "import sys; from services.ops.cli.app import call; call(['--help']); sys.exit('grpc' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=stretched(60), check=False)
    assert done.returncode == 0


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


async def test_sessions_are_revoked_by_id_by_guid_and_all_of_a_user(operator: Operator) -> None:
    session_id, guid = "01970f3e-9a4c-7c31-8a55-3f0c4b1d2e6a", "0193a1b2-aaaa-4bbb-8ccc-0123456789ab"
    for named in (session_id, guid):
        assert await operator.run("session", "revoke", named, "--yes", "--json") == 0
    by_id, by_guid = operator.directory.asked[-2:]
    assert (by_id.session_id, by_id.session_guid) == (session_id, "")
    assert (by_guid.session_id, by_guid.session_guid) == ("", guid)

    assert await operator.run("session", "revoke", "--user", "u-1", "--yes", "--json") == 0
    assert json.loads(operator.out) == {"revoked": 3}
    assert await operator.run("session", "revoke", "--yes") == 2
    assert await operator.run("user", "close", "u-1", "--yes", "--json") == 0
    assert json.loads(operator.out)["user"]["state"] == "closed"

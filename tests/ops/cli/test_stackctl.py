"""What every command has in common: output, exit status, the secret code, addresses, and help."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.ops.cli.app import call
from services.ops.cli.options import PEERS, UsageError, read_addresses, seconds_of
from tests.ops.cli.given import Operator
from tests.ops.cli.stub_services import SECRET
from tests.waiting import stretched


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

"""Commands about orgs, users, members, sessions and API keys."""

import io
import json
import sys

import pytest

from tests.ops.cli.given import Operator
from tests.ops.cli.stub_services import NOW


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

import time

import jwt
import pytest

from chassis.caller import ANONYMOUS, Caller
from chassis.errors import Unauthorized
from chassis.http.token import AUDIENCE, TOKEN_SECONDS, sign, verify

KEY = "k" * 64
NOW = 1_700_000_000.5
ANN = Caller(
    kind="user",
    actor="ann",
    orgcode="DEMO0001",
    roles=frozenset({"ics_view", "ics_operator"}),
    cccode="AAAA-BBBB-CCCC",
    fingerprint="0123456789abcdef",
)


@pytest.mark.parametrize("caller", [ANN, ANONYMOUS, Caller(kind="key", actor="k", orgcode="DEMO0001", owner=True)])
def test_what_is_signed_can_be_read(caller: Caller) -> None:
    assert verify(sign(caller, "request-1", KEY, NOW), KEY, NOW) == (caller, "request-1")


def test_a_token_lives_for_its_time() -> None:
    token = sign(ANN, "r", KEY, NOW)
    assert verify(token, KEY, NOW + TOKEN_SECONDS - 1)
    with pytest.raises(Unauthorized):
        verify(token, KEY, NOW + TOKEN_SECONDS)


def test_it_is_a_jwt_like_any_other() -> None:
    claims = jwt.decode(sign(ANN, "r", KEY, time.time()), KEY, algorithms=["HS256"], audience=AUDIENCE)
    assert (claims["actor"], claims["orgcode"], claims["rid"]) == ("ann", "DEMO0001", "r")


def test_what_another_library_signs_is_taken() -> None:
    claims = {"aud": AUDIENCE, "exp": int(NOW) + 10, "rid": "r", "kind": "user", "actor": "ann", "roles": ["ics_view"]}
    caller, request_id = verify(jwt.encode(claims, KEY, "HS256"), KEY, NOW)
    assert (caller, request_id) == (Caller(kind="user", actor="ann", roles=frozenset({"ics_view"})), "r")


def forgeries() -> list[str]:
    token = sign(ANN, "r", KEY, NOW)
    head, payload, mark = token.split(".")
    other = sign(ANN, "r", "x" * 64, NOW)
    good = {"aud": AUDIENCE, "exp": int(NOW) + 10, "rid": "r", "kind": "user", "actor": "ann"}
    return [
        "",
        ".",
        "..",
        head,
        f"{head}.{payload}",
        f"{head}.{payload}.",
        f"{head}.{payload}.{mark[:-1]}",
        f"{head}.{payload}.{'A' * len(mark)}",
        f"{head}.{payload[:-1]}x.{mark}",
        other,
        token + "x",
        "é" * 50,
        jwt.encode(good, "", "none"),
        jwt.encode(good, KEY, "HS384"),
        jwt.encode(good, KEY, "HS256", headers={"kid": "1"}),
        jwt.encode({**good, "aud": "another stack"}, KEY, "HS256"),
        jwt.encode({name: value for name, value in good.items() if name != "exp"}, KEY, "HS256"),
        jwt.encode({**good, "exp": int(NOW) + 10 * 365 * 86_400}, KEY, "HS256"),
        jwt.encode({**good, "kind": "root"}, KEY, "HS256"),
        "x" * 10_000,
    ]


@pytest.mark.parametrize("token", forgeries())
def test_what_is_not_ours_is_refused(token: str) -> None:
    with pytest.raises(Unauthorized):
        verify(token, KEY, NOW)

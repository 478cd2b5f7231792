import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.auth.token import REUSE_SECONDS, SKEW_SECONDS, TOKEN_SECONDS, MayNotSign, Signer, Verified, Verifier
from chassis.caller import ANONYMOUS, SYSTEM, Caller
from chassis.errors import Forbidden, Unauthorized
from chassis.key_ring import KeyRing
from chassis.testing.keys import signer_of, signing_text, signs_as, token, verifier_of

ANN = Caller(
    kind="user",
    actor="ann",
    orgcode="DEMO0001",
    roles=frozenset({"ics_view", "ics_operator"}),
    cccode="AAAA-BBBB-CCCC",
    fingerprint="0123456789abcdef",
)
KEY = Caller(kind="key", actor="k", orgcode="DEMO0001", owner=True)


def private(holder: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(KeyRing.from_text(signing_text(holder)).current[1])


def made_by(holder: str, kid: str | None = None, **changes: Any) -> str:
    """What another library signs with the key of a holder."""
    claims = {"iss": holder, "aud": "ics", "exp": int(time.time()) + 10, "kind": "user", "actor": "ann"}
    claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(claims, private(holder), "EdDSA", headers={"kid": kid or f"{holder}/test"})


@pytest.mark.parametrize("caller", [ANN, ANONYMOUS, KEY])
def test_what_the_gateway_signs_can_be_read(caller: Caller) -> None:
    signed = token(caller, "ics")
    verified = verifier_of("ics").verify(signed)
    assert (verified.caller, verified.issuer, verified.token) == (caller, "gateway", signed)


def test_it_is_a_jwt_like_any_other() -> None:
    claims = jwt.decode(token(ANN, "ics"), private("gateway").public_key(), algorithms=["EdDSA"], audience="ics")
    assert (claims["actor"], claims["orgcode"], claims["iss"]) == ("ann", "DEMO0001", "gateway")


def test_what_another_library_signs_is_taken() -> None:
    verified = verifier_of("ics").verify(made_by("gateway", roles=["ics_view"]))
    assert verified.caller == Caller(kind="user", actor="ann", roles=frozenset({"ics_view"}))


def test_a_token_made_for_one_service_is_refused_at_the_others() -> None:
    signed = token(ANN, "ics")
    for other in ("ops", "pmc", "slc", "visualgrid", "gateway"):
        with pytest.raises(Unauthorized):
            verifier_of(other).verify(signed)


def forgeries() -> list[str]:
    signed = token(ANN, "ics")
    head, payload, mark = signed.split(".")
    now = int(time.time())
    raw = private("gateway").public_key().public_bytes_raw()
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
        signed + "x",
        "é" * 50,
        "x" * 10_000,
        jwt.encode({"aud": "ics", "iss": "gateway", "exp": now + 10, "kind": "user", "actor": "ann"}, "", "none"),
        # A public key is no secret: it must not verify anything else than signatures.
        jwt.encode({"aud": "ics", "iss": "gateway", "exp": now + 10, "kind": "user", "actor": "a"}, raw, "HS256"),
        made_by("gateway", kid="gateway/other"),
        made_by("gateway", aud="retailstack"),
        made_by("gateway", aud=None),
        made_by("gateway", exp=None),
        made_by("gateway", exp=now - 1),
        made_by("gateway", exp=now + TOKEN_SECONDS + SKEW_SECONDS + 5),
        made_by("gateway", exp=now + 10 * 365 * 86_400),
        made_by("gateway", kind="root"),
        made_by("gateway", iss="ops"),
        # A service has the key of a service only.
        made_by("ics", aud="ics"),
        made_by("slc", kind="user", owner=True, orgcode="DEMO0001"),
        made_by("slc", kind="key"),
        made_by("slc", kind="anonymous"),
        made_by("slc", iss="gateway"),
        made_by("slc", iss="gateway", kid="gateway/test"),
        made_by("slc", iss="ops", kind="service"),
        # Nor does a proof make a user that the gateway did not.
        made_by("slc", kind="service", proof=made_by("slc", aud="slc")),
        made_by("slc", kind="service", proof=token(ANN, "pmc")),
        made_by("slc", kind="service", proof=made_by("gateway", aud="slc", exp=now - 1)),
        made_by("slc", kind="service", proof=made_by("gateway", aud="slc", kind="service")),
        made_by("slc", kind="service", proof=made_by("gateway", aud="slc", proof=token(ANN, "gateway"))),
        made_by("slc", kind="service", proof=made_by("pmc", aud="slc", kind="service")),
        made_by("slc", kind="service", proof=""),
    ]


@pytest.mark.parametrize("number", range(len(forgeries())))
def test_what_is_not_ours_is_refused(number: int) -> None:
    verifier, forged = verifier_of("ics"), forgeries()[number]
    for _ in range(2):
        with pytest.raises(Unauthorized):
            verifier.verify(forged)


def test_a_service_signs_for_itself_alone() -> None:
    slc = signer_of("slc")
    verified = verifier_of("ics").verify(slc.sign(SYSTEM, "ics"))
    assert (verified.caller, verified.issuer, verified.token) == (SYSTEM, "slc", None)
    for caller in (ANN, KEY, ANONYMOUS):
        with pytest.raises(MayNotSign):
            slc.sign(caller, "ics")


def test_a_service_acts_for_a_user_who_calls_it() -> None:
    verified = verifier_of("ics").verify(signs_as("slc")(ANN, "ics", None))
    assert (verified.caller, verified.issuer, verified.token) == (ANN, "slc", None)


def test_services_do_not_call_over_http() -> None:
    verifier = verifier_of("ics")
    assert verifier.verify(token(ANN, "ics")).for_http().caller == ANN
    for signed in (signer_of("slc").sign(SYSTEM, "ics"), signs_as("slc")(ANN, "ics", None), token(SYSTEM, "ics")):
        with pytest.raises(Forbidden):
            verifier.verify(signed).for_http()


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1_700_000_000.5

    def __call__(self) -> float:
        return self.seconds


def at(watch: Watch) -> tuple[Signer, Verifier]:
    signer, verifier = signer_of("gateway"), verifier_of("ics")
    signer._now = verifier._now = watch
    return signer, verifier


def test_a_token_is_used_again_for_a_while_and_lives_for_its_time() -> None:
    watch = Watch()
    signer, verifier = at(watch)
    first = signer.sign(ANN, "ics")
    watch.seconds += REUSE_SECONDS - 1
    assert signer.sign(ANN, "ics") == first
    assert signer.sign(ANN, "pmc") != first
    assert signer.sign(KEY, "ics") != first
    watch.seconds += 1
    assert signer.sign(ANN, "ics") != first
    watch.seconds += TOKEN_SECONDS - REUSE_SECONDS - 1
    assert verifier.verify(first).caller == ANN
    watch.seconds += 1
    for _ in range(2):
        with pytest.raises(Unauthorized):
            verifier.verify(first)


def test_a_clock_that_is_set_back_keeps_no_token_in_use() -> None:
    watch = Watch()
    signer, verifier = at(watch)
    early = signer.sign(ANN, "ics")
    watch.seconds -= 3600
    assert signer.sign(ANN, "ics") != early
    with pytest.raises(Unauthorized):
        verifier.verify(early)


def test_what_was_checked_once_is_not_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier, signed = verifier_of("ics"), token(ANN, "ics")
    checks: list[str] = []
    check = verifier._check

    def counted(signed: str, audience: str, now: float) -> Verified:
        checks.append(signed)
        return check(signed, audience, now)

    monkeypatch.setattr(verifier, "_check", counted)
    assert verifier.verify(signed) is verifier.verify(signed)
    assert len(checks) == 1


def test_few_tokens_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.auth.token.TOKENS_MAX", 3)
    signer, verifier = signer_of("gateway"), verifier_of("ics")
    for number in range(10):
        verifier.verify(signer.sign(Caller(kind="user", actor=str(number)), "ics"))
    assert (len(signer._made), len(verifier._known)) == (3, 3)

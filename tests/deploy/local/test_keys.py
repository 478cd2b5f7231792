"""The launcher's keys: made once, each process's own in a file of its own, and exchanged while calls go on."""

import stat
from functools import partial
from pathlib import Path

import pytest

from chassis.auth import keys as chassis_keys
from chassis.auth.keys import Reread, public_keys, signing_key
from chassis.auth.token import Signer, Verifier
from chassis.caller import SYSTEM
from deploy.local import plan
from deploy.local.engines.roles import EngineState
from deploy.local.keys import CallerKeys
from deploy.local.plan import Part
from deploy.local.state import Home


def made(tmp_path: Path) -> CallerKeys:
    keys = plan.caller_keys(Home(tmp_path / "run"))
    keys.make()
    return keys


def test_every_process_has_its_own_key_and_everybody_the_public_ones(tmp_path: Path) -> None:
    keys = made(tmp_path)
    services = (*plan.SERVICES, plan.GATEWAY)
    assert len({keys.signing(each).read_text() for each in services}) == len(services)
    holders = {key.holder for key in public_keys(keys.public.read_text()).values()}
    assert holders == set(services)
    for file in keys.public.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_keys_are_made_once_and_missing_ones_later(tmp_path: Path) -> None:
    keys = made(tmp_path)
    before = keys.public.read_text()
    keys.make()
    assert keys.public.read_text() == before
    keys.signing("ics").unlink()
    keys.make()
    after = keys.public.read_text()
    assert {line for line in after.splitlines() if not line.startswith("ics/")} < set(before.splitlines())
    assert after != before


def test_a_process_is_told_its_own_key_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "run")
    part = Part("ics-2", "ics", {"http": 1, "grpc": 2, "private": 3})
    engine = EngineState(kind="given", name="given", uri="x", port=None, embedded=False, processes=[])
    words = plan.settings(part, [part], {"mongodb": engine, "rabbitmq": engine}, home)
    assert words["CALLER_SIGNING_KEYS_FILE"] == str(plan.caller_keys(home).signing("ics"))
    others = [str(plan.caller_keys(home).signing(each)) for each in (*plan.SERVICES, plan.GATEWAY) if each != "ics"]
    assert not set(others) & set(words.values())


def test_keys_are_exchanged_without_a_call_that_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chassis_keys, "LOOK_AGAIN_SECONDS", 0.0)
    keys = made(tmp_path)
    file = keys.signing("ops")
    signer = Signer("ops", Reread(file.read_text(), file, partial(signing_key, "ops")))
    verifier = Verifier("ics", Reread(keys.public.read_text(), keys.public, public_keys))
    names = set()

    def call(_: float = 0) -> None:
        token = signer.sign(SYSTEM, "ics")
        names.add(signer._keys.value.name)
        assert verifier.verify(token).issuer == "ops"

    call()
    keys.exchange(wait=call)
    call()
    assert len(names) == 2
    assert len(public_keys(keys.public.read_text())) == len(plan.SERVICES) + 1

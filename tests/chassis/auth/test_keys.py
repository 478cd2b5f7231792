"""Keys of callers: their texts, and their exchange while calls go on."""

import threading
import time
from pathlib import Path

import pytest

from chassis.auth import keys
from chassis.auth.keys import Reread, public_keys, public_text, signing_key
from chassis.auth.token import Signer, Verifier
from chassis.caller import Caller
from chassis.errors import Unauthorized
from chassis.key_ring import new_key
from chassis.settings import load
from chassis.testing.keys import key_environ
from gateway.settings import GatewaySettings
from tests.waiting import stretched

ANN = Caller(kind="user", actor="ann", orgcode="DEMO0001")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs 1 to"),
        ("ops:AAAA", "key 1 is not written"),
        ("ops/a:" + "A" * 43 + " ops/a:" + "A" * 43, "ops/a is there twice"),
        ("Ops/a:" + "A" * 43, "key 1 is not written"),
        (",".join(f"ops/k{number}:" + "A" * 43 for number in range(65)), "needs 1 to"),
    ],
)
def test_public_keys_that_cannot_be_used_are_said(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        public_keys(text)


def test_no_key_shows_in_a_repr() -> None:
    text = new_key("first")
    settings = load(GatewaySettings, {**key_environ("gateway"), "CALLER_SIGNING_KEYS": text, **LEAST})
    secret = text.partition(":")[2]
    assert secret not in repr(settings)
    assert secret not in repr(signing_key("ops", text))


LEAST = {"MONGODB_URI": "x", "AMQP_URL": "x", "CALLER_KEY": "c" * 32, "GATEWAY_KEY": "g" * 32}


def test_settings_know_the_file_that_keys_came_from(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(new_key("first") + "\n")
    told = {**key_environ("gateway"), **LEAST, "CALLER_SIGNING_KEYS_FILE": str(file)}
    del told["CALLER_SIGNING_KEYS"]
    settings = load(GatewaySettings, told)
    assert settings.caller_signing_keys.path == file
    assert settings.caller_public_keys.path is None


class Files:
    """The key files of a gateway and a service."""

    def __init__(self, folder: Path) -> None:
        self.signing, self.public = folder / "signing", folder / "public"
        self.first, self.second = new_key("first"), new_key("second")
        self.write(self.signing, self.first)
        self.write(self.public, public_text("gateway", self.first))
        self.gateway = Signer("gateway", Reread(self.first, self.signing, lambda text: signing_key("gateway", text)))
        self.ics = Verifier("ics", Reread(self.public.read_text(), self.public, public_keys))

    def write(self, file: Path, text: str) -> None:
        """Exchange a file as a whole, as Kubernetes and the launcher do."""
        fresh = file.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(file)

    def name(self, number: int = 0) -> str:
        """The name of the key that signs now."""
        self.gateway.sign(Caller(kind="user", actor=str(number)), "ics")
        return self.gateway._keys.value.name


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.setattr(keys, "LOOK_AGAIN_SECONDS", 0.0)
    return Files(tmp_path)


def test_keys_are_exchanged_while_calls_go_on(files: Files) -> None:
    refused: list[Exception] = []
    seen: set[str] = set()
    done = threading.Event()

    def call() -> None:
        number = 0
        while not done.is_set():
            number += 1
            try:
                signed = files.gateway.sign(Caller(kind="user", actor=f"u{number % 7}"), "ics")
                seen.add(files.gateway._keys.value.name)
                files.ics.verify(signed)
            except Unauthorized as problem:
                refused.append(problem)

    def wait_for(name: str) -> None:
        until = time.monotonic() + stretched(30)
        while name not in seen and time.monotonic() < until:
            time.sleep(0.005)
        assert name in seen

    caller = threading.Thread(target=call)
    caller.start()
    try:
        wait_for("gateway/first")
        files.write(files.public, public_text("gateway", f"{files.second} {files.first}"))
        files.write(files.signing, files.second)
        wait_for("gateway/second")
        files.write(files.public, public_text("gateway", files.second))
    finally:
        done.set()
        caller.join()
    assert refused == []
    assert seen == {"gateway/first", "gateway/second"}


def test_a_key_that_is_taken_back_ends_what_it_signed(files: Files) -> None:
    old = files.gateway.sign(ANN, "ics")
    files.ics.verify(old)
    files.write(files.public, public_text("gateway", files.second))
    with pytest.raises(Unauthorized):
        files.ics.verify(old)
    files.write(files.signing, files.second)
    assert files.ics.verify(files.gateway.sign(ANN, "ics")).caller == ANN


@pytest.mark.parametrize("rubbish", ["", "no key", "first:AAAA"])
def test_a_file_that_cannot_be_read_changes_nothing(files: Files, rubbish: str) -> None:
    for file in (files.public, files.signing):
        files.write(file, rubbish)
    assert files.ics.verify(files.gateway.sign(ANN, "ics")).caller == ANN
    for file in (files.public, files.signing):
        file.unlink()
    assert files.ics.verify(files.gateway.sign(Caller(kind="user", actor="bob"), "ics")).caller.actor == "bob"
    files.write(files.public, public_text("gateway", files.second))
    files.write(files.signing, files.second)
    assert files.name(1) == "gateway/second"

"""Sequences of calls through HTTP: the objects of an org that are known, calls on them, and checks of their answers."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec
import requests
from jsonschema_rs import Draft202012Validator

from chassis.auth.token import HEADER
from chassis.caller import Caller
from chassis.clock import SystemClock
from chassis.endpoint import Endpoint
from chassis.ids import new_id
from chassis.testing.keys import token
from tests.contract.sequence_steps import ABSURD, ALIKE, ENDPOINTS, KINDS, NUMBERS, PLAUSIBLE, Step
from tests.contract.services import document_of
from tests.ics.given import CHANNEL, FACILITY
from tests.ics.world import BODIES, OTHER_FACILITY, World


class Sequence:
    """One org's objects as far as they are known, and the calls made on them."""

    def __init__(self, url: str, caller: Caller, world: World) -> None:
        self.url = url
        self.caller = caller
        self.session = requests.Session()
        self.ids: dict[str, list[str]] = {}
        self.revisions: dict[str, int] = {}
        self.keys: dict[str, tuple[bytes, Any]] = {}
        for name, known in world._asdict().items():
            self.ids.setdefault(KINDS.get(name, name), []).append(known)

    def take(self, step: Step) -> requests.Response:
        """Make the call of a step, and learn from its answer."""
        endpoint = ENDPOINTS[step.call]
        body = self.body(step, endpoint)
        caller, headers = self.asking(step)
        key = None
        if step.twist == "same_key":
            key = f"key-{step.number % 4}"
            headers["idempotency-key"] = key
        response = self.send(endpoint, body, caller, headers)
        if step.twist not in {"stale", "no_revision", "absurd", "same_key"} and (now := _current(response)) is not None:
            # As a caller does who has missed what others changed.
            body["expected_revision"] = now
            response = self.send(endpoint, body, caller, headers)
        if response.status_code == 200:
            self.learn(response.json()["data"])
        if key is not None:
            self.check_key(f"{step.call} {key}", msgspec.json.encode(body), response)
        return response

    def send(self, endpoint: Endpoint, body: Any, caller: Caller, headers: dict[str, str]) -> requests.Response:
        """A call as the gateway passes it on."""
        sent = {HEADER: token(caller, "ics"), "Content-Type": "application/json", **headers}
        address = f"{self.url}/ics{endpoint.path}"
        if endpoint.method == "GET":
            return self.session.get(address, headers=sent)
        return self.session.post(address, data=msgspec.json.encode(body), headers=sent)

    def asking(self, step: Step) -> tuple[Caller, dict[str, str]]:
        """Who asks, and where."""
        headers = {"x-logical-guid": FACILITY, "x-channel-code": CHANNEL}
        match step.twist:
            case "elsewhere":
                headers["x-logical-guid"] = OTHER_FACILITY
            case "nameless":
                headers = {}
            case "roleless":
                return msgspec.structs.replace(self.caller, roles=frozenset()), headers
            case "stranger":
                return msgspec.structs.replace(self.caller, orgcode="STRANGER1"), headers
        return self.caller, headers

    def body(self, step: Step, endpoint: Endpoint) -> dict[str, Any]:
        """The body of a step: one that might succeed, with a twist."""
        chosen = {name: self.known(KINDS.get(name, name), step.which) for name in World._fields}
        body: dict[str, Any] = BODIES[step.call](World(**chosen))
        if endpoint.revised and (revision := self.revision_for(body)) is not None:
            body["expected_revision"] = revision
        named = [name for name in body if name.endswith("_id") and name != "variant_id"]
        match step.twist:
            case "more":
                self.add(body, endpoint, step)
            case "units":
                for holder in (body, *body.get("lines", ())):
                    holder.update({name: 1 + step.number % 6 for name in NUMBERS[:3] if name in holder})
            case "another_id" | "unknown_id" if named:
                kinds = sorted(self.ids)
                other = self.known(kinds[step.number % len(kinds)], step.which)
                body[named[0]] = other if step.twist == "another_id" else new_id(SystemClock().now())
            case "stale":
                body["expected_revision"] = max(1, body.get("expected_revision", 1) + (-1 if step.number % 2 else 1))
            case "no_revision":
                body.pop("expected_revision", None)
            case "absurd":
                _set_any(body, step.which, ABSURD[step.number % len(ABSURD)])
            case "lacking" if body:
                body.pop(sorted(body)[step.number % len(body)])
            case "strange":
                body["surprise"] = 1
        return body

    def add(self, body: dict[str, Any], endpoint: Endpoint, step: Step) -> None:
        """Say more than must be said: two of the other fields the call takes."""
        assert endpoint.request is not None or endpoint.method == "GET"
        names = sorted(set(endpoint.request.__struct_fields__) - set(body)) if endpoint.request else []
        for offset in (0, 7) if names else ():
            name = names[(step.number + offset) % len(names)]
            kind = ALIKE.get(name, name)
            if kind in self.ids:
                body[name] = self.known(kind, step.which)
            elif name in PLAUSIBLE:
                body[name] = PLAUSIBLE[name][step.which % len(PLAUSIBLE[name])]

    def known(self, kind: str, which: int) -> str:
        """The n-th newest of the known objects of a kind, counted round."""
        ids = self.ids[kind]
        return ids[-1 - which % len(ids)]

    def revision_for(self, body: Mapping[str, Any]) -> int | None:
        """The revision last seen of what a body is about."""
        for name, value in body.items():
            if name.endswith("_id") and value in self.revisions:
                return self.revisions[value]
        return None

    def learn(self, data: Any) -> None:
        """Remember the objects of an answer, and their revisions."""
        for record in _records(data):
            for name, value in record.items():
                if name in self.ids and isinstance(value, str) and value not in self.ids[name]:
                    self.ids[name].append(value)
            own = next((value for name, value in record.items() if name in self.ids and isinstance(value, str)), None)
            if own is not None and isinstance(record.get("revision"), int):
                self.revisions[own] = max(self.revisions.get(own, 0), record["revision"])

    def check_key(self, key: str, body: bytes, response: requests.Response) -> None:
        """14: a key tells its first body's answer again, and refuses another one."""
        if not 200 <= response.status_code < 500 or response.status_code in {400, 401, 403}:
            return
        first = self.keys.setdefault(key, (body, response.json().get("data")))
        if response.headers.get("Idempotent-Replayed") == "true":
            assert (body, response.json().get("data")) == first, key


def _set_any(body: dict[str, Any], which: int, value: Any) -> None:
    """Put a value into the n-th of a body's numbers, or of its fields where it has none."""
    places: list[tuple[dict[str, Any], str]] = [(body, name) for name in NUMBERS if name in body]
    places += [(line, name) for line in body.get("lines", ()) for name in NUMBERS if name in line]
    places = places or [(body, name) for name in sorted(body)]
    if places:
        holder, name = places[which % len(places)]
        holder[name] = value


def _current(response: requests.Response) -> int | None:
    """The revision a refusal names, if that is what it is about."""
    if response.status_code not in {409, 428}:
        return None
    found: int | None = response.json()["error"].get("details", {}).get("current_revision")
    return found


def _records(data: Any) -> Iterator[dict[str, Any]]:
    if isinstance(data, dict):
        if "revision" in data:
            yield data
        for value in data.values():
            yield from _records(value)
    elif isinstance(data, list):
        for value in data:
            yield from _records(value)


@cache
def _document() -> dict[str, Any]:
    raw: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document_of("ics").raw))
    return raw


@cache
def validator_of(call: str, status: int) -> Draft202012Validator:
    """What an answer of this status must look like."""
    endpoint = ENDPOINTS[call]
    raw = _document()
    path = next(path for path in (endpoint.path, f"/ics{endpoint.path}") if path in raw["paths"])
    answers = raw["paths"][path][endpoint.method.lower()]["responses"]
    answer = document_of("ics").resolve(answers[str(status)])
    schema = answer["content"]["application/json"]["schema"]
    return Draft202012Validator({**schema, "components": raw["components"]})


def judge(step: Step, response: requests.Response) -> None:
    """No answer is an accident, and every one looks as documented."""
    assert response.status_code < 500, (step, response.text)
    validator_of(step.call, response.status_code).validate(response.json())

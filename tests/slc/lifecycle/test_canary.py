"""Secrets of a channel's whole life are shown nowhere: no answer, log, event, trace, audit record, nor in clear."""

import uuid
from collections.abc import Iterator
from time import time
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import msgspec
import pytest
from pymongo import MongoClient

from chassis.caller import ANONYMOUS
from chassis.telemetry import trace
from chassis.telemetry.log import get_logger
from chassis.testing.client import TestAnswer
from services.slc.shopify.signatures import sign_query
from tests.chassis.test_telemetry import SpanRecorder
from tests.running import Engines
from tests.shop.faults import Fault
from tests.shop.standin import ALL_SCOPES
from tests.slc.counter import Counter
from tests.slc.directory import Directory

APP_SECRET = "app-secret-0001"


@pytest.fixture
def spans() -> Iterator[SpanRecorder]:
    """The spans recorded during the test."""
    kept = SpanRecorder()
    trace.enable_with(kept, "slc", "test")
    yield kept
    trace.disable()


class Listener:
    """A caller who keeps the body of every answer."""

    def __init__(self, counter: Counter, directory: Directory) -> None:
        self.counter = counter
        self.directory = directory
        self.heard: list[bytes] = []

    async def ask(self, action: str, **fields: Any) -> TestAnswer:
        answer = await self.counter.slc.ask(action, **fields)
        self.heard.append(answer.raw)
        if answer.status == 200 and "channel" in answer.data:
            self.counter.channel = answer.data["channel"]
        return answer

    async def browse(self, fields: dict[str, str]) -> TestAnswer:
        """Come back from the shop's authorisation."""
        given = {"timestamp": str(int(time())), **fields}
        query = urlencode({**given, "hmac": sign_query(given, APP_SECRET)})
        client = self.counter.slc.client.as_caller()
        client.caller = ANONYMOUS
        answer = await client.send("GET", f"/oauth/callback?{query}", None, {})
        self.heard.append(answer.raw)
        return answer

    async def state(self) -> str:
        """A state of oauth/install-url: the one secret that its answer is there to show."""
        answer = await self.counter.slc.ask("oauth/install-url", **self.counter.ids)
        return str(parse_qs(urlsplit(answer.data["url"]).query)["state"][0])


async def live(listener: Listener, mark: str) -> list[str]:
    """Connect, fail, sync, be rung at, be refreshed, claimed, uninstalled; the secrets that were used."""
    counter, standin = listener.counter, listener.counter.standin
    token, webhook_secret, code = f"shpat_{mark}", f"whsec-{mark}", f"code-{mark}"
    standin.token(token)
    standin.hooks.habits.held = True
    standin.hooks.secret = webhook_secret
    standin.codes[code] = list(ALL_SCOPES)
    given = {"channel_code": "WEB", "name": "Web", "type": "custom", "shop_domain": counter.domain}
    await listener.ask("channel/create", **given)
    wrong = f"shpat_wrong_{mark}"
    assert (await listener.ask("credentials/rotate", **counter.revised, access_token=wrong)).status == 422
    await listener.ask("credentials/rotate", **counter.revised, access_token=token, webhook_secret=webhook_secret)
    await listener.ask("facility/bind", **counter.revised, logical_guid="FAC-A")
    await listener.ask("channel/activate", **counter.revised)
    await counter.listed("v-1", 5)
    order = standin.trade.sell({"v-1": 1})
    await counter.deliver()
    await counter.settled(order.id, "booked", committed=1)
    jobs = counter.slc.client.application.runtime.jobs
    fault = standin.faults.add(Fault(status=500, times=1))
    await listener.ask("channel/force-sync", **counter.ids)
    await jobs.run("SlcCredentialHealth", counter.ids, dry_run=False)
    assert fault not in standin.faults.told

    state = await listener.state()
    connected = await listener.browse({"shop": counter.domain, "code": code, "state": state})
    assert connected.status == 302
    assert "result=connected" in connected.headers["Location"]
    again = await listener.browse({"shop": counter.domain, "code": code, "state": state})
    assert again.status == 400
    for job in ("token_refresh", "SlcCredentialHealth"):
        await jobs.run(job, {} if job == "token_refresh" else counter.ids, dry_run=False)
    other = f"code-other-{mark}"
    standin.codes[other] = list(ALL_SCOPES)
    claim = await claimed(listener, other)
    for action in ("channel/get", "channel/export"):
        await listener.ask(action, **counter.ids)
    await listener.ask("channel/stats", **counter.ids, period="1h")
    await listener.ask("audit/variant-history", variant_id="v-1")
    await listener.ask("oauth/exchange", **counter.ids, claim=f"{claim}x")
    await listener.ask("oauth/exchange", **counter.ids, claim=claim)
    counter.channel = await counter.slc.again(counter.channel)
    made = list(standin.shop.tokens) + [each for each in standin.codes if each not in {code, other}]
    await listener.ask("channel/uninstall", **counter.revised)
    return [token, webhook_secret, code, other, wrong, claim, state, APP_SECRET, *made]


async def claimed(listener: Listener, code: str) -> str:
    """The claim that a caller sees who may not manage channels any more."""
    counter = listener.counter
    state = await listener.state()
    listener.directory.roles[counter.orgcode] = ["slc_view"]
    answer = await listener.browse({"shop": counter.domain, "code": code, "state": state})
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))["claim"]


async def test_no_secret_of_a_whole_life_is_seen_anywhere(
    counter: Counter,
    directory: Directory,
    engines: Engines,
    mongodb_client: MongoClient[dict[str, Any]],
    spans: SpanRecorder,
    request: pytest.FixtureRequest,
) -> None:
    listener = Listener(counter, directory)
    secrets = await live(listener, uuid.uuid4().hex)
    assert len(secrets) > 8

    get_logger("tests").warning("the whole life was lived")
    # Loggers keep the stream of the test that used them first: what all of them said is in the run's own capture.
    said = "".join(request.config.pluginmanager.getplugin("capturemanager").read_global_capture())
    database = mongodb_client[f"{engines.name}slc"]
    stored = [f"{name} {document}" for name in database.list_collection_names() for document in database[name].find({})]
    traced = [
        f"{each.name} {dict(each.attributes or {})} {each.events} {each.status.description}" for each in spans.ended
    ]
    assert stored
    assert traced
    assert "the whole life was lived" in said
    for place, texts in {
        "answers": [each.decode("utf-8", "replace") for each in listener.heard],
        "logs": [said],
        "database": stored,
        "traces": traced,
        "events": [msgspec.json.encode(each, enc_hook=str).decode() for each in database["event_log"].find({})],
    }.items():
        for secret in secrets:
            assert not [each[:200] for each in texts if secret in each], f"{secret} is in {place}"

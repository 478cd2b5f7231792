"""`stackctl keys make`: keys that the settings accept, printed or kept in a Secret of the cluster."""

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from chassis.auth.keys import Reread, public_keys, signing_key
from chassis.auth.token import Signer, Verifier
from chassis.caller import SYSTEM
from chassis.errors import Unavailable
from chassis.rpc.client import PEERS
from chassis.settings import load
from gateway.settings import GatewaySettings
from services.ops.cli.cluster import Cluster
from services.ops.cli.keys import new_keys
from services.ops.cli.options import UsageError
from services.ops.cli.rotation import exchange
from services.slc.settings import SlcSettings

TOKEN = "the pod's own"


class Secrets:
    """The part of the Kubernetes API that keeps Secrets, as a pod's service account sees it."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
        self.conflicts = 0
        self.refuse = 0

    async def get(self, request: web.Request) -> web.Response:
        found = self.kept.get(request.match_info["name"])
        return self._answer(request, 404 if found is None else 200, found or {})

    async def post(self, request: web.Request) -> web.Response:
        document = await request.json()
        name = document["metadata"]["name"]
        if name in self.kept:
            return self._answer(request, 409, {})
        data = {key: _encoded(text) for key, text in document["stringData"].items()}
        self.kept[name] = {"metadata": {"name": name, "resourceVersion": "1"}, "data": data}
        return self._answer(request, 201, self.kept[name])

    async def put(self, request: web.Request) -> web.Response:
        if self.conflicts:
            self.conflicts -= 1
            return self._answer(request, 409, {})
        self.kept[request.match_info["name"]] = await request.json()
        return self._answer(request, 200, {})

    def _answer(self, request: web.Request, status: int, document: dict[str, Any]) -> web.Response:
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        return web.json_response(document, status=self.refuse or status)

    def text(self, name: str) -> dict[str, str]:
        """The entries of a Secret as text."""
        return {key: b64decode(text).decode() for key, text in self.kept[name]["data"].items()}


def _encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


@pytest.fixture
async def api() -> AsyncIterator[tuple[Secrets, TestServer]]:
    """A Kubernetes API with no Secret in it."""
    secrets = Secrets()
    app = web.Application()
    folder = "/api/v1/namespaces/shop/secrets"
    app.add_routes(
        [
            web.get(folder + "/{name}", secrets.get),
            web.post(folder, secrets.post),
            web.put(folder + "/{name}", secrets.put),
        ]
    )
    server = TestServer(app)
    async with server:
        yield secrets, server


@pytest.fixture
def cluster(api: tuple[Secrets, TestServer], tmp_path: Path) -> Cluster:
    """The cluster as a pod finds it."""
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "namespace").write_text("shop\n")
    environ = {
        "KUBERNETES_SERVICE_SCHEME": "http",
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(api[1].port),
    }
    return Cluster(environ, tmp_path)


def of(made: dict[str, str], component: str) -> dict[str, str]:
    """What a component is given of the keys."""
    return {**made, "CALLER_SIGNING_KEYS": made[f"CALLER_SIGNING_KEYS_{component.upper()}"]}


def test_the_keys_are_what_the_settings_ask_for() -> None:
    made = new_keys("a:27017,b:27017", "replicaSet=rs0", "broker:5672")
    assert load(GatewaySettings, of(made, "gateway")).gateway_key == made["GATEWAY_KEY"]
    assert load(SlcSettings, of(made, "slc")).sealing_keys().current[0] == "first"
    assert made["MONGODB_URI"] == f"mongodb://retailstack:{made['MONGODB_PASSWORD']}@a:27017,b:27017/?replicaSet=rs0"
    assert made["AMQP_URL"] == f"amqp://retailstack:{made['RABBITMQ_PASSWORD']}@broker:5672/"
    assert 6 <= len(made["MONGODB_KEYFILE"]) <= 1024
    assert made["CALLER_KEY"] != new_keys("", "", "")["CALLER_KEY"]


def test_addresses_are_made_only_for_hosts_that_are_given() -> None:
    callers = {"CALLER_PUBLIC_KEYS", *(f"CALLER_SIGNING_KEYS_{holder.upper()}" for holder in PEERS)}
    assert set(new_keys("", "", "")) == {"CALLER_KEY", "GATEWAY_KEY", "SLC_KEYS", "OPERATOR_CODE", *callers}


def test_each_holder_has_a_private_key_and_everybody_its_public_one() -> None:
    made = new_keys("", "", "")
    private = {holder: made[f"CALLER_SIGNING_KEYS_{holder.upper()}"] for holder in PEERS}
    assert len(set(private.values())) == len(PEERS)
    for holder, text in private.items():
        signed = Signer(holder, Reread(text, None, partial(signing_key, holder))).sign(SYSTEM, "ops")
        verifier = Verifier("ops", Reread(made["CALLER_PUBLIC_KEYS"], None, public_keys))
        assert verifier.verify(signed).issuer == holder


async def test_keys_are_exchanged_in_an_order_in_which_no_call_is_refused(
    api: tuple[Secrets, TestServer], cluster: Cluster
) -> None:
    async with cluster:
        await cluster.add_to_secret("keys", new_keys("", "", ""))
        before, seen = api[0].text("keys"), []

        async def wait(seconds: float) -> None:
            assert seconds == 7
            seen.append(api[0].text("keys"))

        await exchange(cluster, "keys", 7, wait)
    both, switched = seen
    after = api[0].text("keys")
    private = [f"CALLER_SIGNING_KEYS_{holder.upper()}" for holder in PEERS]
    assert [both[name] for name in private] == [before[name] for name in private]
    assert not {switched[name] for name in private} & {before[name] for name in private}
    known = [set(public_keys(each["CALLER_PUBLIC_KEYS"])) for each in (before, both, switched, after)]
    assert known[1] == known[2] == known[0] | known[3]
    assert not known[0] & known[3]
    assert {after[name] for name in private} == {switched[name] for name in private}
    assert after["SLC_KEYS"] == before["SLC_KEYS"]


async def test_what_has_no_such_keys_cannot_have_them_exchanged(
    api: tuple[Secrets, TestServer], cluster: Cluster
) -> None:
    async with cluster:
        await cluster.add_to_secret("keys", {"CALLER_KEY": "old"})
        with pytest.raises(Unavailable, match="no keys to sign callers with"):
            await exchange(cluster, "keys", 0)
        with pytest.raises(Unavailable, match="answered 404"):
            await exchange(cluster, "nothing", 0)
    assert api[0].text("keys") == {"CALLER_KEY": "old"}


async def test_a_secret_is_made_once(api: tuple[Secrets, TestServer], cluster: Cluster) -> None:
    async with cluster:
        assert await cluster.add_to_secret("keys", {"A": "first"}) == {"A"}
        assert await cluster.add_to_secret("keys", {"A": "second"}) == set()
    assert api[0].text("keys") == {"A": "first"}


async def test_a_secret_gets_what_it_lacks(api: tuple[Secrets, TestServer], cluster: Cluster) -> None:
    async with cluster:
        await cluster.add_to_secret("keys", {"A": "first"})
        api[0].conflicts = 2
        assert await cluster.add_to_secret("keys", {"A": "second", "B": "new"}) == {"B"}
    assert api[0].text("keys") == {"A": "first", "B": "new"}


async def test_a_refusal_is_said(api: tuple[Secrets, TestServer], cluster: Cluster) -> None:
    api[0].refuse = 403
    async with cluster:
        with pytest.raises(Unavailable, match="answered 403 about the Secret keys"):
            await cluster.add_to_secret("keys", {"A": "first"})


def test_outside_of_a_pod_there_is_no_cluster(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="this is no pod"):
        Cluster({}, tmp_path)

"""PMC killed (SIGKILL) in an upload, its validation and the steps of a run, which end as those of a calm PMC.

`PMC_LONG` set: 5 000 items, and a kill at every step and batch.
"""

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp
import pytest_asyncio

from chassis.auth.token import HEADER
from chassis.caller import ANONYMOUS, Caller
from chassis.testing.client import TEST_KEY
from chassis.testing.keys import key_environ, token
from services.pmc.app import PMC
from tests.chassis.process_given import ROOT, free_port
from tests.pmc.given import offer
from tests.pmc.pack.test_upload import as_lines
from tests.running import Engines
from tests.waiting import until

LONG = bool(os.environ.get("PMC_LONG"))
STYLES, VARIANTS, STEP_ITEMS = (500, 10, 200) if LONG else (20, 3, 7)
START_SECONDS, SETTLED_SECONDS = 30.0, 120.0
VALIDATION_KILLS: tuple[int, ...] = (3,)
RUN_KILLS: tuple[int, ...] = (1, 2, 1, 2, 4) if LONG else (2, 5)
"""How many points further PMC dies, one after the other; in the long mode again and again."""


def document(name: str) -> dict[str, Any]:
    """A pack of some styles in one channel; each seventh variant has no price."""
    styles = []
    for number in range(STYLES):
        variants = [
            {
                "variant_id": f"v-{number}-{place}",
                "variant_code": f"V-{number}-{place}",
                "sku": f"SKU-{number}-{place}",
                "option_values": [{"name": "Size", "value": str(place)}],
                "channels": [offer("WEB", None if (number * VARIANTS + place) % 7 == 0 else f"{number}.50")],
            }
            for place in range(VARIANTS)
        ]
        options = [{"name": "Size", "values": [str(place) for place in range(VARIANTS)]}]
        style = {"style_id": f"s-{number}", "style_code": f"S-{number}", "title": f"Article {number}"}
        styles.append({**style, "options": options, "variants": variants})
    channels = [{"channel_code": "WEB", "currency": "EUR"}]
    return {"format": "retailstack.pack/1", "name": name, "channels": channels, "styles": styles}


class KillablePmc:
    """A PMC process and a caller of it, who starts it again when it is dead."""

    def __init__(self, environ: dict[str, str], folder: Path) -> None:
        self._kill_file = folder / "kill"
        self._log = folder / "log"
        self._environ = {**environ, "KILL_FILE": str(self._kill_file), "PMC_OBJECTS_FOLDER": str(folder / "objects")}
        self._http: aiohttp.ClientSession
        self._process: asyncio.subprocess.Process
        self.orgcode = ""
        self.deaths = 0

    async def start(self) -> None:
        """Start it, on ports of its own, and wait until it is ready."""
        ports = {name: str(free_port()) for name in ("HTTP_PORT", "GRPC_PORT", "PRIVATE_PORT")}
        self._base = f"http://127.0.0.1:{ports['HTTP_PORT']}"
        ready = f"http://127.0.0.1:{ports['PRIVATE_PORT']}/readyz"
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.pmc.killed_process",
                cwd=ROOT,
                env={**self._environ, **ports},
                stdout=log,
                stderr=log,
            )

        async def is_ready() -> bool:
            assert self._process.returncode is None, self._log.read_text()[-5_000:]
            try:
                async with self._http.get(ready) as answer:
                    return answer.status == 200
            except aiohttp.ClientError:
                return False

        await until(is_ready, START_SECONDS, "PMC is not ready")

    async def end(self) -> None:
        """End it, if it lives."""
        await self._http.close()
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    def kill_in(self, points: int) -> None:
        """Let it die so many points from now."""
        self._kill_file.write_text(str(points))

    @property
    def to_die(self) -> bool:
        """Whether it has still to die."""
        return self._kill_file.exists()

    async def revive(self) -> bool:
        """Start it again if it died; whether it had."""
        if self._process.returncode is None:
            return False
        await self.end()
        await self.start()
        self.deaths += 1
        return True

    async def ask(self, method: str, path: str, data: bytes | None = None, **fields: Any) -> tuple[int, bytes]:
        """Status and body of an answer. 0 where PMC died instead of giving one; it is running again then."""
        caller = ANONYMOUS
        if data is None and not path.startswith("/pmc/objects/"):
            roles = frozenset(PMC.roles)
            caller = Caller(kind="user", actor="tester", orgcode=self.orgcode, roles=roles, fingerprint="0" * 16)
        sent: dict[str, Any] = {"data": None if data is None else BytesIO(data)}
        if data is None and fields:
            sent = {"params": fields} if method == "GET" else {"json": fields}
        try:
            async with self._http.request(
                method, self._base + path, headers={HEADER: token(caller, "pmc")}, **sent
            ) as answer:
                return answer.status, await answer.read()
        except aiohttp.ClientError:
            await self._process.wait()
            assert await self.revive()
            return 0, b""

    async def good(self, method: str, path: str, **fields: Any) -> Any:
        """The data of an answer; asked for again where PMC died meanwhile."""
        while True:
            status, body = await self.ask(method, f"/pmc{path}", **fields)
            if status:
                break
        assert status == 200, (path, body)
        return json.loads(body)["data"]

    async def published(self, upload: Iterator[int], validation: Iterator[int], run: Iterator[int]) -> Any:
        """A pack uploaded, validated and published, with kills meanwhile: the run, its lines, all revisions."""
        await self.good(
            "POST",
            "/publish-profile/set",
            channel_code="WEB",
            channel_guid="ch-web",
            name="Web",
            currency="EUR",
            required_fields=["price.amount"],
            auto_online=True,
        )
        pack = await self._uploaded(upload)
        pack = await self._validated(pack, validation)
        return pack, *await self._run(pack["pack_id"], run)

    async def _uploaded(self, kills: Iterator[int]) -> Any:
        data = as_lines(document("Torn"))
        sha256 = hashlib.sha256(data).hexdigest()
        upload = {"content_type": "application/x-ndjson", "size_bytes": len(data), "sha256": sha256}
        created = await self.good("POST", "/pack/create", upload=upload)
        url = created["upload"]["url"]
        self._arm(kills)
        status = 0
        while not status:
            status, _ = await self.ask("PUT", url[url.index("/pmc/") :], data)
        # 403: the object was complete when PMC died, so the link has been used.
        assert status in {200, 403}
        return created["pack"]

    async def _validated(self, pack: Any, kills: Iterator[int]) -> Any:
        named = {"pack_id": pack["pack_id"], "pack_rev": 1}
        await self.good("POST", "/pack/complete", **named)

        async def ended() -> Any:
            self._arm(kills)
            await self.revive()
            current = (await self.good("GET", "/pack/get", **named))["pack"]
            return None if current["state"] == "validating" else current

        return await until(ended, SETTLED_SECONDS, "the pack is not validated")

    async def _run(self, pack_id: str, kills: Iterator[int]) -> tuple[Any, list[Any], list[Any]]:
        run = (await self.good("POST", "/publish/run/start", pack_id=pack_id))["run"]
        while run["status"] == "running":
            self._arm(kills)
            named = {"run_id": run["run_id"], "expected_revision": run["revision"], "max_items": STEP_ITEMS}
            status, body = await self.ask("POST", "/pmc/publish/run/step", **named)
            assert status in {0, 200}, body
            run = (await self.good("GET", "/publish/run/get", run_id=run["run_id"]))["run"]
        self._kill_file.unlink(missing_ok=True)
        lines: list[Any] = []
        for part in range(1, run["manifest_parts"] + 1):
            signed = await self.good("GET", "/publish/run/manifest/presign", run_id=run["run_id"], part=part)
            url = signed["download"]["url"]
            _, data = await self.ask("GET", url[url.index("/pmc/") :])
            assert hashlib.sha256(data).hexdigest() == signed["part"]["sha256"]
            lines += [json.loads(line) for line in data.splitlines()]
        revisions = []
        for line in lines:
            listed = await self.good("GET", "/product/revision/list", product_id=line["product_id"])
            revisions.append([(each["rev"], each["rev_id"], each["publishable"]) for each in listed["items"]])
        return run, lines, revisions

    def _arm(self, kills: Iterator[int]) -> None:
        """Have it die at the next point of a plan, unless it has still to die at the last one."""
        if not self.to_die and self._process.returncode is None and (points := next(kills, 0)):
            self.kill_in(points)


@pytest_asyncio.fixture(loop_scope="module")
async def killable(engines: Engines, tmp_path: Path) -> AsyncIterator[KillablePmc]:
    """A PMC that can be killed."""
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}:{ROOT / 'proto'}",
        "CALLER_KEY": TEST_KEY,
        "MONGODB_URI": engines.mongodb_uri,
        "MONGODB_DATABASE": engines.name,
        "MONGODB_ENGINE": "embedded" if engines.mongodb_engine == "embedded" else "",
        "AMQP_URL": engines.amqp_url,
        "AMQP_PREFIX": f"{engines.name}.",
        # Under one name, so that what a dead process has leased is taken up at once.
        "REPLICA": "killed",
        **({} if LONG else {"SMALL": "1"}),
        **key_environ("pmc"),
    }
    pmc = KillablePmc(environ, tmp_path)
    await pmc.start()
    yield pmc
    await pmc.end()


def plain(value: Any) -> Any:
    """What was published without ids, times and hashes of ids."""
    own = {"product_id", "run_id", "pack_id", "revision", "created_utc", "updated_utc", "name"}
    if isinstance(value, dict):
        return {
            name: plain(each) for name, each in value.items() if name not in own and not name.endswith(("_utc", "_by"))
        }
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


async def test_a_pack_is_published_the_same_however_often_pmc_is_killed(killable: KillablePmc) -> None:
    killable.orgcode = "CALM0001"
    calm = await killable.published(iter(()), iter(()), iter(()))
    killable.orgcode = "TORN0001"
    repeated = cycle if LONG else iter

    torn = await killable.published(iter((2,)), repeated(VALIDATION_KILLS), repeated(RUN_KILLS))

    if LONG:
        assert killable.deaths >= STYLES * VARIANTS / STEP_ITEMS
    else:
        assert killable.deaths == 1 + len(VALIDATION_KILLS) + len(RUN_KILLS)
    pack, run, lines, _ = torn
    assert (pack["state"], run["status"]) == ("ready", "completed")
    assert [line["n"] for line in lines] == list(range(1, STYLES * VARIANTS + 1))
    assert plain(torn) == plain(calm)

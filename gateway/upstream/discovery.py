"""Keeps the replicas of services up to date with the addresses that their names stand for.

An address of a setting whose host is a name (a headless service) is looked up every few seconds, and at once after a
replica could not be reached. Each address found is a replica of its own. If a name cannot be looked up, the replicas
stay as they are.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

from chassis.telemetry.log import get_logger
from gateway.upstream.balance import Replica, Upstream

LOOK_SECONDS = 2.0
ABSENT_SECONDS = 0.5
"""The same while no address of a name is known yet."""

PAUSE_SECONDS = 0.2
"""Shortest pause between two looks."""

FIRST_LOOK_SECONDS = 2.0

LookUp = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses that a host name stands for. Raises OSError if it stands for none."""

MakeReplica = Callable[[str, str], Replica]

log = get_logger("gateway.upstream.discovery")


async def look_up(host: str, port: int) -> Sequence[str]:
    """The addresses of a host by the system's resolver, of one family."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family = found[0][0]
    return list(dict.fromkeys(str(info[4][0]) for info in found if info[0] == family))


class Discovery:
    """Follows the names of one service."""

    def __init__(
        self, upstream: Upstream, addresses: Sequence[str], make: MakeReplica, look: LookUp | None = None
    ) -> None:
        self._upstream = upstream
        self._make = make
        self._look = look or look_up
        self._addresses = [urlsplit(address) for address in addresses]
        self._names = [each for each in self._addresses if not _is_numeric(each.hostname or "")]
        self._found: dict[str, Sequence[str]] = {}
        self._asked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        upstream.replace(
            [make(upstream.name, address) for address in addresses if urlsplit(address) not in self._names]
        )

    async def start(self) -> None:
        """Look up the names, and go on doing so. Does nothing if every address is numeric."""
        if not self._names:
            return
        self._upstream.suspect = self._asked.set
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK_SECONDS):
                await self.refresh()
        self._task = asyncio.create_task(self._run(), name=f"replicas of {self._upstream.name}")

    async def stop(self) -> None:
        """Look no longer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def refresh(self) -> None:
        """Look up every name once and replace the replicas."""
        for name in self._names:
            try:
                self._found[name.netloc] = await self._look(name.hostname or "", name.port or 80)
            except OSError:
                continue
        wanted: list[str] = []
        for each in self._addresses:
            if each in self._names:
                wanted += [f"http://{_bracketed(host)}:{each.port or 80}" for host in self._found.get(each.netloc, ())]
            else:
                wanted.append(each.geturl())
        self._take(list(dict.fromkeys(wanted)))

    def _take(self, wanted: Sequence[str]) -> None:
        known = {f"http://{replica.authority}": replica for replica in self._upstream.replicas}
        if list(known) == list(wanted):
            return
        self._upstream.replace([known.get(address) or self._make(self._upstream.name, address) for address in wanted])
        log.info("the replicas of a service have changed", upstream=self._upstream.name, replicas=len(wanted))

    async def _run(self) -> None:
        while True:
            self._asked.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS if self._upstream.replicas else ABSENT_SECONDS):
                    await self._asked.wait()
                    await asyncio.sleep(PAUSE_SECONDS)
            try:
                await self.refresh()
            except Exception:
                # This loop must not end, because nothing else finds new replicas.
                log.exception("looking for replicas failed", upstream=self._upstream.name)


def _is_numeric(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host

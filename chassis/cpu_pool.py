"""Runs computations that would block the event loop for more than 5 ms: regular expressions, large JSON, hashing.

    PMC = Service(..., resources=[cpu_pool])

    async def pmc_search(view: View, body: SearchRequest, cpu: CpuPool) -> SearchAnswer:
        found = await cpu.run(matching, body.pattern, texts, org=call.orgcode, seconds=2.0)

They run in a few child processes, which are started as needed and end when they are idle. Never await one inside a
`Change` or `View`: operations of other callers would wait for it.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any, Self, TypeVar

from chassis.computing_process import ComputingProcess
from chassis.errors import Unavailable
from chassis.resource import resource
from chassis.settings import BaseSettings
from chassis.telemetry.metrics import Metrics
from chassis.telemetry.names import CPU_RUNS, CPU_WAITING

T = TypeVar("T")

SECONDS_DEFAULT = 30.0
WAITING_MAX = 256
IDLE_SECONDS = 60.0
TRIES = 2
"""A computation whose process was killed is tried once more, in a new one."""


class ComputationLate(Unavailable):
    """A computation that was not done by its deadline; its process has been killed."""


class CpuPool:
    """Child processes for computations; an async context manager.

    processes         how many compute at once
    waiting_max       computations that may wait; more are refused as Unavailable
    org_concurrency   how many of one org compute at once; others' go ahead of its next ones in any case
    idle_seconds      how long a process without work is kept
    """

    def __init__(
        self,
        *,
        processes: int = 2,
        waiting_max: int = WAITING_MAX,
        org_concurrency: int | None = None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self.outcomes: Counter[str] = Counter()
        self._processes = processes
        self._waiting_max = waiting_max
        self._org_concurrency = org_concurrency or processes
        self._idle_seconds = idle_seconds
        # Two threads for each process: one that waits for its answer, one that ends it meanwhile.
        self._threads = ThreadPoolExecutor(2 * processes, thread_name_prefix="cpu pool")
        self._idle: list[ComputingProcess] = []
        self._computing: set[ComputingProcess] = set()
        self._busy: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False
        self._drained = asyncio.Event()
        self._drained.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def waiting(self) -> int:
        """Computations that wait for a process."""
        return sum(len(queue) for queue in self._waiting.values())

    @property
    def busy(self) -> int:
        """Computations that are running."""
        return self._busy.total()

    async def run(self, work: Callable[..., T], *given: Any, org: str = "", seconds: float = SECONDS_DEFAULT) -> T:
        """The result of `work(*given)`, computed in a child process.

        `work` is a function at the top level of a module, without side effects: if its process is killed it runs once
        more. Arguments and result must be picklable. Orgs take turns. Raises what `work` raises; `ComputationLate` if
        it is not done within `seconds`, waiting included; Unavailable if too many wait, if its processes are killed, or
        if the pool is closing. Cancelling the caller ends the computation at once.
        """
        deadline = asyncio.timeout(seconds)
        try:
            async with deadline:
                await self._enter(org)
                try:
                    done: T = await self._compute(work, given)
                finally:
                    self._leave(org)
        except TimeoutError as cause:
            if not deadline.expired():
                raise
            self.outcomes["late"] += 1
            raise ComputationLate(f"a computation took longer than {seconds:g} s") from cause
        return done

    async def close(self, seconds: float = 5.0) -> None:
        """Take no more work, wait up to `seconds` for running computations, then end every process."""
        self._closed = True
        for queue in self._waiting.values():
            for turn in queue:
                if not turn.done():
                    turn.set_exception(Unavailable("the process is stopping"))
        self._waiting.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._drained.wait()
        except TimeoutError:
            for child in self._computing:
                child.kill()
            await self._drained.wait()
        idle, self._idle = self._idle, []
        await asyncio.gather(*(self._end(child) for child in idle), *self._ending)
        self._threads.shutdown(wait=False)

    async def _enter(self, org: str) -> None:
        """Wait for this org's turn."""
        if self._closed:
            raise Unavailable("the process is stopping")
        if not self._waiting and self.busy < self._processes and self._busy[org] < self._org_concurrency:
            self._take(org)
            return
        if self.waiting >= self._waiting_max:
            self.outcomes["refused"] += 1
            raise Unavailable(f"{self._waiting_max} computations are waiting already")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(org, deque()).append(turn)
        # Those that wait may all be of orgs that have their share.
        self._grant()
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._leave(org)
            elif turn in (queue := self._waiting.get(org, deque())):
                queue.remove(turn)
                self._forget_empty(org)
            raise

    def _take(self, org: str) -> None:
        self._busy[org] += 1
        self._drained.clear()

    def _leave(self, org: str) -> None:
        self._busy[org] -= 1
        if not self._busy[org]:
            del self._busy[org]
        self._grant()
        if not self._busy:
            self._drained.set()

    def _grant(self) -> None:
        """Give what is free to the orgs in turn: one that was served goes to the end."""
        for org in list(self._waiting):
            if self.busy >= self._processes:
                return
            queue = self._waiting.get(org)
            if queue is None or self._busy[org] >= self._org_concurrency:
                continue
            turn = queue.popleft()
            del self._waiting[org]
            if queue:
                self._waiting[org] = queue
            if not turn.done():
                self._take(org)
                turn.set_result(None)

    def _forget_empty(self, org: str) -> None:
        if not self._waiting.get(org):
            self._waiting.pop(org, None)

    async def _compute(self, work: Callable[..., Any], given: tuple[Any, ...]) -> Any:
        for tried in range(1, TRIES + 1):
            child = self._idle.pop() if self._idle else ComputingProcess()
            self._computing.add(child)
            answered = False
            try:
                answer, failure = await self._in_thread(child.ask, work, given)
                answered = True
            except (EOFError, OSError) as cause:
                self.outcomes["killed"] += 1
                if tried == TRIES or self._closed:
                    raise Unavailable("processes of this service ended before a computation was done") from cause
                continue
            finally:
                self._computing.discard(child)
                if answered and not self._closed:
                    self._keep(child)
                else:
                    self._end_soon(child)
            self.outcomes["done" if failure is None else "failed"] += 1
            if failure is not None:
                raise failure
            return answer
        raise AssertionError("a computation is tried at least once")

    def _keep(self, child: "ComputingProcess") -> None:
        child.idle_since = monotonic()
        self._idle.append(child)
        asyncio.get_running_loop().call_later(self._idle_seconds, self._end_idle)

    def _end_idle(self) -> None:
        limit = monotonic() - self._idle_seconds
        for child in [child for child in self._idle if child.idle_since <= limit]:
            self._idle.remove(child)
            self._end_soon(child)

    def _end_soon(self, child: "ComputingProcess") -> None:
        # Killed here and now, since a cancelled caller does not wait; what is left of it is cleared away in a thread.
        child.kill()
        task = asyncio.ensure_future(self._end(child))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end(self, child: "ComputingProcess") -> None:
        await self._in_thread(child.end)

    async def _in_thread(self, function: Callable[..., Any], *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *given)


@resource
async def cpu_pool(settings: BaseSettings, metrics: Metrics) -> AsyncIterator[CpuPool]:
    """Child processes for long computations."""
    async with CpuPool(processes=settings.cpu_processes) as pool:
        metrics.gauge(CPU_WAITING).set_function(lambda: pool.waiting)
        counted: Counter[str] = Counter()

        def count() -> None:
            for outcome, runs in (pool.outcomes - counted).items():
                metrics.counter(CPU_RUNS).labels(outcome).inc(runs)
            counted.update(pool.outcomes - counted)

        metrics.before_each_look(count)
        yield pool

"""Running all work of a service: a runner for each queue."""

import asyncio
from collections.abc import Callable, Sequence

from chassis.clock import Clock
from chassis.gate import Gate
from chassis.provided import Provided
from chassis.unit import Units
from chassis.work.queue import Worker
from chassis.work.queue_runner import POLL_SECONDS, QueueRunner


class WorkRunner:
    """This replica's share of all work of its service."""

    def __init__(
        self,
        workers: Sequence[Worker],
        *,
        units: Units,
        clock: Clock,
        gate: Gate,
        replica: str,
        provided: Provided | None = None,
        poll_seconds: float = POLL_SECONDS,
        receives_messages: Callable[[], bool] = lambda: True,
    ) -> None:
        provided = provided or Provided()
        for worker in workers:
            provided.check(worker.who, worker.asks)
        self.queues = {
            worker.queue.name: QueueRunner(
                worker,
                provided,
                units=units,
                clock=clock,
                gate=gate,
                replica=replica,
                poll_seconds=poll_seconds,
                receives_messages=receives_messages,
            )
            for worker in workers
        }
        if len(self.queues) < len(workers):
            raise TypeError("two workers of the same queue")

    async def start(self) -> None:
        """Begin to claim work."""
        for runner in self.queues.values():
            await runner.start()

    async def stop(self, seconds: float = 5.0) -> None:
        """Claim no more; wait up to `seconds` for running handlers, then cancel them and give their items back."""
        await asyncio.gather(*(runner.stop(seconds) for runner in self.queues.values()))

    def wake(self, queue: str = "") -> None:
        """Look at this queue now, or at all of them."""
        for name, runner in self.queues.items():
            if queue in {"", name}:
                runner.wake()

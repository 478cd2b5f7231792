"""The soak row: memory of the processes after a hundred thousand requests."""

from bench import load
from bench.load import Measured
from bench.rows import SPREAD, TTL_SECONDS, Bench, Row
from bench.world import variant

REQUESTS = 100_000
SECONDS_MAX = 900


async def soak(bench: Bench) -> Row:
    """A hundred thousand requests, half of them writing; the note has the memory at the start, half way and the end."""
    world = bench.world
    names = [variant(number) for number in range(SPREAD)]
    asked = [world.request("/ics/stock/get", variant_id=name) for name in names]
    asked += [
        world.request("/ics/reservation/create", variant_id=name, quantity=1, ttl_seconds=TTL_SECONDS) for name in names
    ]
    memory: list[dict[str, float]] = [bench.meter.memory_mib()]

    async def flow(client: load.Client, number: int) -> None:
        if number == REQUESTS // 2:
            memory.append(bench.meter.memory_mib())
        await client.ask(asked[number * 7919 % len(asked)])

    work = load.run(
        f"soak, {REQUESTS:,} requests", world.address, flow, clients=64, seconds=SECONDS_MAX, limit=REQUESTS
    )
    row = await bench.measure(work)
    memory.append(bench.meter.memory_mib())
    row.measured.note = _grown(row.measured, memory)
    return row


def _grown(measured: Measured, memory: list[dict[str, float]]) -> str:
    """The memory of each service at each reading in MiB, after the first error if there was one."""
    names = [name for name in memory[0] if name not in {"mongodb", "rabbitmq"}]
    told = [f"{name} " + " → ".join(f"{reading[name]:.0f}" for reading in memory) for name in names]
    return f"{measured.note} MiB at start, half way, end: {', '.join(told)}".strip()

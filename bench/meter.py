"""CPU time of the stack's processes while a row runs: services, database and broker separately."""

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil
from msgspec import Struct

ENGINES = {"mongodb": "database", "rabbitmq": "broker"}

STAND_INS = frozenset({"shop"})
"""Processes that are no part of the stack."""


class Cpu(Struct, frozen=True):
    """CPU seconds, by process group. `ours` is all services with the gateway."""

    ours: float = 0.0
    gateway: float = 0.0
    database: float = 0.0
    broker: float = 0.0

    def __sub__(self, other: "Cpu") -> "Cpu":
        return Cpu(
            self.ours - other.ours,
            self.gateway - other.gateway,
            self.database - other.database,
            self.broker - other.broker,
        )


class ProcessMeter:
    """Reads the CPU times of all processes in `processes.json`, including their children.

    The file is read each time: a row may have added a process to the stack, or have had one restarted, before it began.
    """

    def __init__(self, processes_file: Path) -> None:
        self._file = processes_file

    def _processes(self) -> list[tuple[str, psutil.Process]]:
        found = []
        for entry in json.loads(self._file.read_text()):
            with suppress(psutil.NoSuchProcess):
                found.append((entry["name"], psutil.Process(entry["pid"])))
        return found

    def read(self) -> Cpu:
        """CPU seconds used so far."""
        totals = {"ours": 0.0, "gateway": 0.0, "database": 0.0, "broker": 0.0}
        for name, process in self._processes():
            if name in STAND_INS:
                continue
            used = sum(_cpu(member) for member in _family(process))
            totals[ENGINES.get(name, "ours")] += used
            if name.startswith("gateway"):
                totals["gateway"] += used
        return Cpu(**totals)

    def memory_mib(self) -> dict[str, float]:
        """Resident memory of each process by name, in MiB."""
        return {
            name: sum(_resident(member) for member in _family(process)) / 2**20 for name, process in self._processes()
        }


def _family(process: psutil.Process) -> Iterable[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:  # Children come and go.
        return 0.0
    return float(times.user + times.system)


def _resident(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0.0

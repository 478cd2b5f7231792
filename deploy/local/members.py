"""The service processes of a stack: planned, started, stopped, and restarted one by one.

Which processes run is kept in the stack's state, so a later launcher finds them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from deploy.local import plan, process, readiness
from deploy.local.plan import Part
from deploy.local.ports import Ports
from deploy.local.report import Report
from deploy.local.state import ROOT, Home, Member, State

STOP_SECONDS = 25.0
Item = TypeVar("Item")


class Members:
    """The service processes in one state. `save` stores the state; `end_sessions` frees what killed clients held in the
    database."""

    def __init__(
        self,
        home: Home,
        report: Report,
        state: State,
        *,
        save: Callable[[], None],
        end_sessions: Callable[[], None],
    ) -> None:
        self._home = home
        self._report = report
        self._state = state
        self._save = save
        self._end_sessions = end_sessions

    def alive(self, name: str) -> bool:
        """Whether the process runs; False if there is none of this name."""
        member = self._state.members.get(name)
        return member is not None and process.alive(member.running)

    def plan(self, ports: Ports) -> list[Part]:
        """Every process that should run, with its ports. A running process keeps the ports it has."""
        return [
            Part(name, service, dict(self._state.members[name].running.ports))
            if self.alive(name)
            else plan.give_ports(name, service, ports)
            for name, service in plan.names_of(self._state.replicas, shop=self._state.shop)
        ]

    def drop_surplus(self, parts: Sequence[Part]) -> None:
        """Stop and forget the processes that are not in the plan."""
        surplus = set(self._state.members) - {part.name for part in parts}
        self.stop(sorted(surplus))
        for name in surplus:
            del self._state.members[name]

    def start(self, parts: Sequence[Part], started: list[str]) -> list[Part]:
        """Start what does not run, and restart what was started with other settings.

        Returns the processes that have to become ready; their names are appended to `started` one by one.
        """
        fresh = []
        for part in parts:
            settings = self._settings(part, parts)
            if self.alive(part.name):
                if self._state.members[part.name].recipe == plan.recipe(settings):
                    continue
                self.stop([part.name])
            fresh.append((part, settings))
        if any(part.name in self._state.members for part, _ in fresh):
            # Some of them ended, perhaps in the middle of a transaction.
            self._end_sessions()
        for part, settings in fresh:
            self._start_one(part, settings)
            started.append(part.name)
        return [part for part, _ in fresh]

    def start_again(self, name: str) -> None:
        """Start one process on the ports and with the settings it had, and wait until it is ready."""
        if self.alive(name):
            self._report.say(name, "runs")
            return
        # It may have been killed in the middle of a transaction.
        self._end_sessions()
        parts = [Part(key, member.service, dict(member.running.ports)) for key, member in self._state.members.items()]
        part = next(part for part in parts if part.name == name)
        self._start_one(part, self._settings(part, parts))
        try:
            self._wait_ready(part)
        except BaseException:
            process.kill(self._state.members[name].running)
            raise

    def wait_ready(self, parts: Iterable[Part]) -> None:
        """Wait until all of them are ready. Raises Failed with the end of the log of the first that is not."""
        in_parallel(self._wait_ready, parts)

    def stop(self, names: Sequence[str]) -> None:
        """Stop them all at once; what does not stop in time is killed."""
        killed = []

        def stop_one(name: str) -> None:
            ended = process.stop(self._state.members[name].running, STOP_SECONDS)
            if ended != "stopped":
                killed.append(name)
            words = {"killed": f"did not stop within {STOP_SECONDS:.0f} s: killed", "gone": "had ended already"}
            self._report.say(name, words.get(ended, ended))

        in_parallel(stop_one, names)
        if killed:
            self._end_sessions()

    def _settings(self, part: Part, parts: Sequence[Part]) -> Mapping[str, str]:
        return plan.settings(part, parts, self._state.engines, self._home)

    def _start_one(self, part: Part, settings: Mapping[str, str]) -> None:
        running = process.start(
            part.name,
            part.command,
            log=self._home.log(part.name),
            env=plan.environment(settings),
            cwd=ROOT,
            ports=part.ports,
        )
        member = Member(service=part.service, recipe=plan.recipe(settings), running=running)
        self._state.members[part.name] = member
        self._save()

    def _wait_ready(self, part: Part) -> None:
        readiness.wait(self._state.members[part.name].running)
        self._report.say(part.name, f"ready on port {part.ports['http']}")


def in_parallel(action: Callable[[Item], None], items: Iterable[Item]) -> None:
    """Call the action with all items at once; after all have ended, the first error is raised."""
    waiting = list(items)
    if not waiting:
        return
    with ThreadPoolExecutor(len(waiting)) as threads:
        futures = [threads.submit(action, item) for item in waiting]
    for future in futures:
        future.result()

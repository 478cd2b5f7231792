"""The stack as a whole: brought up, taken down, and its processes stopped and started one by one.

What runs is remembered in `.run/state.json` after each step, so that whoever comes next finds it, even after this
launcher was killed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from deploy.local import locks, plan, process, readiness
from deploy.local.engines import roles
from deploy.local.engines.engine import Engine
from deploy.local.engines.roles import ROLES
from deploy.local.plan import Part
from deploy.local.ports import Ports
from deploy.local.process import Failed
from deploy.local.report import Report
from deploy.local.state import ROOT, Home, Member, State, write_env

STOP_SECONDS = 25.0
Thing = TypeVar("Thing")


class Stack:
    """One stack, in one `.run` folder."""

    def __init__(self, home: Home, report: Report) -> None:
        self.home = home
        self.report = report
        self.state = home.load()

    # -- up ----------------------------------------------------------------------------------------------------------

    def up(self, replicas: Mapping[str, int] | None) -> list[Part]:
        """Bring up whatever does not run. Where that fails, what this call started is ended again."""
        started: list[str] = []
        if replicas is not None:
            self.state.replicas = dict(replicas)
        try:
            parts = self._engines_and_members_up(started)
        except BaseException:
            self._end(started)
            raise
        write_env(self.home.stack_env, plan.stack_env(parts, self.state.engines))
        return parts

    def _engines_and_members_up(self, started: list[str]) -> list[Part]:
        """Database and broker at once. Where the broker's address is known, services do not wait for its boot."""
        with ThreadPoolExecutor(len(ROLES)) as threads:
            known = self._broker_address()
            database, broker = (
                threads.submit(self._engine_up, ROLES[name], started) for name in ("mongodb", "rabbitmq")
            )
            try:
                database.result()
                if known is None:
                    broker.result()
                parts = self._plan()
                self._drop_surplus(parts)
                fresh = self._start_members(parts, started)
                broker.result()
            finally:
                wait([database, broker])
                self._save()
        in_parallel(self._wait_ready, fresh)
        return parts

    def _broker_address(self) -> str | None:
        """Where the broker will be, if it is one we had before; its port is settled by this."""
        role = ROLES["rabbitmq"]
        state = roles.still_meant(role, self.state.engines.get(role.name))
        if state is None:
            return None
        if state.kind != "given" and not self._engine(role.name).running():
            state.port = self._ports().give(role.name, role.first_port)
            state.uri = self._engine(role.name).uri
        return state.uri

    def _engine_up(self, role: roles.Role, started: list[str]) -> None:
        say = self.report.about(role.name)
        state = roles.still_meant(role, self.state.engines.get(role.name))
        if state is not None:
            engine = self._engine(role.name)
            if engine.running():
                say(f"{engine.name} runs")
                return
            # What is left of one that died, such as its port mapper, would outlive the stack.
            engine.stop()
        port = self._ports().give(role.name, role.first_port)
        engine = roles.bring_up(role, state, self.home.data(role.name), port, self.home.log(role.name), say)
        self.state.engines[role.name] = roles.remember(engine)
        started.append(role.name)

    def _plan(self) -> list[Part]:
        """Every process with its ports. One that runs keeps those it has."""
        ports = self._ports()
        parts = []
        for name, service in plan.names_of(self.state.replicas):
            member = self.state.members.get(name)
            if member is not None and process.alive(member.running):
                parts.append(Part(name, service, dict(member.running.ports)))
            else:
                parts.append(plan.give_ports(name, service, ports))
        return parts

    def _drop_surplus(self, parts: Sequence[Part]) -> None:
        surplus = set(self.state.members) - {part.name for part in parts}
        self._stop_members(sorted(surplus))
        for name in surplus:
            del self.state.members[name]

    def _start_members(self, parts: Sequence[Part], started: list[str]) -> list[Part]:
        """Start what does not run, and anew what is now told something else; what has to get ready now."""
        fresh = []
        for part in parts:
            words = plan.told(part, parts, self.state.engines, self.home)
            member = self.state.members.get(part.name)
            if member is not None and process.alive(member.running):
                if member.recipe == plan.recipe(words):
                    continue
                self._stop_members([part.name])
            fresh.append((part, words))
        if any(part.name in self.state.members for part, _ in fresh):
            # Some of them ended, perhaps in the middle of a transaction.
            self._forget_sessions()
        for part, words in fresh:
            self._start_member(part, words)
            started.append(part.name)
        return [part for part, _ in fresh]

    def _start_member(self, part: Part, words: Mapping[str, str]) -> None:
        running = process.start(
            part.name,
            part.command,
            log=self.home.log(part.name),
            env=plan.environment(words),
            cwd=ROOT,
            ports=part.ports,
        )
        self.state.members[part.name] = Member(service=part.service, recipe=plan.recipe(words), running=running)
        self._save()

    def _wait_ready(self, part: Part) -> None:
        running = self.state.members[part.name].running
        readiness.wait(running)
        self.report.say(part.name, f"ready on port {part.ports['http']}")

    # -- down --------------------------------------------------------------------------------------------------------

    def down(self, clean: bool = False) -> bool:
        """Stop all of it; whether anything ran. Data stay, unless they are to be forgotten."""
        ran = bool(self.state.members) or any(engine.processes for engine in self.state.engines.values())
        self._end([*self.state.members, *self.state.engines])
        if clean:
            for role in self.state.engines:
                with suppress(Failed):
                    self._engine(role).forget()
            self.home.forget()
        else:
            # Kinds and ports are remembered, so that the next start finds the data and the same addresses.
            self.state = State(engines=self.state.engines, ports=self.state.ports)
            self._save()
        return ran

    def _end(self, names: Iterable[str]) -> None:
        """Stop what is named: the gateway first, then the services, then the broker, then the database."""
        ending = list(names)
        members = [name for name in ending if name in self.state.members]
        gateways = [name for name in members if self.state.members[name].service == plan.GATEWAY]
        self._stop_members(gateways)
        self._stop_members([name for name in members if name not in gateways])
        for role in ("rabbitmq", "mongodb"):
            if role in ending and role in self.state.engines:
                self._stop_engine(role)
        for name in members:
            self.state.members.pop(name, None)
        self._save()

    def _stop_members(self, names: Sequence[str]) -> None:
        killed = []

        def one(name: str) -> None:
            ended = process.stop(self.state.members[name].running, STOP_SECONDS)
            if ended != "stopped":
                killed.append(name)
            words = {
                "stopped": "stopped",
                "killed": f"did not stop within {STOP_SECONDS:.0f} s: killed",
                "gone": "had ended",
            }
            self.report.say(name, words[ended])

        in_parallel(one, names)
        if killed:
            self._forget_sessions()

    def _stop_engine(self, role: str) -> None:
        engine = self._engine(role)
        if engine.kind == "given":
            return
        ran = engine.running()
        engine.stop()
        self.state.engines[role].processes = []
        if ran:
            self.report.say(role, "stopped")

    # -- one process -------------------------------------------------------------------------------------------------

    def stop(self, name: str) -> None:
        """Stop one process; it stays down until it is started."""
        self._check(name)
        if name in ROLES:
            self._stop_engine(name)
        else:
            self._stop_members([name])
            self.state.members[name].wanted = "stopped"
        self._save()

    def start(self, name: str) -> None:
        """Start one process again, on the ports it had, with what it was told."""
        self._check(name)
        if name in ROLES:
            engine = self._engine(name)
            if engine.kind == "given":
                raise Failed(f"{name} is not ours to start: {engine.name} names it")
            if engine.running():
                self.report.say(name, "runs")
                return
            engine.install(self.report.about(name))
            engine.restart()
            self.state.engines[name] = roles.remember(engine)
            self.report.say(name, f"{engine.name} answers on port {engine.port}")
        else:
            self._start_again(name)
        self._save()

    def _start_again(self, name: str) -> None:
        member = self.state.members[name]
        if process.alive(member.running):
            self.report.say(name, "runs")
            return
        # Whoever ended it may have done so in the middle of a transaction.
        self._forget_sessions()
        parts = [Part(key, other.service, dict(other.running.ports)) for key, other in self.state.members.items()]
        part = next(part for part in parts if part.name == name)
        self._start_member(part, plan.told(part, parts, self.state.engines, self.home))
        try:
            self._wait_ready(part)
        except BaseException:
            process.kill(self.state.members[name].running)
            raise

    def _check(self, name: str) -> None:
        known = [*self.state.members, *(self.state.engines if self.state.members else [])]
        if not known:
            raise Failed("the stack is not up; `make up` brings it up")
        if name not in known:
            raise Failed(f"ONLY={name}: there is no such process; there are {', '.join(known)}")

    # -- looking -----------------------------------------------------------------------------------------------------

    def is_up(self) -> bool:
        """Whether any service runs."""
        return any(process.alive(member.running) for member in self.state.members.values())

    def runs(self, role: str) -> bool:
        """Whether the engine runs."""
        return self._engine(role).running()

    def ended(self) -> list[tuple[str, Path]]:
        """Processes that should run and do not, with their logs: they died by themselves."""
        if not self.state.members:
            return []
        dead = [
            (name, Path(member.running.log))
            for name, member in self.state.members.items()
            if member.wanted == "running" and not process.alive(member.running)
        ]
        return dead + [
            (role, self.home.log(role))
            for role, engine in self.state.engines.items()
            if engine.processes and not all(process.alive(running) for running in engine.processes)
        ]

    def _save(self) -> None:
        """Remember how things are, and keep the ports for as long as anything of the stack runs."""
        self.home.save(self.state)
        locks.extend(str(self.home.directory), self.state.pids())

    def _ports(self) -> Ports:
        return Ports(str(self.home.directory), self.state.ports)

    def _engine(self, role: str) -> Engine:
        return roles.find(ROLES[role], self.state.engines[role], self.home.data(role), self.home.log(role))

    def _forget_sessions(self) -> None:
        if self.state.engines.get("mongodb"):
            self._engine("mongodb").forget_sessions()


def in_parallel(act: Callable[[Thing], None], things: Iterable[Thing]) -> None:
    """Do it with all at once; when all have ended, the first failure (if any) goes on up."""
    todo = list(things)
    if not todo:
        return
    with ThreadPoolExecutor(len(todo)) as threads:
        futures = [threads.submit(act, thing) for thing in todo]
    for future in futures:
        future.result()

"""The stack as a whole: brought up, taken down, and its processes stopped and started one by one.

The state is saved in `.run/state.json` after each step, so that the next launcher knows what runs, even if this one was
killed.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path

from deploy.local import locks, plan, process
from deploy.local.engines import roles
from deploy.local.engines.engine import Engine
from deploy.local.engines.roles import ROLES
from deploy.local.members import Members
from deploy.local.plan import Part
from deploy.local.ports import Ports
from deploy.local.process import Failed
from deploy.local.report import Report
from deploy.local.state import Home, write_env


class Stack:
    """One stack, in one `.run` folder."""

    def __init__(self, home: Home, report: Report) -> None:
        self.home = home
        self.report = report
        self.state = home.load()
        self._members = Members(home, report, self.state, save=self._save, end_sessions=self._end_sessions)

    # -- up ----------------------------------------------------------------------------------------------------------

    def up(self, replicas: Mapping[str, int] | None, *, shop: bool = False) -> list[Part]:
        """Start whatever does not run; `shop` adds the stand-in Shopify, which then stays until the stack is down.

        If that fails, what this call started is stopped again.
        """
        started: list[str] = []
        self.state.shop = self.state.shop or shop
        if replicas is not None:
            self.state.replicas = dict(replicas)
        try:
            parts = self._start_all(started)
        except BaseException:
            self._end(started)
            raise
        write_env(self.home.stack_env, plan.stack_env(parts, self.state.engines))
        return parts

    def _start_all(self, started: list[str]) -> list[Part]:
        """Database and broker at once. If the broker's address is known, services do not wait until it has started."""
        with ThreadPoolExecutor(len(ROLES)) as threads:
            known = self._broker_address()
            database, broker = (
                threads.submit(self._start_engine, ROLES[name], started) for name in ("mongodb", "rabbitmq")
            )
            try:
                database.result()
                if known is None:
                    broker.result()
                parts = self._members.plan(self._ports())
                self._members.drop_surplus(parts)
                fresh = self._members.start(parts, started)
                broker.result()
            finally:
                wait([database, broker])
                self._save()
        self._members.wait_ready(fresh)
        return parts

    def _broker_address(self) -> str | None:
        """The address the broker will have, if it is one this stack had before; this also fixes its port."""
        role = ROLES["rabbitmq"]
        state = roles.current_state(role, self.state.engines.get(role.name))
        if state is None:
            return None
        if state.kind != "given" and not self._engine(role.name).running():
            state.port = self._ports().give(role.name, role.first_port)
            state.uri = self._engine(role.name).uri
        return state.uri

    def _start_engine(self, role: roles.Role, started: list[str]) -> None:
        say = self.report.about(role.name)
        state = roles.current_state(role, self.state.engines.get(role.name))
        if state is not None:
            engine = self._engine(role.name)
            if engine.running():
                say(f"{engine.name} runs")
                return
            # What is left of a dead engine, such as its port mapper, would outlive the stack.
            engine.stop()
        port = self._ports().give(role.name, role.first_port)
        engine = roles.bring_up(role, state, self.home.data(role.name), port, self.home.log(role.name), say)
        self.state.engines[role.name] = roles.remember(engine)
        started.append(role.name)

    # -- down --------------------------------------------------------------------------------------------------------

    def down(self, clean: bool = False) -> bool:
        """Stop everything; returns whether anything ran. `clean` removes the data too."""
        ran = bool(self.state.members) or any(engine.processes for engine in self.state.engines.values())
        self._end([*self.state.members, *self.state.engines])
        if clean:
            for role in self.state.engines:
                with suppress(Failed):
                    self._engine(role).forget()
            self.home.forget()
        else:
            # Engine kinds and ports stay, so that the next start finds the data and uses the same addresses.
            self.state.members.clear()
            self.state.replicas.clear()
            self.state.shop = False
            self._save()
        return ran

    def _end(self, names: Iterable[str]) -> None:
        """Stop these: the gateway first, then the services, then the broker, then the database."""
        ending = list(names)
        members = [name for name in ending if name in self.state.members]
        gateways = [name for name in members if self.state.members[name].service == plan.GATEWAY]
        self._members.stop(gateways)
        self._members.stop([name for name in members if name not in gateways])
        for role in ("rabbitmq", "mongodb"):
            if role in ending and role in self.state.engines:
                self._stop_engine(role)
        for name in members:
            self.state.members.pop(name, None)
        self._save()

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
        """Stop one process; it stays down until it is started. Raises Failed if there is no such process."""
        self._check(name)
        if name in ROLES:
            self._stop_engine(name)
        else:
            self._members.stop([name])
            self.state.members[name].wanted = "stopped"
        self._save()

    def start(self, name: str) -> None:
        """Start one process again, with the ports and settings it had. Raises Failed if there is no such process."""
        self._check(name)
        if name in ROLES:
            self._restart_engine(name)
        else:
            self._members.start_again(name)
        self._save()

    def _restart_engine(self, name: str) -> None:
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

    def _check(self, name: str) -> None:
        known = [*self.state.members, *(self.state.engines if self.state.members else [])]
        if not known:
            raise Failed("the stack is not up; `make up` brings it up")
        if name not in known:
            raise Failed(f"ONLY={name}: there is no such process; there are {', '.join(known)}")

    # -- status ------------------------------------------------------------------------------------------------------

    def is_up(self) -> bool:
        """Whether any service process runs."""
        return any(map(self._members.alive, self.state.members))

    def runs(self, role: str) -> bool:
        """Whether the engine runs."""
        return self._engine(role).running()

    def ended(self) -> list[tuple[str, Path]]:
        """Name and log of every process that should run and does not."""
        if not self.state.members:
            return []
        dead = [
            (name, Path(member.running.log))
            for name, member in self.state.members.items()
            if member.wanted == "running" and not self._members.alive(name)
        ]
        return dead + [
            (role, self.home.log(role))
            for role, engine in self.state.engines.items()
            if engine.processes and not all(process.alive(running) for running in engine.processes)
        ]

    def _save(self) -> None:
        """Save the state, and hold the ports as long as any process of the stack runs."""
        self.home.save(self.state)
        locks.extend(str(self.home.directory), self.state.pids())

    def _ports(self) -> Ports:
        return Ports(str(self.home.directory), self.state.ports)

    def _engine(self, role: str) -> Engine:
        return roles.find(ROLES[role], self.state.engines[role], self.home.data(role), self.home.log(role))

    def _end_sessions(self) -> None:
        if self.state.engines.get("mongodb"):
            self._engine("mongodb").forget_sessions()

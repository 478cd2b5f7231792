"""The launcher: `python -m deploy.local up|down|run|start|stop|status|shop|rotate`. `make` has a target for each."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from deploy.local import demo, plan, process, readiness
from deploy.local.guard import Guard
from deploy.local.ports import NoPort
from deploy.local.process import PRIVATE_UMASK, Failed
from deploy.local.report import Report, complain
from deploy.local.stack import Stack
from deploy.local.state import Home, read_env

WATCH_SECONDS = 0.5
STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns 0 on success; 1 with one line on standard error on failure."""
    options = parse(arguments)
    # Keys, data and logs are their owner's alone.
    os.umask(PRIVATE_UMASK)
    for number in STOPPING_SIGNALS:
        signal.signal(number, _interrupt)
    try:
        return VERBS[options.verb](options)
    except (Failed, NoPort, OSError) as failure:
        complain(str(failure))
        return 1
    except KeyboardInterrupt:
        complain("interrupted; what was started has been stopped")
        return 130


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="deploy.local", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name in ("run", "up"):
        verb = verbs.add_parser(name)
        verb.add_argument("--replicas", default=None, help="ics=2, or ics=2,pmc=2")
        verb.add_argument("--shop", action="store_true", help="with the stand-in Shopify")
    verbs.add_parser("down").add_argument("--clean", action="store_true", help="remove the data too")
    for name in ("start", "stop"):
        verbs.add_parser(name).add_argument("name", nargs="?", default="", help="one process, such as ics")
    verbs.add_parser("status")
    verbs.add_parser("shop")
    verbs.add_parser("rotate")
    return parser.parse_args(arguments)


def up(options: argparse.Namespace) -> int:
    """Bring the stack up in the background."""
    home, report = Home(), Report()
    with home.locked():
        bring_up(Stack(home, report), options.replicas, shop=options.shop)
    return 0


def bring_up(stack: Stack, replicas: str | None, *, shop: bool = False) -> None:
    """Start what does not run, create the demo data, print addresses. On failure, stop what was started."""
    wanted = None if replicas is None else plan.parse_replicas(replicas)
    was_up = stack.is_up()
    try:
        parts = stack.up(wanted, shop=shop)
        demo.make(stack.home, parts, stack.report)
    except BaseException:
        if not was_up:
            stack.down()
        raise
    show(stack)
    first_call(stack)


def run(options: argparse.Namespace) -> int:
    """Run the stack in the foreground, and stop it at the end, even if the launcher is killed."""
    home, report = Home(), Report()
    stack = Stack(home, report)
    if stack.is_up():
        raise Failed("the stack is up already; `make down` stops it")
    guard = Guard([sys.executable, "-m", "deploy.local", "down"])
    try:
        with home.locked():
            bring_up(stack, options.replicas, shop=options.shop)
        report.text("ctrl-c stops all of it")
        watch(home, report)
    except KeyboardInterrupt:
        report.text()
    finally:
        _ignore_signals()
        with home.locked():
            Stack(home, report).down()
        guard.dismiss()
    return 0


def watch(home: Home, report: Report) -> None:
    """Report processes that end, until the stack is stopped. They are not restarted automatically."""
    said: set[tuple[str, int]] = set()
    while True:
        stack = Stack(home, report)
        if not stack.state.members:
            return
        for name, log in stack.ended():
            member = stack.state.members.get(name)
            key = (name, member.running.pid if member else stack.state.engines[name].processes[0].pid)
            if key not in said:
                said.add(key)
                report.say(name, f"died; its log is {log}; `make start ONLY={name}` brings it back", "red")
        time.sleep(WATCH_SECONDS)


def down(options: argparse.Namespace) -> int:
    """Stop the stack."""
    home, report = Home(), Report()
    with home.locked():
        ran = Stack(home, report).down(clean=options.clean)
    report.text(
        "the stack is down" + ("; its data are removed" if options.clean else "") if ran else "the stack was not up"
    )
    return 0


def start(options: argparse.Namespace) -> int:
    """Start one process again."""
    home = Home()
    with home.locked():
        Stack(home, Report()).start(_one(options.name, "start"))
    return 0


def stop(options: argparse.Namespace) -> int:
    """Stop one process."""
    home = Home()
    with home.locked():
        Stack(home, Report()).stop(_one(options.name, "stop"))
    return 0


def status(_options: argparse.Namespace) -> int:
    """Print what runs. Returns 1 if a process that should run does not, or if the stack is not up."""
    stack = Stack(Home(), Report())
    if not stack.state.members:
        stack.report.text("the stack is not up")
        return 1
    return 0 if show(stack) else 1


def add_shop(_options: argparse.Namespace) -> int:
    """Add the stand-in Shopify to a stack that is up; SLC is started anew where it was told of another shop."""
    home = Home()
    with home.locked():
        stack = Stack(home, Report())
        if not stack.is_up():
            raise Failed("the stack is not up; `make up SHOP=1` brings it up with the stand-in shop")
        stack.up(None, shop=True)
    return 0


def rotate(_options: argparse.Namespace) -> int:
    """Give every process another key to sign callers with, while the stack runs."""
    home, report = Home(), Report()
    report.text("exchanging the keys takes about a minute")
    with home.locked():
        plan.caller_keys(home).exchange()
    report.text("every process signs with a new key; the former ones are no longer accepted")
    return 0


def show(stack: Stack) -> bool:
    """Print a table of the processes; whether all of them are up."""
    rows = [*_engine_rows(stack), *_member_rows(stack)]
    stack.report.text()
    stack.report.columns([("process", "state", "pid", "ports", "log"), *rows])
    return all(row[1] in {"up", "given"} for row in rows)


def _engine_rows(stack: Stack) -> Iterator[tuple[str, ...]]:
    for role, engine in stack.state.engines.items():
        alive = stack.runs(role)
        if engine.kind == "given":
            state = "given" if alive else "no answer"
        else:
            state = "up" if alive else "died" if engine.processes else "stopped"
        pid = str(engine.processes[0].pid) if engine.processes else ""
        yield role, state, pid, f"{engine.port or ''}  {engine.name}".strip(), _short(stack.home.log(role))


def _member_rows(stack: Stack) -> Iterator[tuple[str, ...]]:
    for name, member in stack.state.members.items():
        alive = process.alive(member.running)
        if alive:
            state = "up" if readiness.is_ready(member.running) else "not ready"
        else:
            state = "died" if member.wanted == "running" else "stopped"
        ports = "  ".join(f"{purpose} {port}" for purpose, port in member.running.ports.items())
        yield name, state, str(member.running.pid) if alive else "", ports, _short(Path(member.running.log))


def _short(log: Path) -> str:
    """The log's path, relative to the current folder if it is below it."""
    here = Path.cwd()
    return str(log.relative_to(here)) if log.is_relative_to(here) else str(log)


def first_call(stack: Stack) -> None:
    """Print a first call to try."""
    home, address = stack.home, read_env(stack.home.stack_env)["GATEWAY_URL"]
    if shop_url := read_env(home.stack_env).get("SHOP_URL"):
        stack.report.text(f"\nThe stand-in shop is at {shop_url}; docs/shopify.md connects a channel to it.")
    for line in (
        f"\nThe gateway is at {address}; addresses and credentials are in {_short(home.directory)}/*.env. Try:\n",
        f"  . {_short(home.stack_env)}; . {_short(home.demo_env)}",
        '  curl -s "$GATEWAY_URL/pmc/product/search?q=merino" -H "x-session-guid: $DEMO_OWNER_SESSION" \\',
        '    -H "x-orgcode: $DEMO_ORGCODE"\n',
    ):
        stack.report.text(line)


def _one(name: str, verb: str) -> str:
    if not name:
        raise Failed(f"which process? make {verb} ONLY=ics")
    return name


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    """Interrupt the start. A second signal does not interrupt the stop that follows."""
    _ignore_signals()
    process.GIVEN_UP.set()
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    for number in STOPPING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


VERBS = {
    "run": run,
    "up": up,
    "down": down,
    "start": start,
    "stop": stop,
    "status": status,
    "shop": add_shop,
    "rotate": rotate,
}

if __name__ == "__main__":
    sys.exit(main())

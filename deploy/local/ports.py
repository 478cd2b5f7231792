"""Ports on loopback: free ones, and the same ones again after a restart.

Ports that other programs listen on are skipped. All ports are below the range that the kernel uses for outgoing
connections, so no connection of ours occupies a port that a restarted service needs.
"""

import random
import socket
from dataclasses import dataclass, field
from itertools import chain

from deploy.local import locks

LOOPBACK = "127.0.0.1"
# Stacks use ports from 8080 and 18000 on; these are for everything else.
PORT_FIRST = 20000
PORT_LAST = 30999
CONNECT_SECONDS = 0.25
GREETING_SECONDS = 2.0
PORTS_TRIED_MAX = 1000
AMQP_GREETING = b"AMQP\x00\x00\x09\x01"
AMQP_METHOD_FRAME = b"\x01"


class NoPort(Exception):
    """No free port was found."""


def is_free(port: int) -> bool:
    """Whether no program listens on the port, on loopback or on all addresses."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return not answers(port)


def answers(port: int, host: str = LOOPBACK) -> bool:
    """Whether connections to the port are accepted."""
    try:
        with socket.create_connection((host, port), CONNECT_SECONDS):
            return True
    except OSError:
        return False


def speaks_amqp(port: int) -> bool:
    """Whether a broker on the port answers the AMQP greeting; a container's port accepts connections long before."""
    try:
        with socket.create_connection((LOOPBACK, port), CONNECT_SECONDS) as probe:
            probe.settimeout(GREETING_SECONDS)
            probe.sendall(AMQP_GREETING)
            return probe.recv(1) == AMQP_METHOD_FRAME
    except OSError:
        return False


def any_free() -> int:
    """A free port, chosen at random and locked for this process. Raises NoPort if none is found."""
    for _ in range(PORTS_TRIED_MAX):
        port = random.randint(PORT_FIRST, PORT_LAST)
        if not locks.is_locked(port) and is_free(port) and locks.lock_port(port, locks.own()):
            return port
    raise NoPort(f"no free port between {PORT_FIRST} and {PORT_LAST}")


@dataclass
class Ports:
    """The ports of one owner, by purpose such as `ics.grpc`. A purpose gets the same port again."""

    owner: str
    kept: dict[str, int] = field(default_factory=dict)

    def give(self, purpose: str, wished: int) -> int:
        """The port of the purpose: the one it had, else `wished`, else the next free one; NoPort if none is free."""
        others = {port for name, port in self.kept.items() if name != purpose}
        first = self.kept.get(purpose, wished)
        for port in chain([first], range(wished, wished + PORTS_TRIED_MAX)):
            if port not in others and is_free(port) and locks.lock_port(port, self.owner):
                self.kept[purpose] = port
                return port
        raise NoPort(f"no free port for {purpose} from {wished} on")

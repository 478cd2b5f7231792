"""What a stack consists of: its processes, their ports and their settings (environment variables)."""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deploy.local.engines.roles import EngineState
from deploy.local.keys import CallerKeys
from deploy.local.ports import LOOPBACK, Ports
from deploy.local.process import Failed
from deploy.local.state import ROOT, Home

SERVICES = ("ops", "ics", "pmc", "slc", "visualgrid")
GATEWAY = "gateway"
SHOP = "shop"
"""The stand-in Shopify; part of a stack that was asked for it."""

MODULES = {GATEWAY: "gateway"} | {service: f"services.{service}" for service in SERVICES}
SHOP_MODULE = "tests.shop"
REPLICAS_MAX = 8
# First port tried, by purpose; separate ranges make the numbers easy to recognise.
FIRST_PORTS = {"http": 18000, "grpc": 18200, "private": 18400}
GATEWAY_PORT = 8080
SHOP_PORT = 9400


@dataclass(frozen=True)
class Part:
    """A process to run: `ics`, or `ics-2` for its second replica."""

    name: str
    service: str
    ports: dict[str, int]

    @property
    def command(self) -> list[str]:
        """The command that starts it."""
        return [sys.executable, "-m", SHOP_MODULE if self.service == SHOP else MODULES[self.service]]


def names_of(replicas: Mapping[str, int], *, shop: bool = False) -> list[tuple[str, str]]:
    """Name and service of every process, in display order; `shop`: with the stand-in Shopify."""
    found = [(SHOP, SHOP)] if shop else []
    for service in (*SERVICES, GATEWAY):
        count = replicas.get(service, 1)
        found += [(service if number == 1 else f"{service}-{number}", service) for number in range(1, count + 1)]
    return found


def parse_replicas(text: str) -> dict[str, int]:
    """`ics=2,pmc=3` as a mapping. Raises Failed if a service or a number is not valid."""
    found = {}
    for word in text.replace(",", " ").split():
        service, _, number = word.partition("=")
        if service not in SERVICES:
            raise Failed(f"REPLICAS: there is no service {service!r}; the services are {', '.join(SERVICES)}")
        if not number.isdigit() or not 1 <= int(number) <= REPLICAS_MAX:
            raise Failed(f"REPLICAS: {word!r} is not of the form {service}=2 (1 to {REPLICAS_MAX})")
        found[service] = int(number)
    return found


def give_ports(name: str, service: str, ports: Ports) -> Part:
    """The process with its ports: those it had before if they are still free."""
    if service == SHOP:
        return Part(name, service, {"http": ports.give(f"{name}.http", SHOP_PORT)})
    wished = {
        purpose: GATEWAY_PORT if (service, purpose) == (GATEWAY, "http") else first
        for purpose, first in FIRST_PORTS.items()
    }
    return Part(name, service, {purpose: ports.give(f"{name}.{purpose}", port) for purpose, port in wished.items()})


def addresses(parts: Sequence[Part], service: str, purpose: str) -> str:
    """The addresses of all replicas of a service, separated by commas."""
    form = "http://{}:{}" if purpose == "http" else "{}:{}"
    return ",".join(form.format(LOOPBACK, part.ports[purpose]) for part in parts if part.service == service)


def caller_keys(home: Home) -> CallerKeys:
    """The keys with which the processes sign callers."""
    return CallerKeys(home, (*SERVICES, GATEWAY))


def settings(part: Part, parts: Sequence[Part], engines: Mapping[str, EngineState], home: Home) -> dict[str, str]:
    """The settings of the process. Keys are passed as files, so that no process list shows them."""
    if part.service == SHOP:
        return {"SHOP_PORT": str(part.ports["http"]), "SHOP_WEBHOOKS_TO": addresses(parts, GATEWAY, "http")}
    keys = caller_keys(home)
    keys.make()
    words = {
        "MONGODB_URI": engines["mongodb"].uri,
        "MONGODB_DATABASE": part.service,
        "AMQP_URL": engines["rabbitmq"].uri,
        "HTTP_HOST": LOOPBACK,
        "HTTP_PORT": str(part.ports["http"]),
        "GRPC_HOST": LOOPBACK,
        "GRPC_PORT": str(part.ports["grpc"]),
        "PRIVATE_HOST": LOOPBACK,
        "PRIVATE_PORT": str(part.ports["private"]),
        "CALLER_KEY_FILE": str(home.secret("caller.key")),
        "CALLER_SIGNING_KEYS_FILE": str(keys.signing(part.service)),
        "CALLER_PUBLIC_KEYS_FILE": str(keys.public),
        "REPLICA": part.name,
        "BUILD_ID": build_id(),
    }
    if engines["mongodb"].embedded:
        words["MONGODB_ENGINE"] = "embedded"
    for service in (*SERVICES, GATEWAY):
        words[f"{service.upper()}_GRPC"] = addresses(parts, service, "grpc")
    if part.service == "pmc":
        words["PMC_PUBLIC_URL"] = addresses(parts, GATEWAY, "http").partition(",")[0]
        words["PMC_OBJECTS_FOLDER"] = str(home.data("objects"))
    if part.service == "slc" and not (os.environ.get("SLC_KEYS") or os.environ.get("SLC_KEYS_FILE")):
        words["SLC_KEYS_FILE"] = str(home.sealing_key("slc.keys"))
    if part.service == "slc" and (shop := addresses(parts, SHOP, "http")):
        words["SLC_SHOPIFY_BASE_URL"] = f"{shop}/{{shop}}"
    if part.service == GATEWAY:
        words["GATEWAY_KEY_FILE"] = str(home.secret("gateway.key"))
        for service in SERVICES:
            words[f"{service.upper()}_HTTP"] = addresses(parts, service, "http")
    return words


def environment(words: Mapping[str, str]) -> dict[str, str]:
    """The user's own environment with the process's words over it, so that any other setting can be given by hand."""
    ours = {key.removesuffix("_FILE") for key in words}
    inherited = {key: value for key, value in os.environ.items() if key.removesuffix("_FILE") not in ours}
    return inherited | {"PYTHONUNBUFFERED": "1"} | dict(words)


def recipe(words: Mapping[str, str]) -> str:
    """A short fingerprint of what a process is told; it changes when the process has to be started anew."""
    text = "\n".join(f"{key}={value}" for key, value in sorted(words.items()) if key != "BUILD_ID")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def stack_env(parts: Sequence[Part], engines: Mapping[str, EngineState]) -> dict[str, str]:
    """The content of stack.env: addresses for people and scripts."""
    found = {"GATEWAY_URL": addresses(parts, GATEWAY, "http")}
    if shop := addresses(parts, SHOP, "http"):
        found["SHOP_URL"] = shop
    for service in (*SERVICES, GATEWAY):
        found[f"{service.upper()}_GRPC"] = addresses(parts, service, "grpc")
    return found | {
        "AMQP_URL": engines["rabbitmq"].uri,
        "MONGODB_URI": engines["mongodb"].uri,
        "ENGINE": re.sub(r"[^\w.:]+", "-", engines["mongodb"].name).strip("-"),
    }


def build_id() -> str:
    """`BUILD_ID` where it is set, else the commit that is checked out, or `local` if that is unknown."""
    if given := os.environ.get("BUILD_ID"):
        return given
    try:
        said = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "local"
    return said.stdout.strip() or "local"

"""A service's contract documents, made from its declarations once: in a child process when the service starts, or when
they are first asked for.

    python -m chassis.http.documents services.ics.app:ICS openapi.yaml

prints one without starting anything: `openapi`, `asyncapi` and `tools` as `.json` or `.yaml`, and `PROTOCOL.md`.
"""

import asyncio
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import msgspec

from chassis import child_process
from chassis.http.static import StaticFile
from chassis.service import Parts, Service, collect


class Documents:
    """The documents of one service, by path: with and without its base path in front."""

    def __init__(self, service: Service, parts: Parts, build_id: str) -> None:
        self._service = service
        self._parts = parts
        self._build_id = build_id
        self._made: dict[str, StaticFile] = {}
        self._making = asyncio.Lock()
        self._names = self._paths()

    def has(self, path: str) -> bool:
        """Whether there is a document at a path."""
        return path in self._names

    async def at(self, path: str) -> StaticFile:
        """The document at a path, made in a thread when it is first asked for; KeyError where there is none."""
        name = self._names[path]
        if name not in self._made:
            async with self._making:
                if name not in self._made:
                    self._made[name] = StaticFile(name, await asyncio.to_thread(self.text, name))
        return self._made[name]

    async def prepare(self) -> None:
        """Make every document now, in a child process, so that no caller waits for it or pays for it."""
        where = _where(self._service)
        if where is None:
            return
        async with self._making:
            texts = await child_process.run(texts_of, *where, self._build_id)
            for name, text in texts.items():
                file = self._made[name] = StaticFile(name, text)
                await file.form("gzip")

    def text(self, name: str) -> bytes:
        """A document by name, `openapi.yaml`; KeyError where there is no such one."""
        kind, _, form = name.partition(".")
        if form == "md":
            return self._protocol().encode()
        return _written(self._makers()[kind](), form)

    def _paths(self) -> dict[str, str]:
        base = f"/{self._service.name}"
        found: dict[str, str] = {}
        for name in ("openapi.json", "openapi.yaml", "asyncapi.json", "asyncapi.yaml"):
            found[f"/{name}"] = found[f"{base}/{name}"] = name
        found[f"/mcp{base}/PROTOCOL.md"] = "PROTOCOL.md"
        found[f"/mcp{base}/tools.json"] = "tools.json"
        return found

    def _makers(self) -> dict[str, Callable[[], dict[str, Any]]]:
        # Looked up late: a process that is never asked for its documents need not know how they are made.
        from chassis.http.asyncapi import asyncapi  # noqa: PLC0415
        from chassis.http.openapi import openapi  # noqa: PLC0415
        from chassis.http.protocol import tools  # noqa: PLC0415

        return {
            "openapi": lambda: openapi(self._service, self._parts, self._build_id),
            "asyncapi": lambda: asyncapi(self._service, self._parts, self._build_id),
            "tools": lambda: tools(self._service, self._parts),
        }

    def _protocol(self) -> str:
        from chassis.http.protocol import protocol  # noqa: PLC0415

        return protocol(self._service, self._parts)


def _where(service: Service) -> tuple[str, str] | None:
    """The module and the name that a child process finds the service under; None for one that has none."""
    module = sys.modules.get(f"{service.package}.app")
    names = [name for name, value in vars(module).items() if value is service] if module is not None else []
    return (f"{service.package}.app", names[0]) if names else None


def texts_of(module: str, name: str, build_id: str) -> dict[str, bytes]:
    """Every document of a service that is named by its module and its name there."""
    service: Service = getattr(import_module(module), name)
    documents = Documents(service, collect(service), build_id)
    return {each: documents.text(each) for each in sorted(set(documents._names.values()))}


def _written(document: dict[str, Any], form: str) -> bytes:
    plain = msgspec.to_builtins(document)
    if form == "json":
        return msgspec.json.format(msgspec.json.encode(plain), indent=2)
    import yaml  # noqa: PLC0415  10 MB that only this needs

    # The one written in C takes a tenth of the time, where PyYAML was built with it.
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(plain, Dumper=dumper, sort_keys=False, allow_unicode=True, width=120)).encode()


def main(arguments: list[str]) -> int:
    """Print a document of a service that is named `package.module:NAME`."""
    if len(arguments) != 2 or ":" not in arguments[0]:
        sys.stderr.write(__doc__ or "")
        return 2
    where, _, name = arguments[0].partition(":")
    service: Service = getattr(import_module(where), name)
    sys.stdout.buffer.write(Documents(service, collect(service), "dev").text(arguments[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A stub stack for the command line: servicers with set answers, on a real port."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chassis.rpc.sharding import sharding
from retailstack.chassis.v1 import (
    bus_pb2_grpc,
    jobs_pb2_grpc,
    status_pb2_grpc,
    work_pb2_grpc,
)
from retailstack.identity.v1 import administration_pb2_grpc
from retailstack.ops.v1 import secret_pb2_grpc
from retailstack.pmc.v1 import publishing_pb2_grpc
from services.ops.cli.app import call
from tests.chassis.rpc.given import a_server, a_status
from tests.ops.cli.stub_services import SECRET, Bus, Directory, Jobs, Publishing, Secret, Shards, WorkToDo


class Operator:
    """Runs command lines against one server with the servicers of every service."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self.directory = Directory()
        self.jobs = Jobs()
        self.work = WorkToDo()
        self.shards = Shards()
        self.secret = Secret()
        self.publishing = Publishing()
        self._folder = folder
        self._monkeypatch = monkeypatch
        self._capture = capture
        self.out = ""
        self.err = ""

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator["Operator"]:
        server = a_server(
            (administration_pb2_grpc.add_AdministrationServicer_to_server, self.directory),
            (jobs_pb2_grpc.add_JobsServicer_to_server, self.jobs),
            (bus_pb2_grpc.add_BusServicer_to_server, Bus()),
            (work_pb2_grpc.add_WorkServicer_to_server, self.work),
            sharding(self.shards),
            (secret_pb2_grpc.add_SecretServicer_to_server, self.secret),
            (publishing_pb2_grpc.add_PublishingServicer_to_server, self.publishing),
            (status_pb2_grpc.add_StatusServicer_to_server, a_status(a_settings())),
        )
        await server.start()
        self._arrange(server.port)
        try:
            yield self
        finally:
            await server.stop(0)

    def _arrange(self, port: int) -> None:
        for peer in ("OPS", "GATEWAY", "ICS", "SLC"):
            self._monkeypatch.setenv(f"STACK_{peer}_GRPC", f"127.0.0.1:{port}")
        code = self._folder / "code"
        code.write_text(SECRET + "\n")
        self._monkeypatch.setenv("STACK_SECRET_FILE", str(code))
        self._monkeypatch.chdir(self._folder)

    async def run(self, *words: str) -> int:
        """Run a command line; `out` and `err` hold what it printed."""
        self._capture.readouterr()
        status = await asyncio.to_thread(call, words)
        self.out, self.err = self._capture.readouterr()
        return status


class Settings:
    """The settings that `status` reads."""

    replica = "here-1"
    build_id = "b42"
    build_major = 1
    build_minor = 2


def a_settings() -> Settings:
    return Settings()

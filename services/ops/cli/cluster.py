"""Secrets of the Kubernetes cluster that this process runs in, by the API server's REST interface.

A Secret is made once, later gets the entries it lacks, and has its keys exchanged. See
https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ for the address and the files used here.
"""

import os
import ssl
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import ClientSession, ClientTimeout

from chassis.errors import Unavailable
from services.ops.cli.options import UsageError

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SECONDS_MAX = 30
ATTEMPTS_MAX = 5


class Cluster:
    """The API server, as the pod's service account."""

    def __init__(self, environ: Mapping[str, str] = os.environ, account: Path = ACCOUNT) -> None:
        host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT", "443")
        if not host or not (account / "token").is_file():
            raise UsageError("this is no pod with a service account: leave out --kubernetes-secret to print the keys")
        scheme = environ.get("KUBERNETES_SERVICE_SCHEME", "https")
        host = f"[{host}]" if ":" in host else host
        self._namespace = (account / "namespace").read_text(encoding="utf-8").strip()
        self._address = f"{scheme}://{host}:{port}/api/v1/namespaces/{self._namespace}/secrets"
        self._token = (account / "token").read_text(encoding="utf-8").strip()
        self._authority = account / "ca.crt"

    async def __aenter__(self) -> Self:
        trust = ssl.create_default_context(cafile=str(self._authority)) if self._authority.is_file() else True
        self._session = ClientSession(
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=ClientTimeout(total=SECONDS_MAX),
            connector_owner=True,
        )
        self._trust = trust
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def add_to_secret(self, name: str, entries: Mapping[str, str]) -> set[str]:
        """Add the entries that the Secret lacks, making it if it does not exist. Returns the names of those added.

        Raises `Unavailable` if the API server refuses, or if others keep changing the Secret.
        """
        for _ in range(ATTEMPTS_MAX):
            status, found = await self._call("GET", f"/{name}")
            if status == 404:
                document = {
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "metadata": {"name": name},
                    "stringData": dict(entries),
                }
                status, _ = await self._call("POST", "", document)
                if status == 201:
                    return set(entries)
            elif status == 200:
                missing = {key: value for key, value in entries.items() if key not in (found.get("data") or {})}
                if not missing:
                    return set()
                found["data"] = {**(found.get("data") or {}), **{key: _encoded(missing[key]) for key in missing}}
                status, _ = await self._call("PUT", f"/{name}", found)
                if status == 200:
                    return set(missing)
            if status != 409:
                raise Unavailable(f"the Kubernetes API answered {status} about the Secret {name}")
        raise Unavailable(f"the Secret {name} is changed by others again and again")

    async def change_secret(self, name: str, change: Callable[[Mapping[str, str]], Mapping[str, str]]) -> None:
        """Set the entries that `change` makes of those there are; it is asked again if others change the Secret.

        Raises `Unavailable` if the API server refuses or there is no such Secret.
        """
        for _ in range(ATTEMPTS_MAX):
            status, found = await self._call("GET", f"/{name}")
            if status == 200:
                data: dict[str, str] = found.get("data") or {}
                changed = change({key: b64decode(text).decode() for key, text in data.items()})
                found["data"] = {**data, **{key: _encoded(text) for key, text in changed.items()}}
                status, _ = await self._call("PUT", f"/{name}", found)
                if status == 200:
                    return
            if status != 409:
                raise Unavailable(f"the Kubernetes API answered {status} about the Secret {name}")
        raise Unavailable(f"the Secret {name} is changed by others again and again")

    async def _call(self, method: str, path: str, document: Any = None) -> tuple[int, dict[str, Any]]:
        async with self._session.request(method, self._address + path, json=document, ssl=self._trust) as answer:
            return answer.status, await answer.json(content_type=None)


def _encoded(text: str) -> str:
    return b64encode(text.encode()).decode()

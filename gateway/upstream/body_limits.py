"""The body limits that services declare for their calls, read off their OpenAPI documents (`x-body-bytes-max`)."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

OpenApi = Callable[[str], Awaitable[dict[str, Any] | None]]
_PARAMETER = re.compile(r"\\{[^/]+?\\}")


class BodyLimits:
    """Looks up the limit of a call. It is only asked for bodies above the common limit, so it may take a fetch."""

    def __init__(self, openapi: OpenApi) -> None:
        self._openapi = openapi
        self._known: dict[str, tuple[dict[str, Any], list[tuple[re.Pattern[str], dict[str, int]]]]] = {}

    async def of(self, service: str, method: str, path: str) -> int:
        """The largest body in bytes that the service takes for this call; 0 where it does not say."""
        document = await self._openapi(service)
        if document is None:
            return 0
        known = self._known.get(service)
        if known is None or known[0] is not document:
            known = self._known[service] = (document, _limits(document))
        return max(
            (limits.get(method, 0) for pattern, limits in known[1] if pattern.fullmatch(path) is not None), default=0
        )


def _limits(document: dict[str, Any]) -> list[tuple[re.Pattern[str], dict[str, int]]]:
    """Path pattern and limits by method. A path parameter may hold slashes."""
    found = []
    for path, item in (document.get("paths") or {}).items():
        limits = {
            method.upper(): int(operation["x-body-bytes-max"])
            for method, operation in item.items()
            if isinstance(operation, dict) and "x-body-bytes-max" in operation
        }
        found.append((re.compile(_PARAMETER.sub(".+", re.escape(path))), limits))
    return found

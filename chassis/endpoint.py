"""Endpoint declarations: one typed statement per endpoint, read once at import.

From it come the route, validation, authorisation, metrics labels, OpenAPI, the PROTOCOL page and the MCP tool. What is
wrong in a declaration (a role nobody declared, a handler that asks for something unknown) stops the import.
"""

import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from chassis.caller import Call
from chassis.frozen import Frozen
from chassis.provided import asks_of
from chassis.unit import Change, View
from chassis.values import Revision

BODY_BYTES_MAX = 1024 * 1024

Handler = Callable[..., Awaitable[Any]]
Need = Literal["logical_guid", "channel_code"]


class Request(Frozen, forbid_unknown_fields=True):
    """A body (POST) or query (GET). The common fields (orgcode, session_guid …) are taken out before it is decoded."""

    def problems(self) -> Sequence[tuple[str, str]]:
        """What is wrong across fields, as (path, problem): rules that need no stored data. None by default."""
        return ()


class Revised(Request):
    """A request that changes a stored object and names the revision it has seen."""

    expected_revision: Revision | None = None


class Answer(Frozen):
    """What stands in `data`; its name is the schema's name in the contract."""


class Endpoint(Frozen):
    """One endpoint, as declared.

    path      below the service's base path, `/zone/create`
    call      the contract's call name, also `stats.call`; the handler's own name
    roles     any one is enough; AUTHENTICATED and SIGNED_IN stand for callers without an org; empty: open to all
    needs     context the call requires beside the org
    access    what the handler is given: nothing of data, a View or a Change
    asks      further parameters of the handler -> the type it asks for (Health, Units, Clock, the settings struct …);
              what the process does not provide stops its start
    action    where many calls share one path: the word in the body's `action` that picks this one
    """

    method: Literal["GET", "POST", "PUT"]
    path: str
    call: str
    roles: tuple[str, ...]
    needs: tuple[Need, ...]
    tenant: bool
    idempotent: bool
    emits: tuple[str, ...]
    access: Literal["none", "view", "change"]
    snapshot: bool
    wants_call: bool
    asks: Mapping[str, type]
    request: type[Request] | None
    answer: type[Any]
    handler: Handler
    summary: str
    description: str
    body_bytes_max: int
    refusals: Mapping[str, str]
    action: str = ""
    prepare: Handler | None = None

    @property
    def revised(self) -> bool:
        """Whether the request names the revision it expects."""
        return self.request is not None and "expected_revision" in self.request.__struct_fields__


class Endpoints:
    """The endpoints of one feature, below one prefix.

    `path` in `get` and `post` is appended to the prefix. The handler's parameters are recognised by name and type:
    `call`, `view` or `change`, one `Request` struct as `body`; any other is provided by the process, found by its type.
    """

    def __init__(self, service: str, prefix: str = "") -> None:
        self.service = service
        self.prefix = prefix
        self.declared: list[Endpoint] = []

    def get(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a GET endpoint; options as for `post`."""
        return self._declare("GET", path, **options)

    def post(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a POST endpoint.

        Options: roles, needs, tenant (False: no org), idempotent (documented to take a key), emits, snapshot (reads of
        one moment), body_bytes_max, refusals (reason -> when, beyond the common ones), action (see `Endpoint`),
        prepare (what a view or change must not wait for: a coroutine function that takes `call` and `body`, asks for
        things of the process, runs once before the handler, and whose answer the handler takes as `prepared`).
        """
        return self._declare("POST", path, **options)

    def put(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a PUT endpoint; options as for `post`."""
        return self._declare("PUT", path, **options)

    def _declare(
        self,
        method: Literal["GET", "POST", "PUT"],
        path: str,
        *,
        roles: Sequence[str] = (),
        needs: Sequence[Need] = (),
        tenant: bool = True,
        idempotent: bool = False,
        emits: Sequence[str] = (),
        snapshot: bool = False,
        body_bytes_max: int = BODY_BYTES_MAX,
        refusals: Mapping[str, str] | None = None,
        action: str = "",
        prepare: Handler | None = None,
    ) -> Callable[[Handler], Handler]:
        def keep(handler: Handler) -> Handler:
            parts = _read_signature(handler)
            if prepare is not None:
                if parts["access"] == "none":
                    raise TypeError(f"{handler.__qualname__} takes no view or change, so it needs no prepare step")
                parts["asks"] = asks_of(prepare, beside=("call", "body"))
            summary, _, description = inspect.cleandoc(handler.__doc__ or "").partition("\n")
            if not summary:
                raise TypeError(f"{handler.__qualname__} has no docstring; its first line is the endpoint's summary")
            self.declared.append(
                Endpoint(
                    method=method,
                    path=self.prefix + path,
                    call=handler.__name__,
                    roles=tuple(roles),
                    needs=tuple(needs),
                    tenant=tenant,
                    idempotent=idempotent,
                    emits=tuple(emits),
                    snapshot=snapshot,
                    handler=handler,
                    summary=summary,
                    description=description.strip(),
                    body_bytes_max=body_bytes_max,
                    refusals=dict(refusals or {}),
                    action=action,
                    prepare=prepare,
                    **parts,
                )
            )
            return handler

        return keep


def _read_signature(handler: Handler) -> dict[str, Any]:
    """What a handler asks for and answers, read off its annotations."""
    hints = typing.get_type_hints(handler)
    where = handler.__qualname__
    answer = hints.pop("return", None)
    if answer is None or not (isinstance(answer, type) and issubclass(answer, Struct)):
        raise TypeError(f"{where} does not say which struct it answers")
    asks: dict[str, type] = {}
    found: dict[str, Any] = {"access": "none", "request": None, "wants_call": False, "asks": asks, "answer": answer}
    for name, hint in hints.items():
        if hint is Call and name == "call":
            found["wants_call"] = True
        elif hint is View and name == "view":
            found["access"] = "view"
        elif hint is Change and name == "change":
            found["access"] = "change"
        elif isinstance(hint, type) and issubclass(hint, Request) and name == "body":
            found["request"] = hint
        elif name == "prepared":
            continue
        elif isinstance(hint, type) and name not in {"call", "view", "change", "body"}:
            asks[name] = hint
        else:
            raise TypeError(f"{where} asks for {name}: {hint!r}, which is not what a parameter of that name can be")
    if asks and found["access"] != "none":
        raise TypeError(f"{where} is driven by the engine, so it can ask for nothing outside of data: {sorted(asks)}")
    return found

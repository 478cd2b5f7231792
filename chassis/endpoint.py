"""Endpoint declarations: one typed declaration per endpoint, read once at import.

The route, validation, authorisation, metrics labels, OpenAPI, the PROTOCOL page and the MCP tool are made from it. An
error in a declaration (an undeclared role, a handler parameter of no known kind) stops the import.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Literal, Self, TypeVar

from msgspec import Struct

from chassis.frozen import Frozen
from chassis.page import Page
from chassis.provided import asks_of
from chassis.raw import RAW_METHODS, RawMethod
from chassis.signature import Handler, read_raw_signature, read_signature, texts_of
from chassis.values import Count, Revision, Token

BODY_BYTES_MAX = 1024 * 1024

T = TypeVar("T")

Need = Literal["logical_guid", "channel_code"]
_PARAMETER = re.compile(r"{([a-z_]+)(?::path)?}")


class Request(Frozen, forbid_unknown_fields=True):
    """A body (POST) or query (GET). The common fields (orgcode, session_guid …) are taken out before it is decoded."""

    def problems(self) -> Sequence[tuple[str, str]]:
        """Problems across fields as (path, problem), for rules that need no stored data. None by default."""
        return ()


class Revised(Request):
    """A request that changes a stored object and names the revision its sender has seen."""

    expected_revision: Revision | None = None


class Answer(Frozen):
    """The struct of an answer's `data`; its name is the schema's name in the contract."""


class Listed(Answer, Generic[T]):
    """One page of a list, as `data`. Subclass it under the name the contract gives: `class ZoneList(Listed[Zone])`."""

    items: list[T]
    count: Count
    next_token: Token | None

    @classmethod
    def of(cls, page: Page[T]) -> Self:
        """The page as an answer."""
        return cls(items=page.items, count=page.count, next_token=page.next_token)


class TokenGuard(Frozen):
    """Admission by a token of the service's own, checked before the rest of the request is read.

    field   the body field of a POST that holds the token; the header of that field may hold it instead. A token in the
            query is answered 400, as are two tokens that differ
    check   a coroutine function `(token: str | None, …) -> Caller` that returns the token's caller, and raises
            `Unauthorized` for an unknown token. Further parameters ask for things of the process
    """

    field: str
    check: Handler


class Endpoint(Frozen):
    """One endpoint, as declared.

    path      below the service's base path, `/zone/create`
    call      the contract's call name, also `stats.call`; the handler's own name
    roles     any one is enough; AUTHENTICATED and SIGNED_IN stand for callers without an org; empty: open to all
    needs     context the call requires beside the org
    access    what the handler does with data: nothing, read (a View), or write (a Change)
    asks      further parameters of the handler -> the type it asks for (Health, Units, Clock, the settings struct …);
              a type that the process does not provide stops the start
    guard     admits callers by a token of the service's own
    schema    the name of the answer's schema in the documents, where several calls share one: it has the fields of all
    shown     (call, answer) -> the answer as the caller may see it, for a change whose handler answers everything: its
              stored answer may be given to another caller
    unread    fields of the body that the handler decodes itself: it gets their JSON text, as `msgspec.Raw`
    action    where many calls share one path: the word in the body's `action` that picks this one
    """

    method: RawMethod
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
    guard: TokenGuard | None = None
    unread: tuple[str, ...] = ()
    schema: str = ""
    shown: Callable[[Any, Any], Any] | None = None

    @property
    def revised(self) -> bool:
        """Whether the request names the revision it expects."""
        return self.request is not None and "expected_revision" in self.request.__struct_fields__


class RawEndpoint(Endpoint):
    """One raw endpoint, as declared: `request` is its query, `answer` the struct it answers in the envelope, if any.

    params      the path's parameters as a struct
    parameters  names of further parameters of the handler: `http`, `query`, `body`
    answers     the kinds of answer it gives
    consumes    media types of the body; empty: the endpoint takes none
    produces    media types of the answers that are no envelope
    statuses    status -> meaning, beyond 200 and those that follow from the kinds of answer
    lenient     whether query parameters that `request` does not name are ignored
    seconds     how long calls to other services may take together
    """

    params: type[Struct]
    parameters: frozenset[str]
    answers: tuple[type[Any], ...]
    consumes: tuple[str, ...]
    produces: tuple[str, ...]
    statuses: Mapping[int, str]
    lenient: bool
    seconds: float


class Endpoints:
    """The endpoints of one feature, below one prefix.

    `path` in `get` and `post` is appended to the prefix. The handler's parameters are recognised by name and type:
    `call`, `view` or `change`, one `Request` struct as `body`; any other is provided by the process, found by its type.
    """

    def __init__(self, service: str, prefix: str = "") -> None:
        self.service = service
        self.prefix = prefix
        self.declared: list[Endpoint] = []
        self.raw_declared: list[RawEndpoint] = []

    def include(self, *others: "Endpoints") -> None:
        """Add the declarations of other modules of the feature."""
        for other in others:
            self.declared += other.declared

    def get(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a GET endpoint; options as for `post`."""
        return self._declare("GET", path, **options)

    def post(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a POST endpoint.

        Options: roles, needs, tenant (False: no org), idempotent (documented to take a key), emits, snapshot (all reads
        see the same moment), body_bytes_max, refusals (reason -> when, beyond the common ones), action and shown (see
        `Endpoint`), guard (see `TokenGuard`), prepare (a coroutine function for what a view or change must not await:
        it takes `call` and `body`, asks for things of the process, and runs once before the handler, which takes its
        result as `prepared`).
        """
        return self._declare("POST", path, **options)

    def put(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a PUT endpoint; options as for `post`."""
        return self._declare("PUT", path, **options)

    def raw(
        self,
        method: RawMethod,
        path: str,
        *,
        roles: Sequence[str] = (),
        needs: Sequence[Need] = (),
        tenant: bool | None = None,
        emits: Sequence[str] = (),
        body_bytes_max: int = BODY_BYTES_MAX,
        consumes: Sequence[str] | None = None,
        produces: Sequence[str] = ("application/octet-stream",),
        statuses: Mapping[int, str] | None = None,
        refusals: Mapping[str, str] | None = None,
        lenient: bool = False,
        seconds: float = 30.0,
    ) -> Callable[[Handler], Handler]:
        """Declare an endpoint whose body or answer is not JSON; GET also takes HEAD.

        `{name}` in the path is one segment, `{name:path}` (last) the rest with its slashes; the handler takes them as
        parameters of these names, of any type a query field can have. Further parameters: `call: Call`,
        `http: RawRequest`, `query` (a `Request` struct), `body: BodyStream`; any other is provided by the process,
        found by its type: data through `Units`. It answers an `Answer` struct or `RawAnswer`s (`chassis/raw.py`).

        Options as for `post` and in `RawEndpoint`. `tenant` defaults to whether there are roles, `consumes` to any
        media type where the handler takes the body. Context (`needs`) is taken from headers.
        """

        def keep(handler: Handler) -> Handler:
            parts = read_raw_signature(handler, _PARAMETER.findall(path), Request, Answer)
            takes_body = "body" in parts["parameters"]
            if method not in RAW_METHODS or (method == "GET" and takes_body):
                raise TypeError(f"{handler.__qualname__} is declared as {method}, which it can't be")
            summary, description = texts_of(handler)
            self.raw_declared.append(
                RawEndpoint(
                    method=method,
                    path=self.prefix + path,
                    call=handler.__name__,
                    roles=tuple(roles),
                    needs=tuple(needs),
                    tenant=bool(roles) if tenant is None else tenant,
                    idempotent=False,
                    emits=tuple(emits),
                    access="none",
                    snapshot=False,
                    handler=handler,
                    summary=summary,
                    description=description,
                    body_bytes_max=body_bytes_max,
                    refusals=dict(refusals or {}),
                    consumes=tuple(consumes if consumes is not None else ("*/*",) * takes_body),
                    produces=tuple(produces),
                    statuses=dict(statuses or {}),
                    lenient=lenient,
                    seconds=seconds,
                    **parts,
                )
            )
            return handler

        return keep

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
        guard: TokenGuard | None = None,
        unread: Sequence[str] = (),
        schema: str = "",
        shown: Callable[[Any, Any], Any] | None = None,
    ) -> Callable[[Handler], Handler]:
        def keep(handler: Handler) -> Handler:
            parts = read_signature(handler, Request)
            if prepare is not None:
                if parts["access"] == "none":
                    raise TypeError(f"{handler.__qualname__} takes no view or change, so it needs no prepare step")
                parts["asks"] = asks_of(prepare, beside=("call", "body"))
            summary, description = texts_of(handler)
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
                    description=description,
                    body_bytes_max=body_bytes_max,
                    refusals=dict(refusals or {}),
                    action=action,
                    prepare=prepare,
                    guard=guard,
                    unread=tuple(unread),
                    schema=schema,
                    shown=shown,
                    **parts,
                )
            )
            return handler

        return keep

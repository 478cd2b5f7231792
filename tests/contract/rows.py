"""The contract files as data: every endpoint's row, its fields and types, and the objects and events they name.

`pending/<service>.yaml` lists what a contract file has and its service does not yet: rows, events, and single
differences of rows that are served. It may only shrink, and the tests say which line to take out.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

FILES = Path(__file__).parents[2] / "docs/contract"
PENDING = Path(__file__).with_name("pending")
SERVICES = ("ops", "ics", "pmc", "slc", "visualgrid")

CONTEXT_FIELDS = frozenset(
    {"orgcode", "logical_guid", "channel_code", "cccode", "session_guid", "api_key", "idempotency_key"}
    | {"secret_code", "vg_token"}
)
"""What every body may carry beside its own fields; headers of the same meaning are the usual way."""


class Field(NamedTuple):
    """One field as the contract writes it: what it holds, and whether it may be left out (or be null)."""

    type: Any
    optional: bool


class Row(NamedTuple):
    """One endpoint as the contract writes it."""

    service: str
    method: str
    path: str
    action: str
    said: Mapping[str, Any]

    @property
    def tenant(self) -> bool:
        """Whether the call is made in an org."""
        return bool(self.said.get("tenant", bool(self.said.get("roles"))))

    @property
    def name(self) -> str:
        """The row as the lists name it: `POST /zone/create`, or `POST /slc ping` for an action."""
        return f"{self.method} {self.path} {self.action}".rstrip()

    @property
    def request(self) -> dict[str, Field]:
        return fields_of(self.said.get("request"))

    @property
    def response(self) -> dict[str, Field]:
        return fields_of(self.said.get("response"))


Key = tuple[str, str, str]
"""Method, path, and the action where many calls share one path."""


class Contract(NamedTuple):
    """One contract file."""

    service: str
    rows: dict[Key, Row]
    objects: dict[str, dict[str, Field]]
    events: dict[str, Mapping[str, Any]]

    def row(self, method: str, path: str, action: str = "") -> Row:
        """The row of an endpoint; LookupError says what to add where the file has none."""
        found = self.rows.get((method, path, action))
        if found is None:
            name = f"{method} {path} {action}".rstrip()
            raise LookupError(
                f"{self.service} declares {name}, which docs/contract/{self.service}.yaml does not have: "
                "add its row there, or change the declaration"
            )
        return found


class Pending(NamedTuple):
    """What one service does not serve yet, though its contract file has it."""

    rows: frozenset[str]
    events: frozenset[str]
    differences: frozenset[str]


def fields_of(said: object) -> dict[str, Field]:
    """The fields a mapping of the contract names; a name that ends in `?` is optional."""
    if not isinstance(said, Mapping):
        return {}
    return {str(name).rstrip("?"): Field(kind, str(name).endswith("?")) for name, kind in said.items()}


@cache
def contract(service: str) -> Contract:
    """The contract of a service."""
    raw = yaml.safe_load((FILES / f"{service}.yaml").read_text(encoding="utf-8"))
    spelled = {(row["method"], row["path"], ""): row for row in raw["endpoints"]}
    spelled |= {("POST", f"/{service}", row["action"]): row for row in raw.get("actions", ())}
    rows = {key: Row(service, *key, {**_twin(row.get("same_as"), spelled), **row}) for key, row in spelled.items()}
    objects = {name: fields_of(fields) for name, fields in raw.get("objects", {}).items()}
    events = raw.get("events")
    return Contract(service, rows, objects, events if isinstance(events, dict) else {})


@cache
def pending(service: str) -> Pending:
    """What a service is still to serve; nothing where it has no list."""
    path = PENDING / f"{service}.yaml"
    raw = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    return Pending(*(frozenset(raw.get(name) or ()) for name in Pending._fields))


def _twin(label: str | None, rows: Mapping[Key, Mapping[str, Any]]) -> Mapping[str, Any]:
    """What the row says that another refers to as `GET /ping`."""
    if label is None:
        return {}
    method, _, path = label.partition(" ")
    return rows[method, path, ""]


def words_of(kind: str) -> tuple[str, ...] | None:
    """The words of `enum(a, b)`; None for another type."""
    inside = re.fullmatch(r"enum\((.*)\)", kind)
    return tuple(word.strip() for word in inside[1].split(",")) if inside else None


class Bounds(NamedTuple):
    """`list(T, a..b)` or `int(a..b)`, taken apart."""

    inner: str
    least: int | None
    most: int | None


def list_of(kind: str) -> Bounds | None:
    """What `list(T, a..b)` holds and how many; None for another type."""
    inside = re.fullmatch(r"list\((.*)\)", kind)
    if inside is None:
        return None
    sized = re.fullmatch(r"(.*), *(\d+)\.\.(\d+)", inside[1])
    return Bounds(sized[1], int(sized[2]), int(sized[3])) if sized else Bounds(inside[1], None, None)


def int_of(kind: str) -> Bounds | None:
    """The bounds of `int(a..b)`; None for another type."""
    inside = re.fullmatch(r"int\((-?\d+)\.\.(-?\d+)\)", kind)
    return Bounds("int", int(inside[1]), int(inside[2])) if inside else None

"""`docs/events.md`: every event of every service, made from the declarations and what `fields.yaml` says of fields.

python -m docs.catalogue.events           writes the page
python -m docs.catalogue.events --check   says whether the page is up to date
"""

import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import yaml

from chassis.endpoint import Endpoint
from chassis.entity import Record
from chassis.event import EventType
from chassis.http.asyncapi import asyncapi
from chassis.service import Parts, Service, collect
from docs.catalogue.words import MEANINGS, structs_in, words_of
from services.ics.app import ICS
from services.ops.app import OPS
from services.pmc.app import PMC
from services.slc.app import SLC
from services.visualgrid.app import VISUALGRID

SERVICES: Sequence[Service] = (ICS, OPS, PMC, SLC, VISUALGRID)
PAGE = Path(__file__).parents[1] / "events.md"
FIELDS = Path(__file__).with_name("fields.yaml")
STAMPED = tuple(Record.__struct_fields__)
"""Fields that all records share; told once."""

INTRODUCTION = """\
# Events

Every event there is, with the body it carries. Made from the declarations by `make docs`: change those, or what is
said of fields in `docs/catalogue/fields.yaml`, not this page. How to subscribe, what a message looks like and what can
be relied on is in [subscribing](subscribing.md); the same as AsyncAPI is at `GET /asyncapi.yaml`.

The type of an event is its routing key on the exchange `retailstack.events`. Its subject, in the header
`cloudEvents:subject`, is the id named beside each; events of one subject come in order. A call of ICS sends its own
event first, then one `ics.stock.changed` for each facility and variant whose bucket totals it changed.
"""


class Undescribed(Exception):
    """A field nobody has said the meaning of, or a meaning of a field that does not exist."""


class Glossary:
    """What fields mean: by record and name, else by name alone."""

    def __init__(self, said: Mapping[str, str]) -> None:
        self._said = said
        self._used: set[str] = set()

    def meaning(self, struct: type, field: str) -> str:
        """What a field of a struct means."""
        for key in (f"{struct.__name__}.{field}", field):
            if key in self._said:
                self._used.add(key)
                return self._said[key]
        raise Undescribed(f"{FIELDS.name} does not say what {struct.__name__}.{field} means")

    def check(self) -> None:
        """Refuse meanings that nothing asked for."""
        if idle := sorted(set(self._said) - self._used):
            raise Undescribed(f"{FIELDS.name} speaks of fields that no event has: {', '.join(idle)}")


def page() -> str:
    """The whole page."""
    declared = [(service, collect(service)) for service in SERVICES]
    telling = [(service, parts) for service, parts in declared if parts.events]
    glossary = Glossary(yaml.safe_load(FIELDS.read_text()))
    blocks = [INTRODUCTION, _common(*telling[0]), _legend()]
    for service, parts in telling:
        blocks.append(f"## {service.name}\n")
        blocks.extend(_event(event, service, parts, glossary) for event in _sorted(parts))
    blocks.append("## Records\n")
    blocks.append(_table("Every record whose table begins with “…” has these, too:\n", Record, STAMPED, glossary))
    blocks.extend(_record(struct, glossary) for struct in _records([parts for _, parts in telling]))
    glossary.check()
    return "\n".join(blocks)


def _common(service: Service, parts: Parts) -> str:
    """What is in every body, as the AsyncAPI document says it."""
    message = next(iter(asyncapi(service, parts, "docs")["components"]["messages"].values()))
    rows = [
        f"| `{name}` | {said['description']} |"
        for name, said in message["payload"]["properties"].items()
        if "description" in said
    ]
    return "\n".join(
        ["In every body, beside the event's own fields:\n", "| field | meaning |", "| --- | --- |", *rows, ""]
    )


def _legend() -> str:
    rows = [f"| {word} | {meaning} |" for word, meaning in MEANINGS.items()]
    return "\n".join(["| type | is |", "| --- | --- |", *rows, ""])


def _sorted(parts: Parts) -> list[EventType]:
    return sorted(parts.events, key=lambda event: event.type)


def _event(event: EventType, service: Service, parts: Parts, glossary: Glossary) -> str:
    calls = sorted(_path(service, endpoint) for endpoint in parts.endpoints if event.type in endpoint.emits)
    sent = (
        f"Calls that send it: {', '.join(calls)}."
        if calls
        else "Sent by the service itself, or on an operator's behalf."
    )
    return _table(
        f"### {event.type}\n\n{event.summary} Subject: `{event.subject}`. {sent}\n",
        event.body,
        event.body.__struct_fields__,
        glossary,
    )


def _path(service: Service, endpoint: Endpoint) -> str:
    return f"`/{service.name}{endpoint.path}`" + (f" ({endpoint.action})" if endpoint.action else "")


def _record(struct: type[msgspec.Struct], glossary: Glossary) -> str:
    said = re.sub(r"\bNone\b", "null", " ".join((inspect.getdoc(struct) or "").split()))
    own = [name for name in struct.__struct_fields__ if name not in STAMPED]
    stamped = set(STAMPED) <= set(struct.__struct_fields__)
    fields = own if stamped else struct.__struct_fields__
    return _table(f"### {struct.__name__}\n\n{said}\n", struct, fields, glossary, more=stamped)


def _table(
    heading: str, struct: type[msgspec.Struct], fields: Sequence[str], glossary: Glossary, *, more: bool = False
) -> str:
    hints = get_type_hints(struct, include_extras=True)
    rows = [f"| `{name}` | {words_of(hints[name])} | {glossary.meaning(struct, name)} |" for name in fields]
    shared = ["| … | | what all records have |"] if more else []
    return "\n".join([heading, "| field | type | meaning |", "| --- | --- | --- |", *shared, *rows, ""])


def _records(services: Sequence[Parts]) -> list[type[msgspec.Struct]]:
    """The structs that bodies are made of, by name; no two share one."""
    found: dict[str, type[msgspec.Struct]] = {}
    for parts in services:
        for event in parts.events:
            for struct in _inside(event.body, set()):
                if found.setdefault(struct.__name__, struct) is not struct:
                    raise TypeError(f"two records are called {struct.__name__}; the catalogue links by name")
    return [found[name] for name in sorted(found)]


def _inside(struct: type[msgspec.Struct], seen: set[Any]) -> Iterator[type[msgspec.Struct]]:
    for hint in get_type_hints(struct, include_extras=True).values():
        for part in structs_in(hint):
            if part not in seen:
                seen.add(part)
                yield part
                yield from _inside(part, seen)


def main(arguments: Sequence[str]) -> int:
    """Write the page, or say whether it is up to date."""
    text = page()
    if "--check" in arguments:
        fresh = PAGE.exists() and PAGE.read_text() == text
        sys.stdout.write(f"{PAGE.name} is {'up to date' if fresh else 'out of date: make docs'}\n")
        return 0 if fresh else 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

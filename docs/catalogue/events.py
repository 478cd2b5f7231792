"""`docs/events.md`: every event of every service, made from the declarations and the services' `fields.yaml`.

python -m docs.catalogue.events           writes the page
python -m docs.catalogue.events --check   says whether the page is up to date
"""

import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from chassis.endpoint import Endpoint
from chassis.entity import Record
from chassis.event import EventType
from chassis.http.asyncapi import COMMON
from chassis.http.meanings import Meanings, meanings_of
from chassis.service import Parts, Service, collect
from docs.catalogue.words import MEANINGS, structs_in, words_of
from services.ics.app import ICS
from services.ops.app import OPS
from services.pmc.app import PMC
from services.slc.app import SLC
from services.visualgrid.app import VISUALGRID

SERVICES: Sequence[Service] = (ICS, OPS, PMC, SLC, VISUALGRID)
PAGE = Path(__file__).parents[1] / "events.md"
Declared = tuple[Service, Parts, Meanings]

STAMPED = tuple(Record.__struct_fields__)
"""Fields that all records share; listed once."""

INTRODUCTION = """\
# Events

Every event and the body it carries. `make docs` writes this page from the declarations and from what each service's
`fields.yaml` says of its fields: change those, not this page. How to subscribe, what a message looks like and which
guarantees hold is in [subscribing](subscribing.md); the same as AsyncAPI is at `GET /asyncapi.yaml`.

The type of an event is its routing key on the exchange `retailstack.events`. Its subject, in the header
`cloudEvents:subject`, is the id named beside each; events of one subject are in order. Records in a body are as stored
after the change. A call of ICS publishes its own event first, then one `ics.stock.changed` for each facility and
variant whose bucket totals it changed.
"""


def page() -> str:
    """The whole page."""
    declared = [(service, collect(service), meanings_of(service)) for service in SERVICES]
    publishing = [each for each in declared if each[1].events]
    blocks = [INTRODUCTION, _common(), _legend()]
    for service, parts, meanings in publishing:
        blocks.append(f"## {service.name}\n")
        blocks.extend(_event(event, service, parts, meanings) for event in _sorted(parts))
    blocks.append("## Records\n")
    shared = "Every record whose table begins with “…” has these fields as well:\n"
    blocks.append(_table(shared, Record, STAMPED, publishing[0][2]))
    blocks.extend(_record(struct, meanings) for struct, meanings in _records(publishing))
    return "\n".join(blocks)


def _common() -> str:
    """What is in every body, as the AsyncAPI documents say it."""
    rows = [f"| `{name}` | {said['description']} |" for name, said in COMMON.items()]
    heading = "In every body, beside the event's own fields:\n"
    return "\n".join([heading, "| field | meaning |", "| --- | --- |", *rows, ""])


def _legend() -> str:
    rows = [f"| {word} | {meaning} |" for word, meaning in MEANINGS.items()]
    return "\n".join(["| type | is |", "| --- | --- |", *rows, ""])


def _sorted(parts: Parts) -> list[EventType]:
    return sorted(parts.events, key=lambda event: event.type)


def _event(event: EventType, service: Service, parts: Parts, meanings: Meanings) -> str:
    endpoints = [*parts.endpoints, *parts.raw_endpoints]
    calls = sorted(_path(service, endpoint) for endpoint in endpoints if event.type in endpoint.emits)
    sent = (
        f"Calls that publish it: {', '.join(calls)}."
        if calls
        else "Published by the service itself, or for an operator."
    )
    return _table(
        f"### {event.type}\n\n{event.summary} Subject: `{event.subject}`. {sent}\n",
        event.body,
        event.body.__struct_fields__,
        meanings,
    )


def _path(service: Service, endpoint: Endpoint) -> str:
    return f"`/{service.name}{endpoint.path}`" + (f" ({endpoint.action})" if endpoint.action else "")


def _record(struct: type[msgspec.Struct], meanings: Meanings) -> str:
    said = re.sub(r"\bNone\b", "null", " ".join((inspect.getdoc(struct) or "").split()))
    own = [name for name in struct.__struct_fields__ if name not in STAMPED]
    stamped = set(STAMPED) <= set(struct.__struct_fields__)
    fields = own if stamped else struct.__struct_fields__
    return _table(f"### {struct.__name__}\n\n{said}\n", struct, fields, meanings, more=stamped)


def _table(
    heading: str, struct: type[msgspec.Struct], fields: Sequence[str], meanings: Meanings, *, more: bool = False
) -> str:
    hints = get_type_hints(struct, include_extras=True)
    rows = [f"| `{name}` | {words_of(hints[name])} | {meanings.described(struct, name)} |" for name in fields]
    shared = ["| … | | the fields all records have |"] if more else []
    return "\n".join([heading, "| field | type | meaning |", "| --- | --- | --- |", *shared, *rows, ""])


def _records(services: Sequence[Declared]) -> list[tuple[type[msgspec.Struct], Meanings]]:
    """The structs that bodies are made of, by name; no two share one."""
    found: dict[str, tuple[type[msgspec.Struct], Meanings]] = {}
    for _, parts, meanings in services:
        for event in parts.events:
            for struct in _inside(event.body, set()):
                if found.setdefault(struct.__name__, (struct, meanings))[0] is not struct:
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

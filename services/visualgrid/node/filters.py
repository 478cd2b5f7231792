"""The filter of a listing: words such as `entity:zone org:DEMO0001`."""

import re

from chassis.entity import Value
from chassis.errors import invalid_field
from services.visualgrid.graph.domain import Catalogue

EVERY_TABLE = "*"
_TRACE = re.compile(r"[0-9a-f]{32}")
_WORDS = ("entity", "org", "id")
_CAUSES = ("trace", "op")


class Filter(Value):
    """A filter, read. `cause` is a trace id or an operation id."""

    entity: str | None = None
    org: str | None = None
    id: str | None = None
    trace: str | None = None
    op: str | None = None

    @property
    def cause(self) -> str | None:
        """What created or changed the records."""
        return self.trace or self.op

    @property
    def starts(self) -> int:
        """How many of the words that table `*` needs one of there are."""
        return sum(word is not None for word in (self.id, self.trace, self.op))


def filter_from(text: str | None, table: str, catalogue: Catalogue) -> Filter:
    """The filter in a text. Raises `Invalid`, saying what is wrong with which word."""
    words: dict[str, str] = {}
    allowed = (*_WORDS, *_CAUSES) if table == EVERY_TABLE else _WORDS
    for word in text.split(" ") if text is not None else ():
        name, colon, value = word.partition(":")
        if not colon or name not in allowed:
            raise invalid_field("filter", f"{word!r} is none of {', '.join(f'{each}:' for each in allowed)}")
        if not value:
            raise invalid_field("filter", f"{name}: has no value")
        if name in words:
            raise invalid_field("filter", f"{name}: stands there twice")
        words[name] = value
    found = Filter(**words)
    if found.trace is not None and _TRACE.fullmatch(found.trace) is None:
        raise invalid_field("filter", "trace: is not 32 hex digits")
    if found.entity is not None and not catalogue.unseen and not catalogue.knows_kind(found.entity):
        raise invalid_field("filter", f"entity: {found.entity} is no kind of record")
    return found

"""The children of a table, a partition, a record or a filter: which they are, page by page."""

from collections.abc import Sequence
from typing import Literal

from chassis.entity import Value
from chassis.errors import NotFound, invalid_field
from services.visualgrid.graph.domain import Catalogue, Direction, Hop
from services.visualgrid.node.domain import Found
from services.visualgrid.node.filters import EVERY_TABLE, Filter

Listed = Literal["table", "partition", "record", "everywhere"]


class Narrowing(Value):
    """Which neighbours are wanted; None is no limit."""

    edge: str | None = None
    direction: Direction | None = None
    entity_type: str | None = None

    @property
    def given(self) -> list[str]:
        """The names of what is given."""
        return [name for name in self.__struct_fields__ if getattr(self, name) is not None]

    def admits(self, hop: Hop) -> bool:
        """Whether a hop is wanted."""
        return (
            self.edge in (None, hop.name)
            and self.direction in (None, hop.direction)
            and self.entity_type in (None, hop.far.name)
        )


def check_shape(table: str, pk: str | None, sk: str | None, filter_text: str | None, narrowing: Narrowing) -> Listed:
    """What is listed. Raises `Invalid` for fields that do not go together."""
    if sk is not None and pk is None:
        raise invalid_field("sk", "needs pk beside it")
    if sk is None and narrowing.given:
        raise invalid_field(narrowing.given[0], "needs sk: it narrows the neighbours of a record")
    if pk is not None and filter_text is not None:
        raise invalid_field("filter", "can't stand beside pk")
    if table == EVERY_TABLE and pk is None:
        return "everywhere"
    return "table" if pk is None else "partition" if sk is None else "record"


def check_start(wanted: Filter) -> None:
    """Raises `NotFound` or `Invalid` unless exactly one of id, trace and op is given."""
    if wanted.starts == 0:
        raise NotFound("table * needs one of id:, trace: and op: in the filter")
    if wanted.starts > 1:
        raise invalid_field("filter", "only one of id:, trace: and op: can be given")


def hops_wanted(catalogue: Catalogue, found: Found, narrowing: Narrowing) -> Sequence[Hop]:
    """The hops of a record that are wanted. Raises `Invalid` if its kind has none like that."""
    hops = catalogue.hops_from(found.kind)
    wanted = [hop for hop in hops if narrowing.admits(hop)]
    if not wanted and narrowing.given and not catalogue.unseen:
        raise invalid_field(narrowing.given[0], f"{found.kind.name} records have no such edge")
    return wanted

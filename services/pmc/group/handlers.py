"""The group endpoint: how many products there are by one value. See the contract's pmc.yaml."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta

from chassis.endpoint import Answer, Endpoints, Request
from chassis.page import PageLimit
from chassis.unit import View
from chassis.values import Code, Count, Guid, Name, Text
from services.pmc.group.counting import Counts, counts_of_values, largest_counts
from services.pmc.profile.store import channel_of
from services.pmc.rollup.domain import GroupDimension
from services.pmc.words import VIEW, AskedState, Part

endpoints = Endpoints("pmc", "/product")

GROUPS_MAX = 256
GROUPS_DEFAULT = 25
_IN_CHANNEL = frozenset({"category", "department", "division"})


class Group(Part):
    """The products that have one value."""

    value: Text
    label: Name | None = None
    count: Count
    online: Count
    offline: Count


class ProductGroupRequest(Request):
    dimension: GroupDimension
    values: Annotated[list[Text], Meta(min_length=1, max_length=100)] | None = None
    online_state: AskedState | None = None
    channel_guid: Guid | None = None
    channel_code: Code | None = None
    logical_guid: Guid | None = None
    limit: PageLimit | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        context = (self.channel_guid, self.channel_code, self.logical_guid)
        if self.dimension in _IN_CHANNEL and not any(context):
            found.append(
                ("channel_guid", f"channel_guid, channel_code or logical_guid is required for {self.dimension}")
            )
        if self.values is not None and self.limit is not None:
            found.append(("limit", "can't stand beside values"))
        seen: set[str] = set()
        for place, value in enumerate(self.values or ()):
            if value in seen:
                found.append((f"values.{place}", "is given more than once"))
            seen.add(value)
        return found


class ProductGroupEnvelope(Answer):
    dimension: Name
    source: Literal["rollup", "search"]
    groups: Annotated[list[Group], Meta(max_length=GROUPS_MAX)]
    truncated: bool


@endpoints.post(
    "/group",
    roles=VIEW,
    refusals={
        "invalid-input": "category, department and division without a channel; limit together with values; a value "
        "given twice",
        "not-found": "the context names no known channel",
    },
)
async def pmc_product_group(view: View, body: ProductGroupRequest) -> ProductGroupEnvelope:
    """Count products by a value of their indexed content."""
    channel = await channel_of(view, body.channel_guid, body.channel_code, body.logical_guid)
    state = body.online_state or "both"
    if body.values is not None:
        counts = await counts_of_values(view, body.dimension, channel, body.values)
        groups = [_group(value, counts.get(value, Counts()), state) for value in body.values]
        return ProductGroupEnvelope(dimension=body.dimension, source="rollup", groups=groups, truncated=False)
    limit = min(body.limit or GROUPS_DEFAULT, GROUPS_MAX)
    counts, more = await largest_counts(view, body.dimension, channel, state, limit)
    groups = [_group(value, each, state) for value, each in counts.items()]
    groups = sorted((each for each in groups if each.count), key=lambda each: (-each.count, each.value))
    return ProductGroupEnvelope(
        dimension=body.dimension, source="search", groups=groups[:limit], truncated=more or len(groups) > limit
    )


def _group(value: str, counts: Counts, state: AskedState) -> Group:
    online = 0 if state == "offline" else counts.online
    offline = 0 if state == "online" else counts.offline
    return Group(value=value, label=counts.label, count=online + offline, online=online, offline=offline)

"""What is read of the events and messages that concern variants: only the fields needed here."""

from chassis.clock import Utc
from chassis.entity import Value
from chassis.values import Count, Guid, Id


class ListedProduct(Value):
    """The product of an event of PMC."""

    variant_id: str
    style_id: str
    channel_code: str
    online_state: str


class ProductChanged(Value):
    """An event of PMC about a product. `served_changed` is left out where the event implies it."""

    product: ListedProduct
    served_changed: bool = True


class BucketTotals(Value):
    """Units of a variant in a facility."""

    available: int


class StockChanged(Value):
    """A total of a variant in a facility changed; `seq` orders such events."""

    logical_guid: str
    variant_id: str
    buckets: BucketTotals
    seq: int


class HeldBack(Value):
    """Units withheld from a channel, or from all of them."""

    logical_guid: str
    variant_id: str
    channel_code: str | None = None
    starts_utc: Utc | None = None
    ends_utc: Utc | None = None


class HoldbackSaved(Value):
    """A holdback after a change."""

    holdback: HeldBack


class PolicyScope(Value):
    """What a policy is about; None stands for all variants, or all facilities."""

    variant_id: str | None = None
    logical_guid: str | None = None


class PolicySaved(Value):
    """A policy after a change."""

    policy: PolicyScope


class SerialOf(Value):
    """A unit or lot."""

    variant_id: str


class SerialUpdated(Value):
    """A unit or lot after a change."""

    serial: SerialOf


class NamedVariant(Value):
    """The variant that a message about a sync job names."""

    channel_id: Id
    variant_id: Guid


class JobMessage(NamedVariant):
    """A message about a sync job: ids only, for the truth is read when the job is taken."""

    job_id: Id | None = None
    generation: Count | None = None

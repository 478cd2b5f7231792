"""Which facilities' stock a channel sells, and at which location of the shop each is shown."""

from collections.abc import Sequence

from msgspec.structs import replace

from chassis.clock import Utc
from chassis.errors import InvalidState, NotFound, invalid_field
from services.slc.channel.domain import FacilityBinding, StoredChannel
from services.slc.shopify.states import Location
from services.slc.words import FACILITIES_MAX


def chosen_location(asked: str | None, known: Sequence[Location]) -> Location:
    """The location to bind to: the one asked for, or the only one. Raises `Invalid`, with `details.locations`."""
    active = [each for each in known if each.is_active]
    shown = [{"location_id": each.id, "name": each.name} for each in active]
    if asked is None:
        if len(active) == 1:
            return active[0]
        refusal = invalid_field("location_id", "is required: the shop has not exactly one active location")
    else:
        found = next((each for each in active if each.id == asked), None)
        if found is not None:
            return found
        refusal = invalid_field("location_id", "is no active location of the shop")
    refusal.details["locations"] = shown
    raise refusal


def bound(
    channel: StoredChannel,
    logical_guid: str,
    location_id: str,
    location_name: str | None,
    primary: bool | None,
    *,
    now: Utc,
    actor: str,
) -> StoredChannel:
    """The channel with a facility bound, or bound otherwise. The first one is primary; there is always one.

    Raises `InvalidState` for the primary that shall be so no more, and for one facility too many.
    """
    known = next((each for each in channel.facilities if each.logical_guid == logical_guid), None)
    is_primary = bool(primary) or not channel.facilities or (known is not None and known.primary)
    if primary is False and is_primary:
        raise InvalidState("it is the primary facility", logical_guid=logical_guid)
    if known is None and len(channel.facilities) >= FACILITIES_MAX:
        raise InvalidState(f"a channel has at most {FACILITIES_MAX} facilities")
    binding = FacilityBinding(
        logical_guid=logical_guid,
        location_id=location_id,
        location_name=location_name,
        primary=is_primary,
        bound_utc=known.bound_utc if known else now,
        bound_by=known.bound_by if known else actor,
    )
    others = [replace(each, primary=False) if is_primary else each for each in channel.facilities]
    if known is None:
        return replace(channel, facilities=[*others, binding])
    return replace(channel, facilities=[binding if each.logical_guid == logical_guid else each for each in others])


def unbound(channel: StoredChannel, logical_guid: str) -> tuple[StoredChannel, FacilityBinding]:
    """The channel without a facility, and the binding that is gone. Raises `NotFound`, `InvalidState`."""
    known = next((each for each in channel.facilities if each.logical_guid == logical_guid), None)
    if known is None:
        raise NotFound("the facility is not bound to this channel")
    if known.primary:
        raise InvalidState("it is the primary facility", logical_guid=logical_guid)
    left = [each for each in channel.facilities if each.logical_guid != logical_guid]
    return replace(channel, facilities=left), known

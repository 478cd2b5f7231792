"""The profile endpoints. What each promises its callers is in the contract's pmc.yaml."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Revised
from chassis.errors import Conflict, ExpectedRevisionRequired, InvalidState, NotFound, StaleRevision
from chassis.unit import Change, View
from chassis.values import Guid, Name
from services.pmc.currency import CURRENCIES
from services.pmc.profile.domain import (
    OnUnpublishable,
    PublishProfile,
    Rule,
    StoredProfile,
    profile_id_of,
    profile_problems,
)
from services.pmc.profile.store import PROFILES, all_profiles, profile_of, to_answer
from services.pmc.rollup.store import tally_of
from services.pmc.words import PROFILES_MAX, PUBLISH, VIEW, CurrencyCode, FieldPath

endpoints = Endpoints("pmc", "/publish-profile")


class PublishProfileEnvelope(Answer):
    profile: PublishProfile


@endpoints.get("/get", roles=VIEW, needs=["channel_code"])
async def pmc_publish_profile_get(call: Call, view: View) -> PublishProfileEnvelope:
    """Show a channel's publish profile."""
    profile = await profile_of(view, call.channel_code)
    if profile is None:
        raise NotFound("the channel has no profile")
    return PublishProfileEnvelope(profile=to_answer(profile))


class PublishProfileSetRequest(Revised):
    channel_guid: Guid
    name: Name
    currency: CurrencyCode
    logical_guids: Annotated[list[Guid], Meta(max_length=256)] | None = None
    required_fields: Annotated[list[FieldPath], Meta(max_length=64)] | None = None
    rules: Annotated[list[Rule], Meta(max_length=100)] | None = None
    auto_online: bool | None = None
    on_unpublishable: OnUnpublishable | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        found = list(profile_problems(self.required_fields or (), self.rules or ()))
        if self.currency not in CURRENCIES:
            found.insert(0, ("currency", "is no active currency of ISO 4217"))
        return found


@endpoints.post(
    "/set",
    schema="Envelope",
    roles=PUBLISH,
    needs=["channel_code"],
    emits=["pmc.profile.set"],
    refusals={
        "invalid-input": "a rule lacks what its kind needs, names an unknown field or one its kind does not take, or a "
        "pattern RE2 does not take; a rule_id occurs twice or is reserved; a required field occurs twice",
        "conflict": "another profile holds the channel_guid or one of the facilities; or the org has 256 profiles",
        "invalid-state": "channel_guid or currency differs from the stored one while the channel has products",
    },
)
async def pmc_publish_profile_set(call: Call, change: Change, body: PublishProfileSetRequest) -> PublishProfileEnvelope:
    """Replace a channel's publish profile, or create it."""
    profiles = await all_profiles(change)
    known = next((each for each in profiles if each.channel_code == call.channel_code), None)
    _check_revision(known, body.expected_revision)
    wanted = StoredProfile(
        profile_id=profile_id_of(call.orgcode, call.channel_code),
        channel_code=call.channel_code,
        channel_guid=body.channel_guid,
        name=body.name,
        currency=body.currency,
        logical_guids=list(dict.fromkeys(body.logical_guids or ())),
        required_fields=body.required_fields or [],
        rules=body.rules or [],
        auto_online=bool(body.auto_online),
        on_unpublishable=body.on_unpublishable or "keep",
    )
    if known is not None and (known.channel_guid, known.currency) != (wanted.channel_guid, wanted.currency):
        tally = await tally_of(change, known.channel_guid)
        if tally.products:
            raise InvalidState("the channel has products: channel_guid and currency stay", products=tally.products)
    _check_taken(wanted, profiles)
    if known is None and len(profiles) >= PROFILES_MAX:
        raise Conflict(f"the org has {PROFILES_MAX} profiles already")
    if known is None:
        profile = await change.insert(PROFILES, wanted)
    else:
        stamps = ("orgcode", "revision", "created_utc", "created_by", "updated_utc", "updated_by")
        kept = {name: getattr(known, name) for name in stamps}
        profile = await change.update(PROFILES, replace(wanted, **kept))
    answer = to_answer(profile)
    change.emit("pmc.profile.set", profile.channel_code, profile=answer)
    return PublishProfileEnvelope(profile=answer)


def _check_revision(known: StoredProfile | None, expected: int | None) -> None:
    if known is None:
        if expected is not None:
            raise StaleRevision(0)
    elif expected is None:
        raise ExpectedRevisionRequired(known.revision)
    elif expected != known.revision:
        raise StaleRevision(known.revision)


def _check_taken(wanted: StoredProfile, profiles: Sequence[StoredProfile]) -> None:
    for other in profiles:
        if other.channel_code == wanted.channel_code:
            continue
        if other.channel_guid == wanted.channel_guid:
            raise Conflict(
                "another profile holds the channel_guid", channel_code=other.channel_code, value=wanted.channel_guid
            )
        taken = next((each for each in wanted.logical_guids if each in other.logical_guids), None)
        if taken is not None:
            raise Conflict("another profile holds the facility", channel_code=other.channel_code, value=taken)

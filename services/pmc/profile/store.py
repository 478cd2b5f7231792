"""Storage of profiles, and the look-up of a channel by any of its names."""

from chassis.entity import HUB, Entity, edge, index, unique
from chassis.errors import NotFound, invalid_field
from chassis.unit import View
from services.pmc.profile.domain import PublishProfile, StoredProfile, profile_id_of
from services.pmc.words import PROFILES_MAX

PROFILES = Entity(
    "profile",
    StoredProfile,
    collection="pmc_profiles",
    id="profile_id",
    shard_key=("orgcode",),
    keys=("ORG#{orgcode}", "PROFILE#{channel_code}"),
    label="name",
    indexes=[
        unique("channel_code", name="channel_code", refusal="the channel has a profile already"),
        index("profile_id"),
        index("channel_code", name="code"),
        index("channel_guid", "orgcode", name="channel", every_org=True),
        index("logical_guids"),
        unique("channel_guid", name="channel_guid", refusal="another profile holds the channel_guid"),
        unique(
            "logical_guids",
            name="facility",
            where={"has_facilities": True},
            refusal="another profile holds one of the facilities",
        ),
    ],
    id_pattern="{orgcode}/{channel_code}",
    lookups={1: ("CHANNEL#{channel_guid}", "PROFILE#{channel_code}")},
    edges=[
        edge("serves", to="facility", by="logical_guids", service=HUB, cardinality="many"),
        edge("of", to="channel_code", by="channel_code", service=HUB),
    ],
    derived={"has_facilities": lambda profile: bool(profile.logical_guids)},
)


def to_answer(profile: StoredProfile) -> PublishProfile:
    """The profile as callers see it."""
    return PublishProfile(**{name: getattr(profile, name) for name in PublishProfile.__struct_fields__})


async def profile_of(view: View, channel_code: str) -> StoredProfile | None:
    """The profile of a channel, or None. Index: id."""
    return await view.get(PROFILES, profile_id_of(view.call.orgcode, channel_code))


async def all_profiles(view: View) -> list[StoredProfile]:
    """All profiles of the org, by channel code; at most 256. Index: channel_code."""
    return await view.find(PROFILES, {}, order=("channel_code",), limit=PROFILES_MAX + 1)


async def channel_of(
    view: View, channel_guid: str | None, channel_code: str | None, logical_guid: str | None
) -> StoredProfile | None:
    """The channel that a context names; None where it names none.

    Raises `NotFound` if one of the three is unknown, `Invalid` if they lead to different channels.
    """
    asked = {"channel_guid": channel_guid, "channel_code": channel_code, "logical_guid": logical_guid}
    given = {name: value for name, value in asked.items() if value is not None}
    if not given:
        return None
    found: dict[str, StoredProfile] = {}
    for name, value in given.items():
        profile = await _by(view, name, value)
        if profile is None:
            raise NotFound(f"no channel has this {name}", **{name: value})
        found[name] = profile
    first = next(iter(found.values()))
    for name, profile in found.items():
        if profile.channel_code != first.channel_code:
            raise invalid_field(name, f"names another channel than {next(iter(found))}")
    return first


async def _by(view: View, name: str, value: str) -> StoredProfile | None:
    if name == "channel_code":
        return await profile_of(view, value)
    if name == "channel_guid":
        return await view.lookup(PROFILES, "channel_guid", value)
    return await view.lookup(PROFILES, "facility", value)

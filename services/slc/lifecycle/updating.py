"""Changing a channel's name and config."""

from chassis.endpoint import Endpoints, Revised
from chassis.errors import Invalid, InvalidState
from chassis.unit import Change
from chassis.values import Id, Name
from services.slc.channel.config import concerns_all
from services.slc.channel.domain import updated
from services.slc.channel.handlers import ChannelConfigRequest, ChannelEnvelope
from services.slc.channel.scopes import missing_scopes
from services.slc.channel.store import CHANNELS, channel_answer, status_of
from services.slc.closing.store import refused_while_emptied
from services.slc.job.store import ManyVariants, note_many
from services.slc.words import MANAGE

endpoints = Endpoints("slc")


class ChannelUpdateRequest(Revised):
    channel_id: Id
    name: Name | None = None
    config: ChannelConfigRequest | None = None


@endpoints.post(
    "/slc",
    action="channel/update",
    roles=MANAGE,
    emits=["slc.channel.updated"],
    refusals={
        "validation-error": "nothing to change, or a config value the type does not allow",
        "invalid-state": "metafield_namespace while active or paused; or, active or paused, a config that needs scopes "
        "not granted (details.missing scopes, details.missing_scopes)",
    },
)
@refused_while_emptied
async def slc_channel_update(change: Change, body: ChannelUpdateRequest) -> ChannelEnvelope:
    """Change name and config of a channel; fields left out stay as they are."""
    before = await change.load(CHANNELS, body.channel_id, body.expected_revision)
    given = body.config.given() if body.config else {}
    if body.name is None and not given:
        raise Invalid("there is nothing to change")
    after, changed = updated(before, body.name, given)
    if after.is_open:
        status = await status_of(change, after.channel_id)
        missing = missing_scopes(after.type, after.config, status.credentials.scopes)
        if missing:
            raise InvalidState(
                "the config needs scopes that were not granted", missing=["scopes"], missing_scopes=missing
            )
    stored = await change.update(CHANNELS, after)
    if stored.state == "active" and concerns_all(changed):
        await note_many(change, "config", ManyVariants(channel_id=stored.channel_id, cause="config"))
    answer = await channel_answer(change, stored)
    change.emit("slc.channel.updated", stored.channel_id, revision=stored.revision, channel=answer, changed=changed)
    return ChannelEnvelope(channel=answer)

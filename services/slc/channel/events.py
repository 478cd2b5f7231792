"""Events published about channels."""

from typing import Literal

from chassis.entity import Value
from chassis.event import EventType
from chassis.values import Code, Id, Name, Reason
from services.slc.channel.domain import Channel, CredentialFailure, Pause
from services.slc.words import Part


class ChannelSubject(Value):
    """A channel after the change."""

    channel: Channel


class ChannelUpdated(Value):
    """A channel after the change, and what changed."""

    channel: Channel
    changed: list[Name]


class ChannelPaused(Value):
    """A channel that was paused."""

    channel: Channel
    pause: Pause


class ChannelResumed(Value):
    """A channel that is active again."""

    channel: Channel
    by: Literal["user", "system"]


class ChannelDeactivated(Part):
    """A channel that was deactivated."""

    channel: Channel
    reason: Reason | None = None


class ChannelUninstalled(Value):
    """A channel whose app was uninstalled."""

    channel: Channel
    by: Literal["user", "shopify"]


class ChannelDeleted(Value):
    """A channel that is gone."""

    channel_id: Id
    channel_code: Code


class CredentialsRotated(Value):
    """Credentials that were set or replaced."""

    channel_id: Id
    fingerprint: str
    kind: Literal["oauth", "admin_token"]


class CredentialsFailing(Value):
    """Credentials that do not work any more."""

    channel_id: Id
    failure: CredentialFailure


class CredentialsRecovered(Value):
    """Credentials that work again."""

    channel_id: Id


EVENTS = [
    EventType(type="slc.channel.created", subject="channel_id", body=ChannelSubject, summary="A channel was created."),
    EventType(
        type="slc.channel.updated",
        subject="channel_id",
        body=ChannelUpdated,
        summary="Name or config of a channel changed.",
    ),
    EventType(
        type="slc.channel.activated", subject="channel_id", body=ChannelSubject, summary="A channel was activated."
    ),
    EventType(type="slc.channel.paused", subject="channel_id", body=ChannelPaused, summary="A channel was paused."),
    EventType(
        type="slc.channel.resumed", subject="channel_id", body=ChannelResumed, summary="A channel is active again."
    ),
    EventType(
        type="slc.channel.deactivated",
        subject="channel_id",
        body=ChannelDeactivated,
        summary="A channel was deactivated.",
    ),
    EventType(
        type="slc.channel.uninstalled",
        subject="channel_id",
        body=ChannelUninstalled,
        summary="The app of a channel was uninstalled in its shop.",
    ),
    EventType(type="slc.channel.deleted", subject="channel_id", body=ChannelDeleted, summary="A channel was deleted."),
    EventType(
        type="slc.credentials.rotated",
        subject="channel_id",
        body=CredentialsRotated,
        summary="The credentials of a channel were set or replaced.",
    ),
    EventType(
        type="slc.credentials.failing",
        subject="channel_id",
        body=CredentialsFailing,
        summary="The credentials of a channel stopped working.",
    ),
    EventType(
        type="slc.credentials.recovered",
        subject="channel_id",
        body=CredentialsRecovered,
        summary="The credentials of a channel work again.",
    ),
]

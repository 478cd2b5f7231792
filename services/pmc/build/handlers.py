"""The build statistics. What they promise callers is in the contract's pmc.yaml."""

from typing import Annotated, Literal

from msgspec import Meta

from chassis.endpoint import Answer, Endpoints
from chassis.unit import View
from chassis.values import Code, Count, Guid, Utc
from services.pmc.audit.store import audit_of
from services.pmc.profile.store import all_profiles
from services.pmc.rollup.domain import ChannelSums
from services.pmc.rollup.store import org_sums, tallies_of
from services.pmc.run.domain import PublishRun, to_answer
from services.pmc.run.store import RUNS
from services.pmc.words import PROFILES_MAX, VIEW, Part

endpoints = Endpoints("pmc", "/build")


class ChannelTally(Part):
    """The products of one channel."""

    channel_code: Code
    channel_guid: Guid
    products: Count
    online: Count
    publishable: Count


class BuildStats(Part):
    """What PMC holds of an org."""

    products: Count
    online: Count
    offline: Count
    publishable: Count
    pinned: Count
    styles: Count
    revisions: Count
    channels: Annotated[list[ChannelTally], Meta(max_length=PROFILES_MAX)]
    packs: Count
    pack_versions: Count
    runs_scheduled: Count
    runs_running: Count
    runs_finished: Count
    last_run: PublishRun | None = None
    search_documents: Count
    search_backend: Literal["embedded", "opensearch"]
    search_lag_ms: float
    rollups: Count
    rollup_checked_utc: Utc | None = None
    rollup_mismatches: Count
    generated_utc: Utc


class PmcBuildStats(Answer):
    build_stats: BuildStats


@endpoints.get("/stats", roles=VIEW)
async def pmc_build_stats(view: View) -> PmcBuildStats:
    """Say how many products, revisions, packs and runs there are; read from totals in constant time."""
    profiles = await all_profiles(view)
    tallies = await tallies_of(view, [each.channel_guid for each in profiles])
    sums = await org_sums(view)
    audit = await audit_of(view)
    last_run = await view.get(RUNS, sums.last_run_id) if sums.last_run_id is not None else None
    products, online = _sum(tallies, "products"), _sum(tallies, "online")
    nothing = ChannelSums(sums_id="", channel_guid="", channel_code="")
    channels = [(each, tallies.get(each.channel_guid, nothing)) for each in profiles]
    return PmcBuildStats(
        build_stats=BuildStats(
            products=products,
            online=online,
            offline=products - online,
            publishable=_sum(tallies, "publishable"),
            pinned=_sum(tallies, "pinned"),
            styles=sums.styles,
            revisions=_sum(tallies, "revisions"),
            channels=[
                ChannelTally(
                    channel_code=profile.channel_code,
                    channel_guid=profile.channel_guid,
                    products=tally.products,
                    online=tally.online,
                    publishable=tally.publishable,
                )
                for profile, tally in channels
            ],
            packs=sums.packs,
            pack_versions=sums.pack_versions,
            runs_scheduled=sums.runs_scheduled,
            runs_running=sums.runs_running,
            runs_finished=sums.runs_finished,
            last_run=None if last_run is None else to_answer(last_run),
            search_documents=products,
            search_backend="embedded",
            search_lag_ms=0.0,
            rollups=_sum(tallies, "rollups") + sums.rollups,
            rollup_checked_utc=None if audit is None else audit.checked_utc,
            rollup_mismatches=0 if audit is None else audit.mismatches,
            generated_utc=view.now,
        )
    )


def _sum(tallies: dict[str, ChannelSums], name: str) -> int:
    return sum(getattr(each, name) for each in tallies.values())

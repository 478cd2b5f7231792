"""Starting runs: what is fixed at the start, and which items that selects."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from chassis.clock import Utc, later
from chassis.entity import Value
from chassis.errors import Conflict, InvalidState, NotFound, invalid_field
from chassis.unit import Change
from services.pmc.pack.domain import PackVersion, version_id_of
from services.pmc.pack.store import PACKS, SERIES, items_of_variants, styles_of
from services.pmc.profile.domain import PublishProfile
from services.pmc.profile.store import all_profiles
from services.pmc.profile.store import to_answer as profile_answer
from services.pmc.rollup.store import add_to_org
from services.pmc.run.domain import (
    SCHEDULE_SECONDS_MAX,
    SCHEDULED_MAX,
    Driver,
    RunOutcomes,
    RunPlan,
    RunProfile,
    RunSelector,
    Segment,
    StoredRun,
    Target,
    check_undoable,
    stands_in_the_way,
    started,
)
from services.pmc.run.store import PLANS, RUN_PROFILES, RUNS, count_scheduled, later_runs, running_on


class Asked(Value):
    """What a run is asked to do: the selection as the caller names it."""

    pack_id: str
    pack_rev: int | None
    style_ids: Sequence[str] | None
    style_id: str | None
    variant_ids: Sequence[str] | None
    channel_codes: Sequence[str] | None
    target: Target
    dry_run: bool
    start_utc: Utc | None
    driver: Driver
    reason: str | None


async def start_publish(change: Change, asked: Asked) -> StoredRun:
    """Start or schedule a run that publishes a pack version."""
    _check_start(asked.start_utc, change.now)
    version = await _version(change, asked)
    _check_known_channels(asked.channel_codes, version)
    segments_of = await _selection(change, asked, version)
    profiles = {each.channel_code: profile_answer(each) for each in await all_profiles(change)}
    codes = _channels(asked.channel_codes, version, profiles)
    segments = [segment for code in codes for segment in segments_of.get(code, ())]
    if asked.start_utc is None and not asked.dry_run:
        await check_free(change, codes)
    if asked.start_utc is not None and await count_scheduled(change, SCHEDULED_MAX) >= SCHEDULED_MAX:
        raise Conflict(f"the org has {SCHEDULED_MAX} scheduled runs already")
    run = _draft(
        change.new_id(),
        version.pack_id,
        version.pack_rev,
        version.store_id,
        _selector(asked, codes),
        sum(segment.count for segment in segments),
    )
    run = replace(
        run,
        target=asked.target,
        dry_run=asked.dry_run,
        driver=asked.driver,
        start_utc=asked.start_utc,
        reason=asked.reason,
    )
    return await _insert(change, run, segments, [profiles[code] for code in codes])


async def start_undo(change: Change, undo_of: str, *, dry_run: bool, driver: Driver, reason: str | None) -> StoredRun:
    """Start a run that takes back what another run did."""
    undone = await change.get(RUNS, undo_of)
    if undone is None:
        raise NotFound("there is no such run")
    check_undoable(undone, change.now)
    assert undone.started_utc is not None
    later_ones = await later_runs(change, Utc(undone.started_utc))
    blocking = [each for each in later_ones if stands_in_the_way(each, undone)]
    if blocking:
        newest = max(blocking, key=lambda each: (each.started_utc or "", each.run_id))
        raise InvalidState("a later run has to be undone first", run_id=newest.run_id)
    if not dry_run:
        await check_free(change, undone.selector.channel_codes)
    run = _draft(change.new_id(), undone.pack_id, undone.pack_rev, undone.store_id, undone.selector, undone.processed)
    run = replace(run, dry_run=dry_run, driver=driver, reason=reason, undo_of=undone.run_id)
    segments = [Segment(first=1, count=undone.processed)] if undone.processed else []
    return await _insert(change, run, segments, [])


async def check_free(change: Change, channel_codes: Sequence[str]) -> None:
    """Raise `Conflict` where a running run has one of the channels."""
    other = await running_on(change, channel_codes)
    if other is not None:
        code = next(each for each in channel_codes if each in other.claims)
        raise Conflict("a running run works on the channel", run_id=other.run_id, channel_code=code)


async def insert_profiles(change: Change, run_id: str, profiles: Sequence[PublishProfile]) -> None:
    """Store copies of the profiles for the run, which uses them to its end."""
    for profile in profiles:
        copy = RunProfile(copy_id=f"{run_id}/{profile.channel_code}", run_id=run_id, profile=profile)
        await change.insert(RUN_PROFILES, copy)


def _check_start(start_utc: Utc | None, now: Utc) -> None:
    if start_utc is None:
        return
    if start_utc <= now:
        raise invalid_field("start_utc", "must be later than now")
    if start_utc > later(now, SCHEDULE_SECONDS_MAX):
        raise invalid_field("start_utc", "must be at most 400 days ahead")


async def _version(change: Change, asked: Asked) -> PackVersion:
    series = await change.get(SERIES, asked.pack_id)
    if series is None:
        raise NotFound("there is no such pack")
    rev = asked.pack_rev or series.newest_ready_rev
    if rev is None:
        raise InvalidState("no version of the pack is ready")
    version = await change.get(PACKS, version_id_of(asked.pack_id, rev))
    if version is None:
        raise NotFound("there is no such pack version")
    if version.state != "ready":
        raise InvalidState(f"the pack version is {version.state}", state=version.state)
    return version


def _check_known_channels(named: Sequence[str] | None, version: PackVersion) -> None:
    missing = sorted(set(named or ()) - set(version.channels))
    if missing:
        raise NotFound("the pack version does not hold all of this", missing=missing)


def _channels(named: Sequence[str] | None, version: PackVersion, profiles: Mapping[str, PublishProfile]) -> list[str]:
    """The run's channels, ascending: those named, or all of the pack that have a profile."""
    if named is None:
        codes = [code for code in version.channels if code in profiles]
        if not codes:
            raise InvalidState("none of the pack's channels has a profile")
        return sorted(codes)
    without = next((code for code in sorted(set(named)) if code not in profiles), None)
    if without is not None:
        raise InvalidState("the channel has no profile", channel_code=without)
    return sorted(set(named))


async def _selection(change: Change, asked: Asked, version: PackVersion) -> dict[str, list[Segment]]:
    """The selected items of each channel of the version, in the run's order. Raises `NotFound` for what it lacks."""
    if asked.style_id is not None and asked.variant_ids is not None:
        return await _selected_variants(change, version, asked.style_id, sorted(set(asked.variant_ids)))
    named = asked.style_ids if asked.style_ids is not None else [asked.style_id] if asked.style_id else None
    if named is None:
        return {code: [_segment(each.first, each.count)] for code, each in version.ranges.items() if each.count}
    wanted = sorted(set(named))
    found = await styles_of(change, version.store_id, wanted)
    missing = [style_id for style_id in wanted if style_id not in found]
    if missing:
        raise NotFound("the pack version does not hold all of this", missing=missing)
    segments: dict[str, list[Segment]] = {}
    for style_id in wanted:
        for code, each in found[style_id].ranges.items():
            segments.setdefault(code, []).append(_segment(each.first, each.count))
    return segments


async def _selected_variants(
    change: Change, version: PackVersion, style_id: str, wanted: Sequence[str]
) -> dict[str, list[Segment]]:
    if style_id not in await styles_of(change, version.store_id, [style_id]):
        raise NotFound("the pack version does not hold all of this", missing=[style_id])
    found = await change.together(
        items_of_variants(change, version.store_id, code, style_id, wanted) for code in version.channels
    )
    known = {item.variant_id for items in found for item in items}
    missing = [variant_id for variant_id in wanted if variant_id not in known]
    if missing:
        raise NotFound("the pack version does not hold all of this", missing=missing)
    return {
        code: [_segment(item.n, 1) for item in sorted(items, key=lambda each: each.n)]
        for code, items in zip(version.channels, found, strict=True)
    }


def _segment(first: int, count: int) -> Segment:
    return Segment(first=first, count=count)


def _selector(asked: Asked, codes: list[str]) -> RunSelector:
    """The selection in normal form."""
    if asked.style_id is not None and asked.variant_ids is not None:
        ids = sorted(set(asked.variant_ids))
        return RunSelector(kind="variants", style_id=asked.style_id, variant_ids=ids, channel_codes=codes)
    named = asked.style_ids if asked.style_ids is not None else [asked.style_id] if asked.style_id else None
    if named is not None:
        return RunSelector(kind="styles", style_ids=sorted(set(named)), channel_codes=codes)
    return RunSelector(kind="pack", channel_codes=codes)


def _draft(run_id: str, pack_id: str, pack_rev: int, store_id: str, selector: RunSelector, total: int) -> StoredRun:
    return StoredRun(
        run_id=run_id,
        status="scheduled",
        pack_id=pack_id,
        pack_rev=pack_rev,
        store_id=store_id,
        selector=selector,
        target="live",
        dry_run=False,
        driver="client",
        total=total,
        processed=0,
        remaining=total,
        outcomes=RunOutcomes(),
        new_revisions=0,
        pinned=0,
        warnings=0,
        manifest_parts=0,
        manifest_lines=0,
        steps=0,
    )


async def _insert(
    change: Change, run: StoredRun, segments: list[Segment], profiles: Sequence[PublishProfile]
) -> StoredRun:
    if run.start_utc is None:
        run = started(run, change.now)
        await insert_profiles(change, run.run_id, profiles)
    run = await change.insert(RUNS, run)
    await change.insert(PLANS, RunPlan(run_id=run.run_id, segments=segments))
    running = run.status == "running"
    await add_to_org(change, runs_running=int(running), runs_scheduled=int(not running), last_run_id=run.run_id)
    return run

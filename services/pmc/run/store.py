"""Storage of runs, of what is fixed at their start, of their lines and of the parts of their manifest."""

from collections.abc import Sequence

from chassis.clock import Utc
from chassis.entity import HUB, Entity, edge, index, unique
from chassis.errors import NotFound
from chassis.page import Page, Paged
from chassis.unit import View, between, one_of
from services.pmc.pack.store import FOUND_BY_VERSION
from services.pmc.profile.domain import PublishProfile
from services.pmc.run.domain import RunPlan, RunProfile, StoredRun
from services.pmc.run.manifest_records import RunItem, StoredPart

RUNS = Entity(
    "run",
    StoredRun,
    collection="pmc_runs",
    id="run_id",
    shard_key=("orgcode",),
    keys=("ORG#{orgcode}", "RUN#{run_id}"),
    label="{created_utc} {target} {reason}",
    indexes=[
        index("run_id", name="org"),
        unique("claims", name="claim", where={"claiming": True}, refusal="a running run works on one of the channels"),
        index("claims", "run_id", name="claimed"),
        index("status", "start_utc", name="scheduled"),
        index("undoable", "started_utc", name="undoable"),
        index("pack_id", "pack_rev", "run_id", name="version"),
        index("store_id", "run_id", name="store"),
        index("undo_of", "run_id"),
        index("selector.channel_codes", "run_id", name="channel_codes"),
        index("driven", "start_utc", name="driven", every_org=True),
        index("status", "abandoned_after_utc", name="abandoned", every_org=True),
    ],
    finders={"version": FOUND_BY_VERSION},
    edges=[
        edge("of", to="pack", by="{pack_id}/{pack_rev}", back="version"),
        edge("on", to="channel_code", by="selector.channel_codes", service=HUB, cardinality="many"),
        edge("undoes", to="run", by="undo_of"),
        edge("has", to="part", by="run_id", cardinality="many"),
    ],
    derived={
        "claims": lambda run: run.claims,
        "claiming": lambda run: bool(run.claims),
        "undoable": lambda run: run.undoable,
        "driven": lambda run: run.status == "scheduled" or (run.status == "running" and run.driver == "service"),
    },
)
PLANS = Entity(
    "run_plan",
    RunPlan,
    collection="pmc_run_plans",
    id="run_id",
    shard_key=("orgcode", "run_id"),
    history=False,
    technical=True,
)
RUN_PROFILES = Entity(
    "run_profile",
    RunProfile,
    collection="pmc_run_profiles",
    id="copy_id",
    shard_key=("orgcode", "run_id"),
    indexes=[index("run_id", "copy_id", name="run")],
    history=False,
    technical=True,
)
RUN_ITEMS = Entity(
    "run_item",
    RunItem,
    collection="pmc_run_items",
    id="item_id",
    shard_key=("orgcode", "run_id"),
    keys=("ORG#{orgcode}", "RUN#{run_id}#ITEM#{n}"),
    id_pattern="{run_id}/{n:09d}",
    label="{n} {line.sku} on {line.channel_code}",
    indexes=[index("run_id", "n", name="run"), index("product_id", "item_id", name="product")],
    edges=[edge("of", to="run", by="run_id"), edge("on", to="product", by="product_id")],
    history=False,
)
PARTS = Entity(
    "part",
    StoredPart,
    collection="pmc_manifest_parts",
    id="part_id",
    shard_key=("orgcode", "run_id"),
    keys=("ORG#{orgcode}", "RUN#{run_id}#PART#{part}"),
    id_pattern="{run_id}/{part:07d}",
    label="part {part} of {run_id}",
    indexes=[index("run_id", "part", name="run")],
    edges=[edge("of", to="run", by="run_id")],
    history=False,
)

LATER_RUNS_MAX = 1000
DRIVEN_AT_ONCE = 1000
RUNNING_MAX = 1000


def item_id_of(run_id: str, n: int) -> str:
    """The id of a run's line."""
    return f"{run_id}/{n:09d}"


def part_id_of(run_id: str, part: int) -> str:
    """The id of a part."""
    return f"{run_id}/{part:07d}"


async def load_part(view: View, run_id: str, part: int) -> StoredPart:
    """A part of a run's manifest. Raises `NotFound`. Index: id."""
    found = await view.get(PARTS, part_id_of(run_id, part))
    if found is None:
        raise NotFound("the manifest has no such part")
    return found


async def list_parts(view: View, run_id: str, page: Paged) -> Page[StoredPart]:
    """The parts of a run's manifest, ascending. Index: run."""
    return await view.page(PARTS, {"run_id": run_id}, page=page, order=("part",))


async def profiles_of(view: View, run_id: str) -> dict[str, PublishProfile]:
    """The profiles a run goes by, by channel code. Index: run."""
    found = await view.find(RUN_PROFILES, {"run_id": run_id}, order=("copy_id",))
    return {each.profile.channel_code: each.profile for each in found}


async def lines_of(view: View, run_id: str, first: int, count: int) -> list[RunItem]:
    """A run's lines from number `first` on. Index: run."""
    numbers = between(at_least=first, below=first + count)
    return await view.find(RUN_ITEMS, {"run_id": run_id, "n": numbers}, order=("n",), limit=count)


async def running_on(view: View, channel_codes: Sequence[str]) -> StoredRun | None:
    """A run of the org that has one of the channels, if any. Index: claimed, because a partial one serves
    several values on few engines."""
    found = await view.find(RUNS, {"claims": one_of(channel_codes)}, limit=1)
    return found[0] if found else None


async def running_runs_of(view: View, pack_id: str) -> list[StoredRun]:
    """Running runs over versions of a pack, newest first. Index: scheduled."""
    found = await view.find(RUNS, {"status": "running"}, rest={"pack_id": pack_id}, limit=RUNNING_MAX)
    return sorted(found, key=lambda run: run.run_id, reverse=True)


async def count_scheduled(view: View, at_most: int) -> int:
    """How many runs of the org are scheduled, counted up to a limit. Index: scheduled."""
    return len(await view.find(RUNS, {"status": "scheduled"}, limit=at_most))


async def later_runs(view: View, since_utc: Utc) -> list[StoredRun]:
    """Runs an undo goes back through, started at this time or later. Index: undoable."""
    return await view.find(
        RUNS,
        {"undoable": True, "started_utc": between(at_least=since_utc)},
        order=("started_utc",),
        limit=LATER_RUNS_MAX,
    )


async def due_runs(view: View, now: Utc) -> list[StoredRun]:
    """Scheduled runs of all orgs whose time has come, earliest first. Index: driven."""
    where = {"driven": True, "start_utc": between(at_least="0", at_most=now)}
    found = await view.find(RUNS, where, order=("start_utc",), limit=DRIVEN_AT_ONCE)
    return [run for run in found if run.status == "scheduled"]


async def first_driven(view: View) -> Utc | None:
    """When the service is to start or step the first run of any org; None if there is none. Index: driven."""
    found = await view.every_org().find(RUNS, {"driven": True}, order=("start_utc",), limit=1)
    if not found:
        return None
    # Of those that run, none starts later than one that waits for its time.
    return found[0].start_utc if found[0].status == "scheduled" else view.now


async def driven_runs(view: View) -> list[StoredRun]:
    """Running runs of all orgs that the service steps. Index: driven."""
    found = await view.find(RUNS, {"driven": True}, limit=DRIVEN_AT_ONCE)
    return [run for run in found if run.status == "running"]


async def abandoned_runs(view: View, now: Utc) -> list[StoredRun]:
    """Running runs of all orgs past their abandonment. Index: abandoned."""
    where = {"status": "running", "abandoned_after_utc": between(at_most=now)}
    return await view.find(RUNS, where, order=("abandoned_after_utc",), limit=DRIVEN_AT_ONCE)

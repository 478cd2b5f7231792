"""Storage of replenishment rules, of the sweeps' cursors, and of the marks which rules moved units in which window."""

from collections.abc import Iterable, Mapping, Sequence

from chassis.entity import HUB, ONE_SHARD, Document, Entity, Expiring, edge, expires_at, expiring, index, unique
from chassis.page import Page, Paged
from chassis.unit import View
from services.ics.bin.store import BINS
from services.ics.filters import split
from services.ics.ledger.balance import item_id_of
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.store import ITEMS, items_of_many
from services.ics.replenishment.domain import ReplenishmentRule
from services.ics.serial.ledger_lots import ledger_lots
from services.ics.zone.store import ZONES

RULES = Entity(
    "replenishment_rule",
    ReplenishmentRule,
    collection="replenishment_rules",
    id="rule_id",
    shard_key=("orgcode", "logical_guid"),
    keys=("ORG#{orgcode}", "RULE#{rule_id}"),
    indexes=[
        unique(
            "logical_guid",
            "variant_id",
            "pick_zone_id",
            "pick_bin_key",
            name="place",
            refusal="the place has a rule for this variant",
            where={"open": True},
        ),
        index("rule_id"),
        index("logical_guid", "status", "rule_id"),
        index("logical_guid", "rule_id"),
        index("variant_id", "rule_id"),
        index("pick_zone_id", "rule_id"),
        index("pick_bin_id", "rule_id"),
        index("overstock_zone_id", "rule_id"),
        index("overstock_bin_id", "rule_id"),
        index("status", "rule_id"),
        # For sweeps over all orgs.
        index("status", "rule_id", name="everywhere", every_org=True),
        index("logical_guid", "status", "rule_id", name="facility_everywhere", every_org=True),
    ],
    edges=[
        edge("of", to="variant", by="variant_id", service=HUB),
        edge("in", to="facility", by="logical_guid", service=HUB),
        edge("fills", to="zone", by="pick_zone_id"),
        edge("fills_bin", to="bin", by="pick_bin_id"),
        edge("takes_from", to="zone", by="overstock_zone_id"),
        edge("takes_from_bin", to="bin", by="overstock_bin_id"),
    ],
    derived={
        "pick_bin_key": lambda rule: rule.pick_bin_id or "",
        # An archived rule frees its place for another.
        "open": lambda rule: rule.status != "archived",
    },
    label="{variant_id} @ {logical_guid} from {min_qty} to {max_qty}",
)


class SweptWindow(Expiring):
    """Marks that a rule has moved units in a window; written in the same change as the entries.

    Its id is `sweep:<rule_id>:<start of the window>`.
    """

    swept_id: str
    orgcode: str = ""
    operation_id: str


SWEPT = Entity(
    "swept_window",
    SweptWindow,
    collection="swept_windows",
    id="swept_id",
    shard_key=("orgcode",),
    indexes=[expiring("expires_at")],
    derived={"expires_at": expires_at},
    history=False,
    technical=True,
)


class SweepCursor(Document):
    """The last rule read by a run with these filters, "" if the run reached the end. A filter of "" means all."""

    cursor_id: str
    orgcode: str
    logical_guid: str
    rule_id: str


SWEEP_CURSORS = Entity(
    "sweep_cursor",
    SweepCursor,
    collection="sweep_cursors",
    id="cursor_id",
    shard_key=ONE_SHARD,
    indexes=[index("orgcode")],
    org_scoped=False,
    history=False,
    technical=True,
)

RULE_LEADS = (
    ("variant_id",),
    ("pick_zone_id",),
    ("logical_guid", "status"),
    ("logical_guid",),
    ("status",),
    (),
)


async def rule_at(
    view: View, logical_guid: str, variant_id: str, pick_zone_id: str, pick_bin_id: str | None
) -> ReplenishmentRule | None:
    """The rule of a pick place that is not archived, or None. Index: place."""
    return await view.lookup(RULES, "place", logical_guid, variant_id, pick_zone_id, pick_bin_id or "")


async def list_rules(view: View, wanted: Mapping[str, str | None], page: Paged) -> Page[ReplenishmentRule]:
    """Rules, newest first. Index: the first of `RULE_LEADS` that the filters cover."""
    where, rest = split(wanted, RULE_LEADS)
    return await view.page(RULES, where, page=page, rest=rest)


async def active_rules(
    view: View, logical_guid: str | None, after: str, limit: int, *, every_org: bool
) -> list[ReplenishmentRule]:
    """Up to `limit` active rules after the rule id `after`, by rule id; of the view's org or of every org.

    Index: status; or logical_guid, status.
    """
    where = {"logical_guid": logical_guid, "status": "active"} if logical_guid is not None else {"status": "active"}
    scope = view.every_org() if every_org else view
    return await scope.find(RULES, where, order=("rule_id",), limit=limit, after=(after,) if after else None)


class Ground:
    """The data needed to evaluate rules: items with their lots, and which overstock places are active."""

    def __init__(self, items: Mapping[tuple[str, str], OpenItem], closed: frozenset[str]) -> None:
        self.items = items
        self._closed = closed

    def item(self, rule: ReplenishmentRule) -> OpenItem:
        """The item (variant and facility) of the rule."""
        return self.items[rule.logical_guid, rule.variant_id]

    def overstocked(self, rule: ReplenishmentRule) -> bool:
        """Whether the rule has an active overstock place."""
        return rule.overstock_zone_id is not None and self._is_open(rule.overstock_zone_id, rule.overstock_bin_id)

    def _is_open(self, zone_id: str, bin_id: str | None) -> bool:
        return zone_id not in self._closed and bin_id not in self._closed


async def ground_of(view: View, rules: Sequence[ReplenishmentRule]) -> Ground:
    """Read the data needed to evaluate these rules of the view's org, in a few round trips. By id; lots by number."""
    keys = list(dict.fromkeys((rule.logical_guid, rule.variant_id) for rule in rules))
    zones = _ids(rule.overstock_zone_id for rule in rules)
    bins = _ids(rule.overstock_bin_id for rule in rules)
    orgcode = view.call.orgcode
    view.prefetch(ITEMS, [item_id_of(orgcode, *key) for key in keys])
    view.prefetch(ZONES, zones)
    view.prefetch(BINS, bins)
    items = await items_of_many(view, keys)
    lots = await ledger_lots(view, [(item.variant_id, item.lot_codes) for item in items.values()])
    opened = {key: OpenItem(item, lots.get(item.variant_id, {})) for key, item in items.items()}
    closed = {zone_id for zone_id, zone in (await view.get_many(ZONES, zones)).items() if zone.status != "active"}
    closed |= {bin_id for bin_id, place in (await view.get_many(BINS, bins)).items() if place.status != "active"}
    return Ground(opened, frozenset(closed))


def _ids(named: Iterable[str | None]) -> list[str]:
    return sorted({each for each in named if each is not None})

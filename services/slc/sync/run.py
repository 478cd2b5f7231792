"""What one run of the content worker holds, and the steps that standard and custom channels share."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from services.slc.audit.domain import AuditKind, FieldChange
from services.slc.channel.domain import StoredChannel
from services.slc.job.domain import SyncJob
from services.slc.shopify.errors import ShopRefused
from services.slc.shopify.inputs import MetafieldKey, OwnedMetafield
from services.slc.shopify.port import METAFIELDS_MAX, VARIANTS_MAX, Shop
from services.slc.shopify.states import VariantState
from services.slc.shopify.words import Gid
from services.slc.sync.fields import OtherCurrency, metafields_of, shown_variant
from services.slc.sync.outcome import Ending
from services.slc.sync.plan import Member, VariantPlan, denies, metafield_plan, mode_of, variant_change, variant_plan
from services.slc.sync.recording import changes_of, metafields_change
from services.slc.variant.domain import StoredVariant, forgotten, lease_of


def unmapped(row: StoredVariant) -> dict[str, Any]:
    """The fields of a row that is matched anew: nothing of Shopify, baselines neither."""
    bare = forgotten(row)
    names = ("shopify_product_id", "shopify_variant_id", "inventory_item_id", "pushed", "answered", "levels")
    return {name: getattr(bare, name) for name in names}


@dataclass
class Draft:
    """What a variant's row will hold after the run, and what was written for it."""

    member: Member
    job: SyncJob
    fields: dict[str, Any] = field(default_factory=dict)
    changes: list[FieldChange] = field(default_factory=list)
    plan: VariantPlan | None = None
    audit: AuditKind = "sync.updated"

    @property
    def variant_id(self) -> str:
        """Of the variant."""
        return self.member.row.variant_id

    def now(self, name: str) -> Any:
        """A field of the row as it will be."""
        return self.fields.get(name, getattr(self.member.row, name))


@dataclass
class SyncRun:
    """One run over the jobs of a style in one channel."""

    channel: StoredChannel
    shop: Shop
    currency: str
    members: Sequence[Member]
    drafts: list[Draft]
    endings: list[Ending] = field(default_factory=list)

    @property
    def any_sold(self) -> bool:
        """Whether some variant of the style is on the list and online."""
        return any(each.is_sold for each in self.members)

    @property
    def forced(self) -> bool:
        """Whether a job compares with what the shop shows."""
        return any(each.job.forced for each in self.drafts)

    def by_lease(self) -> list[tuple[str, "SyncRun"]]:
        """The part of each style, or of each variant without one. They share what became of variants."""
        leases = dict.fromkeys(lease_of(each.member.row) for each in self.drafts)
        return [
            (
                lease,
                replace(
                    self,
                    members=[each for each in self.members if lease_of(each.row) == lease],
                    drafts=[each for each in self.drafts if lease_of(each.member.row) == lease],
                ),
            )
            for lease in leases
        ]

    def end(self, draft: Draft, **ending: Any) -> None:
        """Say what became of a variant; nothing more is done about it."""
        fields = {**draft.fields, **ending.pop("fields", {})}
        self.drafts = [each for each in self.drafts if each is not draft]
        self.endings.append(Ending(variant_id=draft.variant_id, fields=fields, **ending))

    def rematch(self, draft: Draft, message: str) -> None:
        """The variant's map leads to nothing any more: it is forgotten, and the variant matched once more."""
        self.end(draft, kind="rematch", code="no_match", message=message, fields=unmapped(draft.member.row))

    def refuse_all(self, message: str) -> None:
        """The shop refused what all remaining variants need."""
        for draft in list(self.drafts):
            self.end(draft, kind="refused", code="refused", message=message)

    def plan_variants(self, states: dict[Gid, VariantState]) -> None:
        """Plan the fields of every mapped variant; one whose currency differs is refused."""
        for draft in list(self.drafts):
            shopify_id = draft.now("shopify_variant_id")
            if shopify_id is None:
                continue
            state = states.get(shopify_id) if draft.job.forced or not draft.member.row.pushed else None
            if state is None and draft.job.forced:
                self.rematch(draft, "the variant is gone")
                continue
            mode = mode_of(self.channel, draft.member, any_sold=self.any_sold)
            denied = denies(self.channel, draft.member, mode, any_sold=self.any_sold)
            try:
                shown = shown_variant(state) if state is not None else None
                draft.plan = variant_plan(self.channel, draft.member, self.currency, denied=denied, shown=shown)
            except OtherCurrency as problem:
                self.end(draft, kind="refused", code="refused", message=str(problem))

    async def write_variants(self, product_id: Gid) -> None:
        """Write the planned fields of a product's variants; a refused one holds up no other.

        Raises `ShopRefused` where the product of a style is gone.
        """
        due = [each for each in self.drafts if each.plan is not None and each.plan.differs]
        due = [each for each in due if each.now("shopify_product_id") == product_id]
        for start in range(0, len(due), VARIANTS_MAX):
            part = due[start : start + VARIANTS_MAX]
            changes = [
                variant_change(each.now("shopify_variant_id"), each.plan.differs, each.plan.wanted)
                for each in part
                if each.plan is not None
            ]
            try:
                answered = await self.shop.products.update_variants(product_id, changes)
            except ShopRefused as refused:
                if self.channel.type == "standard" and refused.has(ShopRefused.PRODUCT_GONE):
                    # All of the style is concerned, so its own map too.
                    raise
                self._refuse_some(part, refused)
                answered = refused.answered
            shown = {each.id: each for each in answered}
            for draft in part:
                state = shown.get(draft.now("shopify_variant_id"))
                if draft in self.drafts and state is not None:
                    known = {name: getattr(state, name) for name in ("sku", "barcode", "price", "compare_at_price")}
                    keep_written(draft, known)

    def _refuse_some(self, part: Sequence[Draft], refused: ShopRefused) -> None:
        for error in refused.errors:
            concerned = part if error.index is None or error.index >= len(part) else [part[error.index]]
            for draft in concerned:
                if draft not in self.drafts:
                    continue
                if error.code in ShopRefused.GONE:
                    self.rematch(draft, error.message)
                else:
                    self.end(draft, kind="refused", code="refused", message=error.message)

    async def write_metafields(self) -> None:
        """Set and delete the variants' metafields that differ; of forced and first jobs, from what the shop shows."""
        shown = await self._shown_metafields()
        for draft in list(self.drafts):
            owner = draft.now("shopify_variant_id")
            if owner is None:
                continue
            to_set, gone = metafield_plan(self.channel, draft.member, shown.get(owner))
            if not to_set and not gone:
                continue
            try:
                await self._set_metafields(owner, to_set)
                await self._delete_metafields(owner, gone)
            except ShopRefused as refused:
                self.end(draft, kind="refused", code="refused", message=str(refused))
                continue
            change = metafields_change(draft.now("pushed").get("metafields", {}), to_set, gone)
            draft.fields["pushed"] = {**draft.now("pushed"), "metafields": change.after}
            draft.changes.append(change)

    async def _shown_metafields(self) -> dict[Gid, dict[str, str]]:
        """What the shop shows of metafields, for variants that were there before a forced or first job."""
        wanted: dict[Gid, list[str]] = {}
        for draft in self.drafts:
            owner, content = draft.now("shopify_variant_id"), draft.member.listing.content
            keys = list(metafields_of(content, self.channel.config)) if content is not None else []
            compared = (draft.job.forced or not draft.member.row.pushed) and draft.audit != "sync.created"
            if compared and owner is not None and keys:
                wanted[owner] = keys
        keys = list(dict.fromkeys(key for each in wanted.values() for key in each))
        found: dict[Gid, dict[str, str]] = {owner: {} for owner in wanted}
        for start in range(0, len(keys), METAFIELDS_MAX):
            part = await self.shop.products.metafields(list(wanted), keys[start : start + METAFIELDS_MAX])
            for owner, values in part.items():
                found.setdefault(owner, {}).update(values)
        return found

    async def _set_metafields(self, owner: Gid, values: dict[str, list[str]]) -> None:
        inputs = []
        for key, (kind, value) in values.items():
            namespace, _, name = key.rpartition(".")
            inputs.append(OwnedMetafield(owner_id=owner, namespace=namespace, key=name, type=kind, value=value))
        for start in range(0, len(inputs), METAFIELDS_MAX):
            await self.shop.products.set_metafields(inputs[start : start + METAFIELDS_MAX])

    async def _delete_metafields(self, owner: Gid, keys: Sequence[str]) -> None:
        gone = [
            MetafieldKey(owner_id=owner, namespace=key.rpartition(".")[0], key=key.rpartition(".")[2]) for key in keys
        ]
        for start in range(0, len(gone), METAFIELDS_MAX):
            await self.shop.products.delete_metafields(gone[start : start + METAFIELDS_MAX])

    def finish(self) -> None:
        """What is left is in step; quantities come next where they are synced."""
        for draft in list(self.drafts):
            member, listing = draft.member, draft.member.listing
            mode = mode_of(self.channel, member, any_sold=self.any_sold)
            if draft.now("pushed").get("bundle"):
                # Found in this run: the quantity of a bundle follows from its parts, and is never written.
                mode = "leave"
            if listing.content is not None:
                draft.fields |= {"synced_rev": listing.rev, "synced_rev_id": listing.rev_id}
            draft.fields["pushed"] = {**draft.now("pushed"), "mode": mode}
            more = self.channel.syncs("inventory") and mode != "leave" and draft.now("inventory_item_id") is not None
            kind: AuditKind = draft.audit if member.row.included else "sync.removed"
            self.end(draft, changes=tuple(draft.changes), audit=kind, more=more)

    def rehearse(self) -> None:
        """The channel is a rehearsal: say what would be written, and write nothing."""
        for draft in list(self.drafts):
            changes = [*draft.changes]
            if draft.plan is not None:
                changes += changes_of(draft.plan.differs, draft.plan.wanted)
            self.end(draft, changes=tuple(changes), in_shadow=True)


def keep_written(draft: Draft, answered: dict[str, Any]) -> None:
    """Keep what was written for a variant, and what Shopify answered for it."""
    assert draft.plan is not None
    wanted = {name: draft.plan.wanted[name] for name in draft.plan.differs}
    draft.changes += changes_of(draft.plan.differs, draft.plan.wanted)
    kept = {name: answered.get(name, value) for name, value in wanted.items()}
    draft.fields["pushed"] = {**draft.now("pushed"), **wanted}
    draft.fields["answered"] = {**draft.now("answered"), **kept}


def keep_found(draft: Draft) -> None:
    """What was compared with the shop and found equal counts as written."""
    if draft.plan is not None and (draft.job.forced or not draft.member.row.pushed):
        equal = {name: value for name, value in draft.plan.wanted.items() if name not in draft.plan.differs}
        draft.fields["pushed"] = {**equal, **draft.now("pushed")}

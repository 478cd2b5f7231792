"""Content of standard channels: one product per style, created, updated and archived with all its variants."""

from typing import Any

from msgspec.structs import replace

from chassis.unit import Change, Units
from chassis.work.handle import Work
from chassis.work.queue import NoPayload
from services.slc.audit.domain import FieldChange
from services.slc.counters.store import count
from services.slc.shopify.errors import ShopRefused
from services.slc.shopify.inputs import OwnedMetafield
from services.slc.shopify.states import CreatedProduct
from services.slc.shopify.words import Gid
from services.slc.sync.fields import OtherCurrency, shown_product, tags_to_write
from services.slc.sync.finding import Ambiguous, ProductIndex, find_product
from services.slc.sync.plan import (
    STYLE_KEY,
    Member,
    new_fields,
    new_product,
    product_change,
    product_plan,
    source_of,
    status_of,
)
from services.slc.sync.recording import created_changes
from services.slc.sync.run import Draft, SyncRun, keep_found, unmapped
from services.slc.sync.style_variants import create_variants, map_to, match_variants
from services.slc.variant.domain import StyleMap, row_id_of
from services.slc.variant.store import STYLE_MAPS


class StyleSync:
    """Brings one style of a standard channel in step, quantities left out."""

    def __init__(self, run: SyncRun, units: Units, work: Work[NoPayload], style_id: str) -> None:
        self._run = run
        self._units = units
        self._work = work
        self._style_id = style_id
        self._map: StyleMap | None = None
        self._stored: StyleMap | None = None
        self._archived = False

    async def sync(self) -> None:
        """Product, new variants, variant fields, tags, metafields, publications."""
        run = self._run
        self._map = self._stored = await self._known_map()
        for draft in list(run.drafts):
            is_served = draft.member.row.included and draft.member.listing.content is not None
            if not is_served and draft.now("shopify_variant_id") is None:
                self._end_unserved(draft)
        try:
            if self._map is None and not await self._find():
                await self._create()
                return
        except Ambiguous as problem:
            self._ambiguous(problem)
            return
        if run.drafts and self._map is not None:
            await self._update(self._map)

    def _end_unserved(self, draft: Draft) -> None:
        if draft.member.row.included:
            message = "PMC serves nothing for it in the channel"
            self._run.end(draft, kind="waiting", code="no_product", message=message)
        else:
            self._run.end(draft)

    def _ambiguous(self, problem: Ambiguous) -> None:
        for draft in list(self._run.drafts):
            candidates = tuple(problem.candidates)
            self._run.end(draft, kind="refused", code="ambiguous_match", message=str(problem), candidates=candidates)

    async def _known_map(self) -> StyleMap | None:
        return await self._units.view(
            self._work.call,
            lambda view: view.get(STYLE_MAPS, row_id_of(self._run.channel.channel_id, self._style_id)),
        )

    def _new_map(self, product_id: Gid, **fields: Any) -> StyleMap:
        return StyleMap(
            row_id=row_id_of(self._run.channel.channel_id, self._style_id),
            channel_id=self._run.channel.channel_id,
            style_id=self._style_id,
            shopify_product_id=product_id,
            **fields,
        )

    async def _save_map(self, *, created: bool = False) -> None:
        """Keep what is known of the product; a crash after this finds it again."""
        made = self._map
        assert made is not None

        async def write(change: Change) -> StyleMap:
            await self._work.checkpoint(change)
            known = await change.get(STYLE_MAPS, made.row_id)
            await count(change, made.channel_id, products_created=created, products_archived=self._archived)
            if known is None:
                return await change.insert(STYLE_MAPS, made)
            return await change.update(STYLE_MAPS, replace(made, orgcode=known.orgcode))

        if made != self._stored or created:
            self._map = self._stored = await self._units.change(self._work.call, write)
            self._archived = False

    # ── creation ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _find(self) -> bool:
        """Whether the shop has the product; then it is mapped."""
        run = self._run
        contents = [each.listing.content for each in run.members if each.row.included and each.listing.content]
        if not contents:
            return bool(run.drafts) and self._end_all_unserved()
        found = await find_product(run.shop, run.channel, self._style_id, contents)
        if found is None:
            return False
        self._map = self._new_map(found.product_id, adopted=found.adopted)
        return True

    def _end_all_unserved(self) -> bool:
        for draft in list(self._run.drafts):
            self._end_unserved(draft)
        return True

    async def _create(self) -> None:
        """Create the product with every served variant."""
        run, channel = self._run, self._run.channel
        members = [each for each in run.members if each.row.included and each.listing.content is not None]
        plan = product_plan(channel, members, {}, {}, None)
        if "status" not in plan.wanted:
            plan.wanted["status"] = status_of(channel, members) or "ACTIVE"
        try:
            variants = [new_fields(channel, each, run.currency) for each in members]
        except OtherCurrency as problem:
            run.refuse_all(str(problem))
            return
        if channel.config.shadow:
            for draft in run.drafts:
                draft.changes.append(FieldChange(field="product", before=None, after=plan.wanted.get("title")))
            run.rehearse()
            return
        namespace = channel.config.metafield_namespace
        product = new_product(channel, members, self._style_id, plan.wanted, variants)
        try:
            made = await run.shop.products.create(namespace, self._style_id, product)
            if channel.config.publication_ids:
                await run.shop.products.publish(made.product.id, channel.config.publication_ids)
        except ShopRefused as refused:
            run.refuse_all(str(refused))
            return
        await self._keep_created(made, plan.wanted, members, variants)

    async def _keep_created(
        self, made: CreatedProduct, wanted: dict[str, Any], members: list[Member], variants: list[dict[str, Any]]
    ) -> None:
        run = self._run
        shown = shown_product(made.product)
        source = source_of(members)
        tags = list(source.tags) if source is not None and run.channel.syncs("tags") else []
        pushed = {**wanted, "publications": list(run.channel.config.publication_ids)}
        answered = {name: shown.get(name) for name in wanted}
        self._map = self._new_map(made.product.id, pushed=pushed, answered=answered, tags=tags)
        await self._save_map(created=True)
        index = ProductIndex(made.variants)
        fields_of = {each.row.variant_id: fields for each, fields in zip(members, variants, strict=True)}
        for draft in run.drafts:
            fields = fields_of[draft.variant_id]
            ref = index.with_options(fields["options"])
            assert ref is not None, fields
            map_to(draft, made.product.id, ref)
            content = draft.member.listing.content
            metafields = {} if content is None else _metafields(draft, run)
            draft.fields["pushed"] = {**fields, "metafields": metafields}
            draft.fields["answered"] = dict(fields)
            draft.audit = "sync.created"
            draft.changes += created_changes({**wanted, **fields})
        run.finish()

    # ── update ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _update(self, known: StyleMap) -> None:
        run = self._run
        new = any(each.now("shopify_variant_id") is None for each in run.drafts)
        if new and not await match_variants(run, known.shopify_product_id):
            await self._forget()
            return
        ids = [
            each.now("shopify_variant_id")
            for each in run.drafts
            if each.now("shopify_variant_id") and (each.job.forced or not each.now("pushed"))
        ]
        states = await run.shop.products.states(ids) if ids else {}
        run.plan_variants(states)
        product = next((each.product for each in states.values()), None)
        shown = shown_product(product) if product is not None else None
        plan = product_plan(run.channel, run.members, known.pushed, known.answered, shown)
        if run.channel.config.shadow:
            for draft in run.drafts[:1]:
                draft.changes += [
                    FieldChange(field=name, before=before, after=plan.wanted[name])
                    for name, before in plan.differs.items()
                ]
            run.rehearse()
            return
        try:
            await self._write_style_id(known)
            await self._write_product(self._map or known, plan.wanted, plan.differs)
            await create_variants(run, known.shopify_product_id)
            await run.write_variants(known.shopify_product_id)
            await self._write_tags(set(product.tags) if product is not None else None)
            await run.write_metafields()
            await self._publish()
        except ShopRefused as refused:
            # Refusals of a product's own fields bear no code: the shop is asked whether it is there still.
            if refused.gone or await run.shop.products.variants_of(known.shopify_product_id) is None:
                await self._forget()
            else:
                run.refuse_all(str(refused))
        await self._save_map_if_known()
        for draft in run.drafts:
            keep_found(draft)
        run.finish()

    async def _save_map_if_known(self) -> None:
        if self._map is not None:
            await self._save_map()

    async def _forget(self) -> None:
        """The product is gone: its map is forgotten, and the style is matched once more."""
        known, self._map = self._map, None
        for draft in list(self._run.drafts):
            fields = unmapped(draft.member.row)
            self._run.end(draft, kind="rematch", code="no_match", message="the product is gone", fields=fields)

        async def write(change: Change) -> None:
            await self._work.checkpoint(change)
            stored = await change.get(STYLE_MAPS, known.row_id) if known is not None else None
            if stored is not None:
                await change.delete(STYLE_MAPS, stored)

        await self._units.change(self._work.call, write)

    async def _write_style_id(self, known: StyleMap) -> None:
        """Give an adopted product the custom id by which it is found from now on."""
        if not known.adopted or known.pushed.get(STYLE_KEY) == self._style_id:
            return
        namespace = self._run.channel.config.metafield_namespace
        await self._run.shop.products.set_metafields(
            [
                OwnedMetafield(
                    owner_id=known.shopify_product_id,
                    namespace=namespace,
                    key=STYLE_KEY,
                    type="id",
                    value=self._style_id,
                )
            ]
        )
        self._map = replace(known, pushed={**known.pushed, STYLE_KEY: self._style_id})

    async def _write_product(self, known: StyleMap, wanted: dict[str, Any], differs: dict[str, Any]) -> None:
        if not differs:
            return
        state = await self._run.shop.products.update(product_change(known.shopify_product_id, differs, wanted))
        shown = shown_product(state)
        self._archived = differs.get("status") is not None and wanted.get("status") == "ARCHIVED"
        self._map = replace(
            known,
            pushed={**known.pushed, **{name: wanted[name] for name in differs}},
            answered={**known.answered, **{name: shown.get(name) for name in differs}},
        )
        changes = [FieldChange(field=name, before=before, after=wanted[name]) for name, before in differs.items()]
        for draft in self._run.drafts[:1]:
            draft.changes += changes
            draft.audit = "sync.archived" if wanted.get("status") == "ARCHIVED" else draft.audit

    async def _write_tags(self, shown: set[str] | None) -> None:
        """Add tags that are missing; remove only those that were written here and PMC has no more."""
        source, known = source_of(self._run.members), self._map
        if known is None or source is None or not self._run.channel.syncs("tags"):
            return
        add, remove = tags_to_write(source.tags, known.tags, shown)
        if add:
            await self._run.shop.products.add_tags(known.shopify_product_id, add)
        if remove:
            await self._run.shop.products.remove_tags(known.shopify_product_id, remove)
        if add or remove:
            before = sorted(shown) if shown is not None else known.tags
            for draft in self._run.drafts[:1]:
                draft.changes.append(FieldChange(field="tags", before=before, after=list(source.tags)))
        self._map = replace(known, tags=list(source.tags))

    async def _publish(self) -> None:
        known, wanted = self._map, list(self._run.channel.config.publication_ids)
        if known is None or set(wanted) <= set(known.pushed.get("publications", [])):
            return
        await self._run.shop.products.publish(known.shopify_product_id, wanted)
        self._map = replace(known, pushed={**known.pushed, "publications": wanted})


def _metafields(draft: Draft, run: SyncRun) -> dict[str, list[str]]:
    content = draft.member.listing.content
    if content is None or not run.channel.syncs("metafields"):
        return {}
    return {f"{each.namespace}.{each.key}": [each.type, each.value] for each in content.metafields}

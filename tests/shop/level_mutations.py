"""Mutations of quantities, with compare values and idempotency keys."""

from typing import Any

from tests.shop.execution import Root
from tests.shop.hooks import Hooks
from tests.shop.model import Level, Shop
from tests.shop.product_mutations import Refused, number_of


class LevelMutations:
    """Mutations of one shop's quantities."""

    def __init__(self, shop: Shop, hooks: Hooks) -> None:
        self._shop = shop
        self._hooks = hooks
        self.refused: dict[str, str] = {}
        """Items whose quantity is refused -> the message."""

    def roots(self) -> dict[str, Root]:
        """Root field -> what it does."""
        return {"inventorySetQuantities": self._set, "inventoryActivate": self._activate}

    def edit(self, item_id: str, location_id: str, available: int, *, silent: bool = False) -> None:
        """Set a quantity as a person in the shop does."""
        self._shop.items[item_id].levels.setdefault(location_id, Level()).available = available
        self._changed(item_id, location_id, silent=silent)

    def _set(self, asked: dict[str, Any]) -> Any:
        given = asked["input"]["quantities"]
        for place, each in enumerate(given):
            self._check(place, each)
        changes = []
        for each in given:
            item_id, location_id = each["inventoryItemId"], each["locationId"]
            level = self._shop.items[item_id].levels[location_id]
            delta, level.available = each["quantity"] - level.available, each["quantity"]
            changes.append(
                {
                    "name": "available",
                    "delta": delta,
                    "quantityAfterChange": None,
                    "item": {"id": item_id},
                    "location": {"id": location_id},
                }
            )
            if delta:
                self._changed(item_id, location_id)
        group = {
            "id": self._shop.gid("InventoryAdjustmentGroup"),
            "createdAt": self._shop.now(),
            "changes": lambda _: changes,
        }
        return {"inventoryAdjustmentGroup": group}

    def _check(self, place: int, entry: dict[str, Any]) -> None:
        def refused(message: str, name: str, code: str) -> Refused:
            return Refused(message, ["input", "quantities", str(place), name], code)

        item = self._shop.items.get(entry["inventoryItemId"])
        if item is None:
            raise refused("The inventory item could not be found.", "inventoryItemId", "INVALID_INVENTORY_ITEM")
        if entry["locationId"] not in self._shop.locations:
            raise refused("The specified location could not be found.", "locationId", "INVALID_LOCATION")
        if item.id in self.refused:
            raise refused(self.refused[item.id], "quantity", "INVALID_QUANTITY_TOO_HIGH")
        level = item.levels.get(entry["locationId"])
        if level is None:
            raise refused("The item is not stocked at the location.", "locationId", "ITEM_NOT_STOCKED_AT_LOCATION")
        if self._is_bundle(item.id):
            raise refused("The item cannot be changed.", "inventoryItemId", "NON_MUTABLE_INVENTORY_ITEM")
        if not isinstance(entry.get("changeFromQuantity"), int):
            raise refused("changeFromQuantity is required", "changeFromQuantity", "INVALID")
        if entry["changeFromQuantity"] != level.available:
            raise refused("The compare quantity is stale.", "changeFromQuantity", "CHANGE_FROM_QUANTITY_STALE")

    def _is_bundle(self, item_id: str) -> bool:
        return any(each.item.id == item_id and each.requires_components for each in self._shop.variants.values())

    def _activate(self, asked: dict[str, Any]) -> Any:
        item = self._shop.items.get(asked["inventoryItemId"])
        if item is None:
            raise Refused("The inventory item could not be found.", ["inventoryItemId"])
        if asked["locationId"] not in self._shop.locations:
            raise Refused("The location could not be found.", ["locationId"])
        if asked["locationId"] in item.levels:
            raise Refused("Not allowed to set available quantity when the item is already active.", ["available"])
        item.levels[asked["locationId"]] = Level(asked.get("available") or 0, 0, self._shop.now())
        self._changed(item.id, asked["locationId"])
        quantity = {"name": "available", "quantity": asked.get("available") or 0}
        return {"inventoryLevel": {"id": "gid://shopify/InventoryLevel/1", "quantities": lambda _: [quantity]}}

    def _changed(self, item_id: str, location_id: str, *, silent: bool = False) -> None:
        level = self._shop.items[item_id].levels[location_id]
        level.updated_at = self._shop.now()
        if not silent:
            body = {
                "inventory_item_id": number_of(item_id),
                "location_id": number_of(location_id),
                "available": level.available,
            }
            self._hooks.ring("inventory_levels/update", body)

"""Hubs: facilities, variants and channel codes, which records name and no service stores."""

from collections.abc import Mapping

from chassis.entity import Value

HUB_SERVICE = "stack"


class Hub(Value):
    """A kind of hub.

    table   the table it is shown in
    prefix  of its SK, before `#` and the value
    field   its property beside `orgcode`
    type    that property's type, a word of the contract
    """

    kind: str
    table: str
    prefix: str
    field: str
    type: str

    def keys(self, orgcode: str, value: str) -> dict[str, str]:
        """PK and SK of the hub with this value."""
        return {"PK": f"ORG#{orgcode}", "SK": f"{self.prefix}#{value}"}

    def value_in(self, pk: str, sk: str) -> tuple[str, str] | None:
        """Org and value in a PK and SK; None if they are not of this kind."""
        org, sk_prefix = pk.removeprefix("ORG#"), f"{self.prefix}#"
        fits = pk.startswith("ORG#") and org and sk.startswith(sk_prefix) and len(sk) > len(sk_prefix)
        return (org, sk.removeprefix(sk_prefix)) if fits else None


HUBS: Mapping[str, Hub] = {
    hub.kind: hub
    for hub in (
        Hub(kind="facility", table="stack_facilities", prefix="FACILITY", field="logical_guid", type="guid"),
        Hub(kind="variant", table="stack_variants", prefix="VARIANT", field="variant_id", type="guid"),
        Hub(kind="channel_code", table="stack_channel_codes", prefix="CHANNEL", field="channel_code", type="code"),
    )
}
"""Kind -> its hub, in the order in which they are listed."""


def hub_of_table(table: str) -> Hub | None:
    """The hub whose table this is, if any."""
    return next((hub for hub in HUBS.values() if hub.table == table), None)

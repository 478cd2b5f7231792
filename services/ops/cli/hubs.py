"""Hubs of the graph: facilities, variants and channel codes, which records name and no service stores."""

from typing import Any, NamedTuple

from chassis.pattern import pattern


class Hub(NamedTuple):
    """A kind of hub: the table it is shown in, the pattern of its SK, and its property beside `orgcode`."""

    kind: str
    table: str
    sk_pattern: str
    field: str

    def keys(self, orgcode: str, value: str) -> dict[str, str]:
        """PK and SK of the hub with this value."""
        return {"PK": f"ORG#{orgcode}", "SK": self.sk_pattern.replace(f"{{{self.field}}}", value)}

    def node(self, orgcode: str, value: str) -> dict[str, Any]:
        """The contract's Node of the hub with this value."""
        return {
            "ddb_keys": self.keys(orgcode, value),
            "properties": {"orgcode": orgcode, self.field: value},
            "metadata": {
                "service_code": "stack",
                "table": self.table,
                "entity_type": self.kind,
                "label": value,
                "revision": None,
                "size_bytes": 0,
            },
        }

    def value_in(self, pk: str, sk: str) -> tuple[str, str] | None:
        """Org and value in a PK and SK; None if they are not of this kind."""
        org, own = pattern("ORG#{orgcode}").parse(pk), pattern(self.sk_pattern).parse(sk)
        named = ("", "") if org is None or own is None else (org["orgcode"], own[self.field])
        return named if all(named) else None


HUBS = (
    Hub("facility", "stack_facilities", "FACILITY#{logical_guid}", "logical_guid"),
    Hub("variant", "stack_variants", "VARIANT#{variant_id}", "variant_id"),
    Hub("channel_code", "stack_channel_codes", "CHANNEL#{channel_code}", "channel_code"),
)


def hub_of_table(table: str) -> Hub | None:
    """The hub whose table this is, if any."""
    return next((hub for hub in HUBS if hub.table == table), None)

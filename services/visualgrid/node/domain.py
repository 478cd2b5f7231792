"""Records as nodes, and the links between them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from chassis.endpoint import Answer
from chassis.entity import Value
from retailstack.graph.v1 import source_pb2 as pb
from services.visualgrid.graph.domain import Direction, Hop, NodeKind
from services.visualgrid.graph.hubs import HUB_SERVICE, Hub

LABEL_LENGTH_MAX = 120


class DdbKeys(Answer, omit_defaults=True):
    PK: str
    SK: str
    GSI1PK: str | None = None
    GSI1SK: str | None = None
    GSI2PK: str | None = None
    GSI2SK: str | None = None
    GSI3PK: str | None = None
    GSI3SK: str | None = None
    GSI4PK: str | None = None
    GSI4SK: str | None = None


class NodeMetadata(Answer, omit_defaults=True):
    service_code: str
    table: str
    entity_type: str
    label: str
    revision: int | None = None
    size_bytes: int


class Node(Answer):
    ddb_keys: DdbKeys
    properties: msgspec.Raw
    metadata: NodeMetadata


class NodeRef(Answer):
    table: str
    pk: str
    sk: str


class Link(Answer):
    edge: str
    direction: Direction
    from_: NodeRef = msgspec.field(name="from")
    to: NodeRef


class Found(Value):
    """A record or hub that a service answered.

    id       what names it among its kind; a hub's value
    orgcode  empty for a record of no org
    """

    node: Node
    id: str
    orgcode: str

    @property
    def kind(self) -> NodeKind:
        """Its kind."""
        return NodeKind(service=self.node.metadata.service_code, name=self.node.metadata.entity_type)

    @property
    def is_hub(self) -> bool:
        """Whether it is a hub, which no service stores."""
        return self.node.metadata.service_code == HUB_SERVICE

    @property
    def ref(self) -> NodeRef:
        """Its place in the graph."""
        keys = self.node.ddb_keys
        return NodeRef(table=self.node.metadata.table, pk=keys.PK, sk=keys.SK)

    @property
    def bytes(self) -> int:
        """Size of its properties."""
        return self.node.metadata.size_bytes

    def properties(self) -> Mapping[str, Any]:
        """Its fields, decoded."""
        fields: dict[str, Any] = msgspec.json.decode(self.node.properties)
        return fields


def found_from_proto(service: str, record: pb.Record) -> Found:
    """A record of a service."""
    text = record.properties.encode()
    metadata = NodeMetadata(
        service_code=service,
        table=record.table,
        entity_type=record.entity,
        label=(record.label or record.id)[:LABEL_LENGTH_MAX],
        revision=record.revision if record.HasField("revision") else None,
        size_bytes=len(text),
    )
    node = Node(ddb_keys=DdbKeys(**dict(record.keys)), properties=msgspec.Raw(text), metadata=metadata)
    return Found(node=node, id=record.id, orgcode=record.orgcode)


def hub_found(hub: Hub, orgcode: str, value: str) -> Found:
    """The node of a hub."""
    metadata = NodeMetadata(
        service_code=HUB_SERVICE,
        table=hub.table,
        entity_type=hub.kind,
        label=value[:LABEL_LENGTH_MAX],
        size_bytes=0,
    )
    properties = msgspec.json.encode({"orgcode": orgcode, hub.field: value})
    node = Node(ddb_keys=DdbKeys(**hub.keys(orgcode, value)), properties=msgspec.Raw(properties), metadata=metadata)
    return Found(node=node, id=value, orgcode=orgcode)


def link_of(hop: Hop, near: NodeRef, far: NodeRef) -> Link:
    """The link that a hop followed, by the ends of its declared edge."""
    start, end = (near, far) if hop.direction == "out" else (far, near)
    return Link(edge=hop.name, direction=hop.direction, from_=start, to=end)

"""The four formats of an export. Each turns one node or link into one text, so that the size can be bounded."""

import csv
import io
import re
from collections.abc import Sequence
from typing import Literal, Protocol
from xml.sax.saxutils import escape, quoteattr

import msgspec

from chassis.endpoint import Answer
from services.visualgrid.node.domain import Node, NodeRef
from services.visualgrid.node.history import HistoryItem

Format = Literal["json", "csv", "graphml", "cytoscape"]
Content = msgspec.Raw | str

encode = msgspec.json.Encoder().encode
_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_RUNS_IN_SHEETS = re.compile(r"[=+@\t\r]|-(?!\d)")


class ExportLink(Answer):
    edge: str
    from_: NodeRef = msgspec.field(name="from")
    to: NodeRef


class Writer(Protocol):
    """One format. `history` is None where none was asked for."""

    content_type: str
    suffix: str

    def node(self, node: Node, history: Sequence[HistoryItem] | None) -> str:
        """The text of a node."""
        ...

    def link(self, link: ExportLink, number: int) -> str:
        """The text of a link; `number` tells it from the others."""
        ...

    def content(self, nodes: Sequence[str], links: Sequence[str]) -> Content:
        """The whole export."""
        ...


def id_of(ref: NodeRef) -> str:
    """The id of a node in every format but json."""
    return f"{ref.table}|{ref.pk}|{ref.sk}"


def ref_of(node: Node) -> NodeRef:
    """The place of a node."""
    return NodeRef(table=node.metadata.table, pk=node.ddb_keys.PK, sk=node.ddb_keys.SK)


class _NodeWithHistory(Node):
    history: list[HistoryItem]


class JsonWriter:
    """`{nodes, links}` as the other rows answer them."""

    content_type, suffix = "application/json", "json"

    def node(self, node: Node, history: Sequence[HistoryItem] | None) -> str:
        if history is None:
            return encode(node).decode()
        fields = {name: getattr(node, name) for name in node.__struct_fields__}
        return encode(_NodeWithHistory(**fields, history=list(history))).decode()

    def link(self, link: ExportLink, number: int) -> str:  # noqa: ARG002  links have no id here
        return encode(link).decode()

    def content(self, nodes: Sequence[str], links: Sequence[str]) -> Content:
        return msgspec.Raw(f'{{"nodes":[{",".join(nodes)}],"links":[{",".join(links)}]}}'.encode())


class _CytoscapeNode(Answer, omit_defaults=True):
    id: str
    label: str
    service_code: str
    table: str
    entity_type: str
    pk: str
    sk: str
    revision: int | None
    properties: msgspec.Raw
    history: list[HistoryItem] | None = None


class CytoscapeWriter:
    """The elements of Cytoscape.js."""

    content_type, suffix = "application/json", "json"

    def node(self, node: Node, history: Sequence[HistoryItem] | None) -> str:
        ref, about = ref_of(node), node.metadata
        data = _CytoscapeNode(
            id=id_of(ref),
            label=about.label,
            service_code=about.service_code,
            table=ref.table,
            entity_type=about.entity_type,
            pk=ref.pk,
            sk=ref.sk,
            revision=about.revision,
            properties=node.properties,
            history=None if history is None else list(history),
        )
        return encode({"data": data}).decode()

    def link(self, link: ExportLink, number: int) -> str:
        data = {"id": f"e{number}", "source": id_of(link.from_), "target": id_of(link.to), "edge": link.edge}
        return encode({"data": data}).decode()

    def content(self, nodes: Sequence[str], links: Sequence[str]) -> Content:
        return msgspec.Raw(f'{{"elements":{{"nodes":[{",".join(nodes)}],"edges":[{",".join(links)}]}}}}'.encode())


class CsvWriter:
    """One table of nodes and links."""

    content_type, suffix = "text/csv", "csv"
    _columns = (
        *("row", "id", "service_code", "table", "entity_type", "label", "pk", "sk", "revision"),
        *("edge", "source", "target", "properties"),
    )

    def __init__(self, *, with_history: bool) -> None:
        self._header = (*self._columns, "history") if with_history else self._columns

    def node(self, node: Node, history: Sequence[HistoryItem] | None) -> str:
        ref, about = ref_of(node), node.metadata
        revision = "" if about.revision is None else str(about.revision)
        cells = ["node", id_of(ref), about.service_code, ref.table, about.entity_type, about.label, ref.pk, ref.sk]
        cells += [revision, "", "", "", bytes(node.properties).decode()]
        return self._row(cells if history is None else [*cells, encode(list(history)).decode()])

    def link(self, link: ExportLink, number: int) -> str:
        cells = ["link", f"e{number}", *[""] * 7, link.edge, id_of(link.from_), id_of(link.to), ""]
        return self._row([*cells, *[""] * (len(self._header) - len(cells))])

    def content(self, nodes: Sequence[str], links: Sequence[str]) -> Content:
        return "".join([self._row(self._header), *nodes, *links])

    def _row(self, cells: Sequence[str]) -> str:
        text = io.StringIO()
        csv.writer(text, lineterminator="\r\n").writerow([harmless(cell) for cell in cells])
        return text.getvalue()


def harmless(cell: str) -> str:
    """A cell that no spreadsheet runs as a formula."""
    return f"'{cell}" if _RUNS_IN_SHEETS.match(cell) else cell


class GraphmlWriter:
    """GraphML with string keys."""

    content_type, suffix = "application/graphml+xml", "graphml"
    _node_keys = ("service_code", "table", "entity_type", "label", "pk", "sk", "revision", "properties")

    def __init__(self, *, with_history: bool) -> None:
        self._keys = (*self._node_keys, "history") if with_history else self._node_keys

    def node(self, node: Node, history: Sequence[HistoryItem] | None) -> str:
        ref, about = ref_of(node), node.metadata
        values = [about.service_code, ref.table, about.entity_type, about.label, ref.pk, ref.sk]
        values += ["" if about.revision is None else str(about.revision), bytes(node.properties).decode()]
        if history is not None:
            values.append(encode(list(history)).decode())
        data = "".join(map(_data, self._keys, values))
        return f"<node id={_attribute(id_of(ref))}>{data}</node>\n"

    def link(self, link: ExportLink, number: int) -> str:
        ends = f"source={_attribute(id_of(link.from_))} target={_attribute(id_of(link.to))}"
        return f'<edge id="e{number}" {ends}>{_data("edge", link.edge)}</edge>\n'

    def content(self, nodes: Sequence[str], links: Sequence[str]) -> Content:
        keys = [("node", name) for name in self._keys] + [("edge", "edge")]
        declared = "".join(
            f'<key id="{name}" for="{kind}" attr.name="{name}" attr.type="string"/>\n' for kind, name in keys
        )
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'
            f'{declared}<graph edgedefault="directed">\n{"".join(nodes)}{"".join(links)}</graph>\n</graphml>\n'
        )


def _data(key: str, value: str) -> str:
    return f'<data key="{key}">{escape(_clean(value))}</data>'


def _attribute(value: str) -> str:
    return quoteattr(_clean(value))


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub("�", text)


def writer_of(name: Format, *, with_history: bool) -> Writer:
    """The writer of a format."""
    match name:
        case "json":
            return JsonWriter()
        case "cytoscape":
            return CytoscapeWriter()
        case "csv":
            return CsvWriter(with_history=with_history)
        case "graphml":
            return GraphmlWriter(with_history=with_history)

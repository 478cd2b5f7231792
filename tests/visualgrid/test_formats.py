"""The formats of an export, byte by byte: cells that a spreadsheet would run, and characters that XML does not have."""

import csv
import io
import json
from xml.etree import ElementTree as ET

import msgspec
import pytest

from chassis.clock import Utc
from services.visualgrid.node.domain import DdbKeys, Found, Node, NodeMetadata, NodeRef
from services.visualgrid.node.export import file_name, written
from services.visualgrid.node.formats import ExportLink, Format, Writer, harmless, id_of, ref_of, writer_of
from services.visualgrid.node.history import HistoryItem

HEADER = "row,id,service_code,table,entity_type,label,pk,sk,revision,edge,source,target,properties"
SPACE = "{http://graphml.graphdrawing.org/xmlns}"
ITEM = HistoryItem(at_utc=Utc("2026-03-01T12:00:00.000Z"), action="ics.zone.created", changed=[])


def a_node(sk: str, label: str = "A", revision: int | None = 1) -> Node:
    """A node of a table, in which only its key and label matter."""
    return Node(
        ddb_keys=DdbKeys(PK="ORG#X", SK=sk),
        properties=msgspec.Raw(b'{"code":"A,\\"b\\""}'),
        metadata=NodeMetadata(
            service_code="ics", table="ics_zones", entity_type="zone", label=label, revision=revision, size_bytes=18
        ),
    )


def content_of(name: Format, nodes: list[Node], links: list[ExportLink], history: list[HistoryItem] | None) -> str:
    """The content of an export of these."""
    writer: Writer = writer_of(name, with_history=history is not None)
    content = writer.content(
        [writer.node(node, history) for node in nodes], [writer.link(link, place) for place, link in enumerate(links)]
    )
    return content if isinstance(content, str) else bytes(content).decode()


def between(nodes: list[Node]) -> list[ExportLink]:
    """A link from the first to the second node."""
    return [ExportLink(edge="in", from_=ref_of(nodes[0]), to=ref_of(nodes[1]))]


@pytest.mark.parametrize("history", [None, [ITEM]], ids=["without history", "with history"])
def test_a_csv_has_the_header_and_a_row_for_each_node_and_link(history: list[HistoryItem] | None) -> None:
    nodes = [a_node("ZONE#1", "=1+1"), a_node("ZONE#2", revision=None)]
    text = content_of("csv", nodes, between(nodes), history)
    assert text.split("\r\n")[0] == HEADER + (",history" if history else "")
    first, second, link = csv.DictReader(io.StringIO(text, newline=""))
    assert (first["row"], first["id"], first["label"]) == ("node", "ics_zones|ORG#X|ZONE#1", "'=1+1")
    assert (json.loads(first["properties"]), first["revision"], second["revision"]) == ({"code": 'A,"b"'}, "1", "")
    assert (link["row"], link["edge"], link["source"], link["target"]) == ("link", "in", first["id"], second["id"])
    assert not history or json.loads(first["history"])[0]["action"] == ITEM.action


@pytest.mark.parametrize("cell", ["=1", "+1", "@x", "\tx", "\rx", "-x", "-", "--1"])
def test_a_cell_that_a_spreadsheet_would_run_is_quoted(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "x=1", "-1", "-5.2", "1+1", "'", " =1"])
def test_any_other_cell_stays_as_it_is(cell: str) -> None:
    assert harmless(cell) == cell


@pytest.mark.parametrize("history", [None, [ITEM]], ids=["without history", "with history"])
def test_graphml_is_directed_and_has_only_characters_of_xml(history: list[HistoryItem] | None) -> None:
    nodes = [a_node("ZONE#<&>\x00", "\ud800\ufffe\x0b<&>"), a_node('ZONE#"2"')]
    tree = ET.fromstring(content_of("graphml", nodes, between(nodes), history))  # noqa: S314  it is our own
    graph = tree.find(f"{SPACE}graph")
    assert graph is not None
    assert graph.get("edgedefault") == "directed"
    keys = {(each.get("for"), each.get("attr.name"), each.get("attr.type")) for each in tree.iter(f"{SPACE}key")}
    names = HEADER.split(",")[2:9] + ["properties"] + (["history"] if history else [])
    assert keys == {*(("node", name, "string") for name in names), ("edge", "edge", "string")}
    first, second = (
        {data.get("key"): data.text for data in each} | {"id": each.get("id")} for each in graph.iter(f"{SPACE}node")
    )
    assert (first["id"], first["label"]) == ("ics_zones|ORG#X|ZONE#<&>\ufffd", "\ufffd\ufffd\ufffd<&>")
    assert second["id"] == 'ics_zones|ORG#X|ZONE#"2"'
    (edge,) = graph.iter(f"{SPACE}edge")
    assert (edge.get("source"), edge.get("target"), edge[0].text) == (first["id"], second["id"], "in")


@pytest.mark.parametrize("history", [None, [ITEM]], ids=["without history", "with history"])
def test_json_and_cytoscape_have_their_shapes(history: list[HistoryItem] | None) -> None:
    nodes = [a_node("ZONE#1"), a_node("ZONE#2")]
    plain = json.loads(content_of("json", nodes, between(nodes), history))
    assert set(plain) == {"nodes", "links"}
    more = {"history"} if history else set()
    assert set(plain["nodes"][0]) == {"ddb_keys", "properties", "metadata", *more}
    ends = [{"table": "ics_zones", "pk": "ORG#X", "sk": f"ZONE#{number}"} for number in (1, 2)]
    assert plain["links"] == [{"edge": "in", "from": ends[0], "to": ends[1]}]
    elements = json.loads(content_of("cytoscape", nodes, between(nodes), history))["elements"]
    data = elements["nodes"][0]["data"]
    named = {"id", "label", "service_code", "table", "entity_type", "pk", "sk", "revision", "properties"}
    assert set(data) == named | more
    (link,) = (each["data"] for each in elements["edges"])
    assert (link["source"], link["target"], link["edge"]) == (data["id"], elements["nodes"][1]["data"]["id"], "in")
    assert link["id"]


def test_an_export_ends_at_its_bytes_with_whole_nodes_and_the_links_between_them() -> None:
    nodes = [a_node(f"ZONE#{number}") for number in range(5)]
    found = [Found(node=node, id=str(number), orgcode="X") for number, node in enumerate(nodes)]
    links = [ExportLink(edge="in", from_=ref_of(nodes[0]), to=ref_of(far)) for far in nodes[1:]]
    writer = writer_of("json", with_history=False)
    node, link = len(writer.node(nodes[0], None)), len(writer.link(links[0], 0))
    for bytes_max, kept in ((1, 1), (node, 1), (2 * node, 1), (2 * node + link, 2), (5 * node + 4 * link - 1, 4)):
        pieces = written(writer, found, links, None, bytes_max)
        assert (len(pieces.nodes), len(pieces.links), pieces.cut) == (kept, kept - 1, True), bytes_max
    whole = written(writer, found, links, None, 5 * node + 4 * link)
    assert (len(whole.nodes), len(whole.links), whole.cut) == (5, 4, False)


def test_a_file_has_a_name_that_every_system_takes() -> None:
    start = NodeRef(table="ics_balances", pk="ORG#X", sk="ITEM#" + "Ü/\\ .." + "x" * 500)
    name = file_name(start, "csv")
    assert id_of(start) not in name
    assert len(name) <= 128
    assert name.isascii()
    assert all(letter.isalnum() or letter in "._-" for letter in name)
    assert name.endswith(".csv")

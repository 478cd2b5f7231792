"""VisualGrid: every record of the stack as a graph, for its operators' eyes. It reads, and never writes."""

from chassis.service import Service
from chassis.static import StaticFolder
from services.visualgrid.graph.sources import sources
from services.visualgrid.root.rotation import rotation
from services.visualgrid.settings import VisualGridSettings

VISUALGRID = Service(
    name="visualgrid",
    title="VisualGrid",
    description="The operator's read-only graph of all records of all services.",
    settings=VisualGridSettings,
    package="services.visualgrid",
    features=["ping", "root", "graph", "node"],
    roles={},
    envelope="visualgrid",
    dialect="catalogue",
    folders=[StaticFolder(path="/ui", package="services.visualgrid", folder="page", call="visualgrid_ui")],
    resources=[rotation, sources],
)

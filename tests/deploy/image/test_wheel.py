"""A component's wheel holds its code, the chassis and the gRPC code, and names what it requires."""

import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from deploy.image import wheel


@pytest.mark.parametrize("component", ["ops", "pmc", "gateway"])
def test_a_wheel_holds_one_component(component: str, tmp_path: Path) -> None:
    built = wheel.build(component, tmp_path)
    with zipfile.ZipFile(built) as archive:
        names = archive.namelist()
        metadata = next(archive.read(name).decode() for name in names if name.endswith("dist-info/METADATA"))
        scripts = [archive.read(name).decode() for name in names if name.endswith("entry_points.txt")]
    own = "gateway/" if component == "gateway" else f"services/{component}/"
    code = {name for name in names if not name.startswith(("chassis/", "retailstack/", "retailstack_"))}
    assert f"{own}__main__.py" in code
    assert "chassis/fields.yaml" in names
    assert "retailstack/chassis/v1/jobs_pb2_grpc.py" in names
    assert all(name.startswith(own) for name in code)
    requires = Parser().parsestr(metadata).get_all("Requires-Dist") or []
    assert any(each.startswith("aiohttp") for each in requires)
    assert any(each.startswith("rfc8785") for each in requires) == (component == "pmc")
    assert bool(scripts) == (component == "ops")

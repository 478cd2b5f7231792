"""The compose file tells every component what it understands, with the images of `make image`."""

import pytest
import yaml

from chassis.settings import load
from deploy.image.recipe import COMPONENTS, ROOT
from tests.deploy.chart.test_settings import SETTINGS

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_understands_its_environment(component: str) -> None:
    service = COMPOSE["services"][component]
    told = service["environment"]
    load(SETTINGS[component], told)
    assert set(told) <= {name.upper() for name in SETTINGS[component].__struct_fields__}
    assert service["image"] == f"retailstack-{component}:${{VERSION:-dev}}"
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]


def test_only_the_gateway_is_reached_from_outside_and_only_from_this_machine() -> None:
    ports = {name: service["ports"] for name, service in COMPOSE["services"].items() if "ports" in service}
    assert ports == {"gateway": ["127.0.0.1:8080:8080"]}

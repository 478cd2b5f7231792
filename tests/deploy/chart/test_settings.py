"""What the chart tells a process is what the process understands."""

from pathlib import Path

import pytest

from chassis.settings import BaseSettings, load
from gateway.settings import GatewaySettings
from services.ics.settings import IcsSettings
from services.ops.cli.options import read_addresses
from services.ops.settings import OpsSettings
from services.pmc.settings import PmcSettings
from services.slc.settings import SlcSettings
from services.visualgrid.settings import VisualGridSettings
from tests.deploy.chart.rendering import CASES, environment, render

SETTINGS: dict[str, type[BaseSettings]] = {
    "ops": OpsSettings,
    "ics": IcsSettings,
    "pmc": PmcSettings,
    "slc": SlcSettings,
    "visualgrid": VisualGridSettings,
    "gateway": GatewaySettings,
}
# Read by the chassis itself, and not from a settings object.
OTHERS = {"OTEL_EXPORTER_OTLP_ENDPOINT"}
SECRETS = {"SLC_KEYS": "one:" + "A" * 43 + "="}


@pytest.mark.parametrize("component", SETTINGS)
@pytest.mark.parametrize("case", ["kind", "production", "ipv6"])
def test_a_component_understands_its_environment(case: str, component: str, tmp_path: Path) -> None:
    told = environment(render(CASES[case]), component)
    files = {name for name in told if name.endswith("_FILE")}
    for name in files:
        setting = name.removesuffix("_FILE")
        (tmp_path / setting).write_text(SECRETS.get(setting, "k" * 48))
    told |= {name: str(tmp_path / name.removesuffix("_FILE")) for name in files}

    settings = load(SETTINGS[component], told)

    known = {name.upper() for name in SETTINGS[component].__struct_fields__}
    ours = {name.removesuffix("_FILE") for name in told if not name.startswith("STACK_")}
    assert ours <= known | OTHERS
    assert settings.http_port == 8080
    assert settings.private_port == 9100


def test_an_operator_runs_stackctl_in_a_pod_of_ops() -> None:
    told = environment(render({"tls": {"enabled": True}}), "ops")
    addresses = read_addresses({}, told, Path("no such file"))
    assert {peer for peer, found in addresses.items() if found} == set(SETTINGS)
    assert {f"STACK_TLS_{part}_FILE" for part in ("CERTIFICATE", "KEY", "AUTHORITY")} <= told.keys()

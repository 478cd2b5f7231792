"""The chart's manual: what is watched, and what is said about it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from chassis.service import Service
from chassis.telemetry.names import METRICS
from gateway.app import GATEWAY
from gateway.telemetry import names as gateway_names
from tests.deploy.chart.rendering import CHART, COMPONENTS, NAMESPACE, RELEASE, find, kinds, render
from tests.house.described import SERVICES

MANUAL = (CHART.parents[2] / "docs/kubernetes.md").read_text()
WATCHED = {"monitoring": {"podMonitor": True, "rules": True, "dashboards": True}}
# What Prometheus adds to every metric of a pod.
ADDED = {"namespace", "app_kubernetes_io_instance", "app_kubernetes_io_component"}


def exported(service: Service) -> dict[str, set[str]]:
    """The metrics that a process of this service exports, with their labels."""
    metrics = [*METRICS, *(metric for resource in service.resources for metric in resource.metrics)]
    if service is GATEWAY:
        metrics += [each for each in vars(gateway_names).values() if isinstance(each, type(METRICS[0]))]
    return {metric.name: {*metric.labels} for metric in metrics}


def expressions() -> Iterator[str]:
    """Every query of the alerts, of the dashboards and of KEDA."""
    manifests = render({**WATCHED, "ics": {"autoscaling": {"kind": "keda", "prometheus": "http://prometheus:9090"}}})
    for group in find(manifests, "PrometheusRule")["spec"]["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for board in kinds(manifests, "ConfigMap"):
        for panel in yaml.safe_load(board["data"]["overview.json"])["panels"]:
            yield from (target["expr"] for target in panel["targets"])
    for trigger in find(manifests, "ScaledObject")["spec"]["triggers"]:
        if trigger["type"] == "prometheus":
            yield trigger["metadata"]["query"]


def alerts() -> list[dict[str, Any]]:
    """The alerting rules."""
    found: list[dict[str, Any]] = find(render(WATCHED), "PrometheusRule")["spec"]["groups"][0]["rules"]
    return found


def test_scrapes_the_private_port_of_every_component() -> None:
    monitor = find(render(WATCHED), "PodMonitor")["spec"]
    assert monitor["podMetricsEndpoints"][0]["port"] == "private"
    assert monitor["selector"]["matchExpressions"][0]["values"] == list(COMPONENTS)


@pytest.mark.parametrize(
    ("matter", "metric"),
    [
        ("ErrorBudgetBurns", "retailstack_gateway_requests_total"),
        ("RelayLags", "retailstack_relay_lag_seconds"),
        ("DeadMessages", "retailstack_dead_messages"),
        ("DeadWork", "retailstack_work_items"),
        ("BreakerOpen", "retailstack_gateway_replicas_out"),
        ("BreakerOpen", "retailstack_consumer_stopped"),
        ("Drift", "retailstack_slc_drift_variants_total"),
        ("Drift", "retailstack_slc_drift_finished_seconds"),
        ("Unready", "retailstack_part_up"),
    ],
)
def test_alerts_about(matter: str, metric: str) -> None:
    assert any(each["alert"] == f"Retailstack{matter}" and metric in each["expr"] for each in alerts())


def test_alerts_when_no_pod_of_a_component_says_anything() -> None:
    silent = [each["expr"] for each in alerts() if each["expr"].startswith("absent(")]
    assert [re.findall(r'component="(\w+)"', each)[0] for each in silent] == list(COMPONENTS)


def test_alerts_about_this_release_alone() -> None:
    for each in alerts():
        selectors = re.findall(r"retailstack_\w+\{([^}]*)\}", each["expr"])
        assert selectors
        for selector in selectors:
            assert f'namespace="{NAMESPACE}"' in selector
            assert f'app_kubernetes_io_instance="{RELEASE}"' in selector


def test_burns_the_budget_that_the_availability_leaves() -> None:
    manifests = render({"monitoring": {"rules": True, "availability": 0.99}})
    burns = [
        each
        for each in find(manifests, "PrometheusRule")["spec"]["groups"][0]["rules"]
        if each["alert"] == "RetailstackErrorBudgetBurns"
    ]
    assert [each["labels"]["severity"] for each in burns] == ["critical", "warning"]
    assert all("* 0.01)" in each["expr"] for each in burns)


def test_every_alert_has_a_section_that_says_what_to_do() -> None:
    named = {each["alert"] for each in alerts()}
    sections = dict(re.findall(r"^### (Retailstack\w+)\n(.+)", MANUAL, re.MULTILINE))
    assert sections.keys() == named, "each alert its section, and no section without an alert"
    assert all(each["annotations"]["runbook"] == f"docs/kubernetes.md#{each['alert'].lower()}" for each in alerts())


def test_queries_ask_for_metrics_that_a_process_exports_by_labels_that_these_have() -> None:
    known: dict[str, set[str]] = {}
    for service in (*SERVICES, GATEWAY):
        known |= exported(service)
    for expression in expressions():
        for name, selector in re.findall(r"(retailstack_\w+?)(?:_bucket)?\{([^}]*)\}", expression):
            assert name in known, expression
            labels = set(re.findall(r"(\w+)\s*[=!]~?\s*\"", selector))
            assert labels <= known[name] | ADDED, expression
        grouped = {label.strip() for labels in re.findall(r"by \(([^)]*)\)", expression) for label in labels.split(",")}
        names = re.findall(r"(retailstack_\w+?)(?:_bucket)?\{", expression)
        assert grouped <= set().union(*(known[name] for name in names)) | ADDED | {"le"}, expression


def test_labels_of_a_summary_are_those_the_query_keeps() -> None:
    for each in alerts():
        used = set(re.findall(r"\$labels\.(\w+)", each["annotations"]["summary"]))
        kept = {label.strip() for labels in re.findall(r"by \(([^)]*)\)", each["expr"]) for label in labels.split(",")}
        assert used <= kept, each["alert"]

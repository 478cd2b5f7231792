"""Renders the chart in this process, and holds what comes out against the schemas of Kubernetes."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import kubernetes_validate
import pytest
import yaml

helm = pytest.importorskip("helm_python", reason="the Helm SDK has no wheel for this machine")

CHART = Path(__file__).parents[3] / "deploy/helm/retailstack"
CRDS = Path(__file__).parent / "crds"
SCHEMAS = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
RELEASE, NAMESPACE = "shop", "retail"
# The oldest release that Chart.yaml allows, and the newest whose schemas are known.
VERSIONS = ("1.30.0", "1.37.0")
COMPONENTS = ("ops", "ics", "pmc", "slc", "visualgrid", "gateway")
CASES = {path.name.removesuffix("-values.yaml"): yaml.safe_load(path.read_text()) for path in CHART.glob("ci/*.yaml")}

Values = Mapping[str, Any]
Manifest = dict[str, Any]


@cache
def chart() -> Any:
    """The chart, loaded once."""
    return helm.Chart.load(CHART)


def render(values: Values | None = None, *, name: str = RELEASE, namespace: str = NAMESPACE) -> list[Manifest]:
    """All objects of a release. Raises HelmError for values the schema refuses, and for templates that fail."""
    values = dict(values or {})
    chart().validate_schema(values)
    rendered = chart().render(values, name=name, namespace=namespace)
    texts = [text for path, text in rendered.items() if path.endswith(".yaml")]
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [each for text in texts for each in yaml.load_all(text, Loader=loader) if each]


def find(manifests: list[Manifest], kind: str, name: str = "") -> Manifest:
    """The one object of a kind; of a component where a name is given: `ics`, `ics-headless`."""
    full = f"{RELEASE}-retailstack-{name}" if name else ""
    found = [each for each in manifests if each["kind"] == kind and full in {"", each["metadata"]["name"]}]
    assert len(found) == 1, f"{len(found)} objects of kind {kind} {name}"
    return found[0]


def kinds(manifests: list[Manifest], kind: str) -> list[Manifest]:
    """All objects of a kind."""
    return [each for each in manifests if each["kind"] == kind]


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Name and spec of every pod that a manifest makes."""
    for each in manifests:
        spec = each.get("spec", {})
        if each["kind"] == "Pod":
            yield each["metadata"]["name"], spec
        elif "template" in spec:
            yield each["metadata"]["name"], spec["template"]["spec"]


def environment(manifests: list[Manifest], component: str) -> dict[str, str]:
    """The environment of a component's container."""
    container = find(manifests, "Deployment", component)["spec"]["template"]["spec"]["containers"][0]
    return {each["name"]: each.get("value", "") for each in container["env"]}


def check(manifests: list[Manifest], version: str) -> None:
    """Assert that every object is valid for a release of Kubernetes, or against its custom resource's schema."""
    for each in manifests:
        validator = _custom(each["apiVersion"], each["kind"]) or _core(each["apiVersion"], each["kind"], version)
        problems = [
            f"{'/'.join(map(str, error.instance_path))}: {error.message}" for error in validator.iter_errors(each)
        ]
        assert not problems, f"{each['kind']} {each['metadata']['name']}: {problems}"


@cache
def _custom(api_version: str, kind: str) -> Any:
    group, _, version = api_version.partition("/")
    path = CRDS / f"{group}_{version}_{kind}.json"
    return jsonschema_rs.validator_for(json.loads(path.read_text())) if path.exists() else None


@cache
def _core(api_version: str, kind: str, version: str) -> Any:
    """The strict schema of a kind, from kubernetes-validate, which would read its files anew for every object."""
    group, _, revision = api_version.rpartition("/")
    name = "-".join(part for part in (kind.lower(), group.partition(".")[0], revision) if part)
    document = json.loads((SCHEMAS / f"v{version}-local-strict" / f"{name}.json").read_text())
    return jsonschema_rs.validator_for(document, retriever=lambda _: _definitions(version), base_uri="k8s:///")


@cache
def _definitions(version: str) -> Any:
    return json.loads((SCHEMAS / f"v{version}-local-strict/_definitions.json").read_text())

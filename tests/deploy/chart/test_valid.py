"""Whatever the values: valid for the oldest and the newest Kubernetes, with names that are unique and short."""

import copy
from typing import Any

import pytest

from tests.deploy.chart.rendering import (
    CASES,
    CHART,
    COMPONENTS,
    VERSIONS,
    Manifest,
    chart,
    check,
    helm,
    kinds,
    pods,
    render,
)
from tests.deploy.chart.values import SCHEMA, alternatives, is_accepted, merge, set_at, switches, texts, value_at

LONGEST = "r" + "0123456789" * 5 + "zz"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", [None, *CASES])
def test_manifests_are_valid(case: str | None, version: str) -> None:
    check(render(CASES[case] if case else {}), version)


@pytest.mark.parametrize("path", switches(chart().values), ids=".".join)
def test_every_switch_can_be_turned(path: tuple[str, ...]) -> None:
    values = set_at(path, not value_at(chart().values, path))
    if path == ("httpRoute", "enabled"):
        values["httpRoute"]["parentRefs"] = [{"name": "public"}]
    if path == ("keys", "externalSecret", "enabled"):
        values["keys"]["externalSecret"]["store"] = {"name": "vault"}
    manifests = render(values)
    check(manifests, VERSIONS[-1])


@pytest.mark.parametrize(
    ("path", "choice"), list(alternatives(SCHEMA)), ids=lambda each: ".".join(each) if isinstance(each, tuple) else None
)
def test_every_choice_can_be_made(path: tuple[str, ...], choice: Any) -> None:
    values = set_at(path, choice)
    if choice == "keda":
        values[path[0]]["autoscaling"]["prometheus"] = "http://prometheus:9090"
    if choice == "s3":
        values["objects"]["s3"] = {"bucket": "uploads"}
    if path[0] == "keys":
        values["keys"]["externalSecret"] |= {"enabled": True, "store": {"name": "vault", "kind": choice}}
    if path[0] == "tls":
        values["tls"] = {"enabled": True, "issuerRef": {"name": "own", "kind": choice}}
    if path[-2:] == ("builtIn", "replicas"):
        values[path[0]]["builtIn"]["enabled"] = True
    for version in VERSIONS:
        check(render(values), version)


def test_everything_can_be_switched_on_at_once_and_off_at_once() -> None:
    for state in (True, False):
        values: dict[str, Any] = {}
        for path in switches(chart().values):
            merge(values, set_at(path, state))
        if state:
            merge(values, {"httpRoute": {"parentRefs": [{"name": "public"}]}})
            merge(values, {"keys": {"externalSecret": {"store": {"name": "vault"}}}})
        manifests = render(values)
        for version in VERSIONS:
            check(manifests, version)
        assert bool(manifests) is state, "nothing is left of a release with every switch off"


@pytest.mark.parametrize("text", ["1e3", "2026", "true", "null"])
def test_a_text_that_looks_like_something_else_stays_a_text(text: str) -> None:
    values: dict[str, Any] = {}
    for path in switches(chart().values):
        merge(values, set_at(path, True))
    merge(values, {"keys": {"externalSecret": {"enabled": False}}, "mongodb": {"builtIn": {"enabled": True}}})
    merge(values, {"httpRoute": {"parentRefs": [{"name": text}]}, "objects": {"kind": "s3"}})
    for path in texts(chart().values):
        if is_accepted(set_at(path, text)):
            merge(values, set_at(path, text))
    for given in (values, {**values, "objects": {"kind": "claim"}, "keys": {"existingSecret": ""}}):
        check(render(given, name=text, namespace=text), VERSIONS[-1])


def test_a_mark_of_digits_alone_stays_a_text() -> None:
    # One digest of some two thousand has no letter; YAML would read it as a number.
    for each in kinds(render(), "Deployment"):
        raw = chart().render({}, name="shop", namespace="retail")["retailstack/templates/deployments.yaml"]
        assert f'"{each["spec"]["template"]["metadata"]["annotations"]["retailstack/environment"]}"' in raw


@pytest.mark.parametrize("alone", COMPONENTS)
def test_every_component_can_be_installed_alone(alone: str) -> None:
    manifests = render({name: {"enabled": name == alone} for name in COMPONENTS})
    check(manifests, VERSIONS[-1])
    deployed = [
        each["metadata"]["labels"]["app.kubernetes.io/component"] for each in manifests if each["kind"] == "Deployment"
    ]
    assert deployed == [alone]


@pytest.mark.parametrize("case", CASES)
def test_names_are_short_and_unique_however_long_the_releases_name(case: str) -> None:
    manifests = render(CASES[case], name=LONGEST)
    check(manifests, VERSIONS[-1])
    keys = [(each["kind"], each["metadata"]["name"]) for each in manifests]
    assert len(keys) == len(set(keys))
    assert all(len(name) <= 63 for _, name in keys)
    other = {(each["kind"], each["metadata"]["name"]) for each in render(CASES[case], name=LONGEST[:-1] + "y")}
    assert not other & set(keys), "two releases whose long names differ at the end share nothing"


def test_the_same_values_give_the_same_manifests() -> None:
    assert render(CASES["cluster"]) == render(CASES["cluster"]), "nothing random, or every sync would replace the pods"


@pytest.mark.parametrize("case", CASES)
def test_every_pod_is_restricted(case: str) -> None:
    for name, spec in pods(render(CASES[case])):
        assert spec["enableServiceLinks"] is False, name
        assert spec["securityContext"]["runAsNonRoot"], name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        if "-keys-" not in name:
            assert spec["automountServiceAccountToken"] is False, name
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False, name
            assert security["readOnlyRootFilesystem"], name
            assert security["capabilities"] == {"drop": ["ALL"]}, name
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
            assert container["resources"]["limits"]["memory"], name


def test_an_upgrade_changes_no_selector() -> None:
    before, after = render(), copy.deepcopy(render({"image": {"tag": "9.9.9"}, "commonLabels": {"team": "retail"}}))

    def selectors(manifests: list[Manifest]) -> dict[str, Any]:
        return {
            each["metadata"]["name"]: each["spec"]["selector"] for each in manifests if each["kind"] == "Deployment"
        }

    assert selectors(before) == selectors(after)


def test_helm_finds_no_fault() -> None:
    problems = [each for each in helm.lint(CHART).get("messages", []) if each.get("severity", 0) >= 2]
    assert not problems

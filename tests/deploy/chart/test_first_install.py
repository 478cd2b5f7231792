"""The chart's manual: keys, the operator's code, the notes and the test of a first installation."""

from typing import Any

import pytest

from tests.deploy.chart.rendering import COMPONENTS, NAMESPACE, RELEASE, chart, environment, find, kinds, render


def notes(values: dict[str, Any]) -> str:
    """What Helm prints after an installation."""
    rendered: dict[str, str] = chart().render(values, name=RELEASE, namespace=NAMESPACE)
    return rendered["retailstack/templates/NOTES.txt"]


def test_makes_keys_once_by_a_job_with_rights_for_one_secret() -> None:
    manifests = render({"mongodb": {"builtIn": {"enabled": True, "replicas": 3}}})
    role = find(manifests, "Role")
    assert role["rules"][1]["resourceNames"] == [f"{RELEASE}-retailstack-keys"]
    job = next(each for each in kinds(manifests, "Job") if "-keys-" in each["metadata"]["name"])
    command = job["spec"]["template"]["spec"]["containers"][0]["command"]
    name = f"{RELEASE}-retailstack-mongodb"
    assert f"--mongodb={','.join(f'{name}-{n}.{name}:27017' for n in range(3))}" in command
    assert "ttlSecondsAfterFinished" not in job["spec"]
    assert "helm.sh/hook" not in job["metadata"].get("annotations", {})


def test_makes_no_keys_where_a_secret_is_given() -> None:
    manifests = render({"keys": {"existingSecret": "mine"}})
    assert not kinds(manifests, "Role")
    assert all("-keys-" not in each["metadata"]["name"] for each in kinds(manifests, "Job"))


def test_a_changed_job_is_another_job() -> None:
    def names(tag: str) -> set[str]:
        return {each["metadata"]["name"] for each in kinds(render({"image": {"tag": tag}}), "Job")}

    assert not names("1") & names("2"), "a Job cannot be changed"


def test_reads_keys_from_a_store() -> None:
    values = {"keys": {"externalSecret": {"enabled": True, "store": {"name": "vault"}, "remoteKey": "shop/keys"}}}
    secret = find(render(values), "ExternalSecret")["spec"]
    assert secret["target"]["name"] == f"{RELEASE}-retailstack-keys"
    assert secret["dataFrom"] == [{"extract": {"key": "shop/keys"}}]


def test_sets_the_operators_code_by_a_job_that_no_pod_waits_for() -> None:
    job = next(each for each in kinds(render(), "Job") if "-operator-code-" in each["metadata"]["name"])
    pod = job["spec"]["template"]["spec"]
    assert pod["containers"][0]["command"][-2:] == ["--first", "--secret-file=/etc/retailstack/secrets/code"]
    assert "helm.sh/hook" not in job["metadata"].get("annotations", {})
    assert "ttlSecondsAfterFinished" not in job["spec"]


def test_has_no_hook_but_its_test() -> None:
    hooks = [each for each in render() if "helm.sh/hook" in each["metadata"].get("annotations", {})]
    assert [each["metadata"]["annotations"]["helm.sh/hook"] for each in hooks] == ["test"]


@pytest.mark.parametrize("without", ["none", *COMPONENTS[:-1]])
def test_tests_a_call_to_each_service_there_is(without: str) -> None:
    pod = find(render({without: {"enabled": False}} if without != "none" else {}), "Pod")["spec"]
    command = pod["containers"][0]["command"]
    assert command[4:] == [name for name in COMPONENTS[:-1] if name != without]
    assert command[3] == f"http://{RELEASE}-retailstack-gateway:8080"
    compile(command[2], "test", "exec")


def test_has_no_test_where_no_gateway_is() -> None:
    assert not kinds(render({"gateway": {"enabled": False}}), "Pod")


def test_says_the_first_call_and_where_the_code_is() -> None:
    said = notes({})
    assert f"port-forward service/{RELEASE}-retailstack-gateway 8080:8080" in said
    assert "curl -s http://127.0.0.1:8080/ics/openapi.json" in said
    assert f"get secret {RELEASE}-retailstack-keys" in said
    assert "delete pvc" in said


def test_says_nothing_of_what_is_not_installed() -> None:
    said = notes({name: {"enabled": name == "ics"} for name in COMPONENTS})
    assert "No gateway is part of this release" in said
    assert not [word for word in ("port-forward", "OPERATOR_CODE", "deploy/shop-retailstack-ops") if word in said]


def test_never_reads_the_operators_code_into_a_component() -> None:
    assert not any("CODE" in name for component in COMPONENTS for name in environment(render(), component))

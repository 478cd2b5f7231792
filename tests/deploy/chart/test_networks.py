"""The chart's manual: who reaches whom, from outside and inside."""

from typing import Any

import pytest

from tests.deploy.chart.rendering import COMPONENTS, environment, find, kinds, render


def test_puts_the_private_port_into_no_service() -> None:
    for service in kinds(render(), "Service"):
        assert 9100 not in [port["port"] for port in service["spec"]["ports"]], service["metadata"]["name"]


def test_exposes_callers_paths_and_not_the_operators() -> None:
    rules = find(render({"ingress": {"enabled": True}}), "Ingress")["spec"]["rules"][0]["http"]["paths"]
    paths = {each["path"] for each in rules}
    assert {"/ics", "/pmc", "/slc"} <= paths
    assert not {"/ops", "/visualgrid", "/"} & paths


def test_exposes_the_operators_paths_when_told() -> None:
    rules = find(render({"ingress": {"enabled": True}, "exposeOperator": True}), "Ingress")["spec"]["rules"]
    assert {"/ops", "/visualgrid"} <= {each["path"] for each in rules[0]["http"]["paths"]}


def test_exposes_nothing_by_default() -> None:
    manifests = render()
    assert not kinds(manifests, "Ingress") + kinds(manifests, "HTTPRoute")
    assert {each["spec"].get("type", "ClusterIP") for each in kinds(manifests, "Service")} == {"ClusterIP"}


def test_opens_every_edge_at_both_ends() -> None:
    manifests = render()
    specs = policies(manifests)
    edges_in = {
        (caller, component, port)
        for component in COMPONENTS
        for caller, port in ends(specs[component], "ingress", "from")
    }
    edges_out = {(who, peer, port) for who in specs for peer, port in ends(specs[who], "egress", "to")}
    assert edges_in == {(who, peer, port) for who, peer, port in edges_out if peer in COMPONENTS}
    assert ("gateway", "ics", 8080) in edges_in
    assert ("slc", "pmc", 9090) in edges_in
    assert ("ics", "pmc", 9090) not in edges_in


@pytest.mark.parametrize("component", COMPONENTS)
def test_lets_every_component_resolve_names_and_answer_probes(component: str) -> None:
    spec = policies(render())[component]
    ports = [port for rule in spec["egress"] for port in rule["ports"]]
    assert {"protocol": "UDP", "port": 53} in ports
    assert {"protocol": "TCP", "port": 53} in ports
    probes = next(rule for rule in spec["ingress"] if rule["ports"] == [{"protocol": "TCP", "port": 9100}])
    assert [peer["ipBlock"]["cidr"] for peer in probes["from"]] == ["0.0.0.0/0", "::/0"], "they come from the node"


def test_opens_the_way_to_a_peer_of_another_release_and_from_it() -> None:
    alone = {name: {"enabled": name == "ics"} for name in COMPONENTS}
    elsewhere = [{"namespaceSelector": {"matchLabels": {"team": "stack"}}}]
    values = {**alone, "peers": {"ops": {"grpc": "ops.stack:9191"}}, "networkPolicy": {"peers": elsewhere}}
    spec = policies(render(values))["ics"]
    assert {"to": elsewhere, "ports": [{"protocol": "TCP", "port": 9191}]} in spec["egress"]
    assert {"from": elsewhere, "ports": [{"protocol": "TCP", "port": 9090}]} in spec["ingress"]
    assert elsewhere not in [rule["from"] for rule in policies(render())["ics"]["ingress"]]


def policies(manifests: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The spec of the network policy of each component and Job."""
    return {
        policy["metadata"]["labels"]["app.kubernetes.io/component"]: policy["spec"]
        for policy in kinds(manifests, "NetworkPolicy")
    }


def ends(spec: dict[str, Any], direction: str, word: str) -> list[tuple[str, int]]:
    """The components and ports at the other ends of a policy's rules."""
    return [
        (peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"], port["port"])
        for rule in spec[direction]
        for peer in rule.get(word, [])
        if "app.kubernetes.io/component" in peer.get("podSelector", {}).get("matchLabels", {})
        for port in rule["ports"]
    ]


def test_runs_mutual_tls_with_certificates_of_its_own() -> None:
    manifests = render({"tls": {"enabled": True}})
    settings = environment(manifests, "ics")
    assert settings["GRPC_TLS_KEY_FILE"] == "/etc/retailstack/tls/tls.key"
    certificate = find(manifests, "Certificate", "ics")["spec"]
    assert settings["OPS_GRPC"].partition(":")[0] in find(manifests, "Certificate", "ops")["spec"]["dnsNames"]
    assert set(certificate["usages"]) >= {"server auth", "client auth"}


def test_gives_a_component_two_services_one_of_them_headless() -> None:
    manifests = render()
    for component in COMPONENTS:
        headless = find(manifests, "Service", f"{component}-headless")["spec"]
        assert (headless["clusterIP"], headless["publishNotReadyAddresses"]) == ("None", False)
        assert {port["name"] for port in headless["ports"]} == {"http", "grpc"}
        assert "clusterIP" not in find(manifests, "Service", component)["spec"]


def test_names_pods_that_are_not_ready_when_told() -> None:
    manifests = render({"publishNotReadyAddresses": True})
    assert find(manifests, "Service", "ics-headless")["spec"]["publishNotReadyAddresses"] is True
    assert "publishNotReadyAddresses" not in find(manifests, "Service", "ics")["spec"]


def test_attaches_an_http_route_to_a_gateway() -> None:
    route = {"enabled": True, "parentRefs": [{"name": "public", "namespace": "gateways"}], "hostnames": ["a.example"]}
    spec = find(render({"httpRoute": route}), "HTTPRoute")["spec"]
    assert spec["parentRefs"] == [{"name": "public", "namespace": "gateways"}]
    assert spec["rules"][0]["backendRefs"] == [{"name": "shop-retailstack-gateway", "port": 8080}]
    assert "/ops" not in [match["path"]["value"] for match in spec["rules"][0]["matches"]]


def test_ends_tls_at_the_ingress() -> None:
    spec = find(render({"ingress": {"enabled": True, "host": "a.example", "tlsSecret": "cert"}}), "Ingress")["spec"]
    assert spec["tls"] == [{"hosts": ["a.example"], "secretName": "cert"}]

"""The chart's manual: what a value does, one sentence each."""

from typing import Any

from tests.deploy.chart.rendering import COMPONENTS, NAMESPACE, RELEASE, environment, find, kinds, render


def container(component: str, values: dict[str, Any]) -> dict[str, Any]:
    """The container of a component."""
    found: dict[str, Any] = find(render(values), "Deployment", component)["spec"]["template"]["spec"]["containers"][0]
    return found


def test_gives_ics_its_own_replica_count() -> None:
    manifests = render({"ics": {"replicas": 5}})
    assert find(manifests, "Deployment", "ics")["spec"]["replicas"] == 5
    assert find(manifests, "Deployment", "pmc")["spec"]["replicas"] == 2


def test_leaves_the_replica_count_to_kubectl_scale() -> None:
    assert "replicas" not in find(render({"ics": {"replicas": None}}), "Deployment", "ics")["spec"]


def test_leaves_the_replica_count_to_the_autoscaler() -> None:
    manifests = render({"gateway": {"autoscaling": {"kind": "cpu", "minReplicas": 3, "cpuPercent": 55}}})
    assert "replicas" not in find(manifests, "Deployment", "gateway")["spec"]
    scaler = find(manifests, "HorizontalPodAutoscaler", "gateway")["spec"]
    assert scaler["minReplicas"] == 3
    assert scaler["metrics"][0]["resource"]["target"]["averageUtilization"] == 55
    assert not kinds(manifests, "ScaledObject")


def test_scales_by_queue_depth_and_relay_lag_with_keda() -> None:
    manifests = render({"ics": {"autoscaling": {"kind": "keda", "prometheus": "http://prometheus:9090"}}})
    triggers = find(manifests, "ScaledObject", "ics")["spec"]["triggers"]
    queries = [each["metadata"].get("query", "") for each in triggers]
    assert any("retailstack_queue_depth" in query for query in queries)
    assert any("retailstack_relay_lag_seconds" in query for query in queries)
    assert not kinds(manifests, "HorizontalPodAutoscaler"), "never two scalers of one Deployment"


def test_takes_an_image_by_digest_from_a_private_registry() -> None:
    digest = "sha256:" + "a" * 64
    values = {"image": {"registry": "images.shop.example/retail/"}, "ics": {"image": {"digest": digest}}}
    assert container("ics", values)["image"] == f"images.shop.example/retail/retailstack-ics@{digest}"
    assert container("pmc", values)["image"] == "images.shop.example/retail/retailstack-pmc:0.1.0"


def test_passes_a_setting_to_one_component() -> None:
    manifests = render({"ics": {"env": {"ICS_OVERDUE_SECONDS": 120}}})
    assert environment(manifests, "ics")["ICS_OVERDUE_SECONDS"] == "120"
    assert "ICS_OVERDUE_SECONDS" not in environment(manifests, "pmc")


def test_replaces_the_pods_when_a_setting_or_the_keys_version_changes() -> None:
    def marks(values: dict[str, Any]) -> dict[str, str]:
        found: dict[str, str] = find(render(values), "Deployment", "ics")["spec"]["template"]["metadata"]["annotations"]
        return found

    assert marks({}) != marks({"ics": {"env": {"ICS_OVERDUE_SECONDS": 120}}})
    assert marks({}) != marks({"keys": {"version": "2"}})


def test_reads_secrets_from_files_alone() -> None:
    manifests = render()
    for component in COMPONENTS:
        settings = environment(manifests, component)
        assert settings["CALLER_KEY_FILE"].startswith("/etc/retailstack/secrets/")
        assert not {"CALLER_KEY", "MONGODB_URI", "AMQP_URL", "GATEWAY_KEY", "SLC_KEYS"} & settings.keys()


def test_gives_each_component_only_the_keys_it_needs() -> None:
    manifests = render()
    named = {}
    for component in COMPONENTS:
        volumes = find(manifests, "Deployment", component)["spec"]["template"]["spec"]["volumes"]
        secrets = next(each["projected"]["sources"] for each in volumes if each["name"] == "secrets")
        named[component] = {item["key"] for source in secrets for item in source["secret"]["items"]}
    common = {"MONGODB_URI", "AMQP_URL", "CALLER_KEY", "CALLER_PUBLIC_KEYS"}
    own = {name: {f"CALLER_SIGNING_KEYS_{name.upper()}"} for name in COMPONENTS}
    assert named["ics"] == common | own["ics"]
    assert named["gateway"] == common | own["gateway"] | {"GATEWAY_KEY"}
    assert named["slc"] == common | own["slc"] | {"SLC_KEYS"}


def test_exchanges_the_keys_of_callers_by_hand_or_by_a_schedule() -> None:
    by_hand = find(render(), "CronJob", "keys-rotate")["spec"]
    assert by_hand["suspend"] is True
    planned = find(render({"keys": {"rotateSchedule": "0 4 * * 1"}}), "CronJob", "keys-rotate")["spec"]
    assert (planned["suspend"], planned["schedule"]) == (False, "0 4 * * 1")
    (container,) = planned["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["command"][-3:-1] == ["keys", "rotate"]
    assert not [each for each in render({"keys": {"existingSecret": "mine"}}) if each["kind"] == "CronJob"]


def test_leads_a_component_to_its_peers_by_headless_names() -> None:
    settings = environment(render(), "gateway")
    assert settings["ICS_HTTP"] == f"http://{RELEASE}-retailstack-ics-headless:8080"
    assert settings["OPS_GRPC"] == f"{RELEASE}-retailstack-ops-headless:9090"


def test_leads_a_component_to_peers_of_another_release() -> None:
    values = {"ops": {"enabled": False}, "peers": {"ops": {"grpc": "ops.other:9090"}}}
    assert environment(render(values), "ics")["OPS_GRPC"] == "ops.other:9090"


def test_probes_the_private_port() -> None:
    probes = container("ics", {})
    assert probes["startupProbe"]["httpGet"] == {"path": "/readyz", "port": "private"}
    assert probes["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "private"}
    assert probes["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "private"}
    assert probes["readinessProbe"]["timeoutSeconds"] >= 3, "each part has two seconds to answer"


def test_waits_before_a_pod_is_told_to_end() -> None:
    values = {"ics": {"preStopSeconds": 7, "shutdownSeconds": 30}}
    pod = find(render(values), "Deployment", "ics")["spec"]["template"]["spec"]
    assert pod["containers"][0]["lifecycle"]["preStop"] == {"sleep": {"seconds": 7}}
    assert pod["terminationGracePeriodSeconds"] == 47


def test_evicts_one_pod_at_a_time() -> None:
    budget = find(render({"ics": {"replicas": 1}}), "PodDisruptionBudget", "ics")["spec"]
    assert budget["maxUnavailable"] == 1
    assert "minAvailable" not in budget


def test_keeps_the_objects_volume_when_the_release_goes() -> None:
    claim = find(render(), "PersistentVolumeClaim", "pmc-objects")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_gives_signed_links_the_address_of_the_ingress() -> None:
    manifests = render({"ingress": {"enabled": True, "host": "api.shop.example"}})
    assert environment(manifests, "pmc")["PMC_PUBLIC_URL"] == "https://api.shop.example"
    assert environment(manifests, "slc")["SLC_PUBLIC_URL"] == "https://api.shop.example"


def test_stays_in_its_namespace() -> None:
    assert {each["metadata"]["namespace"] for each in render()} == {NAMESPACE}


def test_gives_pods_no_token() -> None:
    assert all(each["automountServiceAccountToken"] is False for each in kinds(render(), "ServiceAccount"))


def test_keeps_uploads_in_a_bucket() -> None:
    manifests = render({"objects": {"kind": "s3", "s3": {"bucket": "uploads", "secret": {"name": "bucket-key"}}}})
    settings = environment(manifests, "pmc")
    assert (settings["PMC_OBJECTS_STORE"], settings["PMC_S3_BUCKET"]) == ("s3", "uploads")
    assert "PMC_S3_SECRET_KEY_FILE" in settings
    assert not kinds(manifests, "PersistentVolumeClaim")

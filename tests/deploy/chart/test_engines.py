"""The chart's manual: database and broker, built in or elsewhere."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.chart.rendering import environment, find, kinds, render

SMALL = {"mongodb": {"builtIn": {"enabled": True}}, "rabbitmq": {"builtIn": {"enabled": True}}}


def scripts(engine: str, values: dict[str, Any] | None = None) -> dict[str, str]:
    """The files that an engine is started with."""
    found: dict[str, str] = find(render(values or SMALL), "ConfigMap", engine)["data"]
    return found


def test_runs_a_replica_set_whose_members_know_each_other_before_they_are_ready() -> None:
    manifests = render({"mongodb": {"builtIn": {"enabled": True, "replicas": 3}}})
    assert find(manifests, "Service", "mongodb")["spec"]["publishNotReadyAddresses"] is True
    members = find(manifests, "StatefulSet", "mongodb")["spec"]
    assert (members["replicas"], members["podManagementPolicy"]) == (3, "Parallel")


def test_waits_for_a_quorum_only_where_there_are_three_brokers() -> None:
    def broker(replicas: int) -> dict[str, Any]:
        manifests = render({"rabbitmq": {"builtIn": {"enabled": True, "replicas": replicas}}})
        found: dict[str, Any] = find(manifests, "StatefulSet", "rabbitmq")["spec"]["template"]["spec"]["containers"][0]
        return found

    assert "lifecycle" not in broker(1)
    assert "await_online_quorum_plus_one" in broker(3)["lifecycle"]["preStop"]["exec"]["command"]


def test_takes_the_engines_addresses_from_secrets_of_their_own() -> None:
    values = {
        "mongodb": {"uriSecret": {"name": "db", "key": "uri"}},
        "rabbitmq": {"urlSecret": {"name": "mq", "key": "url"}},
    }
    volumes = find(render(values), "Deployment", "ics")["spec"]["template"]["spec"]["volumes"]
    sources = next(each["projected"]["sources"] for each in volumes if each["name"] == "secrets")
    assert {"name": "db", "items": [{"key": "uri", "path": "MONGODB_URI"}]} in [each["secret"] for each in sources]
    assert {"name": "mq", "items": [{"key": "url", "path": "AMQP_URL"}]} in [each["secret"] for each in sources]


def test_lets_two_releases_share_database_and_broker() -> None:
    values = {"mongodb": {"databasePrefix": "blue-"}, "rabbitmq": {"prefix": "blue."}}
    settings = environment(render(values), "ics")
    assert (settings["MONGODB_DATABASE"], settings["AMQP_PREFIX"]) == ("blue-ics", "blue.")


def test_runs_no_engine_unless_told() -> None:
    assert not kinds(render(), "StatefulSet")


def test_has_member_0_initiate_the_replica_set_and_no_hook() -> None:
    manifests = render(SMALL)
    assert 'case "$HOSTNAME" in *-0) mongosh' in scripts("mongodb")["start.sh"]
    members = find(manifests, "StatefulSet", "mongodb")
    assert "helm.sh/hook" not in members["metadata"].get("annotations", {})
    three = scripts("mongodb", {"mongodb": {"builtIn": {"enabled": True, "replicas": 3}}})["initiate.js"]
    assert all(f"shop-retailstack-mongodb-{member}.shop-retailstack-mongodb:27017" in three for member in range(3))


def test_sets_the_brokers_password_at_every_start() -> None:
    start = scripts("rabbitmq")["start.sh"]
    assert "rabbitmqctl change_password retailstack < /etc/rabbitmq-keys/password" in start
    assert "delete_user guest" in start


def test_gives_the_brokers_nodes_one_cookie_and_quorum_queues() -> None:
    files = scripts("rabbitmq")
    assert "install -m 0400 /etc/rabbitmq-keys/cookie /var/lib/rabbitmq/.erlang.cookie" in files["start.sh"]
    assert "default_queue_type = quorum" in files["rabbitmq.conf"].splitlines()


def test_asks_a_broker_for_its_port_and_not_for_its_cluster() -> None:
    broker = find(render(SMALL), "StatefulSet", "rabbitmq")["spec"]["template"]["spec"]["containers"][0]
    assert broker["readinessProbe"]["tcpSocket"] == {"port": "amqp"}
    assert find(render(SMALL), "StatefulSet", "rabbitmq")["spec"]["podManagementPolicy"] == "Parallel"


@pytest.mark.parametrize("engine", ["mongodb", "rabbitmq"])
def test_starts_an_engine_with_a_script_that_is_one(engine: str) -> None:
    checked = subprocess.run(
        ["bash", "-n"], input=scripts(engine)["start.sh"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here")
def test_initiates_with_a_script_that_is_one(tmp_path: Path) -> None:
    script = tmp_path / "initiate.js"
    script.write_text(scripts("mongodb")["initiate.js"])
    checked = subprocess.run(["node", "--check", str(script)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_keeps_the_engines_volumes() -> None:
    for engine in ("mongodb", "rabbitmq"):
        spec = find(render(SMALL), "StatefulSet", engine)["spec"]
        assert [each["metadata"]["name"] for each in spec["volumeClaimTemplates"]] == ["data"]
        assert "persistentVolumeClaimRetentionPolicy" not in spec, "claims outlive the release by default"

"""The example manifests of the engines' operators are valid."""

import yaml

from tests.deploy.chart.rendering import CHART, VERSIONS, check

EXAMPLES = CHART.parent / "examples"


def test_the_broker_is_valid_for_its_operator() -> None:
    check(list(yaml.safe_load_all((EXAMPLES / "rabbitmq-cluster.yaml").read_text())), VERSIONS[-1])


def test_the_database_has_three_members_and_a_user_for_the_stack() -> None:
    # No schema of this operator is at hand: at least the text is YAML and says what the chart's manual says.
    database = yaml.safe_load((EXAMPLES / "mongodb-percona.yaml").read_text())
    assert database["spec"]["replsets"][0]["size"] == 3
    assert database["spec"]["users"][0]["name"] == "retailstack"

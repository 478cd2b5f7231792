"""The schema of the values is closed and complete: another key, or a value of another type, is refused."""

import copy
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from tests.deploy.chart.rendering import CASES, chart, helm
from tests.deploy.chart.values import SCHEMA, alternatives, is_accepted, set_at

Path = tuple[str, ...]

# What a user may name freely: labels, settings, Kubernetes' own objects.
OPEN = {
    "commonLabels", "commonAnnotations", "env", "secretFiles", "podLabels", "podAnnotations", "nodeSelector",
    "affinity", "requests", "limits", "annotations", "labels",
}  # fmt: skip


def objects(values: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all objects that are not free in their keys."""
    if isinstance(values, dict) and not (path and path[-1] in OPEN):
        yield path
        for key, value in values.items():
            yield from objects(value, (*path, key))


def leaves(values: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The paths and values of all leaves."""
    if isinstance(values, dict) and values and not (path and path[-1] in OPEN):
        for key, value in values.items():
            yield from leaves(value, (*path, key))
    else:
        yield path, values


@pytest.mark.parametrize("case", CASES)
def test_the_cases_are_accepted(case: str) -> None:
    assert is_accepted(CASES[case])


def test_a_key_that_does_not_exist_is_refused_everywhere() -> None:
    accepted = [path for path in objects(chart().values) if is_accepted(set_at((*path, "noSuchKey"), "x"))]
    assert not accepted


WRONG: dict[type, list[Any]] = {
    str: [17.5, True, ["x"], {"x": 1}],
    bool: ["yes", 1, [True], {"x": True}],
    int: ["many", 1.5, -1, [1], {"x": 1}],
    float: ["many", [0.5], {"x": 1}],
    list: ["x", 1, {"x": 1}],
    dict: ["x", 1, ["x"]],
    type(None): ["soon", 1.5, {"x": 1}],
}


def test_a_value_of_another_type_is_refused_everywhere() -> None:
    # By the schema alone: Helm itself passes over what would replace a table.
    schema = jsonschema_rs.validator_for(SCHEMA)
    assert schema.is_valid(chart().values)
    accepted = []
    for path, value in leaves(chart().values):
        for wrong in WRONG[type(value)]:
            values = copy.deepcopy(chart().values)
            holder = values
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = wrong
            if schema.is_valid(values):
                accepted.append((".".join(path), wrong))
    assert not accepted


def test_a_choice_that_does_not_exist_is_refused_everywhere() -> None:
    made = {path for path, choice in alternatives(SCHEMA)}
    assert len(made) > 10
    for path in made:
        assert not is_accepted(set_at(path, "no such choice")), path
        assert not is_accepted(set_at(path, 2)), path


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"ics": {"replicas": -1}}, "replicas"),
        ({"ics": {"replica": 2}}, "replica"),
        ({"mongodb": {"builtIn": {"replicas": 2}}}, "replicas"),
        ({"ics": {"autoscaling": {"kind": "vpa"}}}, "kind"),
        ({"httpRoute": {"enabled": True}}, "parentRefs"),
        ({"keys": {"externalSecret": {"enabled": True}}}, "store"),
        ({"ics": {"env": {"lower": "1"}}}, "lower"),
        ({"ics": {"image": {"digest": "sha256:abc"}}}, "digest"),
        ({"ingress": {"host": "Shop_1"}}, "host"),
    ],
)
def test_a_refusal_names_the_value(values: dict[str, Any], where: str) -> None:
    with pytest.raises(helm.HelmValuesError, match=where):
        chart().validate_schema(values)


def test_replicas_may_be_left_to_others() -> None:
    assert is_accepted({"ics": {"replicas": None}})

"""What the Dockerfile says: one target a component, and nothing in an image that the component does not need."""

import pytest

from deploy.image.engine import BuildError, command
from deploy.image.recipe import COMPONENTS, DOCKERFILE, ROOT, recipe


@pytest.mark.parametrize("component", COMPONENTS)
def test_an_image_has_the_code_of_its_component_alone(component: str) -> None:
    copied = recipe(component).copied
    own = "gateway" if component == "gateway" else f"services/{component}"
    assert set(copied) == {"LICENSE", "chassis", own}
    assert all((ROOT / source).exists() for source in copied)
    assert (ROOT / recipe(component).lock).exists()


@pytest.mark.parametrize("component", COMPONENTS)
def test_an_image_needs_no_shell_to_start(component: str) -> None:
    module = "gateway" if component == "gateway" else f"services.{component}"
    assert recipe(component).entry_point == ["python", "-m", module]


def test_the_base_is_pinned_by_digest_and_can_be_replaced() -> None:
    first = next(line for line in DOCKERFILE.read_text().splitlines() if line.startswith(("ARG", "FROM")))
    assert first.startswith("ARG BASE=docker.io/library/python:")
    assert len(first.partition("@sha256:")[2]) == 64


def test_an_image_runs_as_a_user_without_rights() -> None:
    assert "USER 10001:10001" in DOCKERFILE.read_text().splitlines()


@pytest.mark.parametrize("engine", ["docker", "podman", "buildah"])
def test_one_command_serves_every_engine(engine: str) -> None:
    parts = command(engine, "ics", tag="retailstack-ics:1", version="1", revision="abc", options=["--quiet"])
    assert parts[:2] == [engine, "build"]
    assert {"--target=ics", "--build-arg=COMPONENT=ics", "--build-arg=VERSION=1", "--quiet"} < set(parts)
    assert parts[-1] == str(ROOT)


def test_an_unknown_component_is_refused() -> None:
    with pytest.raises(BuildError, match="there is no component 'crm'"):
        command("docker", "crm", tag="t", version="1", revision="r")

"""What the Dockerfile puts into the image of a component, read off the Dockerfile itself."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = Path(__file__).with_name("Dockerfile")
COMPONENTS = ("ops", "ics", "pmc", "slc", "visualgrid", "gateway")


@dataclass(frozen=True)
class Recipe:
    """One target of the Dockerfile: its files and how it is started.

    copied      path in the repository -> path in the image's working directory
    lock        file with its locked packages, below the repository
    entry_point the program and its arguments
    """

    component: str
    copied: dict[str, str]
    lock: str
    entry_point: list[str]


def recipe(component: str) -> Recipe:
    """The recipe of a component. Raises KeyError if the Dockerfile has no such target."""
    stages = dict(_stages(DOCKERFILE.read_text(encoding="utf-8")))
    _, instructions = stages[component]
    base, _ = stages[component]
    while base in stages:
        base, inherited = stages[base]
        instructions = inherited + instructions
    copies = [words.split() for name, words in instructions if name == "COPY" and not words.startswith("--")]
    entry = [words for name, words in instructions if name == "ENTRYPOINT"]
    return Recipe(
        component=component,
        copied={source: target if target != "./" else source for *sources, target in copies for source in sources},
        lock=f"requirements/{component}.txt",
        entry_point=json.loads(entry[-1]),
    )


def _stages(text: str) -> Iterator[tuple[str, tuple[str, list[tuple[str, str]]]]]:
    """Name, base and instructions of each stage."""
    joined = re.sub(r"\\\n", " ", text)
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    instructions = [(name, words) for name, _, words in (line.strip().partition(" ") for line in lines)]
    current: list[tuple[str, str]] = []
    for name, words in instructions:
        if name == "FROM":
            base, _, stage = words.partition(" AS ")
            current = []
            yield stage, (base, current)
        else:
            current.append((name, words))

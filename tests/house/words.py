"""House rules of our words: one public class name has one meaning, and people are "they"."""

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.house.rules import ROOT, python_files, tracked

PEOPLE = re.compile(r"\b(he|him|his)\b", re.IGNORECASE)
COMMON = "chassis"


def double_names() -> Iterator[str]:
    """A public class name has one meaning within the chassis together with any one service."""
    yield from doubles((path.relative_to(ROOT), path.read_text()) for path in python_files())


def doubles(files: Iterable[tuple[Path, str]]) -> Iterator[str]:
    """What breaks `double_names` in these files, given by path and source."""
    areas: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path, source in files:
        if path.parts[0] != "tests":
            for node in ast.parse(source).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    areas[_area(path)][node.name].append(f"{path}:{node.lineno}")
    for area, names in sorted(areas.items()):
        for name, places in sorted(names.items()):
            there = places if area == COMMON else [*areas[COMMON].get(name, ()), *places]
            if len(there) > 1:
                yield f"{there[-1]}: {name} is also a class of {', '.join(there[:-1])}; give one of them another name"


def _area(path: Path) -> str:
    """What is read as one: the chassis, the gateway, a service, a tool."""
    return "/".join(path.parts[:2]) if path.parts[0] in {"services", "deploy"} else path.parts[0]


def gendered_words() -> Iterator[str]:
    """Comments, docstrings and pages say "they" of people."""
    for path in python_files():
        source = path.read_text()
        if path.parent != Path(__file__).parent and PEOPLE.search(source):
            for number, text in prose_of(source):
                if found := PEOPLE.search(text):
                    yield f"{path.relative_to(ROOT)}:{number}: says {found[0]!r} of somebody; say they"
    for path in tracked(".md"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if found := PEOPLE.search(line):
                yield f"{path.relative_to(ROOT)}:{number}: says {found[0]!r} of somebody; say they"


def prose_of(source: str) -> Iterator[tuple[int, str]]:
    """Comments and texts of a source, by line."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in {tokenize.COMMENT, tokenize.STRING}:
            for offset, line in enumerate(token.string.splitlines()):
                yield token.start[0] + offset, line


RULES = [double_names, gendered_words]

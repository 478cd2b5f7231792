"""`docs/architecture.md` names every folder of the tree, and only paths that exist."""

import re
from pathlib import PurePath

from tests.house.rules import ROOT, tracked

PAGE = (ROOT / "docs/architecture.md").read_text()
BASES = ("", "chassis", "gateway", *(f"services/{name}" for name in ("ics", "ops", "pmc", "slc", "visualgrid")))
"""The page names what is in these folders without repeating the folder."""

PATH = re.compile(r"`([\w.-]+/[\w./-]*)`|^((?:chassis|gateway|services)/[\w./-]+)", re.MULTILINE)
MIRRORED = {"chassis", "deploy", "gateway", "ics", "ops", "pmc", "slc", "visualgrid"}


def named() -> set[str]:
    """The paths on the page."""
    return {one or other for one, other in PATH.findall(PAGE)}


def folders() -> set[str]:
    """The folders that need a sentence: those of the tree, and those in them that are not folders of one feature."""
    found: set[str] = set()
    for file in tracked(""):
        parts = PurePath(file.relative_to(ROOT)).parts[:-1]
        depth = 3 if parts[:1] == ("services",) else 2
        found.update("/".join(parts[:length]) for length in range(1, min(len(parts), depth) + 1))
    return {
        folder
        for folder in found
        if not folder.startswith(("requirements/", "bench/", "proto/"))
        and folder.removeprefix("tests/") not in MIRRORED
    }


def test_every_path_of_the_page_exists() -> None:
    missing = [path for path in named() if not any((ROOT / base / path).exists() for base in BASES)]
    assert not missing


def test_every_folder_has_its_sentence() -> None:
    paths = {path.rstrip("/") for path in named()}
    unnamed = [
        folder
        for folder in folders()
        if not any(folder.removeprefix(f"{base}/") in paths for base in BASES if not base or folder.startswith(base))
    ]
    assert not sorted(unnamed)

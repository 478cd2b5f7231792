"""House rules of our pages: every link leads somewhere, and what the code cites of the contract is a heading there."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.house.rules import ROOT, python_files, tracked

CONTRACT = ROOT / "docs/contract"
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
FOREIGN = re.compile(r"^[a-z][a-z0-9+.-]*:")
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} +(.*?)\s*#*$", re.MULTILINE)

CITED = {
    r"contract's section (\d+)": r"{0}\. .+",
    r"\b[Rr]ule ([A-Z])\b(?! of)": r"Rule {0}",
    r"\bScenario (\d+) of the (?:contract's|ICS) domain guide": r"Scenario {0}: .+",
    r"\bdomain guide()\b": r".*domain guide",
}
"""How the code speaks of the contract -> the heading that has to be in one of its pages."""

FILE_CITED = re.compile(r"(?:contract's |docs/contract/)([\w-]+\.(?:yaml|md))(?:#([\w-]+))?")


def broken_links() -> Iterator[str]:
    """Every link of a page leads to a file that exists, and to a heading in it."""
    for page in tracked(".md"):
        text = FENCED.sub(lambda found: "\n" * found[0].count("\n"), page.read_text())
        for number, line in enumerate(text.splitlines(), 1):
            for target in LINK.findall(line):
                if not FOREIGN.match(target) and (problem := _problem_of(page, target)):
                    yield f"{page.relative_to(ROOT)}:{number}: {target} {problem}"


def _problem_of(page: Path, target: str) -> str:
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.exists():
        return "does not exist"
    if anchor and file.suffix == ".md" and anchor not in anchors(file.read_text()):
        return "names a heading that the page does not have"
    return ""


@cache
def anchors(text: str) -> frozenset[str]:
    """The anchors a page has: its headings, as links spell them."""
    found: list[str] = []
    for heading in HEADING.findall(FENCED.sub("", text)):
        plain = LINK.sub(lambda link: link[0][1 : link[0].index("]")], heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.append(slug if slug not in found else f"{slug}-{found.count(slug)}")
    return frozenset(found)


def dead_citations() -> Iterator[str]:
    """What code and tests cite of the contract is there: the file, or the heading."""
    pages = {path.name: path.read_text() for path in CONTRACT.glob("*") if path.is_file()}
    headings = [heading for text in pages.values() for heading in HEADING.findall(text)]
    for path in [*python_files(), ROOT / "Makefile"]:
        if path.parent == Path(__file__).parent:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for problem in dead_in(line, headings, pages):
                yield f"{path.relative_to(ROOT)}:{number}: {problem}"


def dead_in(line: str, headings: list[str], pages: dict[str, str]) -> Iterator[str]:
    """What one line cites that is not there."""
    for pattern, wanted in CITED.items():
        for found in re.finditer(pattern, line):
            heading = wanted.format(re.escape(found[1]))
            if not any(re.fullmatch(heading, each) for each in headings):
                yield f"cites “{found[0]}”; no page of docs/contract has a heading “{heading}”"
    for name, anchor in FILE_CITED.findall(line):
        if name not in pages:
            yield f"cites {name}, which docs/contract does not have"
        elif anchor and anchor not in anchors(pages[name]):
            yield f"cites {name}#{anchor}, a heading that the page does not have"


RULES = [broken_links, dead_citations]

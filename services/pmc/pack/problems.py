"""Problems of a pack document: each with path, code and, in JSON Lines, the line. The first 100 are kept."""

from typing import Literal

from chassis.values import Count, Text
from services.pmc.words import Part

PROBLEMS_MAX = 100
TEXT_CHARACTERS_MAX = 512

ProblemCode = Literal[
    "malformed",
    "missing",
    "unknown-field",
    "wrong-type",
    "out-of-range",
    "duplicate",
    "unknown-reference",
    "inconsistent",
]


class PackProblem(Part):
    """One thing wrong with a document. `path` is names and positions from the document's root, joined by dots."""

    code: ProblemCode
    path: Text
    line: Count | None = None
    message: Text


class Problems:
    """Collects problems. `line` is the line being read; None in JSON form."""

    def __init__(self, *, count: int = 0, kept: list[PackProblem] | None = None) -> None:
        self.count = count
        self.kept: list[PackProblem] = list(kept or ())
        self.line: int | None = None

    def add(self, path: str, code: ProblemCode, message: str) -> None:
        """Note one problem."""
        self.count += 1
        if len(self.kept) < PROBLEMS_MAX:
            # A member name may be any JSON string, a lone surrogate included.
            shown = path[:TEXT_CHARACTERS_MAX].replace("\0", "�").encode(errors="replace").decode()
            self.kept.append(PackProblem(code=code, path=shown or "document", line=self.line, message=message))


def below(path: str, name: str | int) -> str:
    """The path of a member or an item."""
    return f"{path}.{name}" if path else str(name)

"""How tests are spread over workers: a file stays on one, and so does everything that shares a stack."""

import pytest
from xdist.scheduler.loadfile import LoadFileScheduling

WHOLE_STACK = ("tests/outages/", "tests/journeys/")


class Spread(LoadFileScheduling):  # type: ignore[misc]  # xdist brings no types
    """A file's tests share what their module sets up; outages and journeys take turns on one whole stack."""

    def _split_scope(self, nodeid: str) -> str:
        return "a whole stack" if nodeid.startswith(WHOLE_STACK) else nodeid.split("::", 1)[0]


def longest_first(items: list[pytest.Item]) -> None:
    """Put the tests of the whole stack in front: they take longest, and the other workers do the rest meanwhile."""
    items.sort(key=lambda item: not item.nodeid.startswith(WHOLE_STACK))

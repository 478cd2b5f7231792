"""How many regex searches of one org run at once."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from chassis.errors import Throttled
from chassis.resource import resource

AT_ONCE_MAX = 2


class RegexSearches:
    """Counts the regex searches that run in this process."""

    def __init__(self) -> None:
        self._running: Counter[str] = Counter()

    @contextmanager
    def admitted(self, orgcode: str) -> Iterator[None]:
        """Run one more search of an org. Raises `Throttled` where enough run already."""
        if self._running[orgcode] >= AT_ONCE_MAX:
            raise Throttled(f"{AT_ONCE_MAX} regex searches of the org are running", retry_after_seconds=1)
        self._running[orgcode] += 1
        try:
            yield
        finally:
            self._running[orgcode] -= 1
            if not self._running[orgcode]:
                del self._running[orgcode]


@resource
async def regex_searches() -> AsyncIterator[RegexSearches]:
    """The regex searches that run in this process."""
    yield RegexSearches()

"""A service that does not answer in time, at a test's command."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from chassis.errors import Unavailable
from services.visualgrid.graph.sources import Sources


@contextmanager
def late(service: str, *questions: int) -> Iterator[Counter[str]]:
    """A service does not answer these of its questions, by number, in time; none given: not a single one.

    Gives how many each service was asked.
    """
    asked: Counter[str] = Counter()
    ask = Sources.ask

    async def ask_late(sources: Sources, name: str, *question: Any) -> Any:
        asked[name] += 1
        if name == service and (not questions or asked[name] in questions):
            raise Unavailable(f"{name} did not answer in time")
        return await ask(sources, name, *question)

    with patch.object(Sources, "ask", ask_late):
        yield asked

"""The command line runs in the process of the test, and so beside services whose log would be taken for its output."""

from math import inf

import pytest

from chassis.telemetry import loop_watch


@pytest.fixture(autouse=True)
def no_word_of_a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services say nothing of an event loop that was held up."""
    monkeypatch.setattr(loop_watch, "WARN_SECONDS", inf)

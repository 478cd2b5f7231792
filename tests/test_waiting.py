"""Waits end when their condition holds, and fail late on a busy machine."""

import asyncio
import itertools

import pytest

from tests import waiting


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine as fast as the reference, with nothing else to do."""
    monkeypatch.setattr(waiting, "_cpu_slowness", lambda: 1.0)
    load(monkeypatch, 0.0)


def load(monkeypatch: pytest.MonkeyPatch, per_core: float) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("os.getloadavg", lambda: (2 * per_core, 0.0, 0.0))


async def test_a_wait_gives_the_first_true_value_of_its_condition() -> None:
    numbers = itertools.count()

    async def later() -> int:
        await asyncio.sleep(0)
        return next(numbers)

    assert await waiting.until(later, 10, every=0) == 1
    assert waiting.wait_until(lambda: next(numbers) // 5, 10, every=0) == 1


async def test_a_wait_that_fails_says_how_things_are() -> None:
    with pytest.raises(AssertionError, match="still 3 pending"):
        await waiting.until(lambda: False, 0.01, lambda: "still 3 pending")
    with pytest.raises(AssertionError, match="the condition does not hold"):
        waiting.wait_until(lambda: False, 0.01)


@pytest.mark.parametrize(("per_core", "seconds"), [(0.0, 3.0), (1.0, 3.0), (4.0, 12.0), (1000.0, 60.0)])
def test_a_deadline_stretches_with_the_load_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch, per_core: float, seconds: float
) -> None:
    load(monkeypatch, per_core)
    assert waiting.stretched(3.0) == seconds
    assert waiting.SLOWNESS_MAX == 20.0


async def test_a_machine_that_becomes_busy_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = itertools.count()

    def condition() -> bool:
        load(monkeypatch, 1000.0)
        return next(calls) > 10

    assert await waiting.until(condition, 0.01, every=0.005)


def test_the_speed_of_this_machine_is_measured_once() -> None:
    assert waiting._loop_seconds() > 0

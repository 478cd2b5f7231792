import pytest

from services.ics.filters import split
from services.ics.reads import together

LEADS = (("zone_id", "code"), ("zone_id",), ("status",), ())


class Miss(BaseException):
    """What the engine ends a run with."""


def test_filters_go_to_the_most_selective_lead_they_cover_and_the_rest_is_looked_at() -> None:
    wanted = {"zone_id": "Z", "code": None, "status": "active"}
    assert split(wanted, LEADS) == ({"zone_id": "Z"}, {"status": "active"})
    assert split(wanted | {"code": "C"}, LEADS) == ({"zone_id": "Z", "code": "C"}, {"status": "active"})
    assert split({"code": "C"}, LEADS) == ({}, {"code": "C"})


async def test_reads_that_are_all_there_give_their_results_in_order() -> None:
    async def read(value: int) -> int:
        return value

    assert await together(read(value) for value in (3, 1, 2)) == [3, 1, 2]


async def test_all_reads_ask_before_the_run_is_given_up() -> None:
    asked: list[int] = []

    async def read(value: int) -> int:
        asked.append(value)
        raise Miss

    with pytest.raises(Miss):
        await together(read(value) for value in range(300))
    assert asked == list(range(300))


async def test_a_failure_is_told_at_once() -> None:
    async def read(value: int) -> int:
        raise ValueError(value)

    with pytest.raises(ValueError, match="0"):
        await together(read(value) for value in range(3))

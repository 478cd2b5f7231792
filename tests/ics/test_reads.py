import pytest

from chassis.page import Page, PageRequest
from services.ics.filters import split
from services.ics.reads import CHUNKS_MAX, sifted, together

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


class Shelf:
    """Numbers from 0 on, read page by page; how many were read is counted."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.read_count = 0

    async def read(self, part: PageRequest) -> Page[int]:
        start, limit = int(part.next_token or 0), part.limit or 0
        items = list(range(start, min(start + limit, self.size)))
        self.read_count += len(items)
        token = str(start + limit) if start + limit < self.size else None
        return Page(items=items, count=len(items), next_token=token)


async def every(step: int, shelf: Shelf, limit: int) -> tuple[list[int], list[int]]:
    """All multiples of a number there are, and how many there were on each page."""

    async def sift(numbers: list[int]) -> list[int | None]:
        return [number if number % step == 0 else None for number in numbers]

    found: list[int] = []
    counts: list[int] = []
    token: str | None = None
    while True:
        page = await sifted(PageRequest(limit=limit, next_token=token), shelf.read, sift)
        found += page.items
        counts.append(page.count)
        token = page.next_token
        if token is None:
            return found, counts


@pytest.mark.parametrize("step", [1, 2, 7, 300, 5000])
@pytest.mark.parametrize("limit", [1, 3, 256])
async def test_sifted_pages_show_all_once_in_order(step: int, limit: int) -> None:
    found, counts = await every(step, Shelf(3000), limit)
    assert found == list(range(0, 3000, step))
    assert max(counts) <= limit


async def test_sifted_pages_are_full_until_the_last_where_enough_is_shown() -> None:
    _, counts = await every(3, Shelf(100), 10)
    assert counts == [10, 10, 10, 4]


async def test_one_call_looks_at_so_much_and_no_more() -> None:
    shelf = Shelf(100_000)

    async def sift(numbers: list[int]) -> list[int | None]:
        return [None for _ in numbers]

    page = await sifted(PageRequest(limit=25), shelf.read, sift)
    assert (page.items, page.count) == ([], 0)
    assert page.next_token is not None
    assert shelf.read_count <= CHUNKS_MAX * 256

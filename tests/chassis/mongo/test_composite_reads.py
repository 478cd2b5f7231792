from collections.abc import Sequence
from typing import Any

import pytest

from chassis.entity import Document, Entity
from chassis.errors import Invalid
from chassis.mongo.composite_reads import FILTERED_CHUNKS_MAX, FIND_ALL_BATCH_MAX, CompositeReads
from chassis.page import Page, Paged, PageRequest
from chassis.unit import Where


class Number(Document):
    number_id: str
    value: int


NUMBERS = Entity("number", Number, collection="numbers", id="number_id")


class Shelf(CompositeReads):
    """Numbers from 0 on, read page by page as a View would; how many were read is counted."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.read_count = 0

    async def page(
        self, _entity: Entity[Number], _where: Where, *, page: Paged, order: Sequence[str], rest: Where | None
    ) -> Page[Number]:
        assert (tuple(order), rest) == ((), None)
        start, limit = int(page.next_token or 0), page.limit or 0
        items = [Number(number_id=str(value), value=value) for value in range(start, min(start + limit, self.size))]
        self.read_count += len(items)
        token = str(start + limit) if start + limit < self.size else None
        return Page(items=items, count=len(items), next_token=token)

    async def find(
        self,
        _entity: Entity[Number],
        _where: Where,
        *,
        order: Sequence[str],
        limit: int,
        after: Sequence[Any] | None,
        rest: Where | None,
    ) -> list[Number]:
        """Those behind a value and an id, in the order of their values."""
        assert (tuple(order), rest) == (("value",), None)
        start = 0 if after is None else after[0] + 1
        assert after is None or after[1] == str(after[0])
        return [Number(number_id=str(value), value=value) for value in range(start, min(start + limit, self.size))]


async def multiples(step: int, shelf: Shelf, limit: int, token: str | None = None) -> Page[Number]:
    """A page of the multiples of a number, which the query itself does not say."""

    async def show(numbers: Sequence[Number]) -> list[Number | None]:
        return [number if number.value % step == 0 else None for number in numbers]

    page = PageRequest(limit=limit, next_token=token)
    return await shelf.filtered_page(NUMBERS, {}, page=page, show=show, asked=step)  # type: ignore[misc]


async def every(step: int, shelf: Shelf, limit: int) -> tuple[list[int], list[int]]:
    """All multiples of a number there are, and how many there were on each page."""
    found: list[int] = []
    counts: list[int] = []
    token: str | None = None
    while True:
        page = await multiples(step, shelf, limit, token)
        found += [number.value for number in page.items]
        counts.append(page.count)
        token = page.next_token
        if token is None:
            return found, counts


@pytest.mark.parametrize("size", [0, 1, FIND_ALL_BATCH_MAX - 1, FIND_ALL_BATCH_MAX, 2 * FIND_ALL_BATCH_MAX + 1])
@pytest.mark.parametrize("at_most", [None, 1, FIND_ALL_BATCH_MAX, FIND_ALL_BATCH_MAX + 1])
async def test_all_records_are_found_once_in_order_or_so_many_of_them(size: int, at_most: int | None) -> None:
    found = await Shelf(size).find_all(NUMBERS, {}, order=("value",), at_most=at_most)  # type: ignore[misc]
    assert [number.value for number in found] == list(range(size))[:at_most]


@pytest.mark.parametrize("step", [1, 2, 7, 300, 5000])
@pytest.mark.parametrize("limit", [1, 3, 256])
async def test_filtered_pages_show_all_once_in_order(step: int, limit: int) -> None:
    found, counts = await every(step, Shelf(3000), limit)
    assert found == list(range(0, 3000, step))
    assert max(counts) <= limit


async def test_filtered_pages_are_full_until_the_last_where_enough_is_shown() -> None:
    _, counts = await every(3, Shelf(100), 10)
    assert counts == [10, 10, 10, 4]


@pytest.mark.parametrize("step", [1, 7, 100])
async def test_no_page_is_empty_because_nothing_shown_follows_a_full_one(step: int) -> None:
    _, counts = await every(step, Shelf(20 * step + 50), 7)
    assert counts[-1] > 0


async def test_one_call_looks_at_so_much_and_no_more() -> None:
    shelf = Shelf(100_000)
    first = await multiples(99_999, shelf, 1)
    shelf.read_count = 0
    page = await multiples(99_999, shelf, 25, first.next_token)
    assert (page.items, page.count) == ([], 0)
    assert page.next_token is not None
    assert shelf.read_count <= FILTERED_CHUNKS_MAX * 256


async def test_a_token_is_good_for_what_it_was_made_for_alone() -> None:
    shelf = Shelf(100)
    token = (await multiples(3, shelf, 10)).next_token
    for step, given in ((5, token), (3, f"{token}x"[1:]), (3, "10")):
        with pytest.raises(Invalid):
            await multiples(step, shelf, 10, given)

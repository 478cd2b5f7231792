"""Finding variants by SKU or barcode, many in one call."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.slc.shopify.graphql import Session
from services.slc.shopify.reading import converted, in_batches
from services.slc.shopify.states import FoundVariant
from services.slc.shopify.words import CANDIDATES_MAX, SearchField

ONE = "VariantsByQuery"
MANY = {5: "VariantsByFewQueries", 25: "VariantsByManyQueries"}
"""Number of searches that a document holds -> its name. The larger one asks for some 250 points, of 1,000 allowed."""

SEARCHES_A_CALL = max(MANY)

HitPage = Mapping[str, Any]


class VariantSearch:
    """Searches of one shop."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def equal(self, field: SearchField, values: Sequence[str]) -> dict[str, list[FoundVariant]]:
        """Value -> the variants whose field equals it exactly. See the port's `Products.find`."""

        async def first_pages(part: Sequence[str]) -> list[tuple[str, HitPage]]:
            return list(zip(part, await self._first_pages([_query(field, each) for each in part]), strict=True))

        pages = await in_batches(list(dict.fromkeys(values)), SEARCHES_A_CALL, first_pages)
        return {value: await self._all_equal(field, value, page) for value, page in pages}

    async def _first_pages(self, queries: Sequence[str]) -> list[HitPage]:
        """The first hits of each search, in one call."""
        if len(queries) == 1:
            return [await self._page(queries[0], None)]
        size = min(each for each in MANY if each >= len(queries))
        # Places that are left over repeat the last search: only hits are charged for in the end.
        padded = [*queries, *[queries[-1]] * (size - len(queries))]
        data = await self._session.execute(MANY[size], **{f"q{place}": query for place, query in enumerate(padded)})
        return [data[f"q{place}"] for place in range(len(queries))]

    async def _page(self, query: str, after: str | None) -> HitPage:
        page: HitPage = (await self._session.execute(ONE, query=query, after=after))["productVariants"]
        return page

    async def _all_equal(self, field: SearchField, value: str, page: HitPage) -> list[FoundVariant]:
        """The equal ones among all hits; what follows the first page is read as far as it can still matter."""
        found: list[FoundVariant] = []
        while True:
            hits = [converted(each, FoundVariant) for each in page["nodes"]]
            found += [each for each in hits if getattr(each, field) == value]
            if not page["pageInfo"]["hasNextPage"] or _are_enough(found):
                return found
            page = await self._page(_query(field, value), page["pageInfo"]["endCursor"])


def _query(field: SearchField, value: str) -> str:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{field}:"{quoted}"'


def _are_enough(found: Sequence[FoundVariant]) -> bool:
    """Whether more hits would change nothing: several products are there, and as many candidates as are ever shown."""
    return len(found) >= CANDIDATES_MAX and len({each.product.id for each in found}) > 1

"""How a list's optional filters become a query: what one index serves, and what is left to look at record by record."""

from collections.abc import Mapping, Sequence
from typing import Any

Lead = tuple[str, ...]
"""Fields that an index begins with, beside the org."""


def split(wanted: Mapping[str, Any], leads: Sequence[Lead]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The filters that were given (None: not), as the part of the first lead they cover, and the rest.

    The leads go from the most selective to the empty one, which always fits.
    """
    given = {field: value for field, value in wanted.items() if value is not None}
    lead = next(lead for lead in leads if set(lead) <= given.keys())
    return {field: given[field] for field in lead}, {
        field: value for field, value in given.items() if field not in lead
    }

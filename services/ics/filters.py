"""Splits the optional filters of a list into those that an index covers and those that are checked on each record."""

from collections.abc import Mapping, Sequence
from typing import Any

Lead = tuple[str, ...]
"""The first fields of an index, after the org."""


def split(wanted: Mapping[str, Any], leads: Sequence[Lead]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The given filters in two parts: those on the fields of the chosen index, and the others.

    A filter of None is not given. The chosen lead is the first in `leads` whose fields are all given. Order
    `leads` from the most selective to the empty lead; the empty one must be present, since it always fits.
    """
    given = {field: value for field, value in wanted.items() if value is not None}
    lead = next(lead for lead in leads if set(lead) <= given.keys())
    return {field: given[field] for field in lead}, {
        field: value for field, value in given.items() if field not in lead
    }

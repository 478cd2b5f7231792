"""The lists of the second edition are found by the keys that the contract's `served_by` names."""

import re
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml

from services.ics.allocation.store import FILTERS as ALLOCATIONS
from services.ics.commit.store import FILTERS as COMMITS
from services.ics.consignment.store import FILTERS as CONSIGNMENTS
from services.ics.count.heads import FILTERS as COUNTS
from services.ics.keyed import KeyedFilters
from services.ics.reservation.store import FILTERS as RESERVATIONS

FIELDS = MappingProxyType(
    {"facility": "logical_guid", "variant": "variant_id", "zone": "zone_id", "plan": "plan_id"}
    | {"consignor": "consignor_ref"}
)
LISTS = MappingProxyType(
    {
        "/reservation/list": (RESERVATIONS, {"order_ref": "demand_ref"}, {"reservation_id"}),
        "/allocation/list": (ALLOCATIONS, {}, set()),
        "/commit/list": (COMMITS, {}, set()),
        "/consignment/list": (CONSIGNMENTS, {}, set()),
        "/count/list": (COUNTS, {}, set()),
    }
)


def served_by(path: str) -> str:
    """What the contract says of a list."""
    contract: Any = yaml.safe_load(Path("docs/contract/ics.yaml").read_text())
    (row,) = [row for row in contract["endpoints"] if row["path"] == path]
    said: str = row["served_by"]
    return served_by(found[1]) if (found := re.match(r"as (/\S+/list)", said)) else said


@pytest.mark.parametrize("path", LISTS)
def test_each_set_of_filters_that_the_contract_names_has_a_key(path: str) -> None:
    filters: KeyedFilters
    filters, other_names, not_its_own = LISTS[path]
    named = re.search(r"one array of keys[^(]*\(([^)]*)\)", served_by(path))
    assert named is not None
    for text in named[1].split(", "):
        words = [word for word in re.split(r"[ /]", text) if word != "all"]
        fields = {other_names.get(name, name) for word in words for name in [FIELDS.get(word, word)]}
        if not fields & not_its_own:
            choice = filters.choose(dict.fromkeys(fields, "x"))
            assert choice.rest == {}, (path, text, "is no key")

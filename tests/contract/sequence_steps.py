"""The steps of a sequence of calls: good and bad ones mixed, each using what earlier steps made.

A step names an endpoint, which of the known objects it is about, and what is wrong with its body, if anything. So a
sequence that fails is cut down to the steps that matter, and reads as such.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from hypothesis import strategies as st

from chassis.service import collect
from services.ics.app import ICS
from tests.ics.given import FACILITY, VARIANT
from tests.ics.world import OTHER_FACILITY

ENDPOINTS = {endpoint.call: endpoint for endpoint in collect(ICS).endpoints}

KINDS: Mapping[str, str] = {
    "empty_zone_id": "zone_id",
    "empty_bin_id": "bin_id",
    "waiting_id": "receive_id",
    "draft_id": "transfer_id",
    "submitted_id": "transfer_id",
    "counting_id": "count_id",
    "counted_id": "count_id",
}
"""Fields of the world that name an object by what it is for -> what it is."""

ALIKE: Mapping[str, str] = {
    **{f"{side}_zone_id": "zone_id" for side in ("to", "from", "pick", "overstock")},
    **{f"{side}_bin_id": "bin_id" for side in ("to", "from", "pick", "overstock")},
    "recount_of": "count_id",
    "held_by_id": "commit_id",
}
"""Fields of a body -> what they name."""

PLAUSIBLE: Mapping[str, tuple[Any, ...]] = {
    "lot_code": ("L-A", "L-B"),
    "serials": (["SN1"], ["SN1", "SN2"]),
    "serial_no": ("SN1", "SN2", "SN3"),
    "ttl_seconds": (1, 3600),
    "reason": ("because",),
    "note": ("as agreed",),
    "stage": ("open", "picked"),
    "from_stage": ("open", "picked", "packed"),
    "from_bucket": ("available", "quarantine", "reserved", "committed", "consignment", "in_transit"),
    "to_bucket": ("available", "quarantine", "damaged"),
    "bucket": ("available", "quarantine", "reserved", "committed"),
    "status": ("active", "paused", "inactive", "archived", "approved"),
    "decision": ("approve", "reject"),
    "tracking": ("none", "lot", "serial"),
    "qc": ("skip", "required"),
    "backorder_limit": (0, 5),
    "safety_stock": (0, 3),
    "final": (True, False),
    "blind": (True, False),
    "blocked": (True, False),
    "return_quantity": (1, 2),
    "logical_guid": (FACILITY, OTHER_FACILITY),
    "variant_id": (VARIANT, "VAR-2"),
    "expected_date": ("2026-12-01",),
    "limit": (1, 1000),
}
"""Values that a field might well have."""

ABSURD: tuple[Any, ...] = (
    0,
    -1,
    10**9,
    10**9 + 1,
    2**63,
    10**40,
    1.5,
    "7",
    True,
    None,
    [],
    {},
    "",
    "x" * 10_000,
    "\u0000",
    "\U0001f4a5",
)

NUMBERS = ("quantity", "delta", "counted", "safety_stock", "min_qty", "max_qty", "approved", "expected_revision")

TWISTS = ("right",) * 8 + (
    *("more", "more", "more", "units", "units", "units"),
    *("another_id", "unknown_id", "stale", "no_revision", "absurd", "lacking", "strange", "elsewhere", "nameless"),
    *("same_key", "same_key", "roleless", "stranger"),
)


class Step(NamedTuple):
    """One call of a sequence: about the n-th object known of each kind, with this twist to its body."""

    call: str
    which: int
    twist: str
    number: int


CALLS = sorted([*ENDPOINTS, *[call for call, endpoint in ENDPOINTS.items() if endpoint.access == "change"] * 3])
"""Most calls change something."""

STEP = st.builds(
    Step,
    call=st.sampled_from(CALLS),
    which=st.integers(0, 5),
    twist=st.sampled_from(TWISTS),
    number=st.integers(0, 15),
)

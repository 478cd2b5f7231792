"""Where the embedded engine (SecantusDB) behaves otherwise than MongoDB, and what we do about it.

This is the only file that knows. Three differences are met on every server, at no cost on MongoDB:

- An index is used only if it covers the first stage of a query whole, and an `$in` or a range only as the last field in
  it: `conditions.py` puts everything else into a second stage.
- `$lte` leaves equal values out if the index goes on behind the field: "at most" is asked as "below the least value
  above", see `least_above`.
- Each deletion of a plain bulk is synced to disk by itself, and a read of a few ids costs as much as all ids behind
  them: `erasure.py` reads `READ_IDS_MAX` ids at a time and deletes in short transactions.

The others are `Quirks` of a server, all off for MongoDB.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

from chassis.frozen import Frozen

Engine = Literal["", "embedded"]
"""What runs behind the URI, as the settings say it; empty: look."""

READ_IDS_MAX = 10_000
VOID_MESSAGE = re.compile(r"transaction (already|is|was) (closed|aborted|rolled back)|Internal\(", re.IGNORECASE)
"""What the engine says of a transaction that is void: its errors have no code of their own."""

_SET_NAME = "secantus"


class Quirks(Frozen):
    """What a server needs done differently.

    engine                  what the settings call the server
    moved_keys_stay_taken   an update that moves a record off a unique key leaves the key taken, a deletion frees it:
                            the record is deleted and inserted anew
    reads_whole_ranges      a limited read costs as much as everything behind it in the range: pages are read in
                            ranges that hold little more than the page (`page_ranges.py`)
    counts_by_scan          the number of documents in a collection is no metadata, but counted one by one
    conditions_serve_one    a unique index with a condition serves one value; several together would be a scan: it has
                            a twin without the condition, by which keys are looked up

    While a transaction reads for long, other transactions wait on this engine: scans that need no single moment pass
    `moment=False` and run outside one.
    """

    engine: Engine = ""
    moved_keys_stay_taken: bool = False
    reads_whole_ranges: bool = False
    counts_by_scan: bool = False
    conditions_serve_one: bool = False


MONGODB = Quirks()
EMBEDDED = Quirks(
    engine="embedded",
    moved_keys_stay_taken=True,
    reads_whole_ranges=True,
    counts_by_scan=True,
    conditions_serve_one=True,
)


def quirks_of(engine: Engine, hello: Mapping[str, Any]) -> Quirks:
    """The quirks of the engine that the settings name, else of the server that answered `hello` so."""
    embedded = engine == "embedded" or hello.get("setName") == _SET_NAME
    return EMBEDDED if embedded else MONGODB


def least_above(value: Any) -> Any:
    """The least value above this one. Numbers that are compared are whole."""
    return value + "\0" if isinstance(value, str) else value + 1

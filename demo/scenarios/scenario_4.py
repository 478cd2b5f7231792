"""Scenario 4 of the ICS domain guide, with the guide's numbers: serials assigned, blocked, scanned and counted."""

from typing import Any

from demo.scenarios.questions import of, promisable, serial, units, unsellable
from demo.scenarios.script import Books, Scenario, Step
from demo.scenarios.steps import ApiCall, RecordId, UniqueName, call

VAR = UniqueName("VAR-4")
P1, P2 = RecordId("P1"), RecordId("P2")


def _books(available: int, reserved: int, committed: int, on_hand: int) -> dict[str, Books]:
    return {"FAC-A": (available, 0, 0, 0, reserved, committed, 0, on_hand)}


def _receive(quantity: int, zone: RecordId, **line: Any) -> ApiCall:
    return call("receive/record", lines=[{"variant_id": VAR, "quantity": quantity, "zone_id": zone, **line}])


def _assign(*serials: str) -> ApiCall:
    """Give units in P1 these serials."""
    return call("serial/assign", variant_id=VAR, serials=list(serials), zone_id=P1)


def _update(serial_no: str, **changes: Any) -> list[ApiCall]:
    """Change a unit, whose newest revision is read first."""
    return [
        call("serial/360", at=None, variant_id=VAR, serial_no=serial_no, keeps={serial_no: "serial"}),
        call("serial/update", at=None, on=serial_no, **changes),
    ]


_STOCK = [
    Step(
        number=1,
        says="4 into P1",
        actions=[_receive(4, P1)],
        books=_books(4, 0, 0, 4),
        finds={unsellable(): 0, promisable(): 4},
    ),
    Step(
        number=2,
        says="tracking serial",
        actions=[call("stock/policy/set", at=None, variant_id=VAR, qc="skip", tracking="serial", expected_revision=1)],
        books=_books(4, 0, 0, 4),
    ),
    Step(
        number=3,
        says="S1, S2, S3 at P1; the fourth unit has no serial",
        actions=[_assign("S1", "S2", "S3")],
        books=_books(4, 0, 0, 4),
        finds={serial("S1", "status"): "in_stock", unsellable(): 0, promisable(): 4},
    ),
    Step(
        number=4,
        says="S4, S5 at P1",
        actions=[_assign("S4", "S5")],
        status="409 ics.insufficient_stock",
        books=_books(4, 0, 0, 4),
    ),
    Step(
        number=5,
        says="S4 at P1, and on to P2",
        actions=[
            _assign("S4"),
            call("putaway/record", variant_id=VAR, quantity=1, serials=["S4"], from_zone_id=P1, to_zone_id=P2),
        ],
        books=_books(4, 0, 0, 4),
        finds={units("available", place="P1"): 3, units("available", place="P2"): 1},
    ),
    Step(
        number=6,
        says="S1 blocked",
        actions=_update("S1", blocked=True, block_reason="recalled"),
        books=_books(4, 0, 0, 4),
        finds={unsellable(): 1, promisable(): 3},
    ),
]

_PROMISES = [
    Step(
        number=7,
        says="4",
        actions=[call("reservation/create", variant_id=VAR, quantity=4)],
        status="409 ics.insufficient_stock",
        books=_books(4, 0, 0, 4),
    ),
    Step(
        number=8,
        says="3 (A1)",
        actions=[call("reservation/create", variant_id=VAR, quantity=3, keeps={"A1": "reservation"})],
        books=_books(1, 3, 0, 4),
        finds={units("reserved", place="P1"): 2, units("reserved", place="P2"): 1, unsellable(): 1, promisable(): 0},
    ),
    Step(
        number=9,
        says="S2 blocked; one promise of A1 has no unit to go to",
        actions=_update("S2", blocked=True, block_reason="recalled"),
        books=_books(1, 3, 0, 4),
        finds={unsellable(): 2, promisable(): 0},
    ),
    Step(
        number=10,
        says="S5 into P2; it has one now",
        actions=[_receive(1, P2, serials=["S5"])],
        books=_books(2, 3, 0, 5),
        finds={unsellable(): 2, promisable(): 0},
    ),
    Step(
        number=11,
        says="from A1, 3 (C1), and a pick of S2",
        actions=[
            call("commit/create", on="A1", order_ref="O-1", keeps={"C1": "commit"}),
            call("pick/record", on="C1", quantity=1, serials=["S2"]),
        ],
        status="409 ics.conflict_state",
        books=_books(2, 0, 3, 5),
    ),
    Step(
        number=12,
        says="C1: S4, S5, no place named",
        actions=[call("pick/record", on="C1", quantity=2, serials=["S4", "S5"])],
        books=_books(2, 0, 3, 5),
        finds={of("C1", "open"): 1, units("committed", place="P1", stage="open"): 1, units("available", place="P1"): 2},
    ),
    Step(
        number=13,
        says="S3, zone_id P2",
        actions=[call("pick/record", on="C1", quantity=1, serials=["S3"], zone_id=P2)],
        status="409 ics.conflict_state",
        books=_books(2, 0, 3, 5),
    ),
    Step(
        number=14,
        says="S3; packed and shipped, all 3",
        actions=[
            call("pick/record", on="C1", quantity=1, serials=["S3"]),
            call("pack/record", on="C1", quantity=3),
            call("ship/record", on="C1", quantity=3),
        ],
        books=_books(2, 0, 0, 2),
        finds={serial("S3", "status"): "shipped", unsellable(): 2, promisable(): 0},
    ),
]

_COUNT = [
    Step(
        number=15,
        says="count of P1: S1 and S6 are seen",
        actions=[
            call("count/create", lines=[{"variant_id": VAR, "zone_id": P1}], keeps={"K1": "count"}),
            call("count/submit", on="K1", lines=[{"line_no": 1, "counted": 2, "serials": ["S1", "S6"]}]),
            call("count/approve", on="K1"),
        ],
        books=_books(2, 0, 0, 2),
        finds={
            of("K1", "lines.*.variance"): [0],
            serial("S6", "status"): "in_stock",
            serial("S2", "status"): "missing",
            unsellable(): 1,
            promisable(): 1,
        },
    ),
    Step(
        number=16,
        says="S1 unblocked",
        actions=_update("S1", blocked=False),
        books=_books(2, 0, 0, 2),
        finds={unsellable(): 0, promisable(): 2},
    ),
]

SCENARIO_4 = Scenario(
    title="Scenario 4: serials",
    variant=VAR.name,
    given=[
        call("zone/create", code="P1", purpose="pick", keeps={"P1": "zone"}),
        call("zone/create", code="P2", purpose="pick", keeps={"P2": "zone"}),
        call("stock/policy/set", at=None, variant_id=VAR, qc="skip"),
    ],
    steps=[*_STOCK, *_PROMISES, *_COUNT],
)

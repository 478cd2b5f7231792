"""Scenario 2 of the ICS domain guide, with the guide's numbers: transfer, count and consignment."""

from typing import Any

from demo.scenarios.questions import atp, external, of, promisable, units
from demo.scenarios.script import Scenario, Step
from demo.scenarios.steps import RecordId, UniqueName, call

VAR = UniqueName("VAR-2")
HERE, THERE = "FAC-A", "FAC-B"
DAY_BEFORE, DAY = "2031-03-08", "2031-03-09"

_IN_B_01: dict[str, Any] = {"zone_id": RecordId("PCK"), "bin_id": RecordId("B-01")}
_COUNT = call("count/create", at=THERE, lines=[{"variant_id": VAR, "bin_id": RecordId("B-01")}], keeps={"N1": "count"})

_TRANSFER = [
    Step(
        number=1,
        says="60 from supplier",
        actions=[call("receive/record", lines=[{"variant_id": VAR, "quantity": 60}], keeps={"R1": "receive"})],
        books={HERE: (60, 0, 0, 0, 0, 0, 0, 60)},
        finds={external("supplier"): -60, of("R1", "status"): "completed"},
    ),
    Step(
        number=2,
        says="A → B of 20 (T1)",
        actions=[
            call(
                "transfer/request/create",
                from_logical_guid=UniqueName(HERE),
                to_logical_guid=UniqueName(THERE),
                lines=[{"variant_id": VAR, "quantity": 20}],
                keeps={"T1": "transfer"},
            )
        ],
        books={HERE: (60, 0, 0, 0, 0, 0, 0, 60)},
        finds={of("T1", "status"): "draft"},
    ),
    Step(
        number=2,
        says="T1",
        actions=[call("transfer/request/submit", on="T1")],
        books={HERE: (60, 0, 0, 0, 0, 0, 0, 60)},
        finds={of("T1", "status"): "submitted"},
    ),
    Step(
        number=2,
        says="T1",
        actions=[call("transfer/request/approve", on="T1")],
        books={HERE: (60, 0, 0, 0, 0, 0, 0, 60)},
        finds={of("T1", "status"): "approved"},
    ),
    Step(
        number=3,
        says="20, expected_date D (S1)",
        actions=[call("transfer/shipment/record", on="T1", expected_date=DAY, keeps={"S1": "shipment"})],
        books={HERE: (40, 0, 0, 0, 0, 0, 0, 40), THERE: (0, 0, 0, 0, 0, 0, 20, 0)},
        finds={
            of("T1", "status"): "in_progress",
            atp(by=DAY, facility=THERE): 20,
            atp(by=DAY_BEFORE, facility=THERE): 0,
            promisable(facility=THERE): 0,
        },
    ),
    Step(
        number=4,
        says="accepted 12 into PCK/B-01",
        actions=[
            call(
                "transfer/shipment/receive",
                at=THERE,
                on="S1",
                lines=[{"line_no": 1, "outcome": "accepted", "quantity": 12, **_IN_B_01}],
            )
        ],
        books={THERE: (12, 0, 0, 0, 0, 0, 8, 12)},
        finds={of("S1", "status"): "partially_received"},
    ),
    Step(
        number=5,
        says="accepted 7 into PCK/B-01, damaged 1 into DMG",
        actions=[
            call(
                "transfer/shipment/receive",
                at=THERE,
                on="S1",
                lines=[
                    {"line_no": 1, "outcome": "accepted", "quantity": 7, **_IN_B_01},
                    {"line_no": 1, "outcome": "damaged", "quantity": 1, "zone_id": RecordId("DMG")},
                ],
            )
        ],
        books={THERE: (19, 0, 1, 0, 0, 0, 0, 20)},
        finds={
            of("S1", "status"): "received",
            of("T1", "status"): "completed",
            units("available", place="B-01", facility=THERE): 19,
            units("damaged", place="DMG", facility=THERE): 1,
        },
    ),
]

_COUNTING = [
    Step(
        number=6,
        says="B-01, blind (N1)",
        actions=[_COUNT],
        books={THERE: (19, 0, 1, 0, 0, 0, 0, 20)},
        finds={of("N1", "lines.*.expected"): [None]},
    ),
    Step(
        number=7,
        says="counted 17",
        actions=[call("count/submit", at=THERE, on="N1", lines=[{"line_no": 1, "counted": 17}])],
        books={THERE: (19, 0, 1, 0, 0, 0, 0, 20)},
        finds={
            of("N1", "lines.*.expected"): [19],
            of("N1", "lines.*.variance"): [-2],
            of("N1", "lines.*.within_tolerance"): [False],
        },
    ),
    Step(
        number=8,
        says="4: work goes on (A1)",
        actions=[call("reservation/create", at=THERE, variant_id=VAR, quantity=4, keeps={"A1": "reservation"})],
        books={THERE: (15, 0, 1, 0, 4, 0, 0, 20)},
    ),
    Step(
        number=9,
        says="N1; the reservation is whole",
        actions=[call("count/approve", at=THERE, on="N1")],
        books={THERE: (13, 0, 1, 0, 4, 0, 0, 18)},
        finds={external("adjustment"): 2, units("reserved", holder="A1", facility=THERE): 4},
    ),
    Step(
        number=10,
        says="A1 4",
        actions=[call("reservation/release", at=THERE, on="A1")],
        books={THERE: (17, 0, 1, 0, 0, 0, 0, 18)},
        finds={of("A1", "released"): 4, of("A1", "lost"): 0},
    ),
]

_CONSIGNMENT = [
    Step(
        number=11,
        says="30 at 4.50 EUR into PCK/B-01 (K1)",
        actions=[
            call(
                "consignment/receive",
                at=THERE,
                consignor_ref="CONSIGNOR",
                variant_id=VAR,
                quantity=30,
                unit_cost={"amount": "4.50", "currency": "EUR"},
                **_IN_B_01,
                keeps={"K1": "consignment"},
            )
        ],
        books={THERE: (17, 0, 1, 30, 0, 0, 0, 48)},
        finds={external("consignor"): -30, atp(None, facility=THERE): 17},
    ),
    Step(
        number=12,
        says="K1 12: owed for",
        actions=[call("consignment/consume", at=THERE, on="K1", quantity=12)],
        books={THERE: (29, 0, 1, 18, 0, 0, 0, 48)},
        finds={of("K1", "consumed"): 12, of("K1", "settled"): 0, atp(None, facility=THERE): 29},
    ),
    Step(
        number=13,
        says="K1 quantity 12",
        actions=[call("consignment/settle", at=THERE, on="K1", quantity=12)],
        books={THERE: (29, 0, 1, 18, 0, 0, 0, 48)},
        finds={
            of("K1", "settled_amount.amount"): "54.00",
            of("K1", "settled_amount.currency"): "EUR",
            of("K1", "status"): "open",
        },
    ),
    Step(
        number=14,
        says="K1 return_quantity 18",
        actions=[call("consignment/settle", at=THERE, on="K1", return_quantity=18)],
        books={THERE: (29, 0, 1, 0, 0, 0, 0, 30)},
        finds={external("consignor"): -12, of("K1", "status"): "settled"},
    ),
    Step(
        number=15,
        says="B-01, submit 30, approve",
        actions=[
            _COUNT,
            call("count/submit", at=THERE, on="N1", lines=[{"line_no": 1, "counted": 30}]),
            call("count/approve", at=THERE, on="N1"),
        ],
        books={THERE: (30, 0, 1, 0, 0, 0, 0, 31)},
        finds={
            of("N1", "lines.*.expected"): [29],
            of("N1", "lines.*.variance"): [1],
            external("adjustment"): 1,
        },
    ),
    Step(
        number=15,
        says="check: 40 + 31 on hand = supplier 60 + consignor 12 − adjustment 1",
        books={HERE: (40, 0, 0, 0, 0, 0, 0, 40), THERE: (30, 0, 1, 0, 0, 0, 0, 31)},
        finds={external("supplier"): -60, external("consignor"): -12, external("adjustment"): 1},
    ),
]

SCENARIO_2 = Scenario(
    title="Scenario 2: transfer, count, consignment",
    variant=VAR.name,
    given=[
        call("stock/policy/set", at=None, variant_id=VAR, qc="skip"),
        call("zone/create", at=THERE, code="PCK", purpose="pick", keeps={"PCK": "zone"}),
        call("bin/create", at=THERE, zone_id=RecordId("PCK"), code="B-01", keeps={"B-01": "bin"}),
        call("zone/create", at=THERE, code="DMG", purpose="storage", keeps={"DMG": "zone"}),
    ],
    steps=[*_TRANSFER, *_COUNTING, *_CONSIGNMENT],
)

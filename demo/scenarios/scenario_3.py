"""Scenario 3 of the ICS domain guide, with the guide's numbers: lots, promises beyond stock, and their fill."""

from demo.scenarios.questions import answer, atp, external, of, promisable, units
from demo.scenarios.script import Scenario, Step
from demo.scenarios.steps import UniqueName, call

VAR = UniqueName("VAR-3")

_PROMISES = [
    Step(
        number=1,
        says="6 of L-A, 4 of L-B",
        actions=[
            call(
                "receive/record",
                lines=[
                    {"variant_id": VAR, "quantity": 6, "lot_code": "L-A", "expiry_date": "2031-06-30"},
                    {"variant_id": VAR, "quantity": 4, "lot_code": "L-B", "expiry_date": "2031-03-31"},
                ],
            )
        ],
        books={"FAC-A": (10, 0, 0, 0, 0, 0, 0, 10)},
        finds={atp(): 10, promisable(): 13},
    ),
    Step(
        number=2,
        says="5 (A1)",
        actions=[call("reservation/create", variant_id=VAR, quantity=5, keeps={"A1": "reservation"})],
        books={"FAC-A": (5, 0, 0, 0, 5, 0, 0, 10)},
        finds={
            units("reserved", holder="A1", lot="L-B"): 4,
            units("reserved", holder="A1", lot="L-A"): 1,
            of("A1", "backordered"): 0,
        },
    ),
    Step(
        number=3,
        says="8 (A2)",
        actions=[call("reservation/create", variant_id=VAR, quantity=8, keeps={"A2": "reservation"})],
        books={"FAC-A": (-3, 0, 0, 0, 13, 0, 0, 10)},
        finds={
            units("reserved", holder="A2", lot="L-A"): 5,
            units("reserved", holder="A2", lot=None): 3,
            of("A2", "backordered"): 3,
            promisable(): 0,
        },
    ),
    Step(
        number=4,
        says="1",
        actions=[call("reservation/create", variant_id=VAR, quantity=1)],
        status="409 ics.insufficient_stock",
        books={"FAC-A": (-3, 0, 0, 0, 13, 0, 0, 10)},
    ),
    Step(
        number=5,
        says="from A2, 8 (C1)",
        actions=[call("commit/create", on="A2", quantity=8, order_ref="O-1", keeps={"C1": "commit"})],
        books={"FAC-A": (-3, 0, 0, 0, 5, 8, 0, 10)},
        finds={
            of("C1", "open"): 8,
            units("committed", holder="C1", stage="open", lot="L-A"): 5,
            units("committed", holder="C1", stage="open", lot=None): 3,
        },
    ),
]

_FULFILMENT = [
    Step(
        number=6,
        says="C1 8",
        actions=[call("pick/record", on="C1", quantity=8)],
        status="409 ics.insufficient_stock",
        books={"FAC-A": (-3, 0, 0, 0, 5, 8, 0, 10)},
    ),
    Step(
        number=7,
        says="C1 5",
        actions=[call("pick/record", on="C1", quantity=5)],
        books={"FAC-A": (-3, 0, 0, 0, 5, 8, 0, 10)},
        finds={units("committed", holder="C1", stage="picked", lot="L-A"): 5},
    ),
    Step(
        number=8,
        says="5 of L-C",
        actions=[
            call(
                "receive/record",
                lines=[{"variant_id": VAR, "quantity": 5, "lot_code": "L-C", "expiry_date": "2031-09-30"}],
            )
        ],
        books={"FAC-A": (2, 0, 0, 0, 5, 8, 0, 15)},
        finds={
            units("committed", holder="C1", stage="open", lot="L-C"): 3,
            units("available", lot="L-C"): 2,
        },
    ),
    Step(
        number=9,
        says="C1 3; the fill has raised its revision",
        actions=[call("pick/record", on="C1", quantity=3, expected_revision=3)],
        books={"FAC-A": (2, 0, 0, 0, 5, 8, 0, 15)},
        finds={of("C1", "picked"): 8, answer("commit.revision"): 4},
    ),
    Step(
        number=10,
        says="C1 8, from_stage picked",
        actions=[call("ship/record", on="C1", quantity=8, from_stage="picked")],
        books={"FAC-A": (2, 0, 0, 0, 5, 0, 0, 7)},
        finds={external("supplier"): -15, external("customer"): 8},
    ),
]

SCENARIO_3 = Scenario(
    title="Scenario 3: lots, backorder, fill",
    variant=VAR.name,
    given=[call("stock/policy/set", at=None, variant_id=VAR, qc="skip", tracking="lot", backorder_limit=3)],
    steps=[*_PROMISES, *_FULFILMENT],
)
